"""The mistakes that people make in questions about CLEVR, and what they are told."""

import pytest

from nmn.errors import QuestionError
from nmn.parsing.grammar_parser import GrammarParser, shared_parser
from tests.strategies import CLEVR

PARSER = shared_parser(CLEVR)
EXAMPLE = 'questions about clevr are English, such as "is there a small thing left of a cylinder"'
NOUNS = "such as 'cube', 'sphere' or 'cylinder'"
ATTRIBUTES = "'size', 'color', 'material' or 'shape'"
INTRODUCE = "ask something about it, as in 'there is a cube; what size is it'"
REFER = "say first what it is, as in 'there is a cube; what size is it'"
TWO_THINGS = "'and' joins descriptions of one thing (ask for two in two questions)"
COUNTED = (
    "'how many' counts things and a property is not one: ask for 'how many cubes', or 'what size "
    "is the cube'"
)
BEGIN = (
    "wanted a noun or an adjective or a property or 'does' or 'does any' or 'how big' or "
    "something else"
)

# label, question, line, column, problem, nearest words, advice
MISTAKES = [
    ("empty", "", 1, 1, "the question is empty", (), EXAMPLE),
    (
        "unknown word",
        "is there a blak cube",
        1,
        12,
        "unknown word 'blak'",
        ("back", "block", "blocks"),
        "",
    ),
    (
        "unknown word in line 2",
        "what color is\nthe pyramid",
        2,
        5,
        "unknown word 'pyramid'",
        ("and", "red", "spherical"),
        "",
    ),
    (
        "a negation",
        "how many things are not red",
        1,
        21,
        "unknown word 'not'",
        ("out", "another", "both"),
        "",
    ),
    (
        "another language",
        "wie viele rote Kugeln gibt es",
        1,
        1,
        "unknown word 'wie'",
        ("item", "side", "size"),
        EXAMPLE,
    ),
    (
        "half a relation",
        "how many things are in back",
        1,
        21,
        "'in' does not stand alone",
        ("in back of", "in total", "in the image"),
        "",
    ),
    (
        "missing noun",
        "how many big red",
        1,
        17,
        "the question ends too early",
        (),
        f"wanted a noun or an adjective or 'or', {NOUNS}; the noun is missing",
    ),
    (
        "missing noun before the verb",
        "what color is the big red is",
        1,
        27,
        "'is' does not fit",
        (),
        f"wanted a noun or an adjective or 'or', {NOUNS}; the noun is missing",
    ),
    (
        "missing noun at a comparison",
        "are there more red than blue cubes",
        1,
        20,
        "'than' does not fit",
        (),
        f"wanted a noun or an adjective or 'or', {NOUNS}; the noun is missing",
    ),
    (
        "unfinished",
        "what color is the cube left of",
        1,
        31,
        "the question ends too early",
        (),
        f"wanted a noun or an adjective or 'and' or 'or' or 'other', {NOUNS}",
    ),
    (
        "unfinished question word",
        "what",
        1,
        5,
        "the question ends too early",
        (),
        "wanted a property",
    ),
    (
        "unfinished after 'or'",
        "how many cubes or",
        1,
        18,
        "the question ends too early",
        (),
        f"wanted a noun or an adjective or 'other', {NOUNS}",
    ),
    (
        "unfinished comparison",
        "are there more cubes",
        1,
        21,
        "the question ends too early",
        (),
        "wanted 'or' or 'than'",
    ),
    (
        "unfinished 'same as'",
        "is the cube the same size as",
        1,
        29,
        "the question ends too early",
        (),
        f"wanted a noun or an adjective or 'other', {NOUNS}",
    ),
    (
        "how many of a property",
        "how many color are there",
        1,
        10,
        "'color' does not fit",
        (),
        f"wanted a noun or an adjective or 'either' or 'other', {NOUNS}; {COUNTED}",
    ),
    (
        "how many of a property 2",
        "how many sizes",
        1,
        10,
        "'sizes' does not fit",
        (),
        f"wanted a noun or an adjective or 'either' or 'other', {NOUNS}; {COUNTED}",
    ),
    (
        "a thing in the place of a property",
        "what cube is red",
        1,
        6,
        "'cube' does not fit",
        (),
        f"wanted a property; say what is asked for: {ATTRIBUTES}",
    ),
    (
        "a property and not a thing",
        "is there a color cube",
        1,
        12,
        "'color' does not fit",
        (),
        (
            "wanted a noun or an adjective or 'as many' or 'either' or 'fewer' or 'more' "
            f"or something else, {NOUNS}"
        ),
    ),
    (
        "a property of another kind",
        "is the color of the cube the same as the size of the ball",
        1,
        42,
        "color cannot be the same as size",
        (),
        "",
    ),
    (
        "the same without a property",
        "is there a thing that is the same",
        1,
        34,
        "the question ends too early",
        (),
        f"wanted a property; the same what? {ATTRIBUTES}",
    ),
    (
        "the same without a property before a thing",
        "are there things the same as the cube",
        1,
        22,
        "'same as' does not fit",
        (),
        f"wanted the end or 'or' or ';' or 'visible'; the same what? {ATTRIBUTES}",
    ),
    ("it without an introduction", "what color is it", 1, 15, "'it' refers to nothing", (), REFER),
    (
        "its without an introduction",
        "is its size the same as the cube",
        1,
        4,
        "'it' refers to nothing",
        (),
        REFER,
    ),
    (
        "introduction alone",
        "there is a cube",
        1,
        16,
        "the question ends too early",
        (),
        f"wanted ';'; {INTRODUCE}",
    ),
    (
        "introduction alone with mark",
        "There is a cube.",
        1,
        17,
        "the question ends too early",
        (),
        f"{BEGIN}, {NOUNS}; {INTRODUCE}",
    ),
    (
        "two introductions",
        "there is a cube; there is a ball",
        1,
        18,
        "'there' does not fit",
        (),
        f"{BEGIN}, {NOUNS}; {INTRODUCE}",
    ),
    (
        "two things",
        "what is the color of the cube and the ball",
        1,
        31,
        "'and' does not fit",
        (),
        f"wanted the end or ';'; {TWO_THINGS}",
    ),
    (
        "two questions",
        "there is a cube; what color is it and what size is it",
        1,
        35,
        "'and' does not fit",
        (),
        (
            "wanted a relation or the end or 'both' or 'either' or 'made of' or 'made of "
            f"the same' or something else; {TWO_THINGS}"
        ),
    ),
    (
        "a relation to nothing",
        "how many things are behind",
        1,
        27,
        "the question ends too early",
        (),
        f"wanted a noun or an adjective or 'and' or 'or' or 'other', {NOUNS}",
    ),
    (
        "two nouns",
        "is there a cube ball",
        1,
        17,
        "'ball' does not fit",
        (),
        (
            "wanted a relation or the end or 'both' or 'either' or 'made of the same' or "
            "'of the same' or something else"
        ),
    ),
    (
        "words after the end",
        "how many cubes? red",
        1,
        17,
        "'red' does not fit",
        (),
        "wanted the end or ';'",
    ),
    (
        "a statement",
        "the cube is red",
        1,
        13,
        "'red' does not fit",
        (),
        "wanted 'how big' or 'made of' or 'of' or 'what' or 'which'",
    ),
    ("only a noun", "cube", 1, 5, "the question ends too early", (), "wanted 'has' or 'is'"),
    ("only a mark", "?", 1, 1, "'?' does not fit", (), f"{BEGIN}, {NOUNS}"),
    (
        "only words that are not seen",
        "the a an",
        1,
        9,
        "the question ends too early",
        (),
        f"{BEGIN}, {NOUNS}",
    ),
    (
        "only words without a meaning",
        "please",
        1,
        7,
        "the question ends too early",
        (),
        f"{BEGIN}, {NOUNS}",
    ),
    (
        "a verb in the place of a thing",
        "what color is has",
        1,
        15,
        "'has' does not fit",
        (),
        f"wanted a noun or an adjective or 'other', {NOUNS}",
    ),
    (
        "'than' without 'more'",
        "are there cubes than balls",
        1,
        17,
        "'than' does not fit",
        (),
        "wanted the end or 'or' or ';' or 'visible'",
    ),
    (
        "more without than",
        "are there more cubes as balls",
        1,
        22,
        "'as' does not fit",
        (),
        "wanted 'or' or 'than'",
    ),
    ("an emoji", "is there a cube 😀", 1, 17, "unknown word '😀'", ("a", "also", "amount"), ""),
]


@pytest.mark.parametrize(
    ("question", "line", "column", "problem", "expected", "advice"),
    [pytest.param(*row, id=label) for label, *row in MISTAKES],
)
def test_a_mistake_is_told_in_one_line_with_place_and_advice(
    question: str, line: int, column: int, problem: str, expected: tuple[str, ...], advice: str
) -> None:
    with pytest.raises(QuestionError) as caught:
        PARSER.parse(question)
    error = caught.value
    assert error.question == question
    assert (error.line, error.column, error.problem) == (line, column, problem)
    assert (error.expected, error.advice) == (expected, advice)
    message = str(error)
    assert "\n" not in message
    assert message.startswith(f"{problem} at line {line}, column {column} of ")
    drawn = (question.split("\n")[line - 1], " " * (column - 1) + "^")
    assert error.drawing().split("\n")[-2:] == list(drawn)


def test_a_parser_of_all_readings_makes_the_same_errors() -> None:
    every = GrammarParser(CLEVR, all_readings=True)
    for _, question, *_ in MISTAKES:
        with pytest.raises(QuestionError) as one:
            PARSER.parse(str(question))
        with pytest.raises(QuestionError) as other:
            every.parse(str(question))
        assert str(other.value) == str(one.value)
