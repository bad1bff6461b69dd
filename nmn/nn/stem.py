"""The convolutional network that turns pictures into features."""

from typing import Literal

from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor, nn

from nmn.config import Config
from nmn.nn.features import Features, FeatureSize, check_size, grid_features

_MAX_CHANNELS = 4096


class StemConfig(Config):
    """Layers of a stem.

    Attributes:
        height, width: of the pictures, in pixels.
        layers: `(channels, kernel, stride)` of each convolution; each is followed by ReLU.
            The defaults see each 10x10 cell of SHAPES on its own.
        normalised: with batch normalisation before each ReLU.
    """

    kind: Literal["plain"] = "plain"
    height: int = Field(30, gt=0)
    width: int = Field(30, gt=0)
    layers: tuple[tuple[int, int, int], ...] = ((64, 10, 10), (64, 1, 1), (64, 1, 1))
    normalised: bool = False

    @model_validator(mode="after")
    def _leaves_cells(self) -> "StemConfig":
        if not self.layers:
            raise ValueError("a stem needs at least one layer")
        height, width = self.height, self.width
        for number, (channels, kernel, stride) in enumerate(self.layers, start=1):
            if min(channels, kernel, stride) < 1 or channels > _MAX_CHANNELS:
                raise ValueError(
                    f"layer {number}: channels (up to {_MAX_CHANNELS}), kernel and stride "
                    "must be positive"
                )
            if kernel > min(height, width):
                raise ValueError(f"layer {number}: a kernel of {kernel} on {width}x{height}")
            height, width = ((side - kernel) // stride + 1 for side in (height, width))
        return self

    @property
    def size(self) -> FeatureSize:
        """Channels and cells of the features."""
        height, width = self.height, self.width
        for _, kernel, stride in self.layers:
            height, width = ((side - kernel) // stride + 1 for side in (height, width))
        return FeatureSize(self.layers[-1][0], (height, width))


class Stem(nn.Module):
    """Convolutions without padding, each followed by ReLU, with or without normalisation."""

    def __init__(self, config: StemConfig) -> None:
        super().__init__()
        self.config = config
        layers: list[nn.Module] = []
        before = 3
        for channels, kernel, stride in config.layers:
            bias = not config.normalised  # which normalisation would take away again
            layers.append(nn.Conv2d(before, channels, kernel, stride, bias=bias))
            if config.normalised:
                layers.append(nn.BatchNorm2d(channels))
            layers.append(nn.ReLU())
            before = channels
        self.layers = nn.Sequential(*layers)

    def forward(self, pictures: Float[Tensor, "picture 3 height width"]) -> Features:
        """Features of pictures with values in [0, 1].

        Raises:
            ShapeError: pictures of another size than the stem was built for.
        """
        check_size(pictures, self.config.width, self.config.height)
        features: Features = grid_features(self.layers(pictures))
        return features
