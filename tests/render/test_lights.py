import math

import pytest
import torch
from torch import Tensor

from nmn.render.bodies import FAR, dot, hit_cube, hit_cylinder, hit_sphere
from nmn.render.camera import LAMPS
from nmn.render.lights import (
    COLORS,
    LIGHTS,
    SIDES,
    SUN,
    SUN_DIAMETER,
    WATTS,
    Light,
    Occluder,
    light_at,
    passing,
)
from nmn.render.objects import turned
from nmn.render.scenes import CUBE, CYLINDER, SPHERE

PLACES = torch.tensor(list(LAMPS.values()))
HITS = {SPHERE: hit_sphere, CUBE: hit_cube, CYLINDER: hit_cylinder}


def lamps() -> Tensor:
    return PLACES[..., None, None]


def test_lights_are_those_measured() -> None:
    assert WATTS == (100, 50, 30)
    assert SIDES == (0.5, 1.0, 0.5)
    assert COLORS == ((1, 0.9323, 0.8167), (1, 1, 1), (0.7617, 0.8177, 1), (1, 1, 1))


@pytest.mark.parametrize("light", range(3))
def test_irradiance_falls_with_the_square_of_the_distance(light: int) -> None:
    points = torch.rand(3, 1, 40, generator=torch.Generator().manual_seed(1)) * 4 - 2
    found = light_at(points, lamps(), light)
    for index, point in enumerate(points[:, 0].T):
        way = PLACES[light] - point
        towards = way / way.norm()
        at_lamp = torch.dot(towards, PLACES[light] / PLACES[light].norm()).clamp_min(0)
        wanted = 0.25 * WATTS[light] * at_lamp / way.norm() ** 2
        torch.testing.assert_close(found.irradiance[0, index], wanted)
        torch.testing.assert_close(found.towards[:, 0, index], towards)
        torch.testing.assert_close(found.spread[0, index], SIDES[light] / way.norm())


def test_lamps_shine_only_to_their_front() -> None:
    behind = 1.5 * lamps()[1]
    assert light_at(behind, lamps(), 1).irradiance.item() == 0


def test_the_sun_is_the_same_everywhere() -> None:
    found = light_at(torch.randn(3, 1, 5), lamps(), LIGHTS - 1)
    torch.testing.assert_close(found.towards.flatten(), torch.tensor([0.41450, -0.19458, 0.88901]))
    assert dot(found.towards, found.towards).item() == pytest.approx(1, abs=1e-4)
    assert (found.irradiance.item(), found.spread.item()) == pytest.approx((0.45, 0.1993))


def occluder(size: float, rotation: float = 0.6) -> Occluder:
    return Occluder(
        torch.tensor([0.4, -0.3, size]).view(3, 1, 1),
        torch.tensor([[size]]),
        torch.tensor([math.cos(rotation), math.sin(rotation)]).view(2, 1, 1),
    )


def sampled(points: Tensor, light: int, body: Occluder, shape: int, count: int) -> Tensor:
    """The share of a light that arrives, by rays to many places on it."""
    random = torch.Generator().manual_seed(2)
    u, v = torch.rand(2, count, 1, 1, 1, generator=random) - 0.5
    if light == LIGHTS - 1:
        axis, middle = torch.tensor(SUN), points + 20 * torch.tensor(SUN).view(3, 1, 1)
        sides = 2 * 20 * math.tan(SUN_DIAMETER / 2)
        within = (u * u + v * v < 0.25).flatten()
        u, v = u[within], v[within]
    else:
        axis, middle, sides = PLACES[light] / PLACES[light].norm(), lamps()[light], SIDES[light]
    right = torch.linalg.cross(axis, torch.tensor([0.0, 0.0, 1.0]))
    right = right / right.norm()
    up = torch.linalg.cross(right, axis)
    seen = torch.zeros_like(points[0])
    for a, b in zip(u * sides, v * sides, strict=True):
        target = middle + a * right.view(3, 1, 1) + b * up.view(3, 1, 1)
        origin = turned((points - body.center) / body.size, body.turn, back=True)
        ray = turned((target - points) / body.size, body.turn, back=True)
        distance = HITS[shape](origin, ray)[0]
        seen += (distance == FAR) | (distance <= 0)
    return seen / len(u)


def floor_around(body: Occluder) -> Tensor:
    """Places on the floor in and near the shadow, not below the body itself."""
    step = torch.linspace(-4, 4, 61)
    y, x = (grid.reshape(1, -1) for grid in torch.meshgrid(step, step, indexing="ij"))
    points = torch.stack([x, y, torch.zeros_like(x)]) + body.center * torch.tensor(
        [1.0, 1.0, 0.0]
    ).view(3, 1, 1)
    far: Tensor = (points - body.center)[:2].norm(dim=0)[0] > 1.5 * body.size.item()
    return points[:, :, far]


CASES = [(shape, light) for shape in HITS for light in range(LIGHTS)]


@pytest.mark.parametrize(("shape", "light"), CASES)
@pytest.mark.parametrize("size", [0.35, 0.7])
def test_soft_shadows_are_those_of_many_rays(shape: int, light: int, size: float) -> None:
    body = occluder(size)
    points = floor_around(body)
    found = passing(points, light_at(points, lamps(), light), body, shape)[0]
    wanted = sampled(points, light, body, shape, 64)[0]
    off = (found - wanted).abs()
    soft, dark, bright = (wanted > 0.05) & (wanted < 0.95), wanted < 0.01, wanted > 0.99
    assert soft.any()
    assert off[soft].mean() < 0.1  # measured: 0.03 to 0.08
    assert (off[dark] < 0.2).all()
    assert off[bright].max() < 0.25
    assert off[bright].mean() < 2e-3


@pytest.mark.parametrize("shape", list(HITS))
def test_dark_behind_and_bright_elsewhere(shape: int) -> None:
    body = occluder(0.7)
    for index in range(LIGHTS):
        towards = light_at(body.center, lamps(), index).towards
        behind = body.center - towards * (0.72 / towards[2])
        beyond = body.center + towards * 2.5
        aside = body.center + torch.tensor([4.0, 4.0, 0.0]).view(3, 1, 1)
        for points, wanted in ((behind, 0.0), (beyond, 1.0), (aside, 1.0), (-aside, 1.0)):
            light = light_at(points, lamps(), index)
            assert passing(points, light, body, shape).item() == pytest.approx(wanted, abs=0.02)


def test_a_wider_lamp_has_softer_shadows() -> None:
    body = occluder(0.7)
    step = torch.linspace(0.4, 1.2, 200)[None]
    points = torch.stack([body.center[0, 0] + step, body.center[1].expand_as(step), 0 * step])
    up = torch.tensor([0.0, 0.0, 1.0]).view(3, 1, 1)
    widths = []
    for spread in (0.05, 0.2):
        light = Light(up, torch.ones(1, 1), torch.full((1, 1), spread))
        share = passing(points, light, body, SPHERE)
        assert (share.diff() >= 0).all()
        widths.append(((share > 0.05) & (share < 0.95)).sum().item())
        # half of it arrives where the middle of the lamp is on the outline
        middle = step[0, (share[0] - 0.5).abs().argmin()].item()
        assert middle == pytest.approx(0.7, abs=0.01)
    assert widths[1] > 3 * widths[0]


def test_next_to_a_lamp_overhead_there_is_no_shadow() -> None:
    under = torch.tensor([PLACES[1, 0], PLACES[1, 1], 0.0]).view(3, 1, 1)
    for shape in HITS:
        for way in range(8):
            x, y = 1.8 * math.cos(way * math.pi / 4), 1.8 * math.sin(way * math.pi / 4)
            body = occluder(0.7)
            aside = torch.tensor([x, y, 0.7]).view(3, 1, 1)
            body = Occluder(under + aside, body.size, body.turn)
            for step in (-0.1, -0.01, 0.0, 0.001, 0.1):
                points = under + torch.tensor([step, step, 0.0]).view(3, 1, 1)
                share = passing(points, light_at(points, lamps(), 1), body, shape)
                assert share.item() > 0.95
