"""The nearest training question."""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest
import torch

from nmn.data.vocabulary import WordVocabulary, vocabulary_of
from nmn.errors import DataError
from nmn.policies.retrieval import Retrieval, RetrievalConfig
from tests.policies.made import VOCABULARIES

KNOWN = [
    question.split()
    for question in (
        "is there a red circle",
        "is there a circle",
        "how many circle things",
        "what is above",
    )
]


def learned(questions: Sequence[Sequence[str]] = KNOWN) -> Retrieval:
    words = vocabulary_of(questions)
    model = Retrieval(words, VOCABULARIES["shapes"], RetrievalConfig())
    programs = torch.arange(len(questions))[:, None] + torch.tensor([[5, 6, 7]])
    model.learn(words.encode(questions), programs)
    return model


def features(question: Sequence[str]) -> Counter[tuple[str, ...]]:
    """The words and pairs of a question, with its two ends."""
    around = ["", *question, ""]
    return Counter([*((word,) for word in question), *pairwise(around)])


def alikeness(first: Sequence[str], second: Sequence[str], every: Sequence[Sequence[str]]) -> float:
    """The cosine by hand, each feature weighed by the share of questions that have it."""
    have = Counter(feature for question in every for feature in features(question))

    def weigh(question: Sequence[str]) -> dict[tuple[str, ...], float]:
        known = {feature: n for feature, n in features(question).items() if feature in have}
        return {f: n * (math.log(len(every) / have[f]) + 1) for f, n in known.items()}

    one, other = weigh(first), weigh(second)
    product = sum(one[feature] * other.get(feature, 0.0) for feature in one)
    return product / math.hypot(*one.values()) / math.hypot(*other.values())


def test_a_training_question_is_nearest_to_itself() -> None:
    model = learned()
    nearest, alike = model.nearest(model.words.encode(KNOWN), 2)
    assert nearest[:, 0].tolist() == [0, 1, 2, 3]
    torch.testing.assert_close(alike[:, 0], torch.ones(4))
    assert (alike[:, 1] < 0.99).all()
    assert model.programs[nearest[2, 0]].tolist() == [7, 8, 9]


@pytest.mark.parametrize(
    "question", ["is a circle there", "how many red circle", "what is a zebra", "above what"]
)
def test_alikeness_is_the_cosine_of_words_and_pairs(question: str) -> None:
    model, asked = learned(), question.split()
    nearest, alike = model.nearest(model.words.encode([asked]), 9)
    assert sorted(nearest[0].tolist()) == [0, 1, 2, 3]
    wanted = torch.tensor([alikeness(asked, KNOWN[row], KNOWN) for row in nearest[0].tolist()])
    torch.testing.assert_close(alike[0], wanted)
    assert alike[0].tolist() == sorted(alike[0].tolist(), reverse=True)


def test_what_is_said_twice_in_a_question_is_as_rare_as_what_is_said_once() -> None:
    every = [text.split() for text in ("a red or a blue or a red", "a cube", "is it a red cube")]
    model, asked = learned(every), ["a", "blue", "or", "a", "cube"]
    nearest, alike = model.nearest(model.words.encode([asked]), 3)
    wanted = torch.tensor([alikeness(asked, every[row], every) for row in nearest[0].tolist()])
    torch.testing.assert_close(alike[0], wanted)


def test_padding_says_nothing() -> None:
    model = learned()
    asked = model.words.encode([["is", "there"]])
    wide = torch.cat([asked, torch.full((1, 4), WordVocabulary.PAD)], 1)
    for got, wanted in zip(model.nearest(wide, 3), model.nearest(asked, 3), strict=True):
        torch.testing.assert_close(got, wanted)


def test_nothing_known_is_like_nothing() -> None:
    model = learned()
    _, alike = model.nearest(model.words.encode([["zebra", "zebra"]]), 4)
    torch.testing.assert_close(alike, torch.zeros(1, 4))


def test_a_checkpoint_holds_what_was_learned() -> None:
    model = learned()
    again = Retrieval(model.words, model.tokens, model.config)
    again.load_state_dict(model.state_dict())
    assert torch.equal(again.programs, model.programs)
    asked = model.words.encode([["is", "there", "a", "red", "zebra"], KNOWN[3]])
    for got, wanted in zip(again.nearest(asked, 4), model.nearest(asked, 4), strict=True):
        torch.testing.assert_close(got, wanted)


def test_there_must_be_a_question() -> None:
    model = Retrieval(WordVocabulary(("is",)), VOCABULARIES["shapes"], RetrievalConfig())
    none = torch.zeros(0, 1, dtype=torch.long)
    with pytest.raises(DataError, match="wanted at least one question with its program, got none"):
        model.learn(none, none)
