"""A Transformer over words and cells: each looks at all.

Layers of Vaswani et al. (2017), with normalisation before each part (Xiong et al. 2020), over the
words of the question, the cells of the picture and one place more, from which the answer is read,
as in one-stream models of pictures and words (Li et al. 2019, VisualBERT). They are blocks of
`nmn.nn.graph`. Words are given as the question encoder left them, which knows their order.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import nn

from nmn.baselines.base import Asked, HeadedConfig, Reasoner, Reasoning, layers
from nmn.nn.features import FeatureSize
from nmn.nn.graph import DotHearing, Graph, GraphBlock, TransformerChange


class TransformerConfig(HeadedConfig):
    """Sizes.

    Attributes:
        rounds: layers.
        wide: units of the inner layer of each.
        hidden: units of the layer before the answers.
        dropout: before the last layer, in training.
    """

    kind: Literal["transformer"] = "transformer"
    rounds: int = Field(3, gt=0, le=64)
    wide: int = Field(256, gt=0, le=8192)
    hidden: int = Field(256, gt=0, le=8192)
    dropout: float = Field(0.0, ge=0, lt=1)


class Transformer(Reasoner):
    """Layers over words and cells, and layers upon the place that the answer is read from."""

    def __init__(
        self, size: FeatureSize, asked: int, answers: int, config: TransformerConfig
    ) -> None:
        super().__init__()
        units = config.units
        self.cell, self.word = nn.Linear(size.channels + 2, units), nn.Linear(asked, units)
        self.whole = nn.Linear(asked, units)
        self.kinds = nn.Parameter(torch.randn(3, units) / units**0.5)
        self.rounds = nn.Sequential(*(transformer_block(config) for _ in range(config.rounds)))
        self.norm = nn.LayerNorm(units)
        self.say = layers(units, config.hidden, answers, dropout=config.dropout)

    def forward(self, asked: Asked) -> Reasoning:
        """See `Reasoner`."""
        questions, there = asked.questions, asked.present
        first, words, cells = self.kinds
        nodes = torch.cat(
            [
                (self.whole(questions.whole) + first)[:, None],
                self.word(questions.words) + words,
                (self.cell(asked.placed()) + cells)[asked.picture],
            ],
            1,
        )
        present = torch.cat([torch.ones_like(there[:, :1]), questions.present, there], 1)
        graph = self.rounds(Graph(nodes * present[:, :, None], present, questions.whole))
        return Reasoning(self.say(self.norm(graph.nodes[:, 0])))


def transformer_block(config: TransformerConfig) -> GraphBlock:
    """A layer of a Transformer."""
    units = config.units
    hearing = DotHearing(units, units, config.heads)
    return GraphBlock(hearing, TransformerChange(units, config.wide), nn.LayerNorm(units))
