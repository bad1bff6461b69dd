"""The ground as a map, for what mirrors it or is lit by it."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from nmn.render import ground
from nmn.render.bodies import Scalars, Vectors
from nmn.render.floor import bounce, reflected, shine
from nmn.render.objects import Objects
from nmn.render.scenes import Scenes
from nmn.render.shadows import Raster, ground_shadows
from nmn.render.tiles import Tiles

REACH = 8.0
"""How far the near maps reach from the origin, in scene units."""
NEAR, WIDE = 128, 48
"""Places along a side of the near map and of the wide one."""

_PER_UNIT = NEAR / (2 * REACH)
_BLURRED, _BLUR = 4, 5
_FIRST, _LAST = (-30.0, -20.0), (4.0, 20.0)


@dataclass(frozen=True, eq=False)
class FloorMap:
    """Radiance of the ground.

    Attributes:
        sharp: around the origin, seen from above, with all shadows.
        soft: the same, blurred.
        wide: all of it, backdrop too, without shadows; by `s` (see `ground`) and across.
    """

    sharp: Float[Tensor, "3 picture near near"]
    soft: Float[Tensor, "3 picture soft soft"]
    wide: Float[Tensor, "3 picture wide wide"]

    def clear(self, picture: Int[Tensor, " tile"], x: Scalars, y: Scalars) -> Tensor:
        """Radiance at places, `3 tile sample`."""
        far = self._far(picture, x, y)
        near = _sampled(self.sharp, picture, *_on_map(x, y, NEAR))
        return torch.where((x.abs() < REACH) & (y.abs() < REACH), near, far)

    def blurred(self, picture: Int[Tensor, " tile"], x: Scalars, y: Scalars) -> Tensor:
        """The same, blurred; beyond the border of the near map that of its border."""
        return _sampled(self.soft, picture, *_on_map(x, y, self.soft.shape[-1]))

    def _far(self, picture: Int[Tensor, " tile"], x: Scalars, y: Scalars) -> Tensor:
        a, b, c = ground.ACROSS
        places = zip((a * x + b * y + c, a * y - b * x), _FIRST, _LAST, strict=True)
        row, column = ((at - low) * ((WIDE - 1) / (high - low)) for at, low, high in places)
        return _sampled(self.wide, picture, column, row)


def floor_map(scenes: Scenes, objects: Objects) -> FloorMap:
    """The maps of all pictures."""
    pictures, device = len(scenes), scenes.sizes.device
    step = (torch.arange(NEAR, device=device) + 0.5) / _PER_UNIT - REACH
    y, x = (grid.flatten() for grid in torch.meshgrid(step, step, indexing="ij"))
    points = torch.stack([x, y, torch.zeros_like(x)])[:, None].expand(-1, pictures, -1)
    up = points.new_tensor([0.0, 0.0, 1.0])[:, None, None]
    light = shine(scenes, points, up).flatten(1) * ground_shadows(scenes, objects, _raster())
    radiance = reflected(light, bounce(points).flatten(1))
    sharp = radiance.view(3, pictures, NEAR, NEAR)
    around = [_BLUR // 2] * 4
    soft = functional.pad(functional.avg_pool2d(sharp, _BLURRED), around, mode="replicate")
    return FloorMap(sharp, functional.avg_pool2d(soft, _BLUR, stride=1), _wide(scenes))


def _raster() -> Raster:
    """The flat ground around the origin, seen from above."""

    def bounds(corners: Tensor) -> tuple[Tensor, Tensor]:
        places = (corners[..., :2] + REACH) * _PER_UNIT
        return places.amin(1), places.amax(1)

    def points(tiles: Tiles) -> Vectors:
        x, y = ((at + 0.5) / _PER_UNIT - REACH for at in (tiles.column, tiles.row))
        return torch.stack([x, y, torch.zeros_like(x)])

    return Raster(
        NEAR,
        NEAR,
        lambda picture, corners: bounds(corners),
        lambda picture, tiles, place: points(tiles),
    )


def _wide(scenes: Scenes) -> Float[Tensor, "3 picture wide wide"]:
    pictures, device = len(scenes), scenes.sizes.device
    step = torch.arange(WIDE, device=device) / (WIDE - 1)
    sides = [low + step * (high - low) for low, high in zip(_FIRST, _LAST, strict=True)]
    s, along = (grid.flatten() for grid in torch.meshgrid(*sides, indexing="ij"))
    a, b, c = ground.ACROSS
    x, y = (s - c) * a - along * b, (s - c) * b + along * a
    height, slope = ground.height_and_slope(x[None], y[None])
    points = torch.stack([x, y, height[0]])[:, None].expand(-1, pictures, -1)
    light = shine(scenes, points, ground.normals(slope)).flatten(1)
    return reflected(light, bounce(points).flatten(1)).view(3, pictures, WIDE, WIDE)


def _on_map(x: Scalars, y: Scalars, size: int) -> tuple[Scalars, Scalars]:
    """Column and row of places on a near map."""
    column, row = ((at + REACH) * (size / (2 * REACH)) - 0.5 for at in (x, y))
    return column, row


def _sampled(
    maps: Float[Tensor, "3 picture row column"], picture: Tensor, column: Scalars, row: Scalars
) -> Float[Tensor, "3 tile sample"]:
    """Bilinear; beyond the border its values."""
    size = maps.shape[-1]
    column, row = column.clamp(0, size - 1.001), row.clamp(0, size - 1.001)
    left, top = column.floor(), row.floor()
    right, down = column - left, row - top
    at = (picture[:, None] * size + top.long()) * size + left.long()
    flat = maps.reshape(3, -1)
    upper = torch.lerp(flat[:, at], flat[:, at + 1], right)
    lower = torch.lerp(flat[:, at + size], flat[:, at + size + 1], right)
    return torch.lerp(upper, lower, down)
