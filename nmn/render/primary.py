"""What the camera sees first: at each sample, and of each object in each pixel."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from nmn.render.bodies import FAR, hit_cube, hit_cylinder, hit_sphere
from nmn.render.objects import Objects, View
from nmn.render.scenes import CUBE, CYLINDER, SPHERE
from nmn.render.tiles import SIDE, Tiles, cut

_HITS: Mapping[int, Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]] = {
    SPHERE: hit_sphere,
    CUBE: hit_cube,
    CYLINDER: hit_cylinder,
}
_TIE = 1e-6


@dataclass(frozen=True, eq=False)
class Seen:
    """Tiles around objects, and what is seen at their samples.

    Attributes:
        tiles: the owner of each is an object.
        place: the index of each sample in an array `picture row column`.
        depth: of the object, along the view, in scene units; `FAR` where it is not hit.
        normal: of the object, not of unit length.
        first: whether the object is the nearest one there.
    """

    tiles: Tiles
    place: Int[Tensor, "tile sample"]
    depth: Float[Tensor, "tile sample"]
    normal: Float[Tensor, "3 tile sample"]
    first: Bool[Tensor, "tile sample"]


@dataclass(frozen=True, eq=False)
class Fragments:
    """The part of one object that is seen in each pixel of a tile.

    Attributes:
        owner: the object of each tile.
        place: the index of each pixel in an array `picture row column`.
        cover: which share of the pixel it covers.
        point: the middle of that part, in the scene.
        normal: its mean, not of unit length.
        ray: from the camera towards it.
    """

    owner: Int[Tensor, " tile"]
    place: Int[Tensor, "tile pixel"]
    cover: Float[Tensor, "tile pixel"]
    point: Float[Tensor, "3 tile pixel"]
    normal: Float[Tensor, "3 tile pixel"]
    ray: Float[Tensor, "3 tile pixel"]


def look(objects: Objects, view: View) -> Seen:
    """What is seen at each sample near an object: in tiles, as far as something is."""
    parts = [_look_at(objects, view, shape) for shape in _HITS]
    tiles = Tiles.joined([tiles for tiles, _, _ in parts])
    depth = torch.cat([depth for _, depth, _ in parts])
    normal = torch.cat([normal for _, _, normal in parts], dim=1)
    place = tiles.places(objects.picture[tiles.owner], view.width, view.height)
    nearest = torch.full((len(view) * view.height * view.width,), FAR, device=depth.device)
    # where surfaces coincide, that of the object which is named first
    order = depth * (1 + _TIE * objects.slot[tiles.owner, None])
    nearest.scatter_reduce_(0, place.flatten(), order.flatten(), "amin")
    first = (depth < FAR) & (order <= nearest[place])
    shown = first.any(1).nonzero()[:, 0]
    return Seen(tiles[shown], place[shown], depth[shown], normal[:, shown], first[shown])


def _look_at(objects: Objects, view: View, shape: int) -> tuple[Tiles, Tensor, Tensor]:
    """Depth and normal of the objects of a shape, wherever they might be seen."""
    chosen = objects.of_shape(shape)
    tiles = cut(*view.outlines(objects, chosen, shape), view.width, view.height).owned_by(chosen)
    picture = objects.picture[tiles.owner]
    ray = view.rays(picture, tiles.column + 0.5, tiles.row + 0.5)
    depth, normal = _HITS[shape](*objects.into_body(tiles.owner, view.origins(picture), ray))
    depth = torch.where(tiles.inside, depth, FAR)
    return tiles, depth, objects.out_of_body(tiles.owner, normal)


def fragments(seen: Seen, objects: Objects, view: View) -> Fragments:
    """What is seen at 2x2 samples a pixel, taken together pixel by pixel.

    The light of an object is computed once a pixel, at the middle of what is seen of it there; its
    outline has the resolution of the samples.

    Args:
        view: with two samples a pixel each way.
    """
    first = seen.first.float()
    cover = _by_pixel(first)
    share = 1 / cover.clamp_min(1)
    depth = _by_pixel(torch.where(seen.first, seen.depth, 0)) * share
    normal = _by_pixel(seen.normal * first)
    column = _by_pixel(first * (seen.tiles.column + 0.5)) * share
    row = _by_pixel(first * (seen.tiles.row + 0.5)) * share
    picture = objects.picture[seen.tiles.owner]
    ray = view.rays(picture, column, row)
    point = view.origins(picture) + depth * ray
    tiles = seen.tiles
    corner = [_corner(part) for part in (tiles.column // 2, tiles.row // 2, tiles.inside)]
    pixel = Tiles(tiles.owner, corner[0], corner[1], corner[2])
    place = pixel.places(picture, view.width // 2, view.height // 2)
    return Fragments(seen.tiles.owner, place, cover / 4, point, normal, ray)


def _by_pixel(samples: Tensor) -> Tensor:
    """Sums over 2x2 samples of tiles."""
    cells = samples.reshape(*samples.shape[:-1], SIDE // 2, 2, SIDE // 2, 2)
    return (cells[..., 0] + cells[..., 1]).sum(-2).flatten(-2)


def _corner(samples: Tensor) -> Tensor:
    """The upper left ones of 2x2 samples of tiles."""
    return samples.reshape(-1, SIDE // 2, 2, SIDE // 2, 2)[:, :, 0, :, 0].flatten(1)
