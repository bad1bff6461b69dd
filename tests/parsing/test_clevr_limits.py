"""What is odd, too long or too much in questions about CLEVR."""

import pytest

from nmn.errors import QuestionError
from nmn.parsing.grammar_parser import shared_parser
from tests.strategies import CLEVR

PARSER = shared_parser(CLEVR)


def both(first: str, column: int, second: str, other: int) -> str:
    return f"nothing is both {first} (column {column}) and {second} (column {other}): leave one out"


def idle(word: str, column: int) -> str:
    return (
        f"'{word}' (column {column}) changes nothing: all things are meant; "
        "say 'the same ... as' or a relation to leave one out"
    )


@pytest.mark.parametrize(
    ("question", "warnings"),
    [
        ("is there a red blue cube", [both("red", 12, "blue", 16)]),
        ("how many big things left of the cube are small", [both("large", 10, "small", 42)]),
        ("is the cube a ball", [both("cube", 8, "sphere", 15)]),
        ("how many matte cubes are metallic", [both("rubber", 10, "metal", 26)]),
        (
            "are there more red blue cubes than red blue cubes",
            [both("red", 16, "blue", 20), both("red", 36, "blue", 40)],
        ),
        ("how many red or blue things are there", []),
        ("how many red things are red", []),
        ("how many red things are left of a blue thing", []),
        ("how many other cubes are there", [idle("other", 10)]),
        ("is anything else red", [idle("else", 13)]),
        (
            "is another red blue thing visible",
            [
                both("red", 12, "blue", 16),
                idle("another", 4),
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
