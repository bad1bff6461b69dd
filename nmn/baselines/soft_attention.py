"""Soft visual attention in one step: the question looks at the picture once.

As in Show, Ask, Attend and Answer (Kazemi and Elqursh 2017, section 3), with one or more glimpses
at the same time, whose views are concatenated with the question. Ours scores cells by a sum, not by
convolutions over the concatenation, which for kernels of one cell is the same, and has tanh where
theirs has ReLU.
"""

from typing import Literal

import torch
from pydantic import Field

from nmn.baselines.base import Asked, Reasoner, ReasonerConfig, Reasoning, layers
from nmn.nn.attention import AdditiveAttention, seen
from nmn.nn.features import FeatureSize


class SoftAttentionConfig(ReasonerConfig):
    """Sizes.

    Attributes:
        glimpses: views at the same time.
        attention: units in which cells and question meet.
        hidden: units of the layer before the answers.
        dropout: before the last layer, in training.
    """

    kind: Literal["soft_attention"] = "soft_attention"
    glimpses: int = Field(2, gt=0, le=64)
    attention: int = Field(128, gt=0, le=8192)
    hidden: int = Field(256, gt=0, le=8192)
    dropout: float = Field(0.0, ge=0, lt=1)


class SoftAttention(Reasoner):
    """Layers upon the question and what it looked at."""

    def __init__(
        self, size: FeatureSize, asked: int, answers: int, config: SoftAttentionConfig
    ) -> None:
        super().__init__()
        channels = size.channels + 2
        self.glimpses = torch.nn.ModuleList(
            AdditiveAttention(channels, asked, config.attention) for _ in range(config.glimpses)
        )
        before = config.glimpses * channels + asked
        self.say = layers(before, config.hidden, answers, dropout=config.dropout)

    def forward(self, asked: Asked) -> Reasoning:
        """See `Reasoner`."""
        cells, whole = asked.placed(), asked.questions.whole
        there = asked.features.present
        weights = [look(cells, there, asked.picture, whole) for look in self.glimpses]
        views = [seen(weight, cells[asked.picture]) for weight in weights]
        return Reasoning(self.say(torch.cat([*views, whole], 1)), torch.stack(weights, 1))
