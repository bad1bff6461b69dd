import pytest
import torch
from torch import Tensor

from nmn.render.lights import LIGHTS, Occluder, light_at, passing
from nmn.render.objects import Objects
from nmn.render.scenes import Look, Scenes, scenes_of
from nmn.render.shadows import Raster, ground_shadows, lamps_of, object_shadows, tiles_of
from nmn.render.tiles import Tiles
from tests.render.worlds import record, some_of_each, thing

SIDE, REACH = 90, 9.0


def seen_from_above() -> Raster:
    """The flat ground, from -9 to 9."""

    def bounds(picture: Tensor, corners: Tensor) -> tuple[Tensor, Tensor]:
        places = (corners[..., :2] + REACH) * (SIDE / 2 / REACH)
        assert len(picture) == len(corners)
        return places.amin(1), places.amax(1)

    def points(picture: Tensor, tiles: Tiles, place: Tensor) -> Tensor:
        assert (place // SIDE**2 == picture[:, None]).all()
        x, y = ((at + 0.5) / (SIDE / 2 / REACH) - REACH for at in (tiles.column, tiles.row))
        return torch.stack([x, y, torch.zeros_like(x)])

    return Raster(SIDE, SIDE, bounds, points)


def everywhere() -> Tensor:
    step = (torch.arange(SIDE) + 0.5) / (SIDE / 2 / REACH) - REACH
    y, x = torch.meshgrid(step, step, indexing="ij")
    return torch.stack([x, y, torch.zeros_like(x)]).reshape(3, 1, -1)


def occluder(objects: Objects, index: int) -> Occluder:
    at = slice(index, index + 1)
    return Occluder(objects.center[:, at, None], objects.size[at, None], objects.turn[:, at, None])


def through(scenes: Scenes, objects: Objects, points: Tensor, light: int, others: Tensor) -> Tensor:
    """Shares that pass all `others`, one after the other, at `3 1 point` of their picture."""
    share = torch.ones(points.shape[1:])
    for other in others.tolist():
        lamps = lamps_of(scenes, objects.picture[other, None])
        fall = light_at(points, lamps, light)
        share *= passing(points, fall, occluder(objects, other), int(objects.shape[other]))
    return share[0]


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    row = [thing(shape, 1.7 * i - 2, -0.5 * i) for i, shape in enumerate(["cube", "cylinder"])]
    scenes = scenes_of([record(*some_of_each()), record(), record(*row)], Look())
    scenes.lamps[2, 0] = torch.tensor([6.9, -3.6, 3.4])
    return scenes


def test_boxes_of_shadows_hold_the_shadows(scenes: Scenes) -> None:
    objects = Objects.of(scenes)
    found = ground_shadows(scenes, objects, seen_from_above()).view(LIGHTS, 3, SIDE * SIDE)
    points = everywhere()
    assert (found[:, 1] == 1).all()
    for picture in (0, 2):
        mine = (objects.picture == picture).nonzero()[:, 0]
        for light in range(LIGHTS):
            wanted = through(scenes, objects, points, light, mine)
            fall = light_at(points, lamps_of(scenes, torch.tensor([picture])), light)
            bright = (fall.irradiance * fall.towards[2]).expand(1, SIDE * SIDE)[0]
            assert (wanted < 0.5).sum() > 20
            # where there is much light, and so a shadow to see
            off = bright * (found[light, picture] - wanted).abs()
            assert off.max() < 0.02
            assert off.mean() < 1e-4


@pytest.mark.parametrize("light", range(LIGHTS))
def test_each_light_throws_its_shadow_away_from_itself(light: int) -> None:
    scenes = scenes_of([record(thing("sphere", 0.5, 0.2))], Look())
    objects = Objects.of(scenes)
    share = ground_shadows(scenes, objects, seen_from_above())[light]
    points = everywhere()[:, 0]
    center = scenes.centers[0, 0]
    fall = light_at(center.view(3, 1, 1), lamps_of(scenes, objects.picture), light)
    away = -fall.towards.flatten()
    wanted = center + away * (center[2] / -away[2])
    at = (points[:2] - wanted[:2, None]).norm(dim=0).argmin()
    assert share[at] < 0.05
    middle = (points * (1 - share)).sum(1) / (1 - share).sum()
    shift = torch.nn.functional.normalize(middle[:2] - center[:2], dim=0)
    assert torch.dot(shift, torch.nn.functional.normalize(away[:2], dim=0)) > 0.99


def test_objects_stand_in_the_light_of_others(scenes: Scenes) -> None:
    objects = Objects.of(scenes)
    owner = torch.arange(len(objects)).repeat_interleave(2)
    random = torch.Generator().manual_seed(3)
    aside = torch.nn.functional.normalize(torch.randn(3, len(owner), 64, generator=random), dim=0)
    points = objects.center[:, owner, None] + aside * objects.size[owner, None]
    found = object_shadows(scenes, objects, owner, points)
    neighbours = objects.neighbours()
    dark = 0
    for light in range(LIGHTS):
        for tile, receiver in enumerate(owner.tolist()):
            others = neighbours[receiver].nonzero()[:, 0]
            wanted = through(scenes, objects, points[:, tile, None], light, others)
            torch.testing.assert_close(found[light, tile], wanted, atol=0.05, rtol=0)
            dark += int((wanted < 0.1).sum())
    assert dark > 50


def test_one_object_alone_is_in_no_shadow() -> None:
    scenes = scenes_of([record(thing()), record(thing("cube"))], Look())
    objects = Objects.of(scenes)
    points = objects.center[:, :, None] + torch.randn(3, 2, 9)
    assert (object_shadows(scenes, objects, torch.arange(2), points) == 1).all()


def test_tiles_of_chosen_objects() -> None:
    owner = torch.tensor([0, 0, 2, 3, 3, 3])
    tile, pair = tiles_of(torch.tensor([3, 1, 0, 3]), owner, 5)
    assert tile.tolist() == [3, 4, 5, 0, 1, 3, 4, 5]
    assert pair.tolist() == [0, 0, 0, 2, 2, 3, 3, 3]
    tile, pair = tiles_of(owner[:0], owner, 5)
    assert (tile.tolist(), pair.tolist()) == ([], [])
