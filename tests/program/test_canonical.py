import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmn.domain import Domain
from nmn.errors import ExecutionError, ProgramTypeError
from nmn.program.canonical import canonical, exact_match
from nmn.program.program import Node, Program
from nmn.program.text import parse_program
from nmn.program.typecheck import typecheck
from nmn.scene.scene import Scene
from nmn.scene.symbolic import execute
from tests.strategies import (
    CLEVR,
    SHAPES,
    Rewording,
    any_programs,
    attempt,
    programs,
    rewordings,
    scenes,
)

SAME = [
    ("find is a filter of all", "exists(find[red])", "exists(filter[red](scene))"),
    (
        "filters of find in any order",
        "exists(filter[red](find[circle]))",
        "exists(filter[circle](find[red]))",
    ),
    (
        "filters in any order",
        "exists(filter[red](filter[circle](relate[above](scene))))",
        "exists(filter[circle](filter[red](relate[above](scene))))",
    ),
    ("and", "exists(and(find[red], scene))", "exists(and(scene, find[red]))"),
    ("or", "exists(or(find[red], scene))", "exists(or(scene, find[red]))"),
    (
        "equal",
        "equal[color](query[color](find[circle]), query[color](scene))",
        "equal[color](query[color](scene), query[color](find[circle]))",
    ),
    (
        "equal_number",
        "equal_number(count(find[red]), count(scene))",
        "equal_number(count(scene), count(find[red]))",
    ),
    (
        "commutative operations inside of each other",
        "exists(and(or(find[red], find[blue]), and(scene, find[circle])))",
        "exists(and(and(find[circle], scene), or(find[blue], filter[red](scene))))",
    ),
]

DIFFERENT = [
    (
        "less_than",
        "less_than(count(scene), count(find[red]))",
        "less_than(count(find[red]), count(scene))",
    ),
    (
        "greater_than",
        "greater_than(count(scene), count(find[red]))",
        "greater_than(count(find[red]), count(scene))",
    ),
    ("a repeated input of and", "exists(and(find[red], find[red]))", "exists(find[red])"),
    ("a repeated input of or", "exists(or(find[red], find[red]))", "exists(find[red])"),
    ("a repeated filter", "exists(filter[red](find[red]))", "exists(find[red])"),
    ("a repeated unique", "exists(unique(unique(scene)))", "exists(unique(scene))"),
    ("another concept", "exists(find[red])", "exists(find[blue])"),
    ("another relation", "exists(relate[above](scene))", "exists(relate[below](scene))"),
    (
        "a filter above a relation and below it",
        "exists(filter[red](relate[above](scene)))",
        "exists(relate[above](filter[red](scene)))",
    ),
    (
        "groups of and",
        "exists(and(and(find[red], find[blue]), scene))",
        "exists(and(find[red], and(find[blue], scene)))",
    ),
    (
        "a filter chain and an intersection",
        "exists(filter[red](find[circle]))",
        "exists(and(find[red], find[circle]))",
    ),
    ("all and what is in all and all", "exists(and(scene, scene))", "exists(scene)"),
]


@pytest.mark.parametrize(
    ("first", "second"), [pytest.param(a, b, id=label) for label, a, b in SAME]
)
def test_notations_of_one_program_match(first: str, second: str) -> None:
    assert first != second
    assert exact_match(parse_program(first), parse_program(second))


@pytest.mark.parametrize(
    ("first", "second"), [pytest.param(a, b, id=label) for label, a, b in DIFFERENT]
)
def test_programs_that_say_something_else_do_not_match(first: str, second: str) -> None:
    assert not exact_match(parse_program(first), parse_program(second))


def test_the_canonical_form_is_a_tree_in_post_order_without_find() -> None:
    program = parse_program("exists(and(scene, filter[red](find[circle])))")
    assert canonical(program) == parse_program(
        "exists(and(filter[red](filter[circle](scene)), scene))"
    )


def test_equal_arguments_are_kept() -> None:
    program = parse_program("exists(and(find[red], find[red]))")
    assert canonical(program) == parse_program(
        "exists(and(filter[red](scene), filter[red](scene)))"
    )


def test_sharing_and_unreachable_nodes_disappear() -> None:
    shared = Program(
        (
            Node("find", "blue"),
            Node("find", "red"),
            Node("scene"),
            Node("and", None, (1, 1)),
            Node("exists", None, (3,)),
        )
    )
    assert canonical(shared) == canonical(parse_program("exists(and(find[red], find[red]))"))


def test_a_filter_that_is_shared_inside_a_chain_counts_in_each_chain() -> None:
    shared = Program(
        (
            Node("find", "red"),
            Node("filter", "circle", (0,)),
            Node("and", None, (0, 1)),
            Node("exists", None, (2,)),
        )
    )
    tree = parse_program("exists(and(find[red], filter[red](find[circle])))")
    assert exact_match(shared, tree)


def test_a_tree_that_sharing_makes_too_large_is_refused() -> None:
    nodes = [Node("scene"), *(Node("and", None, (level, level)) for level in range(60))]
    with pytest.raises(ProgramTypeError, match="a tree of at most 100000 nodes"):
        canonical(Program((*nodes, Node("exists", None, (60,)))))


@given(any_programs())
@settings(deadline=None, max_examples=150)
def test_the_canonical_form_is_its_own_and_well_typed(
    given_program: tuple[Domain, Program],
) -> None:
    domain, program = given_program
    form = canonical(program)
    assert canonical(form) == form
    assert typecheck(form, domain)[-1] == typecheck(program, domain)[-1]
    assert parse_program(str(form), domain) == form


@given(st.one_of(rewordings(SHAPES), rewordings(CLEVR)))
@settings(deadline=None, max_examples=200)
def test_rewording_does_not_change_the_canonical_form(rewording: Rewording) -> None:
    assert canonical(rewording.other) == canonical(rewording.original)


def outcome(program: Program, scene: Scene) -> str:
    execution = attempt(lambda: execute(program, scene), ExecutionError)
    return "failed" if isinstance(execution, ExecutionError) else execution.answer


@given(st.data(), st.sampled_from([SHAPES, CLEVR]))
@settings(deadline=None, max_examples=150)
def test_programs_of_one_canonical_form_have_one_answer_on_every_scene(
    data: st.DataObject, domain: Domain
) -> None:
    rewording = data.draw(rewordings(domain))
    scene = data.draw(scenes(domain))
    answer = outcome(rewording.original, scene)
    assert outcome(rewording.other, scene) == answer
    assert outcome(canonical(rewording.original), scene) == answer


@given(st.data())
@settings(deadline=None, max_examples=100)
def test_two_programs_match_only_if_they_agree_on_every_scene(data: st.DataObject) -> None:
    first, second = data.draw(programs(SHAPES, 4)), data.draw(programs(SHAPES, 4))
    scene = data.draw(scenes(SHAPES))
    if outcome(first, scene) != outcome(second, scene):
        assert not exact_match(first, second)
    assert exact_match(first, second) == exact_match(second, first)


def test_20000_nodes_are_put_in_order_without_recursion() -> None:
    relations = [Node("relate", "above", (index,)) for index in range(0, 9_999)]
    chain = Program((Node("scene"), *relations, Node("exists", None, (9_999,))))
    assert canonical(chain) == chain
    filters = [
        Node("filter", "red" if index % 2 else "blue", (index,)) for index in range(0, 19_998)
    ]
    form = canonical(Program((Node("scene"), *filters, Node("exists", None, (19_998,)))))
    arguments = [node.argument for node in form.nodes[1:-1]]
    assert arguments == sorted(filter(None, arguments))
    assert arguments.count("red") == arguments.count("blue") == 9_999
