"""A Transformer encoder-decoder (Vaswani et al. 2017), small, for short questions and programs.

Layers normalise before they look (Xiong et al. 2020). Where things stand enters as a learned bias
for each distance and head (Shaw et al. 2018, in the form of Raffel et al. 2020) and not as
positions, so that phrases mean the same wherever in a question they come.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field, model_validator
from torch import Tensor, nn

from nmn.config import Config
from nmn.data.vocabulary import WordVocabulary
from nmn.policies.base import Memory, Policy, Said, State
from nmn.program.tokens import TokenVocabulary

_NOWHERE = -1e30


class TransformerConfig(Config):
    """Sizes of a Transformer.

    Attributes:
        hidden: channels.
        heads: they are divided into so many.
        encoder_layers, decoder_layers: how many.
        farthest: distances beyond are taken as this one.
        dropout: in training.
    """

    kind: Literal["transformer"] = "transformer"
    hidden: int = Field(128, gt=0, le=4096)
    heads: int = Field(4, gt=0)
    encoder_layers: int = Field(2, gt=0, le=64)
    decoder_layers: int = Field(2, gt=0, le=64)
    farthest: int = Field(16, gt=0, le=1024)
    dropout: float = Field(0.1, ge=0, lt=1)

    @model_validator(mode="after")
    def _heads_are_alike(self) -> "TransformerConfig":
        if self.hidden % self.heads:
            raise ValueError(f"{self.heads} heads of {self.hidden} channels; wanted a divisor")
        return self


class Transformer(Policy):
    """A Transformer encoder-decoder."""

    def __init__(
        self, words: WordVocabulary, tokens: TokenVocabulary, config: TransformerConfig
    ) -> None:
        super().__init__()
        self.words, self.tokens, self.config = words, tokens, config
        self.word = nn.Embedding(len(words), config.hidden, padding_idx=WordVocabulary.PAD)
        self.token = nn.Embedding(len(tokens), config.hidden)
        self.dropout = nn.Dropout(config.dropout)
        self.encoder = nn.ModuleList(
            _Layer(config, looks_back=False) for _ in range(config.encoder_layers)
        )
        self.decoder = nn.ModuleList(
            _Layer(config, looks_back=True) for _ in range(config.decoder_layers)
        )
        self.encoder_norm, self.decoder_norm = (
            nn.LayerNorm(config.hidden),
            nn.LayerNorm(config.hidden),
        )
        self.distances, self.distances_back = _Distances(config), _Distances(config)
        self.say = nn.Linear(config.hidden, len(tokens))

    def encode(self, words: Int[Tensor, "batch word"]) -> Memory:
        """See `Policy`."""
        there = words != WordVocabulary.PAD
        bias = self.distances(words.shape[1], words.shape[1])
        bias = bias + there[:, None, None].logical_not() * _NOWHERE
        values = self.dropout(self.word(words))
        for layer in _layers(self.encoder):
            values, _ = layer(values, layer.known(values), bias)
        return Memory(self.encoder_norm(values), there)

    def start(self, memory: Memory) -> State:
        """See `Policy`."""
        none = memory.values.new_zeros(len(memory.values), 0, self.config.hidden)
        return (none,) * (2 * len(self.decoder))

    def step(
        self, memory: Memory, state: State, token: Int[Tensor, " batch"]
    ) -> tuple[Said, State]:
        """See `Policy`."""
        return self._decoded(memory, state, token[:, None])

    def teacher_forced(self, memory: Memory, tokens: Int[Tensor, "batch step"]) -> Said:
        """See `Policy`."""
        return self._decoded(memory, self.start(memory), tokens)[0]

    def _decoded(
        self, memory: Memory, state: State, tokens: Int[Tensor, "batch step"]
    ) -> tuple[Said, State]:
        """What comes after each of some more tokens, and all keys and values so far."""
        begin, end = state[0].shape[1], state[0].shape[1] + tokens.shape[1]
        later = torch.ones(end, end, dtype=torch.bool, device=tokens.device).triu(1)
        bias = self.distances_back(end, end).masked_fill(later, _NOWHERE)[:, begin:]
        nowhere = memory.words[:, None, None].logical_not() * _NOWHERE
        values, after, weights = self.dropout(self.token(tokens)), [], None
        for number, layer in enumerate(_layers(self.decoder)):
            own = layer.known(values)
            known = [torch.cat(pair, 1) for pair in zip(state[2 * number :], own, strict=False)]
            after += known
            values, weights = layer(values, known, bias, memory.values, nowhere)
        return Said(self.say(self.decoder_norm(values)), weights), tuple(after)


def _layers(layers: nn.ModuleList) -> list["_Layer"]:
    return [layer for layer in layers if isinstance(layer, _Layer)]


class _Layer(nn.Module):
    """Attention to the own sequence, in decoders to the question, and two layers for each place."""

    def __init__(self, config: TransformerConfig, *, looks_back: bool) -> None:
        super().__init__()
        hidden = config.hidden
        self.own_norm, self.own = nn.LayerNorm(hidden), _Attention(config)
        self.back_norm = nn.LayerNorm(hidden) if looks_back else None
        self.back = _Attention(config) if looks_back else None
        self.wide = nn.Sequential(
            nn.LayerNorm(hidden),
            nn.Linear(hidden, 4 * hidden),
            nn.ReLU(),
            nn.Linear(4 * hidden, hidden),
        )
        self.dropout = nn.Dropout(config.dropout)

    def known(self, values: Float[Tensor, "batch place channel"]) -> tuple[Tensor, Tensor]:
        """Keys and values of the own sequence."""
        return self.own.keys(self.own_norm(values))

    def forward(
        self,
        values: Float[Tensor, "batch place channel"],
        known: Sequence[Float[Tensor, "batch other channel"]],
        bias: Tensor,
        question: Float[Tensor, "batch word channel"] | None = None,
        nowhere: Tensor | None = None,
    ) -> tuple[Float[Tensor, "batch place channel"], Float[Tensor, "batch place word"] | None]:
        """The values of the next layer, and how much each word counted.

        Args:
            known: keys and values of the own sequence, all that is known of it.
            bias: of the own sequence's scores.
            nowhere: likewise of the question's.
        """
        seen, _ = self.own(self.own_norm(values), *known, bias)
        values = values + self.dropout(seen)
        weights = None
        if self.back is not None and self.back_norm is not None and question is not None:
            assert nowhere is not None
            seen, weights = self.back(self.back_norm(values), *self.back.keys(question), nowhere)
            values = values + self.dropout(seen)
        return values + self.dropout(self.wide(values)), weights


class _Attention(nn.Module):
    """Attention with several heads."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.query = nn.Linear(config.hidden, config.hidden)
        self.key_value = nn.Linear(config.hidden, 2 * config.hidden)
        self.out = nn.Linear(config.hidden, config.hidden)

    def keys(self, values: Float[Tensor, "batch place channel"]) -> tuple[Tensor, Tensor]:
        """Keys and values of places."""
        keys, kept = self.key_value(values).chunk(2, 2)
        return keys, kept

    def forward(
        self,
        values: Float[Tensor, "batch place channel"],
        keys: Float[Tensor, "batch other channel"],
        kept: Float[Tensor, "batch other channel"],
        bias: Tensor,
    ) -> tuple[Float[Tensor, "batch place channel"], Float[Tensor, "batch place other"]]:
        """What each place sees, and how much of each other on the mean of the heads."""
        query, key, value = (
            part.unflatten(2, (self.heads, -1)).transpose(1, 2)
            for part in (self.query(values), keys, kept)
        )
        scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[3]) + bias
        weights = scores.softmax(3)
        seen = (weights @ value).transpose(1, 2).flatten(2)
        return self.out(seen), weights.mean(1)


class _Distances(nn.Module):
    """A bias for each distance from one place to another, and each head."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.farthest = config.farthest
        self.bias = nn.Parameter(torch.zeros(config.heads, 2 * config.farthest + 1))

    def forward(self, places: int, others: int) -> Float[Tensor, "head place other"]:
        """Of each place to each other."""
        far = torch.arange(others)[None] - torch.arange(places)[:, None]
        return self.bias[:, far.clamp(-self.farthest, self.farthest) + self.farthest]
