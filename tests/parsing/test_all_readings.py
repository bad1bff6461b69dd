"""All readings of questions about CLEVR."""

import time

import pytest

from nmn.parsing.grammar_parser import GrammarParser, shared_parser
from nmn.program.canonical import canonical
from nmn.program.typecheck import typecheck
from tests.parsing.test_clevr_grammar import table
from tests.strategies import CLEVR

EVERY = GrammarParser(CLEVR, all_readings=True)

READINGS = [
    ("is there a cube", ["exists(filter[cube](scene))"]),
    (
        "what color is the cube left of the ball and behind the block",
        [
            "query[color](unique(filter[cube](and(relate[left](unique(filter[sphere](scene))), "
            "relate[behind](unique(filter[cube](scene)))))))",
        ],
    ),
]


@pytest.mark.parametrize(("question", "programs"), READINGS)
def test_readings_of_a_question(question: str, programs: list[str]) -> None:
    assert [str(reading.program) for reading in EVERY.parse(question)] == programs


def test_the_preferred_reading_comes_first_and_each_is_given_once() -> None:
    ambiguous = 0
    for question, program in table()[::2]:
        readings = EVERY.parse(question)
        assert str(readings[0].program) == program
        assert readings[0] == shared_parser(CLEVR).parse(question)[0]
        assert len({reading.program for reading in readings}) == len(readings)
        scores = [reading.score for reading in readings]
        assert scores == sorted(set(scores), reverse=True)
        for reading in readings:
            typecheck(reading.program, CLEVR)
            assert len(reading.spans) == len(reading.program)
        ambiguous += len(readings) > 1
    assert ambiguous > 5


def test_a_description_may_belong_to_either_noun() -> None:
    first, *others = EVERY.parse("how many cubes left of a ball behind a block are there")
    assert "filter[sphere](relate[behind]" in str(canonical(first.program))
    assert any("and(relate[" in str(reading.program) for reading in others)


@pytest.mark.parametrize(
    ("question", "least"),
    [
        (f"how many things are {'left of a ball and ' * 7}left of a ball", 1),
        (f"what color is the cube {'left of a ball ' * 11}", 200),
        (f"how many things are {'left of a ball that is red and ' * 4}left of a ball", 100),
        (f"is the cube {'behind a ball ' * 11}red", 200),
        (f"how many balls {'that are the same size as a ball ' * 6}are there", 100),
        (f"how many balls {'left of a ball that is behind a ball or red ' * 3}are there", 25),
        (f"how many {'red or ' * 16}red cubes", 1),
        (f"how many things are {'both ' * 6}red{' and left of a ball' * 6}", 1),
        (f"there is a cube; how many things are {'left of it behind it or ' * 6}left of it", 1),
    ],
)
def test_the_most_ambiguous_questions_end_within_seconds(question: str, least: int) -> None:
    assert len(EVERY.lexicon.tokens(question)) <= 40
    started = time.perf_counter()
    readings = EVERY.parse(question)
    assert time.perf_counter() - started < 10  # on an idle machine 0.1
    assert least <= len(readings) <= 201


@pytest.mark.parametrize(
    ("question", "settled"),
    [
        ("are there cubes or balls behind the block", False),
        ("how many things are left of the cube that is behind the ball and red", False),
        ("is the cube behind the ball made of the same material as the block", True),
        ("how many small things are cubes or balls", True),
    ],
)
def test_what_the_rules_leave_open_is_listed_and_what_they_settle_is_not(
    question: str, settled: bool
) -> None:
    assert (len(EVERY.parse(question)) == 1) == settled
