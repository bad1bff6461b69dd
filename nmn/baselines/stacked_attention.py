"""Stacked attention: what is seen is added to the question, which looks again.

Yang et al. (2016, equations 15 to 24): `p = softmax(w tanh(W v + U u))`, `u' = sum(p v) + u`, from
the question as the first `u`. Ours projects cells to the width of the question first, as they do
(equation 1), and knows where each cell is.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import nn

from nmn.baselines.base import Asked, Reasoner, ReasonerConfig, Reasoning, layers
from nmn.nn.attention import AdditiveAttention, seen
from nmn.nn.features import FeatureSize


class StackedAttentionConfig(ReasonerConfig):
    """Sizes.

    Attributes:
        looks: one after the other.
        attention: units in which cells and question meet.
        hidden: units of the layer before the answers.
        dropout: before the last layer, in training.
    """

    kind: Literal["stacked_attention"] = "stacked_attention"
    looks: int = Field(2, gt=0, le=64)
    attention: int = Field(128, gt=0, le=8192)
    hidden: int = Field(256, gt=0, le=8192)
    dropout: float = Field(0.0, ge=0, lt=1)


class StackedAttention(Reasoner):
    """Several looks, and layers upon the last."""

    def __init__(
        self, size: FeatureSize, asked: int, answers: int, config: StackedAttentionConfig
    ) -> None:
        super().__init__()
        self.cell = nn.Linear(size.channels + 2, asked)
        self.looks = nn.ModuleList(
            AdditiveAttention(asked, asked, config.attention) for _ in range(config.looks)
        )
        self.say = layers(asked, config.hidden, answers, dropout=config.dropout)

    def forward(self, asked: Asked) -> Reasoning:
        """See `Reasoner`."""
        cells = self.cell(asked.placed()).tanh()
        there, known, weights = asked.features.present, asked.questions.whole, []
        for look in self.looks:
            weights.append(look(cells, there, asked.picture, known))
            known = known + seen(weights[-1], cells[asked.picture])
        return Reasoning(self.say(known), torch.stack(weights, 1))
