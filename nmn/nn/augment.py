"""Pictures as other cameras could have taken them, so that a model minds no difference."""

from functools import reduce

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from nmn.config import Config

_BRIGHTNESS = (0.299, 0.587, 0.114)
"""What red, green and blue weigh in how bright a pixel is (BT.601, as in JPEG)."""


class AugmentConfig(Config):
    """How far pictures are changed, each by an amount of its own; 0 leaves them as they are.

    Attributes:
        light: brightness and contrast are multiplied by up to `1 +- light`.
        gamma: the exponent of all values is up to `1 +- gamma`.
        colour: saturation and each of red, green and blue by up to `1 +- colour`.
        blur: how much of a pixel may come from its 8 neighbours.
        chroma_blur: likewise from the 5x5 pixels around it, but of its colour alone, which JPEG
            keeps in less detail.
        noise: standard deviation of the noise of pixels.
    """

    light: float = Field(0.0, ge=0, lt=1)
    gamma: float = Field(0.0, ge=0, lt=1)
    colour: float = Field(0.0, ge=0, lt=1)
    blur: float = Field(0.0, ge=0, le=1)
    chroma_blur: float = Field(0.0, ge=0, le=1)
    noise: float = Field(0.0, ge=0, le=1)


def augment(
    pictures: Float[Tensor, "picture 3 height width"],
    config: AugmentConfig,
    generator: torch.Generator,
) -> Float[Tensor, "picture 3 height width"]:
    """The pictures, values in [0, 1], changed at random.

    Args:
        generator: of the CPU, wherever the pictures are.
    """

    def amounts(low: float, high: float, channels: int = 1) -> Tensor:
        drawn = torch.rand(len(pictures), 1, channels, generator=generator)
        return (low + (high - low) * drawn).to(pictures)

    def factors(most: float, channels: int = 1) -> Tensor:
        return amounts(1 - most, 1 + most, channels)

    if config.blur:
        pictures = pictures.lerp(_means(pictures, 3), amounts(0.0, config.blur)[..., None])
    if config.chroma_blur:
        share = amounts(0.0, config.chroma_blur)[..., None]
        grey = (pictures * pictures.new_tensor(_BRIGHTNESS).view(1, 3, 1, 1)).sum(1, keepdim=True)
        chroma = pictures - grey
        pictures = grey + chroma.lerp(_means(chroma, 5), share)
    # Pixel by pixel, in one place of memory: at this size that is most of what it takes.
    pixels = pictures.permute(0, 2, 3, 1).flatten(1, 2)
    if config.colour or config.light:
        saturation, gains = factors(config.colour), factors(config.colour, channels=3)
        contrast, brightness = factors(config.light), factors(config.light)
        pixels = _coloured(pixels, saturation, gains, contrast, brightness)
    else:
        pixels = pixels.clone()
    if config.gamma:
        pixels.clamp_(1e-4, 1).pow_(factors(config.gamma))
    if config.noise:
        # numbers for one picture, used for all, are cheaper by far and no less noisy
        drawn = torch.randn(pixels.shape[1:], generator=generator).to(pixels)
        pixels.addcmul_(amounts(0.0, config.noise), drawn[None])
    height, width = pictures.shape[2:]
    return pixels.clamp_(0, 1).view(len(pictures), height, width, 3).permute(0, 3, 1, 2)


def _coloured(
    pixels: Float[Tensor, "picture pixel 3"],
    saturation: Float[Tensor, "picture 1 1"],
    gains: Float[Tensor, "picture 1 3"],
    contrast: Float[Tensor, "picture 1 1"],
    brightness: Float[Tensor, "picture 1 1"],
) -> Float[Tensor, "picture pixel 3"]:
    """Colours farther from grey and from the picture's mean, all as one linear map a picture."""
    grey = pixels.new_tensor(_BRIGHTNESS)[:, None].expand(3, 3)  # of a row, to each channel
    map_ = (saturation * torch.eye(3).to(pixels) + (1 - saturation) * grey) * gains
    mean = (pixels.mean(1, keepdim=True) @ map_).mean(2, keepdim=True)
    return torch.baddbmm((brightness - contrast) * mean, pixels, contrast * map_)


def _means(pictures: Tensor, side: int) -> Tensor:
    """The mean of the square around each pixel; edges go on as they are."""
    height, width = pictures.shape[-2:]
    around = functional.pad(pictures, [side // 2] * 4, mode="replicate")
    # Sums of shifted pictures take a sixth of the time of a pooling that overlaps.
    along = reduce(torch.add, (around[..., place : place + width] for place in range(side)))
    both = reduce(torch.add, (along[..., place : place + height, :] for place in range(side)))
    return both / side**2
