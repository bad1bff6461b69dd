"""Which share of each light arrives: on the ground, and on objects in the shadow of others."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from nmn.render.bodies import Vectors
from nmn.render.lights import LIGHTS, SUN, Occluder, light_at, passing
from nmn.render.objects import Objects
from nmn.render.scenes import SHAPES, Scenes
from nmn.render.tiles import Tiles, cut

_LONGEST = 6.0
_HIGHEST_LAMP_SHARE = 0.3
_AROUND = 1.5
_PENUMBRA = 0.2
_HEIGHT = 0.03
_BODY = 1.75


@dataclass(frozen=True, eq=False)
class Raster:
    """Samples of the ground of each picture, in an array `picture row column`.

    Attributes:
        bounds: from pictures and corners, `box corner 3`, to the rectangles that hold the corners.
        points: from the pictures of tiles, tiles, and the places of their samples in the array, to
            the points of the ground there, `3 tile sample`.
    """

    width: int
    height: int
    bounds: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    points: Callable[[Tensor, Tiles, Tensor], Vectors]


def lamps_of(scenes: Scenes, picture: Int[Tensor, " tile"]) -> Float[Tensor, "lamp 3 tile 1"]:
    """The lamps of each tile."""
    return scenes.lamps[picture].permute(1, 2, 0)[..., None]


def ground_shadows(
    scenes: Scenes, objects: Objects, raster: Raster
) -> Float[Tensor, "light place"]:
    """The share of each light that arrives at each sample of the ground."""
    size = raster.height * raster.width
    shares = torch.ones(LIGHTS, len(scenes) * size, device=scenes.sizes.device)
    for light in range(LIGHTS):
        low, high = _shadow_boxes(scenes, objects, light)
        for shape in range(len(SHAPES)):
            chosen = objects.of_shape(shape)
            corners = _corners(low[chosen], high[chosen])
            bounds = raster.bounds(objects.picture[chosen], corners)
            tiles = cut(*bounds, raster.width, raster.height).owned_by(chosen)
            picture = objects.picture[tiles.owner]
            place = tiles.places(picture, raster.width, raster.height)
            points = raster.points(picture, tiles, place)
            share = passing(
                points,
                light_at(points, lamps_of(scenes, picture), light),
                _occluders(objects, tiles.owner),
                shape,
            )
            share = torch.where(tiles.inside, share, 1)
            shares[light].scatter_reduce_(0, place.flatten(), share.flatten(), "prod")
    return shares


def _shadow_boxes(
    scenes: Scenes, objects: Objects, light: int
) -> tuple[Float[Tensor, "object 2"], Float[Tensor, "object 2"]]:
    """Rectangles on the ground that hold the shadow of each object."""
    center, size = objects.center.T, objects.size[:, None]
    away = -_towards(scenes, objects, light)
    steep = away[:, 2:].clamp_max(-_HIGHEST_LAMP_SHARE)
    shift = away[:, :2] / -steep * (2 * size)
    shift = shift * (_LONGEST / shift.norm(dim=-1, keepdim=True).clamp_min(_LONGEST))
    spread = size * _AROUND + _PENUMBRA * shift.norm(dim=-1, keepdim=True)
    foot, end = center[:, :2], center[:, :2] + shift
    low = torch.minimum(foot - size * _AROUND, end - spread)
    high = torch.maximum(foot + size * _AROUND, end + spread)
    return low, high


def _towards(scenes: Scenes, objects: Objects, light: int) -> Float[Tensor, "object 3"]:
    """From the top of each object to a light, of length 1."""
    if light == LIGHTS - 1:
        return objects.center.new_tensor(SUN).expand(len(objects), 3)
    top = torch.cat([objects.center[:2], 2 * objects.size[None]]).T
    way = scenes.lamps[objects.picture, light] - top
    towards: Tensor = way / way.norm(dim=-1, keepdim=True)
    return towards


def _corners(low: Tensor, high: Tensor) -> Float[Tensor, "box 8 3"]:
    """Of boxes on the ground that are as high as it rises there."""
    (x0, y0), (x1, y1) = low.unbind(-1), high.unbind(-1)
    flat, raised = torch.zeros_like(x0), torch.full_like(x0, _HEIGHT)
    corners = [(x, y, z) for x in (x0, x1) for y in (y0, y1) for z in (flat, raised)]
    return torch.stack([torch.stack(corner, -1) for corner in corners], 1)


def _occluders(objects: Objects, owner: Int[Tensor, " tile"]) -> Occluder:
    return Occluder(
        objects.center[:, owner, None], objects.size[owner, None], objects.turn[:, owner, None]
    )


def object_shadows(
    scenes: Scenes, objects: Objects, owner: Int[Tensor, " tile"], points: Vectors
) -> Float[Tensor, "light tile sample"]:
    """The share of each light that other objects let through to points on objects.

    Args:
        owner: the object of each tile, ascending.
    """
    shares = torch.ones(LIGHTS, *points.shape[1:], device=points.device)
    neighbours = objects.neighbours()
    for light in range(LIGHTS):
        possible = neighbours & _between(objects, _towards(scenes, objects, light))
        receiver, other = possible.nonzero(as_tuple=True)
        for shape in range(len(SHAPES)):
            chosen = objects.shape[other] == shape
            tile, pair = tiles_of(receiver[chosen], owner, len(objects))
            point, lamps = points[:, tile], lamps_of(scenes, objects.picture[owner[tile]])
            share = passing(
                point,
                light_at(point, lamps, light),
                _occluders(objects, other[chosen][pair]),
                shape,
            )
            at = tile[:, None].expand_as(share)
            shares[light].scatter_reduce_(0, at, share, "prod")
    return shares


def _between(objects: Objects, towards: Float[Tensor, "object 3"]) -> Bool[Tensor, "object object"]:
    """Whether the second object may stand between the first and its light."""
    center = objects.center.T
    way = center[None] - center[:, None]
    along = (way * towards[:, None]).sum(-1)
    aside = (way.square().sum(-1) - along.square()).clamp_min(0).sqrt()
    reach = _BODY * (objects.size[:, None] + objects.size) + _PENUMBRA * along.clamp_min(0)
    return (along > 0) & (aside < reach)


def tiles_of(
    chosen: Int[Tensor, " pair"], owner: Int[Tensor, " tile"], count: int
) -> tuple[Int[Tensor, " chosen"], Int[Tensor, " chosen"]]:
    """All tiles of the chosen objects, and which of the chosen each is for.

    Args:
        chosen: objects, some perhaps several times.
        owner: the object of each tile, ascending.
        count: of all objects.
    """
    counts = torch.bincount(owner, minlength=count)
    begins = counts.cumsum(0) - counts
    size = counts[chosen]
    pair = torch.repeat_interleave(torch.arange(len(chosen), device=chosen.device), size)
    within = torch.arange(len(pair), device=chosen.device) - (size.cumsum(0) - size)[pair]
    return begins[chosen][pair] + within, pair
