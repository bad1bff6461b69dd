"""Graph networks over cells or objects, in three flavours, for one or more rounds.

`convolutional` (Kipf and Welling 2017), `attentional` (Velickovic et al. 2018) and
`message_passing` (Gilmer et al. 2017; Battaglia et al. 2018), all on the blocks of `nmn.nn.graph`.
Every node hears every other one, and what is asked is known to all.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import nn

from nmn.baselines.base import Asked, HeadedConfig, Reasoner, Reasoning, layers
from nmn.nn.attention import masked_mean
from nmn.nn.features import FeatureSize
from nmn.nn.graph import (
    AdditiveHearing,
    Graph,
    GraphBlock,
    Hearing,
    Joined,
    MeanHearing,
    PairHearing,
)

Flavour = Literal["convolutional", "attentional", "message_passing"]


class GraphNetworkConfig(HeadedConfig):
    """Sizes.

    Attributes:
        flavour: what nodes hear.
        rounds: one after the other.
        messages: layers of the network of a message.
        hidden: units of the layer before the answers.
        dropout: before the last layer, in training.
    """

    kind: Literal["graph_network"] = "graph_network"
    flavour: Flavour = "message_passing"
    rounds: int = Field(2, gt=0, le=64)
    messages: int = Field(2, gt=0, le=16)
    hidden: int = Field(256, gt=0, le=8192)
    dropout: float = Field(0.0, ge=0, lt=1)


class GraphNetwork(Reasoner):
    """Rounds of hearing and changing, and layers upon the mean of all nodes and the question."""

    def __init__(
        self, size: FeatureSize, asked: int, answers: int, config: GraphNetworkConfig
    ) -> None:
        super().__init__()
        units = config.units
        self.cell = nn.Linear(size.channels + 2, units)
        self.question = nn.Linear(asked, units, bias=False)
        self.rounds = nn.Sequential(
            *(
                GraphBlock(_hearing(config, asked), Joined(units, units, asked, units))
                for _ in range(config.rounds)
            )
        )
        self.say = layers(units + asked, config.hidden, answers, dropout=config.dropout)

    def forward(self, asked: Asked) -> Reasoning:
        """See `Reasoner`."""
        whole, there = asked.questions.whole, asked.present
        nodes = self.cell(asked.placed())[asked.picture] + self.question(whole)[:, None]
        graph = self.rounds(Graph(nodes.relu() * there[:, :, None], there, whole))
        mean = masked_mean(graph.nodes, there)
        return Reasoning(self.say(torch.cat([mean, whole], 1)))


def _hearing(config: GraphNetworkConfig, asked: int) -> Hearing:
    units = config.units
    if config.flavour == "convolutional":
        return MeanHearing(units, units)
    if config.flavour == "attentional":
        return AdditiveHearing(units, units, config.heads)
    return PairHearing(units, asked, (units,) * config.messages)
