"""Pictures of CLEVR's world, many at once, on any device."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Int, UInt8
from pydantic import Field
from torch import Tensor

from nmn.config import Config
from nmn.errors import ConfigError, listing
from nmn.render.bodies import normalized
from nmn.render.floor import floor_picture, seen_ground
from nmn.render.floor_map import floor_map
from nmn.render.objects import Objects, View
from nmn.render.primary import fragments, look
from nmn.render.scenes import Scenes
from nmn.render.shade import shade

VISIBLE_SIZE = (320, 240)
"""The size of the picture in whose pixels CLEVR counts how much of an object is seen."""
NOTHING = -1
"""The id of the ground."""

_COUNTED = 240 * 160
_BRIGHTEST = 8.0
_SAMPLES_AT_ONCE = {"cpu": 1 << 19, "cuda": 1 << 23}


class RenderConfig(Config):
    """What pictures are like.

    Attributes:
        width, height: in pixels, both even.
        grain: standard deviation of the noise, in levels of 255; that of the originals is 0.6.
    """

    width: int = Field(480, ge=16, le=4096, multiple_of=2)
    height: int = Field(320, ge=16, le=4096, multiple_of=2)
    grain: float = Field(0.0, ge=0, le=50)


@dataclass(frozen=True, eq=False)
class Maps:
    """What is where in pictures, at the middle of each pixel.

    Attributes:
        ids: the object's place in its scene, or `NOTHING`.
        depth: along the view, in scene units.
        normals: of length 1, in scene coordinates.
    """

    ids: Int[Tensor, "picture height width"]
    depth: Float[Tensor, "picture height width"]
    normals: Float[Tensor, "picture 3 height width"]


class Renderer:
    """Draws scenes.

    Raises:
        ConfigError: there is no such device.
    """

    def __init__(self, config: RenderConfig | None = None, device: str = "cpu") -> None:
        self.config = config or RenderConfig()
        try:
            self.device = torch.empty(0, device=device).device
        except (RuntimeError, AssertionError) as error:
            raise ConfigError("device", f"no device '{device}' here") from error
        if self.device.type not in _SAMPLES_AT_ONCE:
            problem = f"wanted {listing(_SAMPLES_AT_ONCE)}, got '{device}'"
            raise ConfigError("device", problem)

    def render(
        self, scenes: Scenes, seeds: Sequence[int] | None = None
    ) -> UInt8[Tensor, "picture height width 3"]:
        """The pictures, RGB.

        Args:
            seeds: of the grain of each picture; without, 0, 1, ...
        """
        size = self.config.width, self.config.height
        seeds = range(len(scenes)) if seeds is None else seeds
        pictures = torch.empty(len(scenes), size[1], size[0], 3, dtype=torch.uint8)
        for begin, end in self._parts(len(scenes), *size):
            part = scenes.part(begin, end).to(self.device)
            with torch.inference_mode():
                levels = 255 * developed(radiance(part, *size)).movedim(0, -1)
                if self.config.grain:
                    noise = _noise(seeds[begin:end], levels.shape[1:]).to(self.device)
                    levels = levels + self.config.grain * noise
                pictures[begin:end] = levels.round().clamp(0, 255).to("cpu", torch.uint8)
        return pictures

    def maps(self, scenes: Scenes) -> Maps:
        """Object ids, depth and normals of the pictures."""
        width, height = self.config.width, self.config.height
        found = []
        for begin, end in self._parts(len(scenes), width, height, at_least=1):
            with torch.inference_mode():
                found.append(_maps(scenes.part(begin, end).to(self.device), width, height))
        names = [field.name for field in fields(Maps)]
        return Maps(*(torch.cat([getattr(m, name).cpu() for m in found]) for name in names))

    def visible_pixels(self, scenes: Scenes) -> Int[Tensor, "picture object"]:
        """By how many pixels each object is seen, if a picture had as many as `VISIBLE_SIZE`.

        That is the share of the picture that it takes, in a picture with the sides of ours.
        """
        scale = math.sqrt(_COUNTED / (self.config.width * self.config.height))
        width, height = (round(scale * side) for side in (self.config.width, self.config.height))
        counts = [
            _counts(scenes.part(begin, end).to(self.device), width, height).cpu()
            for begin, end in self._parts(len(scenes), width, height, at_least=1)
        ]
        share = torch.cat(counts) / (width * height)
        return (share * (VISIBLE_SIZE[0] * VISIBLE_SIZE[1])).round().long()

    def _parts(
        self, count: int, width: int, height: int, at_least: int = 0
    ) -> Iterator[tuple[int, int]]:
        """Bounds of parts that are fast to draw: of a size that depends on nothing else."""
        step = max(1, _SAMPLES_AT_ONCE[self.device.type] // (width * height))
        for begin in range(0, max(count, at_least), step):
            yield begin, min(begin + step, count)


def radiance(scenes: Scenes, width: int, height: int) -> Float[Tensor, "3 picture height width"]:
    """Linear light, before the output curve."""
    objects = Objects.of(scenes)
    picture = floor_picture(scenes, objects, View(scenes.camera, width, height))
    fine = View(scenes.camera, 2 * width, 2 * height)
    seen = fragments(look(objects, fine), objects, fine)
    light = shade(scenes, objects, seen, floor_map(scenes, objects)).clamp_max(_BRIGHTEST)
    place, cover = seen.place.flatten(), seen.cover.flatten()
    flat = picture.flatten(1)
    open_ground = 1 - torch.zeros_like(flat[0]).index_add(0, place, cover)
    return (flat * open_ground).index_add(1, place, light.flatten(1) * cover).view_as(picture)


def developed(light: Tensor) -> Tensor:
    """The output curve, sRGB, of light; 0 to 1."""
    linear = light.clamp(0, 1)
    curved = 1.055 * linear.clamp_min(0.0031308).pow(1 / 2.4) - 0.055
    return torch.where(linear <= 0.0031308, 12.92 * linear, curved)


def _noise(seeds: Sequence[int], size: Sequence[int]) -> Tensor:
    """The same for a seed, whatever the device."""
    return torch.stack(
        [torch.randn(*size, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    )


def _counts(scenes: Scenes, width: int, height: int) -> Int[Tensor, "picture object"]:
    objects = Objects.of(scenes)
    with torch.inference_mode():
        seen = look(objects, View(scenes.camera, width, height))
        pixels = torch.zeros(len(objects), dtype=torch.long, device=seen.first.device)
        pixels.index_add_(0, seen.tiles.owner, seen.first.sum(1))
        counts = torch.zeros_like(scenes.shapes)
        counts[objects.picture, objects.slot] = pixels
    return counts


def _maps(scenes: Scenes, width: int, height: int) -> Maps:
    objects, view = Objects.of(scenes), View(scenes.camera, width, height)
    count = len(scenes)
    column, row = (torch.arange(n, device=scenes.sizes.device) + 0.5 for n in (width, height))
    depth, _, normals = seen_ground(view, column, row)
    depth, normals = depth.flatten(), normals.flatten(1)
    seen = look(objects, view)
    ids = torch.full((count * height * width,), NOTHING, device=row.device)
    place = seen.place[seen.first]
    ids[place] = objects.slot[seen.tiles.owner][:, None].expand_as(seen.place)[seen.first]
    depth[place] = seen.depth[seen.first]
    normals[:, place] = normalized(seen.normal[:, seen.first])
    shape = (count, height, width)
    return Maps(ids.view(shape), depth.view(shape), normals.view(3, *shape).transpose(0, 1))
