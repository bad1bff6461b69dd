"""Questions as vectors: one for each word, and one for the whole."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from nmn.config import Config

PADDING = 0
"""The index that stands for no word, as in word vocabularies."""


class QuestionEncoderConfig(Config):
    """Sizes of a question encoder.

    Attributes:
        kind: `lstm`, or `bag`, for which the order of words is nothing.
        embedding: channels of each word.
        hidden: channels of what is made of them.
        both_ways: whether the question is also read from its end, by half of the channels.
    """

    kind: Literal["lstm", "bag"] = "lstm"
    embedding: int = Field(32, gt=0, le=4096)
    hidden: int = Field(128, gt=1, le=4096, multiple_of=2)
    both_ways: bool = False

    @model_validator(mode="after")
    def _has_an_order(self) -> "QuestionEncoderConfig":
        if self.kind == "bag" and self.both_ways:
            raise ValueError("both_ways of a bag of words, which has no order; wanted kind = lstm")
        return self


@dataclass(frozen=True, eq=False)
class EncodedQuestions:
    """Questions, each as a whole and word by word.

    Attributes:
        whole: the state of the encoder at the end, or the sum of the words.
        words: its state at each word, or the word alone; zeros where there is none.
        present: which words there are.
    """

    whole: Float[Tensor, "batch unit"]
    words: Float[Tensor, "batch token unit"]
    present: Bool[Tensor, "batch token"]


class BagOfWords(nn.Module):
    """The sum of a vector for each word, whatever their order.

    What one word more or less changes is as large in it from the beginning as what is said, which
    is small in the state of an LSTM that has learned nothing yet.

    Args:
        words: how many indices of words there are, padding and unknown words among them.
    """

    def __init__(self, words: int, config: QuestionEncoderConfig) -> None:
        super().__init__()
        self.word = nn.Embedding(words, config.embedding, padding_idx=PADDING)
        self.widen = nn.Linear(config.embedding, config.hidden, bias=False)

    def forward(self, tokens: Int[Tensor, "batch token"]) -> EncodedQuestions:
        """Questions from indices of words; what follows the last word changes nothing."""
        words = self.widen(self.word(tokens))  # of padding, zeros
        return EncodedQuestions(words.sum(1), words, tokens != PADDING)


class QuestionEncoder(nn.Module):
    """An LSTM over the words (Hochreiter and Schmidhuber 1997).

    Args:
        words: how many indices of words there are, padding and unknown words among them.
    """

    def __init__(self, words: int, config: QuestionEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.word = nn.Embedding(words, config.embedding, padding_idx=PADDING)
        hidden = config.hidden // 2 if config.both_ways else config.hidden
        self.lstm = _remembering_lstm(config.embedding, hidden)
        if config.both_ways:
            self.from_end = _remembering_lstm(config.embedding, hidden)

    def forward(self, tokens: Int[Tensor, "batch token"]) -> EncodedQuestions:
        """Questions from indices of words; what follows the last word changes nothing."""
        present = tokens != PADDING
        lengths = present.sum(1)
        if not tokens.numel():
            none = torch.zeros(*tokens.shape, self.config.hidden, device=tokens.device)
            return EncodedQuestions(none.sum(1), none, present)
        embedded = self.word(tokens)
        last = (lengths - 1).clamp_min(0)
        words = _states(self.lstm, embedded, lengths)
        whole = _at(words, last[:, None]).squeeze(1)
        if self.config.both_ways:
            # Each question from its end, and the states back to where their words are.
            places = last[:, None] - torch.arange(tokens.shape[1], device=tokens.device)
            places = torch.where(present, places, 0)
            turned = _at(_states(self.from_end, _at(embedded, places), lengths), places)
            words = torch.cat([words, turned], 2)
            whole = torch.cat([whole, turned[:, 0]], 1)
        asked = (lengths > 0).to(words.dtype)[:, None]
        return EncodedQuestions(whole * asked, words * present[:, :, None], present)


def _remembering_lstm(channels: int, hidden: int) -> nn.LSTM:
    """An LSTM whose forget gates are rather open at first (Jozefowicz et al. 2015).

    With gates half open, as they are otherwise, nothing is left of the first words at the end of a
    long question, and what they ask for is learned much later.
    """
    lstm = nn.LSTM(channels, hidden, batch_first=True)
    with torch.no_grad():
        # In the order of PyTorch: input, forget, cell, output.
        lstm.get_parameter("bias_ih_l0")[hidden : 2 * hidden] += 1.0
    return lstm


_TOGETHER = 64
"""Questions that are read together, on a CPU about so many."""


def _states(
    lstm: nn.Module, words: Float[Tensor, "batch token channel"], lengths: Int[Tensor, " batch"]
) -> Float[Tensor, "batch token unit"]:
    """The states at each word, and anything behind the last one.

    Questions of like length are read together, so that few steps are about padding. PyTorch's
    packed sequences have none, but are about twice as slow on a CPU
    (`benchmarks/question_encoder.py`).
    """
    groups = max(1, len(words) // _TOGETHER) if words.device.type == "cpu" else 1
    order = lengths.argsort(descending=True)
    states = []
    for rows in order.tensor_split(groups):
        longest = max(1, int(lengths[rows[0]]))
        read, _ = lstm(words.index_select(0, rows)[:, :longest])
        states.append(functional.pad(read, (0, 0, 0, words.shape[1] - longest)))
    return torch.cat(states).index_select(0, order.argsort()).to(words.dtype)


def _at(
    values: Float[Tensor, "batch token channel"], places: Int[Tensor, "batch place"]
) -> Float[Tensor, "batch place channel"]:
    """What each row has in some places."""
    return values.gather(1, places[:, :, None].expand(-1, -1, values.shape[2]))


def build_question_encoder(words: int, config: QuestionEncoderConfig) -> nn.Module:
    """The encoder that is configured."""
    return BagOfWords(words, config) if config.kind == "bag" else QuestionEncoder(words, config)
