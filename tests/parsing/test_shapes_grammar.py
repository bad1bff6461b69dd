"""What questions of `grammar/shapes.lark` mean."""

import pytest

from nmn.parsing.grammar_parser import GrammarParser
from tests.strategies import SHAPES

ALL_READINGS = GrammarParser(SHAPES, all_readings=True)

QUESTIONS = [
    ("is a red shape above a circle", "exists(and(find[red], relate[above](find[circle])))"),
    ("is a square blue", "exists(and(find[square], find[blue]))"),
    ("is a red shape red", "exists(and(find[red], find[red]))"),
    ("is a circle a square", "exists(and(find[circle], find[square]))"),
    ("is a circle red or blue", "exists(and(find[circle], or(find[red], find[blue])))"),
    ("is there a red circle", "exists(filter[red](find[circle]))"),
    ("is there a shape", "exists(scene)"),
    ("is there a red shape", "exists(find[red])"),
    ("is there a round thing", "exists(find[circle])"),
    (
        "is there a red shape above a circle",
        "exists(and(find[red], relate[above](find[circle])))",
    ),
    (
        "is there a circle above left of a square",
        "exists(and(find[circle], relate[above](relate[left_of](find[square]))))",
    ),
    ("is there a red quadratic shape", "exists(filter[red](find[square]))"),
    ("is there a red or blue circle", "exists(and(or(find[red], find[blue]), find[circle]))"),
    ("is there a red or blue shape", "exists(or(find[red], find[blue]))"),
    ("is there a circle or a square", "exists(or(find[circle], find[square]))"),
    ("is there a circle that is red", "exists(and(find[circle], find[red]))"),
    ("is there a shape that is a circle", "exists(and(scene, find[circle]))"),
    (
        "is there a circle that is above a square",
        "exists(and(find[circle], relate[above](find[square])))",
    ),
    (
        "is there a circle that is red and above a square",
        "exists(and(find[circle], and(find[red], relate[above](find[square]))))",
    ),
    (
        "is there a circle above and left of a square",
        "exists(and(find[circle], and(relate[above](find[square]), "
        "relate[left_of](find[square]))))",
    ),
    (
        "is there a circle above or left of a square",
        "exists(and(find[circle], or(relate[above](find[square]), relate[left_of](find[square]))))",
    ),
]


@pytest.mark.parametrize(("question", "program"), QUESTIONS)
def test_what_questions_mean(question: str, program: str, parser: GrammarParser) -> None:
    (parse,) = parser.parse(question)
    assert str(parse.program) == program
    assert parse.question == question
    assert parse.warnings == ()


# the rules of grammar/shapes.lark: question, the preferred reading, whether there are others
RULES = [
    (
        "1 a relation belongs to the nearest noun before it",
        "is there a circle above a square left of a triangle",
        "exists(and(find[circle], relate[above](and(find[square], relate[left_of]("
        "find[triangle])))))",
        1,
    ),
    (
        "1 so does 'that is'",
        "is there a circle above a square that is red",
        "exists(and(find[circle], relate[above](and(find[square], find[red]))))",
        1,
    ),
    (
        "2 'and' joins the nearest descriptions",
        "is there a circle above a square left of a dot and below a box",
        "exists(and(find[circle], relate[above](and(find[square], and(relate[left_of]("
        "find[circle]), relate[below](find[square]))))))",
        2,
    ),
    (
        "2 within the noun they describe",
        "is there a circle above a square and below a box",
        "exists(and(find[circle], and(relate[above](find[square]), relate[below](find[square]))))",
        1,
    ),
    (
        "3 'or' before a relation joins descriptions",
        "is there a circle above a square or below a box",
        "exists(and(find[circle], or(relate[above](find[square]), relate[below](find[square]))))",
        1,
    ),
    (
        "3 so it does before 'that is'",
        "is there a circle above a square or that is red",
        "exists(and(find[circle], or(relate[above](find[square]), find[red])))",
        1,
    ),
    (
        "3 it joins the nearest descriptions",
        "is there a circle above a square left of a dot or below a box",
        "exists(and(find[circle], relate[above](and(find[square], or(relate[left_of]("
        "find[circle]), relate[below](find[square]))))))",
        2,
    ),
    (
        "3 it binds less than a later 'and'",
        "is there a circle left of a square or below a box and above a triangle",
        "exists(and(find[circle], or(relate[left_of](find[square]), and(relate[below]("
        "find[square]), relate[above](find[triangle])))))",
        1,
    ),
    (
        "3 it binds less than an earlier 'and'",
        "is there a circle left of a square and below a box or above a triangle",
        "exists(and(find[circle], or(and(relate[left_of](find[square]), relate[below]("
        "find[square])), relate[above](find[triangle]))))",
        1,
    ),
    (
        "3 any other 'or' joins nouns",
        "is there a circle above a square or a triangle",
        "exists(and(find[circle], relate[above](or(find[square], find[triangle]))))",
        2,
    ),
    (
        "3 also where the second noun is described",
        "is there a circle or a square above a triangle",
        "exists(or(find[circle], and(find[square], relate[above](find[triangle]))))",
        1,
    ),
    (
        "4 a colour at the end of 'is a' is said of the first noun",
        "is a circle above a square red",
        "exists(and(and(find[circle], relate[above](find[square])), find[red]))",
        1,
    ),
    (
        "4 so is a second noun",
        "is a circle above a square a triangle",
        "exists(and(and(find[circle], relate[above](find[square])), find[triangle]))",
        1,
    ),
]


@pytest.mark.parametrize(
    ("question", "program", "count"), [pytest.param(*row, id=label) for label, *row in RULES]
)
def test_rules_that_decide_between_readings(
    question: str, program: str, count: int, parser: GrammarParser
) -> None:
    assert str(parser.parse(question)[0].program) == program
    readings = ALL_READINGS.parse(question)
    assert str(readings[0].program) == program
    assert len(readings) == count


@pytest.mark.parametrize(
    "question",
    [
        "is there a red circle above a square",
        "Is there a RED Circle above a Square?",
        "are there any red circles above some squares?",
        "is there a scarlet dot over the box",
        "do you see a crimson disc on top of a square",
        "can you see red discs, please, directly above boxes!",
        "does the picture show a red disk atop a square .",
        "  is\tthere\na   red\r\ncircle just above a square ?!",
        "are there red circles right above squares",
    ],
)
def test_synonyms_plurals_case_and_punctuation_change_nothing(
    question: str, parser: GrammarParser
) -> None:
    (parse,) = parser.parse(question)
    assert str(parse.program) == (
        "exists(and(filter[red](find[circle]), relate[above](find[square])))"
    )


@pytest.mark.parametrize(
    ("question", "plain"),
    [
        ("is the circle red", "is a circle red"),
        ("are any circles red", "is a circle red"),
        ("are circles red?", "is a circle red"),
        ("is there something", "is there a shape"),
        ("is there any thing", "is there a shape"),
        ("is there a circle that\u2019s red", "is there a circle that is red"),
        ("is there a circle which is red", "is there a circle that is red"),
        ("are there circles that lie above squares", "is there a circle that is above a square"),
        ("is there either a circle or a square", "is there a circle or a square"),
        (
            "is there a circle both above and left of a square",
            "is there a circle above and left of a square",
        ),
        ("is there a red one below a dot", "is there a red shape below a circle"),
    ],
)
def test_other_words_for_the_same_question(
    question: str, plain: str, parser: GrammarParser
) -> None:
    assert parser.parse(question)[0].program == parser.parse(plain)[0].program


@pytest.mark.parametrize(
    ("question", "program"),
    [
        (
            "is there a red, green or blue shape",
            "exists(or(or(find[red], find[green]), find[blue]))",
        ),
        (
            "is a dot above a circle, a square or a triangle",
            "exists(and(find[circle], relate[above](or(or(find[circle], find[square]), "
            "find[triangle]))))",
        ),
        ("is there a red, round dot", "exists(filter[red](filter[circle](find[circle])))"),
    ],
)
def test_lists_with_commas(parser: GrammarParser, question: str, program: str) -> None:
    assert str(parser.parse(question)[0].program) == program


def test_a_colour_after_something_belongs_to_it(parser: GrammarParser) -> None:
    for question, program in (
        ("is there something red", "exists(find[red])"),
        ("is a dot above something red", "exists(and(find[circle], relate[above](find[red])))"),
        ("is a dot above something", "exists(and(find[circle], relate[above](scene)))"),
        (
            "is a dot above a box red",
            "exists(and(and(find[circle], relate[above](find[square])), find[red]))",
        ),
    ):
        assert str(parser.parse(question)[0].program) == program
