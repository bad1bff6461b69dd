"""Rays against CLEVR's bodies: spheres, and cubes and cylinders with rounded edges.

All rays here are in the coordinates of their object: its centre is the origin, half its height 1.
The rounded bodies are where a convex function is 1; Newton's method finds where a ray gets there,
and from outside never steps too far.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

Vectors = Float[Tensor, "3 #tile #sample"]
Scalars = Float[Tensor, "#tile #sample"]

RADIUS = 0.999
"""Of the sphere."""
CUBE_FLAT = 0.75
"""Up to here a side of the cube is flat; from here to 1 its edges are round."""
CYLINDER_RADIUS, CYLINDER_HEIGHT = 0.91, 0.9
"""Where the rounding of the cylinder's edges begins."""

FAR = 1e6
"""The distance of what is not hit."""

_STEPS = 4
_TINY = 1e-9
_NEAR_ENOUGH = 0.05
_ON_A_SIDE = 0.999


def dot(first: Tensor, second: Tensor) -> Tensor:
    """The product of vectors that lie along the first dimension."""
    return first[0] * second[0] + first[1] * second[1] + first[2] * second[2]


def normalized(vectors: Tensor) -> Tensor:
    """The same directions, of length 1."""
    return vectors * dot(vectors, vectors).clamp_min(_TINY).rsqrt()


def hit_sphere(origin: Tensor, ray: Vectors) -> tuple[Scalars, Vectors]:
    """How far along each ray the sphere is, `FAR` where it is missed, and its normal there."""
    a, b = dot(ray, ray), dot(origin, ray)
    under_root = b * b - a * (dot(origin, origin) - RADIUS**2)
    distance = (-b - under_root.clamp_min(0).sqrt()) / a
    distance = torch.where(under_root > 0, distance, FAR)
    return distance, origin + distance * ray


def hit_cube(origin: Tensor, ray: Vectors) -> tuple[Scalars, Vectors]:
    """Like `hit_sphere`, for the rounded cube: `sum of (max(|x| - .75, 0) / .25)^3 = 1`."""
    near, far = cube_bounds(origin, ray)
    return _descend(origin, ray, near, far, _cube)


def hit_cylinder(origin: Tensor, ray: Vectors) -> tuple[Scalars, Vectors]:
    """Like `hit_sphere`, for the cylinder of radius 1 and height 2 with rounded rims."""
    near, far = cylinder_bounds(origin, ray)
    return _descend(origin, ray, near, far, _cylinder)


def cube_bounds(origin: Tensor, ray: Vectors) -> tuple[Scalars, Scalars]:
    """Where rays enter and leave the cube without rounding; it is missed where near > far."""
    inverse = 1 / torch.where(ray.abs() < _TINY, _TINY, ray)
    middle, half = -origin * inverse, inverse.abs()
    near, far = middle - half, middle + half
    return near.amax(0), far.amin(0)


def cylinder_bounds(origin: Tensor, ray: Vectors) -> tuple[Scalars, Scalars]:
    """Where rays enter and leave the cylinder without rounding."""
    a = (ray[0] * ray[0] + ray[1] * ray[1]).clamp_min(_TINY)
    b = origin[0] * ray[0] + origin[1] * ray[1]
    under_root = b * b - a * (origin[0] * origin[0] + origin[1] * origin[1] - 1)
    half = under_root.clamp_min(0).sqrt()
    rise = 1 / torch.where(ray[2].abs() < _TINY, _TINY, ray[2])
    middle, half_rise = -origin[2] * rise, rise.abs()
    near = torch.maximum((-b - half) / a, middle - half_rise)
    far = torch.minimum((half - b) / a, middle + half_rise)
    return torch.where(under_root > 0, near, FAR), far


def plain_sphere(origin: Tensor, ray: Vectors) -> tuple[Scalars, Vectors]:
    """Like `hit_sphere`, for rays that may begin beyond it."""
    distance, normal = hit_sphere(origin, ray)
    return torch.where(distance > 0, distance, FAR), normal


def plain_cube(origin: Tensor, ray: Vectors) -> tuple[Scalars, Vectors]:
    """Like `plain_sphere`, for the cube without rounding."""
    near, far = cube_bounds(origin, ray)
    point = origin + near * ray
    return torch.where((near < far) & (near > 0), near, FAR), point * (point.abs() > _ON_A_SIDE)


def plain_cylinder(origin: Tensor, ray: Vectors) -> tuple[Scalars, Vectors]:
    """Like `plain_sphere`, for the cylinder without rounding."""
    near, far = cylinder_bounds(origin, ray)
    x, y, z = origin + near * ray
    end = z.abs() > _ON_A_SIDE
    normal = torch.stack([x * ~end, y * ~end, z * end])
    return torch.where((near < far) & (near > 0), near, FAR), normal


Surface = Callable[[Vectors], tuple[Scalars, Vectors]]


def _cube(points: Vectors) -> tuple[Scalars, Vectors]:
    over = (points.abs() - CUBE_FLAT).clamp_min(0) / (1 - CUBE_FLAT)
    squared = over * over
    return dot(squared, over), squared * points.sign() * (3 / (1 - CUBE_FLAT))


def _cylinder(points: Vectors) -> tuple[Scalars, Vectors]:
    radius = (points[0] * points[0] + points[1] * points[1]).clamp_min(_TINY).sqrt()
    out = (radius - CYLINDER_RADIUS).clamp_min(0) / (1 - CYLINDER_RADIUS)
    up = (points[2].abs() - CYLINDER_HEIGHT).clamp_min(0) / (1 - CYLINDER_HEIGHT)
    out3, up3 = out**3, up**3
    side = out3 * (4 / (1 - CYLINDER_RADIUS)) / radius
    slope = torch.stack(
        [points[0] * side, points[1] * side, up3 * points[2].sign() * (4 / (1 - CYLINDER_HEIGHT))]
    )
    return out3 * out + up3 * up, slope


def _descend(
    origin: Tensor, ray: Vectors, near: Scalars, far: Scalars, surface: Surface
) -> tuple[Scalars, Vectors]:
    """Newton's method from where the body without rounding is entered."""
    reachable = near < far
    distance = torch.where(reachable, near, 0)
    for _ in range(_STEPS):
        value, slope = surface(origin + distance * ray)
        falling = dot(slope, ray).clamp_max(-_TINY)
        distance = torch.minimum(distance - (value - 1) / falling, far)
    value, slope = surface(origin + distance * ray)
    hit = reachable & ((value - 1).abs() < _NEAR_ENOUGH) & (dot(slope, ray) < 0)
    return torch.where(hit, distance, FAR), slope
