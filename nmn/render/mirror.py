"""What is seen in metal: other objects, the ground with its backdrop, and the black world."""

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nmn.render import ground, surfaces
from nmn.render.bodies import (
    FAR,
    Scalars,
    Vectors,
    dot,
    normalized,
    plain_cube,
    plain_cylinder,
    plain_sphere,
)
from nmn.render.floor_map import FloorMap
from nmn.render.lights import COLORS, LIGHTS, light_at
from nmn.render.objects import Objects
from nmn.render.scenes import CUBE, CYLINDER, SPHERE, Scenes
from nmn.render.shadows import lamps_of, tiles_of

_HITS: Mapping[int, Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]] = {
    SPHERE: plain_sphere,
    CUBE: plain_cube,
    CYLINDER: plain_cylinder,
}
_HAZE = 0.9
_TOO_SMALL = 0.08
_STEP_ASIDE = 0.4
_BEYOND = 100.0


def mirrored_light(
    scenes: Scenes,
    objects: Objects,
    owner: Int[Tensor, " tile"],
    point: Vectors,
    away: Vectors,
    floor: FloorMap,
) -> Float[Tensor, "3 tile sample"]:
    """Radiance from `away`, as a mirror that is partly rough shows it.

    Args:
        owner: the object of each tile, ascending.
        point, away: where the mirror is, and where it looks.
    """
    picture = objects.picture[owner]
    reach = ground.mirror_reach(point, away)
    x, y = point[0] + reach * away[0], point[1] + reach * away[1]
    clear = floor.clear(picture, x, y) * (reach < FAR)
    nearest, shown = _others(scenes, objects, owner, point, away, floor)
    clear = torch.where(nearest < FAR, shown, clear)
    # a rough mirror that looks up still sees some of the ground, and looking down, of the black
    down = (0.5 - away[2] / (2 * _HAZE)).clamp(0, 1)
    hazy = floor.blurred(picture, x, y) * (down * down * (3 - 2 * down))
    return torch.lerp(clear, hazy, surfaces.ROUGH_SHARE)


def from_below(
    picture: Int[Tensor, " tile"], point: Vectors, normal: Vectors, floor: FloorMap
) -> Float[Tensor, "3 tile sample"]:
    """Radiance of the ground that a point of an object faces."""
    aside = _STEP_ASIDE + point[2]
    return floor.blurred(picture, point[0] + normal[0] * aside, point[1] + normal[1] * aside)


def _others(
    scenes: Scenes,
    objects: Objects,
    owner: Int[Tensor, " tile"],
    point: Vectors,
    away: Vectors,
    floor: FloorMap,
) -> tuple[Scalars, Vectors]:
    """Distance (`FAR` without any) and radiance of the nearest other object along `away`."""
    receiver, other = (objects.neighbours() & _large_enough(objects)).nonzero(as_tuple=True)
    nearest = torch.full(away.shape[1:], FAR, device=away.device)
    found = []
    for shape, hit in _HITS.items():
        chosen = objects.shape[other] == shape
        tile, pair = tiles_of(receiver[chosen], owner, len(objects))
        who = other[chosen][pair]
        distance, normal = hit(*objects.into_body(who, point[:, tile], away[:, tile]))
        nearest.scatter_reduce_(0, tile[:, None].expand_as(distance), distance, "amin")
        found.append((tile, who, distance, objects.out_of_body(who, normal)))
    radiance = torch.zeros_like(away)
    for tile, who, distance, normal in found:
        wins = (distance < FAR) & (distance <= nearest[tile])
        some = wins.any(1).nonzero()[:, 0]
        at = tile[some]
        place = point[:, at] + distance[some].clamp_max(_BEYOND) * away[:, at]
        light = _matte(scenes, objects, who[some], place, normalized(normal[:, some]), floor)
        radiance.index_add_(1, at, torch.where(wins[some], light, 0))
    return nearest, radiance


def _large_enough(objects: Objects) -> Tensor:
    """Whether the second object is more than a speck in the first."""
    center = objects.center.T
    return torch.cdist(center, center) * _TOO_SMALL < objects.size


def _matte(
    scenes: Scenes,
    objects: Objects,
    who: Int[Tensor, " tile"],
    point: Vectors,
    normal: Vectors,
    floor: FloorMap,
) -> Vectors:
    """Radiance of objects as if they were matte and nothing stood in their light."""
    picture = objects.picture[who]
    lamps = lamps_of(scenes, picture)
    light = from_below(picture, point, normal, floor) * (torch.pi / 2 * (1 - normal[2]))
    for index in range(LIGHTS):
        lamp = light_at(point, lamps, index)
        fall = lamp.irradiance * dot(normal, lamp.towards).clamp_min(0)
        light += fall * light.new_tensor(COLORS[index])[:, None, None]
    return objects.color[:, who, None] * light * (1 / torch.pi)
