import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmn.domain import Domain
from nmn.errors import GrammarError, NMNError, ProgramTypeError
from nmn.program.codecs import from_sexpression, to_layout_symbols, to_sexpression
from nmn.program.program import Node, Program
from nmn.program.text import parse_program
from tests.strategies import SHAPES, attempt, programs

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
