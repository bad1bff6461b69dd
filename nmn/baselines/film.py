"""FiLM: the question scales and shifts the channels of a convolutional network.

Perez et al. (2018, section 2): `FiLM(x) = (1 + gamma) x + beta` with both from the question, in
residual blocks of a 1x1 convolution (behind the coordinates), a 3x3 one, normalisation without
parameters, FiLM and ReLU; then a 1x1 convolution, the maximum over cells and layers. Ours
normalises each map by itself (group normalisation of one group a channel would be instance
normalisation; here all channels are one group), so that a batch of one is as any other.
"""

from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from nmn.baselines.base import Asked, Reasoner, ReasonerConfig, Reasoning, layers
from nmn.errors import ConfigError
from nmn.nn.features import FeatureSize


class FilmConfig(ReasonerConfig):
    """Sizes.

    Attributes:
        blocks: residual blocks.
        channels: of each.
        classifier: channels of the last convolution.
        hidden: units of the layer before the answers.
        dropout: before the last layer, in training.
    """

    kind: Literal["film"] = "film"
    blocks: int = Field(4, gt=0, le=64)
    channels: int = Field(64, gt=0, le=4096)
    classifier: int = Field(256, gt=0, le=8192)
    hidden: int = Field(256, gt=0, le=8192)
    dropout: float = Field(0.0, ge=0, lt=1)


class FilmBlock(nn.Module):
    """A residual block whose channels the question scales and shifts."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels + 2, channels, 1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.GroupNorm(1, channels, affine=False)

    def forward(
        self,
        maps: Float[Tensor, "batch channel height width"],
        places: Float[Tensor, "batch 2 height width"],
        scale: Float[Tensor, "batch channel"],
        shift: Float[Tensor, "batch channel"],
    ) -> Float[Tensor, "batch channel height width"]:
        """The maps afterwards."""
        before: Tensor = self.first(torch.cat([maps, places], 1)).relu()
        after: Tensor = self.norm(self.second(before))
        changed = (1 + scale)[:, :, None, None] * after + shift[:, :, None, None]
        return before + changed.relu()


class Film(Reasoner):
    """Residual blocks that the question conditions, and layers upon the maximum over cells.

    Raises:
        ConfigError: cells on no grid.
    """

    def __init__(self, size: FeatureSize, asked: int, answers: int, config: FilmConfig) -> None:
        super().__init__()
        if size.grid is None:
            problem = "film looks at a grid; wanted pictures, and all of their cells"
            raise ConfigError("model.reasoner.kind", problem)
        channels = config.channels
        self.enter = nn.Conv2d(size.channels + 2, channels, 3, padding=1)
        self.blocks = nn.ModuleList(FilmBlock(channels) for _ in range(config.blocks))
        self.condition = nn.Linear(asked, 2 * channels * config.blocks)
        self.leave = nn.Conv2d(channels + 2, config.classifier, 1)
        self.say = layers(config.classifier, config.hidden, answers, dropout=config.dropout)

    def forward(self, asked: Asked) -> Reasoning:
        """See `Reasoner`."""
        grid = asked.features.grid
        assert grid is not None
        placed = asked.placed().transpose(1, 2).reshape(-1, self.enter.in_channels, *grid)
        # What does not depend on the question is worked out once for each picture.
        maps = self.enter(placed).relu()[asked.picture]
        places = placed[asked.picture, -2:]
        conditions = self.condition(asked.questions.whole).chunk(2 * len(self.blocks), dim=1)
        for block, scale, shift in zip(self.blocks, conditions[::2], conditions[1::2], strict=True):
            maps = block(maps, places, scale, shift)
        maps = functional.relu(self.leave(torch.cat([maps, places], 1)))
        return Reasoning(self.say(maps.amax((2, 3))))
