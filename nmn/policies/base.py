"""What learned parsers have in common: encoder-decoders that say programs token by token."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from nmn.data.vocabulary import WordVocabulary
from nmn.program.tokens import START, TokenVocabulary

Rows = Int[Tensor, " row"]
"""Which of a batch, in which order; one may come twice."""


@dataclass(frozen=True, eq=False)
class Memory:
    """What an encoder says of questions.

    Attributes:
        values: of each word.
        words: which words there are.
        start: what the decoder begins with.
    """

    values: Float[Tensor, "batch word channel"]
    words: Bool[Tensor, "batch word"]
    start: tuple[Float[Tensor, "batch _"], ...] = ()

    def rows(self, rows: Rows) -> "Memory":
        """That of some questions."""
        start = tuple(part[rows] for part in self.start)
        return Memory(self.values[rows], self.words[rows], start)


State = tuple[Tensor, ...]
"""What a decoder remembers of each program between tokens; the batch is the first dimension."""


@dataclass(frozen=True, eq=False)
class Said:
    """What a decoder says.

    Attributes:
        logits: of each token, at each step.
        attention: how much each word counted; None for decoders that do not look back.
    """

    logits: Float[Tensor, "batch step token"]
    attention: Float[Tensor, "batch step word"] | None = None


class Policy(nn.Module, ABC):
    """An encoder-decoder from words to tokens."""

    words: WordVocabulary
    tokens: TokenVocabulary

    @abstractmethod
    def encode(self, words: Int[Tensor, "batch word"]) -> Memory:
        """Read questions, padded with `WordVocabulary.PAD`."""

    @abstractmethod
    def start(self, memory: Memory) -> State:
        """Before the first token."""

    @abstractmethod
    def step(
        self, memory: Memory, state: State, token: Int[Tensor, " batch"]
    ) -> tuple[Said, State]:
        """What comes after one more token each, the first of which is `START`."""

    @abstractmethod
    def teacher_forced(self, memory: Memory, tokens: Int[Tensor, "batch step"]) -> Said:
        """What comes after each of `tokens`, the first of which is `START`; as `step` says it."""


@contextmanager
def without_dropout(policy: nn.Module) -> Iterator[None]:
    """Within the `with`, all samples and scores are by one distribution; all else is as it was."""
    dropping = [part for part in policy.modules() if isinstance(part, nn.Dropout) and part.training]
    for part in dropping:
        part.eval()
    try:
        yield
    finally:
        for part in dropping:
            part.train()


def shifted(tokens: Int[Tensor, "batch step"]) -> Int[Tensor, "batch step"]:
    """What a decoder is given to say `tokens`: `START`, and all but the last."""
    return torch.cat([torch.full_like(tokens[:, :1], START), tokens[:, :-1]], dim=1)
