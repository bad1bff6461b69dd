"""What is odd, too long or too much in questions about CLEVR."""

import pytest

from nmn.errors import QuestionError
from nmn.parsing.grammar_parser import shared_parser
from tests.strategies import CLEVR

PARSER = shared_parser(CLEVR)


@pytest.mark.parametrize(
    ("question", "warnings"),
    [
        ("is there a red blue cube", ["nothing is both blue and red"]),
        ("how many big things left of the cube are small", ["nothing is both small and large"]),
        ("is the cube a ball", ["nothing is both sphere and cube"]),
        ("how many matte cubes are metallic", ["nothing is both metal and rubber"]),
        (
            "are there more red blue cubes than red blue cubes",
            ["nothing is both blue and red"],
        ),
        ("how many red or blue things are there", []),
        ("how many red things are red", []),
        ("how many red things are left of a blue thing", []),
        ("how many other cubes are there", ["'other' changes nothing here: all things are meant"]),
        ("is anything else red", ["'else' changes nothing here: all things are meant"]),
        (
            "is another red blue thing visible",
            [
                "nothing is both blue and red",
                "'another' changes nothing here: all things are meant",
            ],
        ),
        ("how many other cubes are the same size as the ball", []),
        ("how many other cubes are left of the ball", []),
    ],
)
def test_what_is_odd_is_read_with_a_warning(question: str, warnings: list[str]) -> None:
    assert list(PARSER.parse(question)[0].warnings) == warnings


def test_the_longest_question_is_read_and_a_longer_one_is_refused() -> None:
    question = f"how many {'red ' * 997}cubes"
    assert PARSER.parse(question)[0].program.count("filter") == 998
    with pytest.raises(QuestionError, match="a question of 1002 words at line 1, column 4004"):
        PARSER.parse(f"{question} are there")


def test_a_question_whose_program_would_be_enormous_is_refused() -> None:
    introduced = f"there is a cube {'left of a ball ' * 150}"
    question = f"{introduced}; how many things are {'left of it or ' * 80}left of it"
    with pytest.raises(QuestionError, match="its program would have more than 10000 steps"):
        PARSER.parse(question)
