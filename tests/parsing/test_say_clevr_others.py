import numpy as np
import pytest

from nmn.parsing.grammar_parser import shared_parser
from nmn.parsing.realise import phrasings, realise
from nmn.program.canonical import canonical
from nmn.program.text import parse_program
from tests.strategies import CLEVR

CUBE, BALL = "filter[cube](scene)", "filter[sphere](scene)"
LEFT = f"relate[left](unique({BALL}))"
RED_OF_SIZE = f"filter[red](same[size](unique({CUBE})))"
OTHERS = f"same[size](unique({CUBE}))"
BEHIND = f"relate[behind](unique({CUBE}))"


@pytest.mark.parametrize(
    ("text", "other"),
    [
        (f"count({OTHERS})", True),
        (f"exists({RED_OF_SIZE})", True),
        (f"exists(filter[cube]({OTHERS}))", True),
        (f"exists(filter[sphere]({OTHERS}))", False),  # no cube is among the spheres
        (f"query[color](unique({OTHERS}))", True),
        (f"equal_number(count({BALL}), count({OTHERS}))", True),
        (f"less_than(count({RED_OF_SIZE}), count({BALL}))", True),
        (f"exists(relate[left](unique(filter[cube]({OTHERS}))))", True),
        (f"count(filter[red](and({OTHERS}, {LEFT})))", True),
        (f"count(or({OTHERS}, {LEFT}))", False),  # it might be left of the sphere
        (f"count({LEFT})", False),
        (f"query[color](unique(and({LEFT}, {BEHIND})))", False),
    ],
)
def test_other_is_said_wherever_a_thing_would_else_seem_to_be_meant(
    text: str, *, other: bool
) -> None:
    program, generator = parse_program(text, CLEVR), np.random.default_rng(0)
    for phrasing in (*phrasings(program, CLEVR), *[None] * 30):
        sentence = realise(program, CLEVR, phrasing, generator)
        assert bool({"other", "another", "else"} & set(sentence.split())) == other, sentence
        assert not any(f"{word} other" in sentence for word in ("more", "fewer", "as many"))


def test_anything_else_is_said_too() -> None:
    generator = np.random.default_rng(0)
    program = parse_program(f"exists({OTHERS})", CLEVR)
    said = {realise(program, CLEVR, "is there {a thing}?", generator) for _ in range(60)}
    assert "Is there anything else that is the same size as the cube?" in said
    assert "Is there another object of the same size as the block?" in said
    meanings = (shared_parser(CLEVR).parse(sentence)[0].program for sentence in said)
    assert all(canonical(meaning) == canonical(program) for meaning in meanings)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (f"count(or({LEFT}, find[metal]))", "either"),
        (f"count(or(find[metal], {LEFT}))", "either"),
        (f"count(and({LEFT}, relate[left](unique({BEHIND}))))", "both"),
        (f"less_than(count(and({LEFT}, {BEHIND})), count(find[red]))", "both"),
        (f"equal_number(count(and({LEFT}, {BEHIND})), count(find[red]))", "both"),
        (f"exists(relate[left](unique(filter[red](or({LEFT}, {BEHIND})))))", "either"),
        (f"count(and(or({LEFT}, {BEHIND}), {OTHERS}))", "either"),
        (f"count(and(or({LEFT}, {BEHIND}), {OTHERS}))", "both"),
        (f"count(and({LEFT}, {BEHIND}))", None),
        ("count(or(find[red], find[blue]))", None),
    ],
)
def test_both_and_either_are_said_where_the_sides_could_be_mistaken(
    text: str, word: str | None
) -> None:
    program, generator = parse_program(text, CLEVR), np.random.default_rng(0)
    ways = [p for p in phrasings(program, CLEVR) if not p.startswith("there is")]
    said = [realise(program, CLEVR, way, generator) for way in ways for _ in range(8)]
    marked = {bool({"both", "either"} & set(one.split())) for one in said}
    assert marked == ({True, False} if word is None else {True})
    assert all(word in one for one in said if word)
    assert not any(" and " in way for way in ways if program.root.operation == "equal_number")
