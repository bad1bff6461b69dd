"""The light that the ground sends to the camera."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from nmn.render import ground
from nmn.render.bodies import Vectors, dot
from nmn.render.lights import COLORS, LIGHTS, light_at
from nmn.render.objects import Objects, View
from nmn.render.scenes import Scenes
from nmn.render.shadows import Raster, ground_shadows
from nmn.render.tiles import Tiles

COARSE = (60, 40)
"""Cells of the coarse raster on which smooth light is computed."""

_BOUNCED, _BOUNCED_MORE = 0.04, 0.03
_GLOW = 0.3


def picture_raster(view: View, nearness: Float[Tensor, "picture height width"]) -> Raster:
    """The ground as a camera sees it.

    Args:
        nearness: one divided by the depth of the ground at the middle of each pixel.
    """
    flat = nearness.reshape(-1)

    def points(picture: Tensor, tiles: Tiles, place: Tensor) -> Vectors:
        ray = view.rays(picture, tiles.column + 0.5, tiles.row + 0.5)
        return view.origins(picture) + ray / flat[place]

    return Raster(view.width, view.height, view.bounds, points)


def floor_picture(
    scenes: Scenes, objects: Objects, view: View
) -> Float[Tensor, "3 picture height width"]:
    """Radiance of the ground at the middle of each pixel, with shadows.

    Light without shadows, and the depth, change slowly: they are computed on a coarse raster.
    """
    across, down = COARSE
    device = scenes.sizes.device
    column = torch.arange(across + 1, device=device) * (view.width / across)
    row = torch.arange(down + 1, device=device) * (view.height / down)
    depth, points, normals = seen_ground(view, column, row)
    extra = bounce(points) + _glow(objects, points)
    coarse = torch.cat([shine(scenes, points, normals), extra, 1 / depth[None]])
    fine = _refined(coarse.view(-1, len(view), down + 1, across + 1), view.width, view.height)
    light, extra, nearness = fine[:LIGHTS], fine[LIGHTS:-1], fine[-1]
    shares = ground_shadows(scenes, objects, picture_raster(view, nearness))
    light = light * shares.view_as(light)
    return reflected(light.flatten(1), extra.flatten(1)).view_as(extra)


def seen_ground(
    view: View, column: Float[Tensor, " column"], row: Float[Tensor, " row"]
) -> tuple[
    Float[Tensor, "picture place"],
    Float[Tensor, "3 picture place"],
    Float[Tensor, "3 picture place"],
]:
    """Depth, point and normal of the ground where each of `row` meets each of `column`."""
    rows, columns = torch.meshgrid(row, column, indexing="ij")
    everyone = torch.arange(len(view), device=row.device)
    origin = view.origins(everyone)
    ray = view.rays(everyone, columns.reshape(1, -1), rows.reshape(1, -1))
    depth = ground.reach(origin, ray)
    points = origin + depth * ray
    _, slope = ground.height_and_slope(points[0], points[1])
    return depth, points, ground.normals(slope)


def reflected(light: Float[Tensor, "light place"], extra: Float[Tensor, "3 place"]) -> Tensor:
    """The radiance of the ground, `3 place`, from the irradiance of each light and other light."""
    colors = torch.tensor(COLORS, device=light.device).T
    return torch.addmm(extra, colors, light) * (ground.ALBEDO / torch.pi)


def shine(
    scenes: Scenes, points: Float[Tensor, "3 picture place"], normal: Vectors
) -> Float[Tensor, "light picture place"]:
    """Irradiance of each light, without its colour, on a surface without shadows."""
    lamps = scenes.lamps.permute(1, 2, 0)[..., None]
    lights = [light_at(points, lamps, light) for light in range(LIGHTS)]
    falls = [light.irradiance * dot(normal, light.towards).clamp_min(0) for light in lights]
    return torch.stack([fall.expand(points.shape[1:]) for fall in falls])


def bounce(points: Vectors) -> Float[Tensor, "3 tile sample"]:
    """Irradiance on the ground from the light that the ground itself throws back: more behind."""
    a, b, c = ground.ACROSS
    s = a * points[0] + b * points[1] + c
    strength = _BOUNCED + _BOUNCED_MORE * ((s + 18) / 12).clamp(0, 1.5)
    return strength.expand(3, *strength.shape)


def _glow(objects: Objects, points: Float[Tensor, "3 picture place"]) -> Tensor:
    """Irradiance from light that objects throw on the ground, as if they were spheres."""
    light = torch.zeros_like(points)
    for slot in range(int(objects.slot.max()) + 1 if len(objects) else 0):
        chosen = (objects.slot == slot).nonzero()[:, 0]
        picture, size = objects.picture[chosen], objects.size[chosen, None]
        way = objects.center[:, chosen, None] - points[:, picture]
        nearness = dot(way, way).rsqrt()
        share = _GLOW * (size * nearness).square() * (way[2] * nearness)
        light[:, picture] += share * objects.color[:, chosen, None]
    return light


def _refined(
    coarse: Float[Tensor, "value picture row column"], width: int, height: int
) -> Float[Tensor, "value picture height width"]:
    """Values at the middles of pixels; the outer ones of the coarse raster are at the borders."""
    x = (torch.arange(width, device=coarse.device) + 0.5) * (2 / width) - 1
    y = (torch.arange(height, device=coarse.device) + 0.5) * (2 / height) - 1
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)[None]
    flat = coarse.flatten(0, 1)[None]
    fine = functional.grid_sample(flat, grid, mode="bilinear", align_corners=True)
    return fine[0].view(*coarse.shape[:2], height, width)
