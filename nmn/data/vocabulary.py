"""The words that a model has seen."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Int
from torch import Tensor


@dataclass(frozen=True)
class WordVocabulary:
    """Words by index; the first two indices are padding and unknown words."""

    words: tuple[str, ...]

    PAD = 0
    UNKNOWN = 1

    @cached_property
    def _index(self) -> dict[str, int]:
        return {word: index for index, word in enumerate(self.words, start=2)}

    def __len__(self) -> int:
        return len(self.words) + 2

    def unknown(self, words: Iterable[str]) -> tuple[str, ...]:
        """What the reader should know of words that no training question had."""
        unknown = dict.fromkeys(word for word in words if word not in self._index)
        return tuple(f"unknown word '{word}', read as any" for word in unknown)

    def encode(self, questions: Sequence[Sequence[str]]) -> Int[Tensor, "batch token"]:
        """Indices of the words of each question, padded to the longest."""
        longest = max((len(question) for question in questions), default=0)
        index = self._index
        rows = [
            [index.get(word, self.UNKNOWN) for word in question]
            + [self.PAD] * (longest - len(question))
            for question in questions
        ]
        return torch.tensor(rows, dtype=torch.long).view(len(rows), longest)


def vocabulary_of(questions: Iterable[Sequence[str]]) -> WordVocabulary:
    """All words of `questions`, sorted."""
    return WordVocabulary(tuple(sorted({word for question in questions for word in question})))
