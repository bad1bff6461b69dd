"""The descriptions of things in a question ("small gray cube"), and more detailed ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from numpy.random import Generator

from nmn.domain import Domain
from nmn.parsing.base import Parse

_FILTERS = ("find", "filter")
_ADDED = 0.35
"""How often an adjective is put in where one can be."""


@dataclass(frozen=True)
class _Word:
    """Characters `[start, end)` of a question that say an attribute, by its number, or a noun."""

    start: int
    end: int
    rank: int


class Descriptions:
    """Adjectives as known questions say them.

    Args:
        domain: adjectives of different attributes stand in the order of these.
    """

    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        self._rank = {name: rank for rank, name in enumerate(domain.attribute_names)}
        self._adjectives: dict[int, list[str]] = {}

    def learn(self, parse: Parse) -> None:
        """Take in the adjectives of a question: words that stand before others."""
        for _, words in self._phrases(parse):
            for word in words[:-1]:
                said = parse.question[word.start : word.end]
                self._adjectives.setdefault(word.rank, []).append(said)

    def detailed(self, parse: Parse, rng: Generator) -> str:
        """The question with some more adjectives, each of an attribute that was not said."""
        added: list[tuple[int, int, str]] = []
        for told, words in self._phrases(parse):
            for rank, adjectives in sorted(self._adjectives.items()):
                later = [word for word in words if word.rank > rank]
                if rank not in told and later and rng.random() < _ADDED:
                    adjective = adjectives[rng.integers(len(adjectives))]
                    added.append((later[0].start, rank, adjective))
        question = parse.question
        for start, _, adjective in sorted(added, reverse=True):
            question = f"{question[:start]}{adjective} {question[start:]}"
        return question

    def _phrases(self, parse: Parse) -> Iterator[tuple[set[int], list[_Word]]]:
        """For each thing the attributes that are told of it, and the words of its phrase."""
        nodes = parse.program.nodes
        inner = {source for node in nodes if node.operation in _FILTERS for source in node.inputs}
        for top, node in enumerate(nodes):
            if top in inner or node.operation not in (*_FILTERS, "scene"):
                continue
            told: set[int] = set()
            words: list[_Word] = []
            place: int | None = top
            while place is not None and nodes[place].operation in (*_FILTERS, "scene"):
                step = nodes[place]
                rank = len(self._rank)
                if step.argument:
                    rank = self._rank[self._domain.attribute_of(step.argument)]
                    told.add(rank)
                words += [_Word(start, end, rank) for start, end in parse.spans[place][:1]]
                place = step.inputs[0] if step.inputs else None
            yield told, _together(sorted(words, key=lambda word: word.start))


def _together(words: list[_Word]) -> list[_Word]:
    """The first of them, as far as one stands right behind the other."""
    for place, (word, after) in enumerate(pairwise(words), start=1):
        if after.start != word.end + 1:
            return words[:place]
    return words
