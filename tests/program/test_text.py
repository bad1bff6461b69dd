import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmn.domain import Domain
from nmn.errors import GrammarError, NMNError, ProgramTypeError
from nmn.program.program import Node, Program
from nmn.program.text import parse_program
from tests.strategies import SHAPES, any_programs, attempt

NO_PROGRAM_TEXT = [
    ("empty", "", 1, 1, "the text ends too early", ("a name",)),
    ("white space", "  \n ", 2, 2, "the text ends too early", ("a name",)),
    ("a concept by itself", "exists(red)", 1, 8, "unknown operation 'red'", ("find[red]",)),
    (
        "a relation by itself",
        "exists(above(find[red]))",
        1,
        8,
        "unknown operation 'above'",
        ("relate[above](...)",),
    ),
    (
        "an unknown operation",
        "exits(find[red])",
        1,
        1,
        "unknown operation 'exits'",
        ("'exists', 'relate' or 'less_than'",),
    ),
    (
        "an unknown operation in a later line",
        "exists(\n  finds[red]\n)",
        2,
        3,
        "unknown operation 'finds'",
        ("'find', 'and' or 'exists'",),
    ),
    ("trailing word", "exists(find[red]) and", 1, 19, "unexpected 'and'", ("the end",)),
    ("trailing bracket", "exists(find[red]))", 1, 18, "unexpected ')'", ("the end",)),
    ("two programs", "count(scene) count(scene)", 1, 14, "unexpected 'count'", ("the end",)),
    (
        "unfinished",
        "exists(find[red]",
        1,
        17,
        "the text ends too early",
        ("')'", "','"),
    ),
    ("unfinished argument", "exists(find[", 1, 13, "the text ends too early", ("a name",)),
    ("unfinished inputs", "exists(", 1, 8, "the text ends too early", ("a name", "')'")),
    ("empty argument", "exists(find[])", 1, 13, "unexpected ']'", ("a name",)),
    ("two arguments", "exists(find[red blue])", 1, 17, "unexpected 'blue'", ("']'",)),
    ("missing comma", "and(scene scene)", 1, 11, "unexpected 'scene'", None),
    ("comma at the end", "exists(scene,)", 1, 14, "unexpected ')'", ("a name",)),
    ("comma at the start", "exists(,scene)", 1, 8, "unexpected ','", ("a name", "')'")),
    ("brackets of another kind", "exists{scene}", 1, 7, "unexpected '{'", None),
    ("an argument first", "[red]", 1, 1, "unexpected '['", ("a name",)),
    ("brackets only", "()", 1, 1, "unexpected '('", ("a name",)),
    ("uppercase operation", "Exists(scene)", 1, 1, "unexpected 'E'", ("a name",)),
    ("uppercase concept", "exists(find[Red])", 1, 13, "unexpected 'R'", ("a name",)),
    ("a digit", "exists(find[1])", 1, 13, "unexpected '1'", ("a name",)),
    ("a Cyrillic letter", "exists(find[r\u0435d])", 1, 14, "unexpected '\u0435'", ("']'",)),
    ("a question", "is there a circle", 1, 4, "unexpected 'there'", None),
    ("a comment", "exists(scene) # all", 1, 15, "unexpected '#'", None),
]


@pytest.mark.parametrize(
    ("text", "line", "column", "problem", "expected"),
    [pytest.param(*row, id=label) for label, *row in NO_PROGRAM_TEXT],
)
def test_what_is_no_program_text_is_refused_with_its_place(
    text: str,
    line: int,
    column: int,
    problem: str,
    expected: tuple[str, ...] | None,
    shapes: Domain,
) -> None:
    with pytest.raises(GrammarError) as caught:
        parse_program(text, shapes)
    error = caught.value
    assert (error.text, error.line, error.column) == (text, line, column)
    assert error.problem == problem
    assert expected is None or error.expected == expected
    assert "\n" not in str(error)
    assert f"{problem} at line {line}, column {column}" in str(error)
    assert error.drawing().endswith("\n" + " " * (column - 1) + "^")


ILL_TYPED = [
    ("wrong arity", "and(find[red])", "and: wanted 2 inputs (Mask, Mask), got 1 input (Mask)"),
    (
        "unknown concept",
        "exists(find[purple])",
        "exists > find[purple]: wanted a concept of domain",
    ),
    ("missing argument", "exists(find)", "exists > find: wanted a concept in brackets"),
    (
        "argument where none is allowed",
        "exists(scene[red])",
        "exists > scene[red]: wanted no argument in brackets, got [red]",
    ),
    ("mask at the root", "find[red]", "find[red]: wanted 'Bool', 'Number' or 'Value' at the root"),
    ("wrong type", "exists(count(scene))", "exists: wanted Mask, got Number from count"),
]


@pytest.mark.parametrize(
    ("text", "message"), [pytest.param(t, m, id=label) for label, t, m in ILL_TYPED]
)
def test_text_that_does_not_type_check_is_refused_with_the_way_to_the_place(
    text: str, message: str, shapes: Domain
) -> None:
    with pytest.raises(ProgramTypeError) as caught:
        parse_program(text, shapes)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_without_a_domain_types_are_not_checked() -> None:
    assert str(parse_program("and(find[purple])")) == "and(find[purple])"


def test_without_a_domain_a_concept_gets_the_nearest_operations() -> None:
    with pytest.raises(GrammarError) as caught:
        parse_program("exists(red)")
    assert caught.value.expected == ("'relate', 'or' or 'and'",)


def test_white_space_and_empty_brackets_change_nothing(shapes: Domain) -> None:
    loose = "\n exists ( and(find [ red ],\n\trelate[above] ( scene() )) ) \n"
    tight = "exists(and(find[red], relate[above](scene)))"
    assert parse_program(loose, shapes) == parse_program(tight, shapes)


def test_text_is_read_in_post_order() -> None:
    assert parse_program("exists(and(find[red], scene))").nodes == (
        Node("find", "red"),
        Node("scene"),
        Node("and", None, (0, 1)),
        Node("exists", None, (2,)),
    )


@given(any_programs(24))
@settings(deadline=None, max_examples=150)
def test_program_to_text_to_program_is_the_same(given_program: tuple[Domain, Program]) -> None:
    domain, program = given_program
    text = str(program)
    again = parse_program(text, domain)
    assert again == program
    assert str(again) == text


PIECES = ["exists", "and", "find", "scene", "red", "above", "(", ")", "[", "]", ",", " ", "\n", "X"]


@given(st.one_of(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.text(max_size=20)))
@settings(deadline=None, max_examples=200)
def test_whatever_the_text_only_errors_of_ours_come_out(text: str) -> None:
    program = attempt(lambda: parse_program(text, SHAPES), NMNError)
    if isinstance(program, NMNError):
        assert "\n" not in str(program)
    else:
        assert parse_program(str(program), SHAPES) == program


def test_a_program_of_20000_steps_does_not_reach_the_recursion_limit(shapes: Domain) -> None:
    text = f"exists({'filter[red](' * 19_998}scene{')' * 19_999}"
    program = parse_program(text, shapes)
    assert len(program) == program.depth == 20_000
    assert str(program) == text


def test_20000_open_brackets_are_an_ordinary_error(shapes: Domain) -> None:
    with pytest.raises(GrammarError, match="the text ends too early at line 1, column 140001"):
        parse_program("exists(" * 20_000, shapes)


def test_text_of_more_than_a_million_characters_is_refused() -> None:
    with pytest.raises(GrammarError, match="more than 1000000 characters") as caught:
        parse_program(" " * 1_000_001)
    assert len(str(caught.value)) < 200
