import pytest
from hypothesis import given, settings

from nmn.domain import Domain
from nmn.errors import ProgramTypeError, UnknownNameError
from nmn.program.program import Node, Program, call
from nmn.program.text import parse_program
from nmn.program.typecheck import Misfit, answers_of, check, per_domain, typecheck
from nmn.program.types import BOOL, MASK, NUMBER, Kind, value_of
from tests.strategies import any_programs

ILL_TYPED = [
    ("too few inputs", "and(find[red])", ("and",), "2 inputs (Mask, Mask)", "1 input (Mask)"),
    ("no inputs", "exists", ("exists",), "1 input (Mask)", "no inputs"),
    (
        "too many inputs",
        "exists(find[red], find[blue])",
        ("exists",),
        "1 input (Mask)",
        "2 inputs (Mask, Mask)",
    ),
    (
        "an input where none belongs",
        "exists(find[red](scene))",
        ("exists", "find[red]"),
        "no inputs",
        "1 input (Mask)",
    ),
    (
        "a number where a mask belongs",
        "exists(count(find[red]))",
        ("exists",),
        "Mask",
        "Number from count",
    ),
    (
        "a mask where a number belongs",
        "less_than(count(scene), scene)",
        ("less_than",),
        "Number as input 2",
        "Mask from scene",
    ),
    (
        "values of two attributes",
        "equal[color](query[color](scene), query[shape](scene))",
        ("equal[color]",),
        "Value[color] as input 2",
        "Value[shape] from query[shape]",
    ),
    (
        "an argument where none is allowed",
        "exists[red](find[red])",
        ("exists[red]",),
        "no argument in brackets",
        "[red]",
    ),
    (
        "a missing argument",
        "exists(and(scene, find))",
        ("exists", "and", "find"),
        "a concept in brackets, as in [red]",
        "none",
    ),
    (
        "an unknown concept",
        "exists(find[rad])",
        ("exists", "find[rad]"),
        "a concept of domain shapes ('red', 'triangle' or 'green')",
        "'rad'",
    ),
    (
        "a concept where a relation belongs",
        "exists(relate[red](scene))",
        ("exists", "relate[red]"),
        "a relation of domain shapes ('above', 'below' or 'left_of')",
        "'red'",
    ),
    (
        "a mask at the root",
        "find[red]",
        ("find[red]",),
        "'Bool', 'Number' or 'Value' at the root, as in exists(...)",
        "Mask",
    ),
]


@pytest.mark.parametrize(
    ("text", "path", "wanted", "got"), [pytest.param(*row, id=label) for label, *row in ILL_TYPED]
)
def test_an_ill_typed_program_is_refused_where_it_goes_wrong(
    text: str, path: tuple[str, ...], wanted: str, got: str, shapes: Domain
) -> None:
    with pytest.raises(ProgramTypeError) as caught:
        typecheck(parse_program(text), shapes)
    assert (caught.value.path, caught.value.wanted, caught.value.got) == (path, wanted, got)
    assert str(caught.value) == f"{' > '.join(path)}: wanted {wanted}, got {got}"


def test_an_attribute_of_another_domain_names_the_nearest(shapes: Domain) -> None:
    program = parse_program("query[material](scene)")
    with pytest.raises(ProgramTypeError, match=r"domain shapes \('.*'\), got 'material'"):
        typecheck(program, shapes)


def test_an_operation_that_is_not_in_the_table_is_unknown(shapes: Domain) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown operation 'exist'; nearest: 'exists'"):
        typecheck(Program((Node("scene"), Node("exist", None, (0,)))), shapes)


def test_each_node_gets_its_type(shapes: Domain) -> None:
    program = parse_program("equal[color](query[color](find[circle]), query[color](scene))")
    color = value_of("color")
    assert typecheck(program, shapes) == (MASK, color, MASK, color, BOOL)


def test_a_part_of_a_program_may_be_a_mask(shapes: Domain) -> None:
    assert typecheck(parse_program("find[red]"), shapes, whole=False) == (MASK,)


def test_unreachable_nodes_are_checked_too(shapes: Domain) -> None:
    nodes = (Node("find", "purple"), Node("scene"), Node("exists", None, (1,)))
    with pytest.raises(ProgramTypeError) as caught:
        typecheck(Program(nodes), shapes)
    assert caught.value.path == ("find[purple]",)


def test_a_shared_node_is_named_by_one_of_the_ways_to_it(shapes: Domain) -> None:
    nodes = (Node("find", "purple"), Node("and", None, (0, 0)), Node("exists", None, (1,)))
    with pytest.raises(ProgramTypeError) as caught:
        typecheck(Program(nodes), shapes)
    assert caught.value.path == ("exists", "and", "find[purple]")


@given(any_programs())
@settings(deadline=None, max_examples=100)
def test_well_typed_programs_give_one_type_a_node_and_an_answer_at_the_root(
    given_program: tuple[Domain, Program],
) -> None:
    domain, program = given_program
    types = typecheck(program, domain)
    assert len(types) == len(program)
    assert types[-1].kind is not Kind.MASK


@given(any_programs())
@settings(deadline=None, max_examples=50)
def test_a_program_cannot_be_the_input_of_exists(given_program: tuple[Domain, Program]) -> None:
    domain, program = given_program
    with pytest.raises(ProgramTypeError, match="wanted Mask, got"):
        typecheck(call("exists", program), domain)


def test_answers_of_each_type(shapes: Domain, clevr: Domain) -> None:
    def told(indices: tuple[int, ...]) -> list[str]:
        return [clevr.answers[index] for index in indices]

    assert answers_of(BOOL, shapes) == (0, 1)
    assert told(answers_of(BOOL, clevr)) == ["yes", "no"]
    assert told(answers_of(NUMBER, clevr)) == [str(number) for number in range(11)]
    assert told(answers_of(value_of("shape"), clevr)) == ["cube", "sphere", "cylinder"]


def test_a_type_that_no_answer_has_is_refused(shapes: Domain) -> None:
    with pytest.raises(ProgramTypeError, match=r"answer of domain shapes \('yes' or 'no'\)"):
        answers_of(NUMBER, shapes)


def test_20000_nodes_are_checked_without_recursion(shapes: Domain) -> None:
    nodes = [Node("scene"), *(Node("unique", None, (index,)) for index in range(19_998))]
    types = typecheck(Program((*nodes, Node("exists", None, (19_998,)))), shapes)
    assert types == (MASK,) * 19_999 + (BOOL,)


def test_check_says_which_node_does_not_fit(shapes: Domain) -> None:
    program = parse_program("exists(and(scene, find[rad]))")
    misfit = check(program, shapes)
    assert isinstance(misfit, Misfit)
    assert (misfit.node, misfit.got, misfit.at_root) == (1, "'rad'", False)
    root = check(parse_program("scene"), shapes)
    assert isinstance(root, Misfit)
    assert (root.node, root.got, root.at_root) == (0, "Mask", True)
    assert check(parse_program("scene"), shapes, whole=False) == (MASK,)


def test_what_is_made_once_a_domain_is_made_again_only_for_another(
    shapes: Domain, clevr: Domain
) -> None:
    calls: list[str] = []

    @per_domain
    def name_of(domain: Domain) -> str:
        calls.append(domain.name)
        return domain.name

    assert [name_of(domain) for domain in (shapes, clevr, shapes, clevr)] == [
        *("shapes", "clevr", "shapes", "clevr")
    ]
    assert calls == ["shapes", "clevr"]
    many = [Domain(f"d{number}", "", (), (), ()) for number in range(200)]
    assert [name_of(domain) for domain in many] == [domain.name for domain in many]
    assert len(calls) == 202
