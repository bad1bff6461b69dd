from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmn.domain import Domain
from nmn.errors import GrammarError, NMNError, ProgramTypeError, UnknownNameError
from nmn.program.canonical import canonical
from nmn.program.codecs import from_sexpression, to_clevr, to_layout_symbols, to_sexpression
from nmn.program.ops import OPERATIONS
from nmn.program.program import Node, Program, call
from nmn.program.text import parse_program
from tests.strategies import CLEVR, SHAPES, attempt, programs

PUBLISHED = [
    (
        "(is red (left_of (above circle)))",
        "exists(and(find[red], relate[left_of](relate[above](find[circle]))))",
        "_Find _Find _Transform _Transform _And _Answer",
    ),
    ("(is red red)", "exists(and(find[red], find[red]))", "_Find _Find _And _Answer"),
    ("(is green triangle)", "exists(and(find[green], find[triangle]))", "_Find _Find _And _Answer"),
    (
        "(is square (below blue))",
        "exists(and(find[square], relate[below](find[blue])))",
        "_Find _Find _Transform _And _Answer",
    ),
]

BEYOND = [
    ("(exists circle)", "exists(find[circle])"),
    ("(exists scene)", "exists(scene)"),
    ("(is red (filter green circle))", "exists(and(find[red], filter[green](find[circle])))"),
    ("(exists (or red (and blue scene)))", "exists(or(find[red], and(find[blue], scene)))"),
    ("(count (same color (unique red)))", "count(same[color](unique(find[red])))"),
    (
        "(equal shape (query shape red) (query shape blue))",
        "equal[shape](query[shape](find[red]), query[shape](find[blue]))",
    ),
    ("(less_than (count red) (count blue))", "less_than(count(find[red]), count(find[blue]))"),
]


@pytest.mark.parametrize(("expression", "text", "layout"), PUBLISHED)
def test_published_queries(expression: str, text: str, layout: str, shapes: Domain) -> None:
    program = parse_program(text, shapes)
    assert from_sexpression(expression, shapes) == program
    assert to_sexpression(program) == expression
    assert to_layout_symbols(program) == layout.split()


@pytest.mark.parametrize(("expression", "text"), BEYOND)
def test_expressions_beyond_the_published_ones(expression: str, text: str, shapes: Domain) -> None:
    assert str(from_sexpression(expression, shapes)) == text
    assert to_sexpression(parse_program(text, shapes)) == expression


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("(exists (find red))", "exists(find[red])"),
        ("(exists (relate above red))", "exists(relate[above](find[red]))"),
        ("(exists (and red blue))", "exists(and(find[red], find[blue]))"),
        ("\n( is red\n\t(above circle ))\n", "exists(and(find[red], relate[above](find[circle])))"),
    ],
)
def test_other_notations_are_read_as_well(expression: str, text: str, shapes: Domain) -> None:
    assert str(from_sexpression(expression, shapes)) == text


@given(programs(SHAPES, 24))
@settings(deadline=None, max_examples=150)
def test_program_to_expression_to_program_is_the_same(program: Program) -> None:
    expression = to_sexpression(program)
    assert from_sexpression(expression, SHAPES) == program
    assert expression.count("(") == expression.count(")")


def test_sharing_is_written_out() -> None:
    nodes = (Node("find", "red"), Node("and", None, (0, 0)), Node("exists", None, (1,)))
    assert to_sexpression(Program(nodes)) == "(is red red)"
    assert to_layout_symbols(Program(nodes)) == ["_Find", "_Find", "_And", "_Answer"]


# line, problem, and what is wanted
BROKEN = [
    ("empty", "", 1, "no expression", "(is red (above circle))"),
    ("white space", " \n ", 1, "no expression", "(is red (above circle))"),
    ("empty brackets", "()", 1, "empty brackets", "an expression"),
    ("unfinished", "(is red (above circle)", 1, "the text ends too early", "')'"),
    ("only an opening bracket", "(", 1, "the text ends too early", "')'"),
    ("a bracket too many", "(is red circle))", 1, "')' without '('", "nothing more"),
    ("only a closing bracket", ")", 1, "')' without '('", "nothing more"),
    ("two expressions", "(is red red) (is red red)", 1, "more than one expression", "the end"),
    ("trailing word", "(is red circle) scene", 1, "more than one expression", "the end"),
    ("unknown concept", "(is small circle)", 1, "unknown word 'small'", "nearest"),
    ("unknown relation", "(is red (abov circle))", 1, "unknown word 'abov'", "'above'"),
    ("unknown in line 2", "(is red\n (nearby circle))", 2, "unknown word 'nearby'", "nearest"),
    (
        "a relation without inputs",
        "(is red above)",
        1,
        "'above' without its brackets",
        "(above ...)",
    ),
    ("uppercase", "(IS red red)", 1, "unknown word 'IS'", "'is'"),
    ("a concept with inputs", "(red circle)", 1, "a mask with inputs", "an operation"),
    ("an argument left out", "(exists (filter))", 1, "'filter' without its argument", "a concept"),
    ("another language", "(est rouge cercle)", 1, "unknown word 'est'", "nearest"),
]


@pytest.mark.parametrize(
    ("expression", "line", "problem", "hint"),
    [pytest.param(*row, id=label) for label, *row in BROKEN],
)
def test_broken_expressions_are_one_line_with_the_fault(
    expression: str, line: int, problem: str, hint: str, shapes: Domain
) -> None:
    with pytest.raises(GrammarError) as caught:
        from_sexpression(expression, shapes)
    error = caught.value
    assert error.text == expression
    assert error.line == line
    assert 1 <= error.column <= len(expression.split("\n")[line - 1]) + 1
    assert error.problem == problem
    assert "\n" not in str(error)
    assert error.expected
    assert hint == "nearest" or hint in error.expected[0]


@pytest.mark.parametrize(
    ("expression", "column"), [("(is red circle))", 16), (")", 1), ("()", 2), ("(exists\n ())", 3)]
)
def test_a_bracket_that_does_not_fit_is_named_with_its_column(
    expression: str, column: int, shapes: Domain
) -> None:
    with pytest.raises(GrammarError) as caught:
        from_sexpression(expression, shapes)
    assert caught.value.column == column


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("red", "find[red]: wanted 'Bool', 'Number' or 'Value' at the root"),
        ("(above circle)", "relate[above]: wanted 'Bool', 'Number' or 'Value' at the root"),
        ("(is red)", "exists > and: wanted 2 inputs (Mask, Mask), got 1 input (Mask)"),
        ("(is red red red)", "exists > and: wanted 2 inputs (Mask, Mask), got 3 inputs"),
        ("(exists)", "exists: wanted 1 input (Mask), got no inputs"),
        ("(exists (count red))", "exists: wanted Mask, got Number from count"),
        ("(exists (filter above red))", "exists > filter[above]: wanted a concept of domain"),
    ],
)
def test_expressions_that_do_not_type_check_are_refused(
    expression: str, message: str, shapes: Domain
) -> None:
    with pytest.raises(ProgramTypeError) as caught:
        from_sexpression(expression, shapes)
    assert str(caught.value).startswith(message)


PIECES = ["(", ")", "is", "red", "circle", "above", "exists", "filter", "scene", " ", "\n", "bad"]


@given(st.one_of(st.lists(st.sampled_from(PIECES), max_size=10).map(" ".join), st.text(max_size=9)))
@settings(deadline=None, max_examples=200)
def test_whatever_the_expression_only_errors_of_ours_come_out(expression: str) -> None:
    program = attempt(lambda: from_sexpression(expression, SHAPES), NMNError)
    if isinstance(program, NMNError):
        assert "\n" not in str(program)
    else:
        assert from_sexpression(to_sexpression(program), SHAPES) == program


def test_an_expression_of_20000_brackets_does_not_reach_the_recursion_limit(
    shapes: Domain,
) -> None:
    expression = f"(exists {'(above ' * 19_998}circle{')' * 19_999}"
    program = from_sexpression(expression, shapes)
    assert program.depth == 20_000
    assert to_sexpression(program) == expression


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        ("exists(scene)", "_Scene _Answer"),
        ("count(filter[red](scene))", "_Scene _Filter _Count"),
        ("query[color](unique(same[shape](find[red])))", "_Find _FindSameProperty _Describe"),
        ("exists(or(find[red], scene))", "_Find _Scene _Or _Answer"),
        ("less_than(count(scene), count(scene))", "_Scene _Count _Scene _Count _LessNum"),
        ("greater_than(count(scene), count(scene))", "_Scene _Count _Scene _Count _MoreNum"),
        ("equal_number(count(scene), count(scene))", "_Scene _Count _Scene _Count _EqualNum"),
        (
            "equal[color](query[color](scene), query[color](scene))",
            "_Scene _Describe _Scene _Describe _SameProperty",
        ),
    ],
)
def test_layout_symbols_of_operations_that_shapes_does_not_need(text: str, layout: str) -> None:
    assert to_layout_symbols(parse_program(text)) == layout.split()


def clevr_node(function: str, inputs: list[int], *values: str) -> dict[str, Any]:
    return {"function": function, "inputs": inputs, "value_inputs": list(values)}


def test_a_program_as_the_node_list_of_a_clevr_file(clevr: Domain) -> None:
    program = parse_program(
        "equal[color]("
        "query[color](unique(filter[large](find[cube]))), "
        "query[color](unique(relate[left](same[material](find[metal])))))",
        clevr,
    )
    assert to_clevr(program, clevr) == [
        clevr_node("scene", []),
        clevr_node("filter_shape", [0], "cube"),
        clevr_node("filter_size", [1], "large"),
        clevr_node("unique", [2]),
        clevr_node("query_color", [3]),
        clevr_node("scene", []),
        clevr_node("filter_material", [5], "metal"),
        clevr_node("same_material", [6]),
        clevr_node("relate", [7], "left"),
        clevr_node("unique", [8]),
        clevr_node("query_color", [9]),
        clevr_node("equal_color", [4, 10]),
    ]


@pytest.mark.parametrize(
    ("text", "functions"),
    [
        ("exists(and(scene, scene))", "scene scene intersect exist"),
        ("exists(or(scene, scene))", "scene scene union exist"),
        ("less_than(count(scene), count(scene))", "scene count scene count less_than"),
        ("greater_than(count(scene), count(scene))", "scene count scene count greater_than"),
        ("equal_number(count(scene), count(scene))", "scene count scene count equal_integer"),
    ],
)
def test_functions_of_clevr(text: str, functions: str, clevr: Domain) -> None:
    nodes = to_clevr(parse_program(text, clevr), clevr)
    assert [node["function"] for node in nodes] == functions.split()


def test_a_concept_that_the_domain_does_not_have_is_unknown(clevr: Domain) -> None:
    with pytest.raises(UnknownNameError, match="unknown concept 'circle' in domain clevr"):
        to_clevr(parse_program("exists(find[circle])"), clevr)


def from_clevr_nodes(nodes: list[dict[str, Any]]) -> Program:
    """The published format read with nothing but a table of prefixes written down here."""
    names = {
        "intersect": "and",
        "union": "or",
        "exist": "exists",
        "equal_integer": "equal_number",
    }
    made: list[Program] = []
    for node in nodes:
        function, inputs = node["function"], [made[source] for source in node["inputs"]]
        first, _, rest = function.partition("_")
        if function in names or function in OPERATIONS:
            argument = node["value_inputs"][0] if node["value_inputs"] else None
            made.append(call(names.get(function, function), *inputs, argument=argument))
        elif first == "filter":
            made.append(call("filter", *inputs, argument=node["value_inputs"][0]))
        else:
            made.append(call(first, *inputs, argument=rest))
    return made[-1]


@given(programs(CLEVR, 20))
@settings(deadline=None, max_examples=100)
def test_the_clevr_form_means_the_same_program(program: Program) -> None:
    nodes = to_clevr(program, CLEVR)
    assert canonical(from_clevr_nodes(nodes)) == canonical(program)
    assert all(source < index for index, node in enumerate(nodes) for source in node["inputs"])


@pytest.mark.parametrize(
    ("expression", "column"),
    [
        ("(exists (relate (above red) circle))", 17),
        ("(exists (filter (filter red blue) circle))", 17),
        ("(is small circle)", 5),
        ("above", 1),
        ("(is red", 8),
        ("(is red (above circle)) x", 25),
    ],
)
def test_the_column_is_that_of_the_fault(expression: str, column: int) -> None:
    with pytest.raises(GrammarError) as caught:
        from_sexpression(expression, SHAPES)
    assert caught.value.column == column
