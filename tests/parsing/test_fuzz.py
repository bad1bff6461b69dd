"""Whatever is asked, an answer or a `QuestionError` comes out, and soon."""

import functools
import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from nmn.data.clevr import read_questions
from nmn.domain import Domain
from nmn.errors import QuestionError
from nmn.parsing.base import Parse
from nmn.parsing.grammar_parser import GrammarParser, shared_parser
from nmn.program.text import parse_program
from nmn.program.typecheck import typecheck
from tests.strategies import CLEVR, SHAPES, attempt

DOMAINS = pytest.mark.parametrize("domain", [SHAPES, CLEVR], ids=lambda domain: domain.name)
EVERY = GrammarParser(CLEVR, all_readings=True)
MILLISECONDS_A_WORD = 2.0
"""Many times what it takes, as the machine may be busy; quadratic time would be far above."""


def ask(question: str, domain: Domain) -> list[Parse]:
    """The parses, none for a `QuestionError`; what comes out is checked."""
    parses = attempt(lambda: shared_parser(domain).parse(question), QuestionError)
    if isinstance(parses, QuestionError):
        assert "\n" not in str(parses)
        assert parses.problem
        lines = question.split("\n")
        assert 1 <= parses.line <= len(lines)
        assert 1 <= parses.column <= len(lines[parses.line - 1]) + 1
        assert "^" in parses.drawing()
        return []
    (parse,) = parses
    typecheck(parse.program, domain)
    assert len(parse.spans) == len(parse.program)
    assert all(0 <= a < b <= len(question) for spans in parse.spans for a, b in spans)
    return parses


def phrases(domain: Domain) -> list[str]:
    return [" ".join(phrase) for phrase in shared_parser(domain).lexicon.phrases]


def texts(domain: Domain) -> SearchStrategy[str]:
    """Words of the lexicon, of questions about the domain, and anything at all."""
    known = st.sampled_from(phrases(domain))
    return st.one_of(
        st.text(max_size=60),
        st.lists(known, max_size=15).map(" ".join),
        st.lists(st.one_of(known, st.text(max_size=3)), max_size=12).map(" ".join),
        st.lists(known, max_size=9).map(lambda words: " ".join(["is there", *words])),
        st.lists(known, max_size=9).map(lambda words: " ".join(["how many things are", *words])),
    )


@given(texts(SHAPES))
@settings(deadline=None, max_examples=200)
def test_any_text_about_shapes(question: str) -> None:
    ask(question, SHAPES)


@given(texts(CLEVR))
@settings(deadline=None, max_examples=400)
def test_any_text_about_clevr(question: str) -> None:
    for parse in ask(question, CLEVR):
        assert parse_program(str(parse.program), CLEVR) == parse.program


@given(st.lists(st.sampled_from(phrases(CLEVR)), max_size=8).map(" ".join))
@settings(deadline=None, max_examples=150)
def test_all_readings_of_any_words_are_those_of_the_preferred_one_first(question: str) -> None:
    every = attempt(lambda: EVERY.parse(question), QuestionError)
    preferred = attempt(lambda: shared_parser(CLEVR).parse(question), QuestionError)
    if isinstance(preferred, QuestionError):
        assert str(every) == str(preferred)
    else:
        assert not isinstance(every, QuestionError)
        assert every[0] == preferred[0]


@pytest.mark.usefixtures("unchecked")
def test_real_questions_with_words_dropped_swapped_and_repeated(real_data: Path) -> None:
    chance = random.Random(0)
    path = real_data / "clevr" / "CLEVR_train_questions.json.gz"
    questions = [question.example.question for question in read_questions(path, CLEVR)]
    understood = 0
    for question in chance.sample(questions, 1_500):
        words = question.rstrip("?").split()
        for _ in range(chance.randint(1, 3)):
            first, second = (chance.randrange(len(words)) for _ in range(2))
            kind = chance.randrange(3)
            if kind == 0:
                words[first], words[second] = words[second], words[first]
            elif kind == 1:
                words.insert(first, words[second])
            else:
                words.pop(first)
        understood += bool(ask(" ".join(words), CLEVR))
    assert 150 < understood < 1_200


def nested(depth: int) -> str:
    """Brackets in brackets."""
    text = "red"
    for level in range(depth):
        opening, word = ("both", "and") if level % 2 else ("either", "or")
        text = f"{opening} {text} {word} behind a block"
    return text


ADVERSARIAL = {
    "one adjective": f"how many {'red ' * 998}cubes",
    "no noun": "is there " + "red " * 998,
    "relations": f"what color is the cube {'left of the ball ' * 196}",
    "relations joined": f"how many things are {'left of and right of the cube ' * 140}",
    "nested relations joined": f"how many things are {'left of and right of ' * 166}the cube",
    "both": f"how many things are {'both ' * 996}",
    "both of both": f"how many things are {'both ' * 300}red {'and red ' * 300}",
    "either of either": f"how many things are {'either ' * 300}red {'or red ' * 300}",
    "brackets": f"how many things are {nested(120)}",
    "brackets unclosed": f"how many things are {'both either ' * 300}red {'and red ' * 150}",
    "and, or": f"how many things are red {'and behind a cube or behind a ball ' * 120}",
    "and": "is there a cube " + "and " * 990,
    "or": "how many cubes " + "or balls " * 490,
    "or of adjectives": f"how many {'red or ' * 498}red cubes",
    "commas": f"how many {'red, ' * 498}red cubes",
    "commas and or": f"how many {'cubes, ' * 498}or balls",
    "that is": f"what color is the cube {'that is ' * 490}red",
    "that is, nested": f"what color is the cube {'that is behind a ball ' * 190}",
    "same": f"how many things are {'the same size as the cube that is ' * 120}red",
    "is": "is " * 1_000,
    "questions": "what color is the cube? " * 190,
    "it": f"there is a cube; how many things are {'left of it and ' * 245}left of it",
    "articles": f"is there {'the ' * 990}cube",
    "articles only": "the " * 1_000,
    "marks": f"is there a cube{'?' * 990}",
    "ignored": f"is there {'please ' * 990}cube",
    "half a phrase": "on the left " * 333,
    "beginnings of phrases": "made of the made of the made of the " * 110,
    "unknown": "is there a " + "x" * 100_000,
    "one word": "cube" * 25_000,
    "characters": "\u0301\u200b\ud7ff" * 3_000,
    "lines": "is\nthere\na\n" * 330 + "cube",
    "too many words": "is there a cube left of " * 2_000,
}


@pytest.mark.usefixtures("unchecked")
@DOMAINS
@pytest.mark.parametrize("name", ADVERSARIAL)
def test_time_is_linear_in_the_words_whatever_they_are(name: str, domain: Domain) -> None:
    question = ADVERSARIAL[name]
    words = max(len(question.split()), 300)
    ask("how many red cubes" if domain == CLEVR else "is there a red circle", domain)
    started = time.perf_counter()
    ask(question, domain)
    milliseconds = 1000 * (time.perf_counter() - started)
    assert milliseconds < MILLISECONDS_A_WORD * words


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", ADVERSARIAL)
def test_all_readings_end_for_long_questions_too(name: str) -> None:
    words = ADVERSARIAL[name].split()
    for question in (" ".join(words[:38]), " ".join(words)):
        started = time.perf_counter()
        attempt(functools.partial(EVERY.parse, question), QuestionError)
        assert time.perf_counter() - started < 10


@pytest.mark.usefixtures("unchecked")
@DOMAINS
def test_ten_thousand_random_words_are_refused_at_once(domain: Domain) -> None:
    chance = random.Random(1)
    question = " ".join(chance.choices(phrases(domain), k=10_000))
    started = time.perf_counter()
    with pytest.raises(QuestionError, match="at most 1000 words are read"):
        shared_parser(domain).parse(question)
    assert time.perf_counter() - started < 5


@pytest.mark.usefixtures("unchecked")
@DOMAINS
def test_a_thousand_random_words_in_linear_time(domain: Domain) -> None:
    chance = random.Random(2)
    for _ in range(20):
        words = " ".join(chance.choices(phrases(domain), k=1_000)).split()[:990]
        started = time.perf_counter()
        ask(" ".join(words), domain)
        assert 1000 * (time.perf_counter() - started) < MILLISECONDS_A_WORD * len(words)
