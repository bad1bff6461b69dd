"""How far the words of the questions alone give their answers away.

Two guesses that never look at a picture: the most frequent answer of the question's family, and a
linear softmax classifier of its bag of words. On CLEVR such models stay below half of the answers
(Johnson et al. 2017, section 4.2: 41.8% for the family's mode, 46.8% for an LSTM).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from nmn.nn.threads import cpu_threads
from nmn.seeding import generator

GOAL = 0.5
"""Priors at most this good leave something to see."""

_TRAINED_ON = 0.8
_STEPS = 150
_RATE = 0.1


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of a question without its picture."""

    image: int
    family: str
    text: str
    answer: str


@dataclass(frozen=True)
class Priors:
    """Accuracy on questions about other pictures than those that were learned from.

    Attributes:
        majority: of the most frequent answer of each family.
        bag_of_words: of the linear classifier.
    """

    majority: float
    bag_of_words: float
    trained: int
    tested: int


def priors(questions: Sequence[Asked], seed: int) -> Priors | None:
    """Learn from the questions of four fifths of the pictures, and test on the others.

    Returns:
        None where there are too few pictures to do so.
    """
    images = sorted({question.image for question in questions})
    order = generator(seed, "priors").permutation(len(images))
    taken = {images[place] for place in order[: int(_TRAINED_ON * len(images))]}
    train = [question for question in questions if question.image in taken]
    test = [question for question in questions if question.image not in taken]
    if not train or not test:
        return None
    return Priors(_majority(train, test), _bag_of_words(train, test), len(train), len(test))


def _majority(train: Sequence[Asked], test: Sequence[Asked]) -> float:
    everything = Counter(question.answer for question in train)
    families: dict[str, Counter[str]] = {}
    for question in train:
        families.setdefault(question.family, Counter())[question.answer] += 1
    best = {family: _most_frequent(answers) for family, answers in families.items()}
    fallback = _most_frequent(everything)
    right = sum(best.get(question.family, fallback) == question.answer for question in test)
    return right / len(test)


def _most_frequent(answers: Counter[str]) -> str:
    """Of several the first in the alphabet."""
    return min(answers, key=lambda answer: (-answers[answer], answer))


def _bag_of_words(train: Sequence[Asked], test: Sequence[Asked]) -> float:
    words = sorted({word for question in train for word in _words(question)})
    vocabulary = {word: place for place, word in enumerate(words)}
    answers = sorted({question.answer for question in train})
    index = {answer: place for place, answer in enumerate(answers)}
    with cpu_threads(1):
        target = torch.tensor([index[question.answer] for question in train])
        weights = _fitted(_bags(train, vocabulary), target, len(answers))
        found = (_bags(test, vocabulary) @ weights).argmax(dim=1).tolist()
    said = [answers[place] for place in found]
    right = [one == question.answer for one, question in zip(said, test, strict=True)]
    return float(sum(right) / len(test))


def _bags(
    questions: Sequence[Asked], vocabulary: Mapping[str, int]
) -> Float[Tensor, "question word"]:
    """How often each question has each word, and a 1 for the bias."""
    width = len(vocabulary) + 1
    places = [
        row * width + place
        for row, question in enumerate(questions)
        for place in (*(vocabulary[w] for w in _words(question) if w in vocabulary), width - 1)
    ]
    counts = torch.bincount(torch.tensor(places), minlength=len(questions) * width)
    return counts.view(-1, width).float()


def _fitted(
    bags: Float[Tensor, "question word"], answers: Int[Tensor, " question"], count: int
) -> Float[Tensor, "word answer"]:
    """Weights of the softmax that makes the answers, of which there are `count`, likely."""
    weights = torch.zeros(bags.shape[1], count, requires_grad=True)
    optimizer = torch.optim.Adam([weights], lr=_RATE)
    for _ in range(_STEPS):
        optimizer.zero_grad()
        functional.cross_entropy(bags @ weights, answers).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return weights.detach()


def _words(question: Asked) -> list[str]:
    text = question.text.lower()
    return "".join(sign if sign.isalnum() else " " for sign in text).split()
