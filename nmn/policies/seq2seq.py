"""LSTM encoder-decoders: with attention over the words, and without.

Encoder, decoder and multiplicative attention are those of Luong et al. (2015, section 3.1), which
Inferring and Executing Programs (Johnson et al. 2017) and N2NMN (Hu et al. 2017) use in kindred
forms. Ours differs in that what was attended to is not fed back into the recurrence, so that a
known program is scored in one pass, and in that a word is attended to by itself as well as by what
surrounds it, which lets rare words speak for themselves.
"""

from typing import Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from nmn.config import Config
from nmn.data.vocabulary import WordVocabulary
from nmn.policies.base import Memory, Policy, Said, State
from nmn.program.tokens import TokenVocabulary

_NOWHERE = -1e30
"""The score of what is no word; finite, as a question may have none."""


class Seq2SeqConfig(Config):
    """Sizes of an LSTM encoder-decoder.

    Attributes:
        hidden: channels of the decoder; the encoder has half of them in each direction.
        embedding: channels of words and tokens.
        attention: whether the decoder looks back at the words.
        dropout: of embeddings and of what is said, in training.
    """

    kind: Literal["lstm"] = "lstm"
    hidden: int = Field(128, gt=1, le=4096, multiple_of=2)
    embedding: int = Field(64, gt=0, le=4096)
    attention: bool = True
    dropout: float = Field(0.0, ge=0, lt=1)


class Seq2Seq(Policy):
    """An LSTM encoder-decoder."""

    def __init__(
        self, words: WordVocabulary, tokens: TokenVocabulary, config: Seq2SeqConfig
    ) -> None:
        super().__init__()
        self.words, self.tokens, self.config = words, tokens, config
        width, hidden = config.embedding, config.hidden
        self.word = nn.Embedding(len(words), width, padding_idx=WordVocabulary.PAD)
        self.token = nn.Embedding(len(tokens), width)
        self.encoder = nn.LSTM(width, hidden // 2, batch_first=True, bidirectional=True)
        self.decoder = nn.LSTM(width, hidden, batch_first=True)
        self.dropout = nn.Dropout(config.dropout)
        self.read = nn.Linear(hidden + width, hidden) if config.attention else None
        self.look = nn.Linear(hidden, hidden, bias=False) if config.attention else None
        self.join = nn.Linear(2 * hidden if config.attention else hidden, hidden)
        self.say = nn.Linear(hidden, len(tokens))

    def encode(self, words: Int[Tensor, "batch word"]) -> Memory:
        """See `Policy`."""
        there = words != WordVocabulary.PAD
        embedded = self.dropout(self.word(words))
        lengths = there.sum(1).clamp_min(1).cpu()  # of an empty question the padding is read
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        states, ends = self.encoder(packed)
        around, _ = pad_packed_sequence(states, batch_first=True, total_length=words.shape[1])
        # Both directions of the last states side by side.
        start = tuple(end.transpose(0, 1).flatten(1) for end in ends)
        values = torch.cat([around, embedded], 2)
        return Memory(values if self.read is None else self.read(values), there, start)

    def start(self, memory: Memory) -> State:
        """See `Policy`."""
        return memory.start

    def step(
        self, memory: Memory, state: State, token: Int[Tensor, " batch"]
    ) -> tuple[Said, State]:
        """See `Policy`."""
        before = (state[0][None], state[1][None])
        states, (hidden, cell) = self.decoder(self.dropout(self.token(token[:, None])), before)
        return self._said(memory, states), (hidden[0], cell[0])

    def teacher_forced(self, memory: Memory, tokens: Int[Tensor, "batch step"]) -> Said:
        """See `Policy`."""
        before = (memory.start[0][None].contiguous(), memory.start[1][None].contiguous())
        states, _ = self.decoder(self.dropout(self.token(tokens)), before)
        return self._said(memory, states)

    def _said(self, memory: Memory, states: Float[Tensor, "batch step channel"]) -> Said:
        weights = None
        if self.look is not None:
            scores = self.look(states) @ memory.values.transpose(1, 2)
            scores = scores.masked_fill(~memory.words[:, None], _NOWHERE)
            weights = scores.softmax(2)
            states = torch.cat([states, weights @ memory.values], 2)
        return Said(self.say(self.dropout(self.join(states).tanh())), weights)
