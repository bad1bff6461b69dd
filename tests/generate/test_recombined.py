"""Questions made of phrases of others, with the grammar as the oracle."""

from collections.abc import Sequence

import numpy as np
import pytest

from nmn.domain import Domain
from nmn.generate.recombined import Recombination
from nmn.parsing.base import Parse
from nmn.parsing.grammar_parser import shared_parser
from nmn.program.program import Program

ASKED = {
    "clevr": (
        "How many things are left of the big red cube?",
        "What is the color of the thing that has the same size as the metal ball?",
        "Are there any blue things that are either behind the tiny cylinder or small?",
        "Is the rubber thing behind the green block the same shape as the gray sphere?",
    ),
    "shapes": (
        "is a red circle above a square",
        "is a shape below left of a red triangle",
        "is there a blue shape left of below a triangle",
        "is a green triangle right of a circle or a square",
        "is a square right of above a blue circle",
    ),
}
DOMAINS = pytest.mark.parametrize("name", ASKED)
MANGLED = "how cube the of many are ball left?"


@pytest.fixture
def domains(shapes: Domain, clevr: Domain) -> dict[str, Domain]:
    return {"shapes": shapes, "clevr": clevr}


def drawn(
    questions: Sequence[str], domain: Domain, count: int = 30, seed: int = 0, untidy: float = 0.0
) -> list[Parse]:
    rng = np.random.default_rng(seed)
    return Recombination(questions, domain).draw(count, rng, untidy=untidy)


@DOMAINS
@pytest.mark.parametrize("untidy", [0.0, 1.0])
def test_each_question_is_read_to_the_program_it_comes_with(
    domains: dict[str, Domain], name: str, untidy: float
) -> None:
    domain, asked = domains[name], ASKED[name]
    found = drawn(asked, domain, untidy=untidy)
    assert len(found) >= 12
    for parse in found:
        assert shared_parser(domain).parse(parse.question)[0] == parse


@DOMAINS
@pytest.mark.parametrize("untidy", [0.0, 1.0])
def test_questions_are_new_and_no_two_alike_and_none_is_longer_than_the_longest(
    domains: dict[str, Domain], name: str, untidy: float
) -> None:
    asked = ASKED[name]
    questions = [parse.question for parse in drawn(asked, domains[name], untidy=untidy)]
    assert len(set(questions)) == len(questions) > 0
    assert not set(questions) & set(asked)
    assert max(map(len, questions)) <= max(map(len, asked))


@DOMAINS
def test_they_are_made_of_the_words_of_the_known_ones(
    domains: dict[str, Domain], name: str
) -> None:
    known = {word for question in ASKED[name] for word in question.lower().rstrip("?").split()}
    for parse in drawn(ASKED[name], domains[name]):
        assert set(parse.question.lower().rstrip("?").split()) <= known


def test_a_phrase_takes_the_place_of_another(clevr: Domain) -> None:
    said = {
        "Is there a ball {} the {}?": "exists(filter[sphere](relate[{}](unique({}))))",
        "What size is the thing {} the {}?": "query[size](unique(relate[{}](unique({}))))",
    }
    every = {
        question.format(way, thing): program.format(way.split()[0], "filter[cube](scene)")
        for question, program in said.items()
        for way in ("left of", "behind")
        for thing in ("cube", "block")
    }
    asked = ("Is there a ball left of the cube?", "What size is the thing behind the block?")
    too_long = "What size is the thing left of the block?"
    wanted = {q: text for q, text in every.items() if q not in (*asked, too_long)}
    assert {parse.question: str(parse.program) for parse in drawn(asked, clevr, 12)} == wanted


@DOMAINS
def test_the_same_seed_draws_the_same_questions(domains: dict[str, Domain], name: str) -> None:
    first, again, other = (drawn(ASKED[name], domains[name], 15, seed) for seed in (3, 3, 4))
    assert first == again
    assert [parse.question for parse in first] != [parse.question for parse in other]


@DOMAINS
def test_questions_that_cannot_be_read_are_passed_over(
    domains: dict[str, Domain], name: str
) -> None:
    assert len(MANGLED) < max(map(len, ASKED[name]))
    assert drawn((*ASKED[name], MANGLED), domains[name]) == drawn(ASKED[name], domains[name])


@pytest.mark.parametrize(
    "asked", [(), (MANGLED,), ("How many things are there?",)], ids=["none", "unread", "no phrase"]
)
def test_of_questions_without_phrases_nothing_is_made(
    clevr: Domain, asked: tuple[str, ...]
) -> None:
    assert drawn(asked, clevr) == []


def test_no_more_are_drawn_than_wanted_or_than_there_are(clevr: Domain) -> None:
    asked = ("Is there a ball left of the big cube?", "Is there a cube behind the ball?")
    assert len(drawn(ASKED["clevr"], clevr, 7)) == 7
    assert drawn(ASKED["clevr"], clevr, 0) == []
    assert 0 < len(drawn(asked, clevr, 40)) < 30


def test_only_what_is_allowed_is_drawn(clevr: Domain) -> None:
    def allowed(program: Program) -> bool:
        return len(program) <= 7

    lengths = {len(parse.program) for parse in drawn(ASKED["clevr"], clevr)}
    assert max(lengths) > 7
    made = Recombination(ASKED["clevr"], clevr).draw(30, np.random.default_rng(0), allowed)
    assert made
    assert all(allowed(parse.program) for parse in made)


def test_articles_of_untidy_questions_are_missing_or_wrong(clevr: Domain) -> None:
    def articles(untidy: float) -> float:
        words = [
            word
            for parse in drawn(ASKED["clevr"], clevr, untidy=untidy)
            for word in parse.question.lower().split()
        ]
        return sum(word in {"the", "a", "an"} for word in words) / len(words)

    assert articles(1.0) < 0.75 * articles(0.0)


def test_it_tells_how_far_it_is(clevr: Domain) -> None:
    told: list[tuple[str, int, int | None]] = []

    def stage(what: str, done: int, total: int | None, note: str = "") -> None:
        assert note == ""
        told.append((what, done, total))

    made = Recombination(ASKED["clevr"], clevr)
    assert len(made.draw(4, np.random.default_rng(0), stage=stage)) == 4
    assert told == [("recombining questions", 0, 4)]
