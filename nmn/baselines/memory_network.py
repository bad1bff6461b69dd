"""An end-to-end memory network over the cells.

Sukhbaatar et al. (2015, section 2), each cell a memory: `p = softmax(u A x)`, `o = sum(p C x)`,
`u' = u + o`, with the adjacent weights of section 2.2 (`A` of a hop is `C` of the one before).
Ours divides `u A x` by the root of the number of units, as Transformers do.
"""

from itertools import pairwise
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from nmn.baselines.base import Asked, Reasoner, ReasonerConfig, Reasoning, layers
from nmn.nn.attention import masked_softmax, seen
from nmn.nn.features import FeatureSize


class MemoryNetworkConfig(ReasonerConfig):
    """Sizes.

    Attributes:
        hops: one after the other.
        hidden: units of the layer before the answers.
        dropout: before the last layer, in training.
    """

    kind: Literal["memory_network"] = "memory_network"
    hops: int = Field(3, gt=0, le=64)
    hidden: int = Field(256, gt=0, le=8192)
    dropout: float = Field(0.0, ge=0, lt=1)


class MemoryNetwork(Reasoner):
    """Several hops, and layers upon the last."""

    def __init__(
        self, size: FeatureSize, asked: int, answers: int, config: MemoryNetworkConfig
    ) -> None:
        super().__init__()
        channels = size.channels + 2
        self.memories = nn.ModuleList(
            nn.Linear(channels, asked, bias=False) for _ in range(config.hops + 1)
        )
        self.say = layers(asked, config.hidden, answers, dropout=config.dropout)

    def forward(self, asked: Asked) -> Reasoning:
        """See `Reasoner`."""
        cells, there, known = asked.placed(), asked.present, asked.questions.whole
        memories = [memory(cells)[asked.picture] for memory in self.memories]
        weights = []
        for key, value in pairwise(memories):
            scores = torch.bmm(key, known[:, :, None]).squeeze(2) / known.shape[1] ** 0.5
            weights.append(masked_softmax(scores, there))
            known = known + seen(weights[-1], value)
        return Reasoning(self.say(known), torch.stack(weights, 1))
