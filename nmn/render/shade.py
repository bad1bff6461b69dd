"""The light that objects send to the camera."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nmn.render import surfaces
from nmn.render.bodies import Scalars, Vectors, dot, normalized
from nmn.render.floor_map import FloorMap
from nmn.render.lights import COLORS, LIGHTS, RADIANCES, Light, light_at
from nmn.render.mirror import from_below, mirrored_light
from nmn.render.objects import Objects
from nmn.render.primary import Fragments
from nmn.render.scenes import Scenes
from nmn.render.shadows import lamps_of, object_shadows

_LAMP_RADIUS, _LAMP_EDGE = 0.6, 0.08
_GROUND_IN_GLOSS = 1.2


@dataclass(frozen=True, eq=False)
class Spots:
    """Tiles of points on objects.

    Attributes:
        owner: the object of each tile.
        view: towards the camera; like `normal` of length 1.
    """

    owner: Int[Tensor, " tile"]
    point: Float[Tensor, "3 tile sample"]
    normal: Float[Tensor, "3 tile sample"]
    view: Float[Tensor, "3 tile sample"]


def shade(
    scenes: Scenes, objects: Objects, seen: Fragments, floor: FloorMap
) -> Float[Tensor, "3 tile sample"]:
    """Linear radiance of what is seen of objects."""
    radiance = torch.empty_like(seen.point)
    metal = objects.metal[seen.owner]
    for chosen, surface in ((~metal, _rubber), (metal, _metal)):
        tiles = chosen.nonzero()[:, 0]
        spots = Spots(
            seen.owner[tiles],
            seen.point[:, tiles],
            normalized(seen.normal[:, tiles]),
            normalized(-seen.ray[:, tiles]),
        )
        radiance[:, tiles] = surface(scenes, objects, spots, floor)
    return radiance


def _rubber(scenes: Scenes, objects: Objects, spots: Spots, floor: FloorMap) -> Vectors:
    """Diffuse below, velvet towards the outline, and a thin gloss."""
    normal, view = spots.normal, spots.view
    seen = dot(normal, view).clamp(1e-3, 1)
    below = from_below(objects.picture[spots.owner], spots.point, normal, floor)
    away = 2 * seen * normal[2] - view[2]
    diffuse = below * (0.5 * (1 - normal[2]))
    sheen = diffuse.clone()
    gloss = below * (0.5 - _GROUND_IN_GLOSS * away).clamp(0, 1)
    for index, light, facing, share in _lights(scenes, objects, spots):
        tint = _tint(index, normal)
        arriving = light.irradiance * share
        diffuse += (arriving * facing * (1 / torch.pi)) * tint
        sheen += (arriving * surfaces.velvet(normal, view, light.towards, facing)) * tint
        gloss += (arriving * surfaces.gloss(normal, view, light.towards, facing)) * tint
    color = objects.color[:, spots.owner, None]
    under = color * torch.lerp(diffuse, sheen, surfaces.fresnel(seen, surfaces.VELVET_FRESNEL))
    shiny = surfaces.fresnel(seen, surfaces.GLOSS_FRESNEL)
    return torch.lerp(under, surfaces.GLOSS * gloss, shiny)


def _metal(scenes: Scenes, objects: Objects, spots: Spots, floor: FloorMap) -> Vectors:
    """A mirror and a rough mirror of the object's colour."""
    normal, view = spots.normal, spots.view
    away = surfaces.mirrored(view, normal)
    radiance = mirrored_light(scenes, objects, spots.owner, spots.point, away, floor)
    for index, light, facing, share in _lights(scenes, objects, spots):
        glow = light.irradiance * surfaces.metal_glow(
            normal, view, light.towards, facing, light.spread
        )
        aside = (2 - 2 * dot(away, light.towards)).clamp_min(0).sqrt()
        image = ((_LAMP_RADIUS * light.spread - aside) / _LAMP_EDGE + 0.5).clamp(0, 1)
        lamp = image * (facing > 0) * RADIANCES[index]
        both = torch.lerp(lamp, glow, surfaces.ROUGH_SHARE)
        radiance += (share * both) * _tint(index, normal)
    return objects.color[:, spots.owner, None] * radiance


def _lights(
    scenes: Scenes, objects: Objects, spots: Spots
) -> list[tuple[int, Light, Scalars, Scalars]]:
    """Each light: its index, how it falls in, its cosine, and the share that arrives."""
    lamps = lamps_of(scenes, objects.picture[spots.owner])
    shares = object_shadows(scenes, objects, spots.owner, spots.point)
    lights = [light_at(spots.point, lamps, index) for index in range(LIGHTS)]
    return [
        (index, light, dot(spots.normal, light.towards).clamp_min(0), shares[index])
        for index, light in enumerate(lights)
    ]


def _tint(light: int, like: Tensor) -> Float[Tensor, "3 1 1"]:
    return like.new_tensor(COLORS[light])[:, None, None]
