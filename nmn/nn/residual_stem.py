"""A residual network that turns pictures into a grid of features."""

from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field, field_validator, model_validator
from torch import Tensor, nn
from torch.nn import functional

from nmn.config import Config
from nmn.nn.features import Features, FeatureSize, check_size, grid_features
from nmn.nn.precision import Precision, training_precision

_MAX_CHANNELS = 4096


class ResidualStemConfig(Config):
    """Layers of a residual stem.

    Attributes:
        height, width: of the pictures, in pixels.
        patch: side of the squares that become cells at the first level; what is left of a picture
            at its right and lower edge is seen by them, but has no cell.
        levels: `(channels, blocks)` of each level; each but the first halves the grid.
        training: the precision of convolutions in training; `auto` is bfloat16 where the device
            computes in it, which takes half the time, and float32 elsewhere. Trained models
            always look with float32.
    """

    kind: Literal["residual"] = "residual"
    height: int = Field(160, gt=0, le=4096)
    width: int = Field(240, gt=0, le=4096)
    patch: int = Field(4, ge=2, le=32, multiple_of=2)
    levels: tuple[tuple[int, int], ...] = ((48, 1), (96, 3))
    training: Precision = "auto"

    @field_validator("levels")
    @classmethod
    def _has_levels(cls, levels: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        if not levels:
            raise ValueError("a stem needs at least one level")
        for number, (channels, blocks) in enumerate(levels, start=1):
            if not 1 <= channels <= _MAX_CHANNELS or blocks < 0:
                raise ValueError(
                    f"level {number}: wanted 1 to {_MAX_CHANNELS} channels, and blocks from 0 on"
                )
        return levels

    @model_validator(mode="after")
    def _leaves_cells(self) -> "ResidualStemConfig":
        if min(self.height, self.width) < self.patch:
            raise ValueError(f"patches of {self.patch} on {self.width}x{self.height}")
        return self

    @property
    def size(self) -> FeatureSize:
        """Channels and cells of the features."""
        height, width = self.height // self.patch, self.width // self.patch
        for _ in self.levels[1:]:
            height, width = -(-height // 2), -(-width // 2)
        return FeatureSize(self.levels[-1][0], (height, width))


class ResidualStem(nn.Module):
    """Levels of residual blocks (He et al. 2016), batch-normalised, as deep as is cheap on a CPU.

    The first convolution looks at patches that overlap by half.
    """

    def __init__(self, config: ResidualStemConfig) -> None:
        super().__init__()
        self.config = config
        layers: list[nn.Module] = []
        before = 3
        for number, (channels, blocks) in enumerate(config.levels):
            kernel, stride = (3, 2) if number else (2 * config.patch, config.patch)
            padding = 1 if number else config.patch // 2
            convolution = nn.Conv2d(before, channels, kernel, stride, padding, bias=False)
            layers += [convolution, nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
            layers += [_Block(channels) for _ in range(blocks)]
            before = channels
        self.layers = nn.Sequential(*layers)
        for layer in self.layers.modules():
            if isinstance(layer, nn.Conv2d):  # else each call would bring the weights into order
                layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)

    def forward(self, pictures: Float[Tensor, "picture 3 height width"]) -> Features:
        """Features of pictures with values in [0, 1].

        Raises:
            ShapeError: pictures of another size than the stem was built for.
        """
        check_size(pictures, self.config.width, self.config.height)
        centred = (pictures - 0.5).contiguous(memory_format=torch.channels_last)
        with training_precision(self.config.training, self, centred):
            maps = self.layers(centred)
        features: Features = grid_features(maps.to(pictures.dtype))
        return features


class _Block(nn.Module):
    """Two convolutions and the way around them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.second_norm.weight)  # a block begins as the way around it

    def forward(self, maps: Tensor) -> Tensor:
        inner = functional.relu_(self.first_norm(self.first(maps)))
        return functional.relu_(self.second_norm(self.second(inner)) + maps)
