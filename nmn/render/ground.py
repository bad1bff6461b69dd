"""The ground of CLEVR's pictures: a floor that rises into a curved backdrop far behind.

Its height depends on one coordinate `s` only, across the backdrop; `HEIGHTS` were measured on the
original assets.
"""

from functools import cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from nmn.render.bodies import FAR, Scalars, Vectors

ALBEDO = 0.8

ACROSS = (-0.90321, 0.42920, -14.01)
"""`s` is `a x + b y + c`."""

HEIGHTS = (
    (-14, 0.006),
    (-10, 0.03),
    (-6.96, 0.10),
    (-5.3, 0.18),
    (-3.87, 0.31),
    (-2.66, 0.50),
    (-1.62, 0.76),
    (-0.75, 1.11),
    (-0.02, 1.58),
    (0.59, 2.17),
    (1.11, 2.92),
    (1.55, 3.85),
    (2.25, 6.36),
    (4.08, 23.2),
)
"""`s` and height, in scene units."""

_FIRST, _LAST, _PER_UNIT = -24.0, 4.08, 64
_STEPS = 8
_MIRROR_STEPS = 7


def height_and_slope(x: Scalars, y: Scalars) -> tuple[Scalars, Scalars]:
    """The height of the ground at places, and how steeply it rises along `s`."""
    a, b, c = ACROSS
    return _height_at(a * x + b * y + c)


def _height_at(s: Scalars) -> tuple[Scalars, Scalars]:
    table = torch.from_numpy(_table()).to(s)
    place = ((s - _FIRST) * _PER_UNIT).clamp(0, table.shape[1] - 1.001)
    below = place.floor()
    part = place - below
    rows = below.long()
    height = torch.lerp(table[0][rows], table[0][rows + 1], part)
    slope = torch.lerp(table[1][rows], table[1][rows + 1], part)
    return height, slope


def normals(slope: Scalars) -> Vectors:
    """The upward normals of the ground where it rises like this."""
    a, b, _ = ACROSS
    length = (1 + slope * slope * (a * a + b * b)).rsqrt()
    return torch.stack([-a * slope * length, -b * slope * length, length])


def reach(origin: Tensor, ray: Vectors) -> Scalars:
    """How far along each ray the ground is, by Newton's method from above; rays look down on it.

    Args:
        origin: `3 #tile 1`, above the ground.
    """
    a, b, c = ACROSS
    distance = -origin[2] / ray[2].clamp_max(-1e-3)
    # no farther than the backdrop is known, beyond which each step is short
    along = (a * ray[0] + b * ray[1]).clamp_min(1e-3)
    distance = torch.minimum(distance, (_LAST - a * origin[0] - b * origin[1] - c) / along)
    for _ in range(_STEPS):
        x, y, z = origin + distance * ray
        height, slope = height_and_slope(x, y)
        approach = ray[2] - slope * (a * ray[0] + b * ray[1])
        distance = distance - (z - height) / approach.clamp_max(-1e-3)
    return distance


def mirror_reach(point: Vectors, ray: Vectors) -> Scalars:
    """How far along rays from near the origin the ground is; `FAR` where they leave the scene.

    Rays may go up and meet the backdrop: Newton's method from beyond it.
    """
    a, b, c = ACROSS
    flat = -point[2] / ray[2].clamp_max(-1e-3)
    start, along = a * point[0] + b * point[1] + c, a * ray[0] + b * ray[1]
    rise = ray[2] / along.clamp_min(1e-3)
    s = torch.full_like(start, _LAST - 0.01)
    escapes = point[2] + rise * (s - start) > HEIGHTS[-1][1]
    for _ in range(_MIRROR_STEPS):
        height, slope = _height_at(s)
        s = s - (height - point[2] - rise * (s - start)) / (slope - rise).clamp_min(1e-2)
    curved = torch.where(escapes, FAR, (s - start) / along.clamp_min(1e-3))
    behind = (along > 0.05) & (rise > -0.3)
    return torch.where(behind, curved, torch.where(ray[2] < -1e-3, flat, FAR))


@cache
def _table() -> Float[np.ndarray, "2 step"]:
    """Height and slope at even steps of `s`: a cubic spline of Hermite's kind through the logs."""
    s, height = np.array(HEIGHTS).T
    s, logs = np.concatenate([[_FIRST], s]), np.log(height)
    first_slope = (logs[1] - logs[0]) / (s[2] - s[1])
    logs = np.concatenate([[logs[0] + (s[0] - s[1]) * first_slope], logs])
    slopes = np.gradient(logs, s)
    steps = np.linspace(_FIRST, _LAST, round((_LAST - _FIRST) * _PER_UNIT) + 1)
    left = np.clip(np.searchsorted(s, steps, side="right") - 1, 0, len(s) - 2)
    wide = s[left + 1] - s[left]
    t = (steps - s[left]) / wide
    curve = (
        (1 + 2 * t) * (1 - t) ** 2 * logs[left]
        + t * (1 - t) ** 2 * wide * slopes[left]
        + t * t * (3 - 2 * t) * logs[left + 1]
        + t * t * (t - 1) * wide * slopes[left + 1]
    )
    rise = np.exp(curve)
    return np.stack([rise, np.gradient(rise, steps)])
