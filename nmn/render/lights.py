"""CLEVR's four lights: how much of each arrives at a point, and which part of it objects hide.

Irradiance is that of a small square lamp: `0.25 W colour cos(at the lamp) cos(at the surface) /
distance^2`; of the sun, `0.45 colour cos(at the surface)` (measured on the original assets).
Shadows are soft without sampling the lamp: seen from a point, an object hides the more of a lamp
the farther the line to the middle of the lamp passes inside its outline.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from nmn.render.bodies import RADIUS, Scalars, Vectors, dot
from nmn.render.scenes import CUBE, CYLINDER, SPHERE

WATTS = (100.0, 50.0, 30.0)
SIDES = (0.5, 1.0, 0.5)
COLORS = ((1.0, 0.9323, 0.8167), (1.0, 1.0, 1.0), (0.7617, 0.8177, 1.0), (1.0, 1.0, 1.0))
"""Of key, back, fill and sun."""
LIGHTS = len(COLORS)
SUN = (0.41450, -0.19458, 0.88901)
"""Towards the sun."""
SUN_IRRADIANCE = 0.45
SUN_DIAMETER = 0.1993
"""In radians."""
PER_WATT = 0.25
RADIANCES = (*(PER_WATT * watts / side**2 for watts, side in zip(WATTS, SIDES, strict=True)), 14.4)
"""Of the lights themselves, before their colours."""

_BLUR = 0.62
"""Half the width of the edge of a shadow, in sides of the lamp: a square's, seen from anywhere."""
_NEAREST = 0.02
_ROUNDED = 0.104
"""How much less wide a rounded cube is across its edges: of each half-width that is turned away."""


@dataclass(frozen=True, eq=False)
class Light:
    """One of the lights, as seen from points.

    Attributes:
        towards: unit vectors to its middle.
        irradiance: on a surface that faces it, before its colour and shadows.
        spread: its width as seen from there, in radians.
    """

    towards: Vectors
    irradiance: Scalars
    spread: Scalars


def light_at(points: Vectors, lamps: Float[Tensor, "lamp 3 #tile 1"], light: int) -> Light:
    """A light as seen from `points`.

    Args:
        lamps: positions of key, back and fill.
        light: index of key, back, fill or sun.
    """
    if light == len(lamps):
        towards = points.new_tensor(SUN)[:, None, None]
        one = torch.ones_like(points[0, :1, :1])
        return Light(towards, SUN_IRRADIANCE * one, SUN_DIAMETER * one)
    lamp = lamps[light]
    way = lamp - points
    nearness = dot(way, way).rsqrt()
    towards = way * nearness
    axis = lamp * dot(lamp, lamp).rsqrt()
    facing = dot(towards, axis).clamp_min(0)
    irradiance = facing * (nearness * nearness * (PER_WATT * WATTS[light]))
    return Light(towards, irradiance, nearness * SIDES[light])


@dataclass(frozen=True, eq=False)
class Occluder:
    """An object that may stand in the light of each tile.

    Attributes:
        center: of the object; it stands on the ground.
        size: half its height.
        turn: cosine and sine of its rotation.
    """

    center: Float[Tensor, "3 tile 1"]
    size: Float[Tensor, "tile 1"]
    turn: Float[Tensor, "2 tile 1"]


def passing(points: Vectors, light: Light, occluder: Occluder, shape: int) -> Scalars:
    """The share of the light that passes an object of this shape."""
    way = occluder.center - points
    outside = _OUTSIDE[shape](way, light.towards, light.spread, occluder)
    bright = ((outside + _BLUR) / (2 * _BLUR)).clamp(0, 1)
    return bright * bright * (3 - 2 * bright)


def _outside_sphere(way: Vectors, towards: Vectors, spread: Scalars, occluder: Occluder) -> Scalars:
    """How far outside the outline the middle of the lamp is, in widths of the lamp."""
    along = dot(way, towards)
    aside = (dot(way, way) - along * along).clamp_min(0).sqrt()
    outside = (aside - RADIUS * occluder.size) / (along.clamp_min(_NEAREST) * spread)
    return torch.where(along > 0, outside, 1)


def _outside_cylinder(
    way: Vectors, towards: Vectors, spread: Scalars, occluder: Occluder
) -> Scalars:
    flat = (towards[0] * towards[0] + towards[1] * towards[1]).clamp_min(1e-12)
    level = flat.sqrt()
    along = (way[0] * towards[0] + way[1] * towards[1]) / flat
    aside = (way[0] * towards[1] - way[1] * towards[0]).abs() / level
    chord = (occluder.size * occluder.size - aside * aside).clamp_min(0).sqrt() / level
    entry = (along - chord).clamp_min(_NEAREST)
    above = entry * towards[2] - way[2] - occluder.size
    # a steep line is nearest to the rim long before it is above it
    over = above * level / (entry - above * towards[2]).clamp_min(_NEAREST)
    beside = (aside - occluder.size) / along.clamp_min(_NEAREST)
    return torch.where(along > 0, torch.maximum(over, beside) / spread, 1)


def _outside_cube(way: Vectors, towards: Vectors, spread: Scalars, occluder: Occluder) -> Scalars:
    """The outline of a box is made of edges along its three axes."""
    (cosine, sine), size = occluder.turn, occluder.size
    x, y = cosine * way[0] + sine * way[1], cosine * way[1] - sine * way[0]
    dx = cosine * towards[0] + sine * towards[1]
    dy = cosine * towards[1] - sine * towards[0]
    z, dz = way[2], towards[2]
    ax, ay, az = dx.abs(), dy.abs(), dz.abs()
    flat = (dx * dx + dy * dy).clamp_min(1e-6)
    along = (x * dx + y * dy) / flat
    beside = _edge(x * dy - y * dx, ax, ay, size) / along.clamp_min(_NEAREST)
    top = ((size + z) / dz.clamp_min(1e-3)).clamp_min(_NEAREST)
    over = torch.maximum(_edge(y * dz - z * dy, ay, az, size), _edge(x * dz - z * dx, ax, az, size))
    return torch.where(along > 0, torch.maximum(beside, over / top) / spread, 1)


def _edge(moment: Scalars, first: Scalars, second: Scalars, size: Tensor) -> Scalars:
    """The distance of a line from the edges along one axis; `first`, `second`: its direction."""
    reach = first + second - _ROUNDED * torch.minimum(first, second)
    length = (first * first + second * second).clamp_min(1e-6).rsqrt()
    return (moment.abs() - size * reach) * length


_OUTSIDE = {SPHERE: _outside_sphere, CUBE: _outside_cube, CYLINDER: _outside_cylinder}
