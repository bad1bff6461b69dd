"""Picture and question side by side: the CNN and LSTM of the CLEVR paper.

Johnson et al. (2017, section 5.1) concatenate what a CNN makes of the picture with the state of an
LSTM, and put layers upon both. It is also the CNN and MLP of the relation network's paper (Santoro
et al. 2017). Ours looks at the mean and the maximum over cells, or at all cells one after the other
where there is a grid (`flat`).
"""

from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from nmn.baselines.base import Asked, Reasoner, ReasonerConfig, Reasoning, Units, layers
from nmn.errors import ConfigError
from nmn.nn.attention import masked_mean
from nmn.nn.features import Features, FeatureSize


class JoinedConfig(ReasonerConfig):
    """Sizes.

    Attributes:
        hidden: units of each layer before the answers.
        flat: whether each cell has weights of its own; cells must be on a grid.
        dropout: before the last layer, in training.
    """

    kind: Literal["joined"] = "joined"
    hidden: tuple[Units, ...] = (256, 256)
    flat: bool = True
    dropout: float = Field(0.0, ge=0, lt=1)


class Joined(Reasoner):
    """Layers upon cells and question.

    Raises:
        ConfigError: weights for each cell, and no grid.
    """

    def __init__(self, size: FeatureSize, asked: int, answers: int, config: JoinedConfig) -> None:
        super().__init__()
        if config.flat and size.grid is None:
            problem = "true, and what is looked at is on no grid; nearest: false"
            raise ConfigError("model.reasoner.flat", problem)
        self.flat = config.flat
        cells = size.grid[0] * size.grid[1] if self.flat and size.grid is not None else 2
        before = cells * size.channels + asked
        self.say = layers(before, *config.hidden, answers, dropout=config.dropout)

    def forward(self, asked: Asked) -> Reasoning:
        """See `Reasoner`."""
        seen = asked.features.values.flatten(1) if self.flat else _pooled(asked.features)
        return Reasoning(self.say(torch.cat([seen[asked.picture], asked.questions.whole], 1)))


def _pooled(features: Features) -> Float[Tensor, "picture channel"]:
    """The mean and the maximum over the cells that there are."""
    there = features.present[:, :, None]
    most = features.values.masked_fill(~there, -torch.inf).amax(1)
    mean = masked_mean(features.values, features.present)
    return torch.cat([mean, most.masked_fill(most == -torch.inf, 0.0)], 1)
