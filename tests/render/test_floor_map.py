import pytest
import torch

from nmn.render import ground
from nmn.render.floor import bounce, reflected, shine
from nmn.render.floor_map import NEAR, REACH, FloorMap, floor_map
from nmn.render.objects import Objects
from nmn.render.scenes import Look, Scenes, scenes_of
from tests.render.worlds import record, thing, world

BOTH = torch.tensor([0, 1])


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    return scenes_of([record(), record(thing("sphere", 0.5, 0.5))], Look())


@pytest.fixture(scope="module")
def maps(scenes: Scenes) -> FloorMap:
    return floor_map(scenes, Objects.of(scenes))


def test_the_map_is_what_the_floor_sends(scenes: Scenes, maps: FloorMap) -> None:
    random = torch.rand(2, 2, 50, generator=torch.Generator().manual_seed(0)) * 14 - 7
    x, y = random
    points = torch.stack([x, y, torch.zeros_like(x)])
    light = shine(scenes, points, torch.tensor([0.0, 0.0, 1.0]).view(3, 1, 1))
    wanted = reflected(light.flatten(1), bounce(points).flatten(1)).view(3, 2, 50)
    found = maps.clear(BOTH, x, y)
    torch.testing.assert_close(found[:, 0], wanted[:, 0], rtol=0.01, atol=1e-3)
    assert (found[:, 1] <= wanted[:, 1] * 1.01 + 1e-3).all()


def test_shadows_are_on_the_map(scenes: Scenes, maps: FloorMap) -> None:
    center = scenes.centers[1, 0]
    way = center - scenes.lamps[1, 0]
    x, y = ((center + way * (center[2] / -way[2]))[:2, None, None]).expand(2, 2, 1)
    clear, soft = maps.clear(BOTH, x, y), maps.blurred(BOTH, x, y)
    assert (clear[:, 1] < 0.9 * clear[:, 0]).all()
    assert (soft[:, 1] < soft[:, 0]).all()


def test_a_blurred_map_is_a_mean(maps: FloorMap) -> None:
    x, y = torch.full((2, 1), 0.3), torch.full((2, 1), -0.2)
    column, row = ((at[0, 0].item() + REACH) * NEAR / (2 * REACH) for at in (x, y))
    around = slice(round(row) - 10, round(row) + 10), slice(round(column) - 10, round(column) + 10)
    wanted = maps.sharp[(slice(None), slice(None), *around)].mean((2, 3))
    torch.testing.assert_close(maps.blurred(BOTH, x, y)[..., 0], wanted, rtol=0.05, atol=0)


def test_far_floor_and_backdrop_are_lit_by_the_formula(scenes: Scenes, maps: FloorMap) -> None:
    s = torch.linspace(-6.0, 1.0, 40)
    a, b, c = ground.ACROSS
    x, y = ((s - c) * part / (a * a + b * b) for part in (a, b))
    assert (x < -REACH + 1).all()
    height, slope = ground.height_and_slope(x[None], y[None])
    points = torch.stack([x, y, height[0]])[:, None]
    empty = scenes.part(0, 1)
    light = shine(empty, points, ground.normals(slope)).flatten(1)
    wanted = reflected(light, bounce(points).flatten(1))
    beyond = x < -REACH
    found = maps.clear(BOTH[:1], x[None], y[None])[:, 0]
    torch.testing.assert_close(found[:, beyond], wanted[:, beyond], rtol=0.1, atol=5e-3)


def test_near_and_wide_maps_meet(maps: FloorMap) -> None:
    along = torch.linspace(-6, 6, 25).expand(2, -1)
    for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        sides = [
            maps.clear(BOTH, x * at + along * abs(y), y * at + along * abs(x))[:, 0]
            for at in (REACH - 0.01, REACH + 0.01)
        ]
        torch.testing.assert_close(*sides, rtol=0.1, atol=5e-3)


def test_beyond_all_maps_there_is_still_some_light(maps: FloorMap) -> None:
    far = torch.tensor([[1e5, -1e5]]).expand(2, -1)
    for light in (maps.clear(BOTH, far, far), maps.blurred(BOTH, far, -far)):
        assert light.isfinite().all()
        assert (light >= 0).all()


def test_a_scene_alone_has_the_same_map(scenes: Scenes, maps: FloorMap) -> None:
    alone = world(thing("sphere", 0.5, 0.5))
    again = floor_map(alone, Objects.of(alone))
    torch.testing.assert_close(again.sharp[:, 0], maps.sharp[:, 1])
    torch.testing.assert_close(again.soft[:, 0], maps.soft[:, 1])
    assert len(scenes) == 2
