import math

import pytest
import torch
from torch import Tensor

from nmn.render import ground
from nmn.render.camera import LAMPS, project
from nmn.render.floor import bounce, floor_picture, reflected, shine
from nmn.render.lights import COLORS, LIGHTS, SUN
from nmn.render.objects import Objects, View
from nmn.render.scenes import Scenes
from tests.render.worlds import thing, world

WIDTH, HEIGHT = 240, 160
WATTS = {"key": 100, "back": 50, "fill": 30}


def irradiance(x: float, y: float) -> list[float]:
    """Of each light on the flat floor, by the formula."""
    falls = []
    for name, place in LAMPS.items():
        way = [place[0] - x, place[1] - y, place[2]]
        distance = math.hypot(*way)
        at_lamp = sum(a * b for a, b in zip(way, place, strict=True))
        at_lamp /= distance * math.hypot(*place)
        falls.append(0.25 * WATTS[name] * at_lamp * (way[2] / distance) / distance**2)
    return [*falls, 0.45 * SUN[2]]


def picture(scenes: Scenes) -> Tensor:
    view = View(scenes.camera, WIDTH, HEIGHT)
    return floor_picture(scenes, Objects.of(scenes), view)[:, 0]


def pixel(scenes: Scenes, x: float, y: float) -> tuple[int, int]:
    """Row and column of a place on the floor."""
    at = project(torch.tensor([[[x, y, 0.0]]]), scenes.camera, WIDTH, HEIGHT)[0, 0]
    return int(at[1]), int(at[0])


@pytest.mark.parametrize(("x", "y"), [(0.0, 0.0), (2.0, -2.0), (-2.5, 0.5), (1.0, 2.5)])
def test_the_empty_floor_has_the_light_of_the_formula(x: float, y: float) -> None:
    scenes = world()
    row, column = pixel(scenes, x, y)
    for channel in range(3):
        direct = sum(
            fall * color[channel] for fall, color in zip(irradiance(x, y), COLORS, strict=True)
        )
        found = picture(scenes)[channel, row, column].item() - 0.8 / math.pi * direct
        # what is left is light that was bounced: 0.01 in front to 0.02 behind, as measured
        assert 0.006 < found < 0.022


def test_light_without_shadows_is_that_of_the_formula() -> None:
    points = torch.tensor([[0.5, -1.0, 0.0], [2.0, 1.0, 0.0]]).T[:, None]
    up = torch.tensor([0.0, 0.0, 1.0]).view(3, 1, 1)
    found = shine(world(), points, up)
    assert found.shape == (LIGHTS, 1, 2)
    for place, (x, y) in enumerate([(0.5, -1.0), (2.0, 1.0)]):
        torch.testing.assert_close(
            found[:, 0, place], torch.tensor(irradiance(x, y)), rtol=1e-4, atol=0
        )
    assert (shine(world(), points, -up) == 0).all()


def test_more_light_is_bounced_behind() -> None:
    way = torch.linspace(-20, 4, 50)
    a, b, c = ground.ACROSS
    points = torch.stack([(way - c) * a, (way - c) * b, torch.zeros(50)])[:, None]
    light = bounce(points)[0, 0] * ground.ALBEDO / torch.pi
    assert (light.diff() >= 0).all()
    assert 0.008 < light[0] < 0.013
    assert 0.015 < light[-1] < 0.025


def test_what_is_reflected_is_a_sum_of_colours() -> None:
    light, extra = torch.rand(LIGHTS, 6), torch.rand(3, 6)
    wanted = extra.clone()
    for one, color in zip(light, COLORS, strict=True):
        wanted += torch.tensor(color)[:, None] * one
    torch.testing.assert_close(reflected(light, extra), wanted * 0.8 / torch.pi)


@pytest.mark.parametrize("shape", ["sphere", "cube", "cylinder"])
@pytest.mark.parametrize("light", range(LIGHTS))
def test_an_object_takes_one_light_from_its_shadow(shape: str, light: int) -> None:
    scenes, empty = world(thing(shape, 0.4, 0.3, size="small", color="gray")), world()
    center = scenes.centers[0, 0]
    source = torch.tensor(SUN) * 1e3 if light == 3 else scenes.lamps[0, light]
    way = center - source
    x, y, _ = (center + way * (center[2] / -way[2])).tolist()
    row, column = pixel(scenes, x, y)
    falls = irradiance(x, y)
    lost = (picture(empty) - picture(scenes))[:, row, column]
    taken = 0.8 / math.pi * falls[light] * torch.tensor(COLORS[light])
    # at its foot, other lights are partly hidden too, and some light comes from the object
    assert (lost > 0.7 * taken - 0.01).all()
    assert (lost < 0.8 / math.pi * sum(falls)).all()


def test_far_away_an_object_changes_nothing() -> None:
    scenes, empty = world(thing("cube", -2.0, -1.0)), world()
    off = (picture(scenes) - picture(empty)).abs()
    assert off.max() > 0.05
    for place in ((3.0, -3.0), (3.0, 3.0)):
        row, column = pixel(scenes, *place)
        assert off[:, row, column].max() < 1e-3
    assert off[:, :20].max() < 1e-3


def test_objects_throw_their_colour_on_the_floor() -> None:
    glow = {}
    for color in ("red", "blue"):
        scenes = world(thing("sphere", 0.0, 0.0, color=color))
        row, column = pixel(scenes, 1.0, -0.6)
        glow[color] = picture(scenes)[:, row, column]
    red, _, blue = glow["red"] - glow["blue"]
    assert red > 0.002
    assert blue < -0.002


def test_light_is_smooth_from_cell_to_cell() -> None:
    light = picture(world())
    assert light.isfinite().all()
    assert (light > 0).all()
    assert light.diff(dim=1).abs().max() < 0.01
    assert light.diff(dim=2).abs().max() < 0.01
