import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmn.domain import Domain
from nmn.errors import QuestionError
from nmn.parsing.grammar_parser import GrammarParser, shared_parser
from nmn.parsing.lexicon import load_lexicon
from nmn.parsing.mistakes import contradictions, unexpected
from nmn.program.text import parse_program
from tests.strategies import SHAPES, attempt

EXAMPLE = 'questions about shapes are English, such as "is there a red shape left of a triangle"'
NOUNS = "such as 'circle', 'square' or 'triangle'"
TWO_THINGS = "'and' joins descriptions of one thing (ask for two in two questions)"

# label, question, line, column, problem, nearest words, advice
MISTAKES = [
    ("empty", "", 1, 1, "the question is empty", (), EXAMPLE),
    ("blank", " \n ", 1, 1, "the question is empty", (), EXAMPLE),
    (
        "unknown word",
        "is there a small circle",
        1,
        12,
        "unknown word 'small'",
        ("scarlet", "also", "some"),
        "",
    ),
    (
        "misspelt",
        "is there a trianle above",
        1,
        12,
        "unknown word 'trianle'",
        ("triangle", "triangles", "triangular"),
        "",
    ),
    (
        "misspelt in line 2",
        "is there a triangle\nabove a cirlce",
        2,
        9,
        "unknown word 'cirlce'",
        ("circle", "circles", "scarlet"),
        "",
    ),
    ("capitals", "IS THERE A SMALL CIRCLE", 1, 12, "unknown word 'SMALL'", None, ""),
    ("a negation", "is there not a circle", 1, 10, "unknown word 'not'", None, ""),
    (
        "another language",
        "ist da ein roter Kreis",
        1,
        1,
        "unknown word 'ist'",
        ("is", "disc", "disk"),
        EXAMPLE,
    ),
    ("another script", "есть ли круг", 1, 1, "unknown word 'есть'", None, EXAMPLE),
    ("another kind of question", "what color is the circle", 1, 1, "unknown word 'what'", None, ""),
    ("an emoji", "is there a circle \U0001f600", 1, 19, "unknown word '\U0001f600'", None, ""),
    ("a control character", "\x07", 1, 1, "unknown word '\x07'", None, EXAMPLE),
    ("a zero-width space", "is there\u200b a circle", 1, 9, "unknown word '\u200b'", None, ""),
    ("a semicolon", "is there a circle; drop it", 1, 18, "unknown word ';'", None, ""),
    (
        "half a relation",
        "is there a box left",
        1,
        16,
        "'left' does not stand alone",
        ("left of",),
        "",
    ),
    (
        "unfinished after 'is'",
        "is",
        1,
        3,
        "the question ends too early",
        (),
        f"wanted a noun or an adjective or an article or 'there', {NOUNS}",
    ),
    (
        "missing noun",
        "is there a red",
        1,
        15,
        "the question ends too early",
        (),
        f"wanted a noun or an adjective or 'or', {NOUNS}; the noun is missing",
    ),
    (
        "missing noun before a relation",
        "is there a red above a circle",
        1,
        16,
        "'above' does not fit",
        (),
        f"wanted a noun or an adjective or 'or', {NOUNS}",
    ),
    (
        "nothing is said of the thing",
        "is a circle",
        1,
        12,
        "the question ends too early",
        (),
        f"wanted a noun or an adjective or a relation or an article or 'that is', {NOUNS}",
    ),
    (
        "a relation to nothing, over lines",
        "is there\na\ncircle above\n",
        3,
        13,
        "the question ends too early",
        (),
        None,
    ),
    (
        "'and' between things",
        "is there a circle and a square",
        1,
        19,
        "'and' does not fit",
        (),
        f"wanted a relation or the end or 'or' or 'that is'; {TWO_THINGS}",
    ),
    (
        "'and' before a thing in a description",
        "is a red shape above a circle and a square",
        1,
        31,
        "'and' does not fit",
        (),
        "wanted a noun or an adjective or a relation or an article or the end or 'or' or something "
        f"else, {NOUNS}; {TWO_THINGS}",
    ),
    (
        "two nouns",
        "is there a circle circle",
        1,
        19,
        "'circle' does not fit",
        (),
        "wanted the end or 'or'",
    ),
    (
        "unfinished after 'or'",
        "is there a circle above a square or",
        1,
        36,
        "the question ends too early",
        (),
        f"wanted a noun or an adjective or an article, {NOUNS}",
    ),
    (
        "unfinished after an adjective and 'or'",
        "is a circle red or ?",
        1,
        20,
        "'?' does not fit",
        (),
        "wanted an adjective",
    ),
    (
        "one 'or' too many",
        "is there a circle or or a square",
        1,
        19,
        "'or' does not fit",
        (),
        "wanted the end",
    ),
    (
        "a statement",
        "there is a circle",
        1,
        1,
        "'there' does not fit",
        (),
        "wanted 'is' or 'do you see'",
    ),
    ("only a noun", "red", 1, 1, "'red' does not fit", (), "wanted 'is' or 'do you see'"),
    ("only punctuation", "?", 1, 1, "'?' does not fit", (), "wanted 'is' or 'do you see'"),
    (
        "only words without a meaning",
        "please",
        1,
        7,
        "the question ends too early",
        (),
        "wanted 'is' or 'do you see'",
    ),
    (
        "words after the end",
        "is there a circle? red",
        1,
        20,
        "'red' does not fit",
        (),
        "wanted the end",
    ),
    (
        "a phrase that does not fit",
        "is there a on top of",
        1,
        12,
        "'on top of' does not fit",
        (),
        None,
    ),
    (
        "too long",
        "is there a circle " + "above a circle " * 333,
        1,
        4999,
        "a question of 1003 words",
        (),
        "at most 1000 words are read",
    ),
]


@pytest.mark.parametrize(
    ("question", "line", "column", "problem", "expected", "advice"),
    [pytest.param(*row, id=label) for label, *row in MISTAKES],
)
def test_a_mistake_is_told_in_one_line_with_place_and_advice(
    question: str,
    line: int,
    column: int,
    problem: str,
    expected: tuple[str, ...] | None,
    advice: str | None,
    parser: GrammarParser,
) -> None:
    with pytest.raises(QuestionError) as caught:
        parser.parse(question)
    error = caught.value
    assert error.question == question
    assert error.problem == problem
    assert (error.line, error.column) == (line, column)
    assert expected is None or error.expected == expected
    assert advice is None or error.advice == advice
    message = str(error)
    assert "\n" not in message
    assert message.startswith(f"{problem} at line {line}, column {column} of ")
    assert error.drawing().endswith("\n" + " " * (column - 1) + "^")


def test_a_parser_of_all_readings_makes_the_same_errors(
    shapes: Domain, parser: GrammarParser
) -> None:
    every = GrammarParser(shapes, all_readings=True)
    for _, question, *_ in MISTAKES:
        with pytest.raises(QuestionError) as one:
            parser.parse(str(question))
        with pytest.raises(QuestionError) as other:
            every.parse(str(question))
        assert str(other.value) == str(one.value)


def test_an_error_can_be_told_from_the_names_of_terminals_alone(shapes: Domain) -> None:
    error = unexpected("is there a", None, {"NOUN", "THING"}, load_lexicon(shapes))
    assert str(error) == (
        'the question ends too early at line 1, column 11 of "is there a"; '
        "wanted a noun, such as 'circle', 'square' or 'triangle'"
    )


@given(
    st.one_of(
        st.text(max_size=40),
        st.text(max_size=20).map(lambda junk: f"is there a {junk} circle"),
        st.lists(
            st.one_of(st.sampled_from(load_lexicon(SHAPES).words), st.text(max_size=4)),
            max_size=12,
        ).map(" ".join),
    )
)
@settings(deadline=None, max_examples=300)
def test_whatever_is_asked_only_question_errors_come_out(question: str) -> None:
    parses = attempt(lambda: shared_parser(SHAPES).parse(question), QuestionError)
    if isinstance(parses, QuestionError):
        assert "\n" not in str(parses)
        assert parses.problem
        assert 1 <= parses.line <= question.count("\n") + 1
        assert 1 <= parses.column <= len(question.split("\n")[parses.line - 1]) + 1
    else:
        assert [parse.program.root.operation for parse in parses] == ["exists"]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("is there a red blue circle", (("red", 12), ("blue", 16))),
        ("is there a circular square", (("circle", 12), ("square", 21))),
        (
            "is there a red blue dot above a green red box",
            (("red", 12), ("blue", 16), ("green", 33), ("red", 39)),
        ),
        ("is there a red circle", ()),
        ("is there a red red circle", ()),
        ("is there a round circle", ()),
        ("is there a red circle above a blue square", ()),
        ("is there a red or blue circle", ()),
    ],
)
def test_a_question_that_contradicts_itself_is_answered_with_a_warning(
    question: str, said: tuple[tuple[str, int], ...], parser: GrammarParser
) -> None:
    (parse,) = parser.parse(question)
    words = [f"{concept} (column {column})" for concept, column in said]
    pairs = zip(words[::2], words[1::2], strict=True)
    assert parse.warnings == tuple(
        f"nothing is both {first} and {second}: leave one out" for first, second in pairs
    )


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("exists(filter[red](filter[circle](find[blue])))", [("red", "blue")]),
        ("exists(filter[red](relate[above](find[blue])))", []),
        (
            "exists(filter[red](filter[blue](relate[above](scene))))",
            [("red", "blue")],
        ),
        (
            "exists(or(filter[red](find[blue]), filter[red](find[blue])))",
            [("red", "blue")],
        ),
        ("exists(filter[red](filter[red](scene)))", []),
    ],
)
def test_contradictions_are_found_in_chains_of_filters(
    text: str, pairs: list[tuple[str, str]], shapes: Domain
) -> None:
    program = parse_program(text, shapes)
    found = contradictions(program, shapes)
    names = [(program.nodes[one].argument, program.nodes[other].argument) for one, other in found]
    assert list(dict.fromkeys(names)) == pairs
