"""Questions as vectors: one for each word, and one for the whole."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from nmn.config import Config

PADDING = 0
"""The index that stands for no word, as in word vocabularies."""


class QuestionEncoderConfig(Config):
    """Sizes of a question encoder.

    Attributes:
        embedding: channels of each word.
        hidden: channels of what is made of them.
        both_ways: whether the question is also read from its end, by half of the channels.
    """

    embedding: int = Field(32, gt=0, le=4096)
    hidden: int = Field(128, gt=1, le=4096, multiple_of=2)
    both_ways: bool = False


@dataclass(frozen=True, eq=False)
class EncodedQuestions:
    """Questions, each as a whole and word by word.

    Attributes:
        whole: the state of the encoder at the end.
        words: its state at each word; zeros where there is none.
        present: which words there are.
    """

    whole: Float[Tensor, "batch unit"]
    words: Float[Tensor, "batch token unit"]
    present: Bool[Tensor, "batch token"]


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
        self.lstm = nn.LSTM(
            config.embedding, hidden, batch_first=True, bidirectional=config.both_ways
        )

    def forward(self, tokens: Int[Tensor, "batch token"]) -> EncodedQuestions:
        """Questions from indices of words; what follows the last word changes nothing."""
        present = tokens != PADDING
        lengths = present.sum(1)
        if not len(tokens) or not int(lengths.max() if lengths.numel() else 0):
            none = torch.zeros(*tokens.shape, self.config.hidden, device=tokens.device)
            return EncodedQuestions(none.sum(1), none, present)
        embedded = self.word(tokens)
        # Of an empty question the padding is read.
        packed = pack_padded_sequence(
            embedded, lengths.clamp_min(1).cpu(), batch_first=True, enforce_sorted=False
        )
        states, (ends, _) = self.lstm(packed)
        words, _ = pad_packed_sequence(states, batch_first=True, total_length=tokens.shape[1])
        return EncodedQuestions(ends.transpose(0, 1).flatten(1), words, present)
