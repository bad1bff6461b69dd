import pytest
import torch
from torch import Tensor

from nmn.render.bodies import normalized
from nmn.render.floor_map import floor_map
from nmn.render.mirror import from_below, mirrored_light
from nmn.render.objects import Objects
from nmn.render.scenes import SPHERE, Scenes
from tests.render.worlds import thing, world

METAL = thing("sphere", 0.0, 0.0, material="metal")


def shown(scenes: Scenes, *ways: tuple[float, float, float]) -> Tensor:
    """What the sphere at the origin mirrors from these ways, `way 3`; it begins on its surface."""
    objects = Objects.of(scenes)
    owner = ((objects.shape == SPHERE) & objects.metal).nonzero()[:, 0]
    away = normalized(torch.tensor(ways).T[:, None])
    point = objects.center[:, owner, None] + 0.7 * away
    return mirrored_light(scenes, objects, owner, point, away, floor_map(scenes, objects))[:, 0].T


def test_the_world_above_is_black() -> None:
    assert shown(world(METAL), (0.0, 0.0, 1.0), (0.5, 0.0, 2.0)).max() < 1e-6


def test_a_mirror_that_looks_down_shows_the_floor() -> None:
    scenes = world(METAL)
    found = shown(scenes, (1.0, -1.0, -0.5))[0]
    objects = Objects.of(scenes)
    floor = floor_map(scenes, objects)
    # from (.47, -.47, .47) on, down to the ground
    point = torch.tensor([0.0, 0.0, 0.7]) + 0.7 * torch.tensor([1.0, -1.0, -0.5]) / 1.5
    x, y = (point[axis] + 2 * point[2] * sign for axis, sign in ((0, 1.0), (1, -1.0)))
    place = torch.tensor([0]), x.view(1, 1), y.view(1, 1)
    clear, hazy = (part[:, 0, 0] for part in (floor.clear(*place), floor.blurred(*place)))
    low, high = torch.minimum(clear, hazy), torch.maximum(clear, hazy)
    assert (found > 0.9 * low).all()
    assert (found < 1.05 * high).all()


@pytest.mark.parametrize("shape", ["sphere", "cube", "cylinder"])
@pytest.mark.parametrize(("color", "strongest"), [("red", 0), ("blue", 2)])
def test_neighbours_are_seen_where_they_are(shape: str, color: str, strongest: int) -> None:
    alone = world(METAL)
    both = world(METAL, thing(shape, 1.9, -0.4, color=color))
    towards, past = (1.9, -0.4, 0.0), (-1.0, 1.0, -0.2)
    before, after = shown(alone, towards, past), shown(both, towards, past)
    torch.testing.assert_close(after[1], before[1], atol=0.01, rtol=0)
    others = [channel for channel in range(3) if channel != strongest]
    assert (after[0, strongest] > 1.5 * after[0, others]).all()
    assert (before[0, strongest] < 1.2 * before[0, others]).all()


def test_the_nearer_of_two_neighbours_is_seen() -> None:
    near, far = thing("cube", 1.8, 0.0, color="blue"), thing("sphere", 3.6, 0.0, color="red")
    for things in ((near, far), (far, near)):
        found = shown(world(METAL, *things), (1.0, 0.0, 0.0))[0]
        assert found[2] > 1.5 * found[0]


def test_what_is_seen_is_as_bright_as_a_matte_surface_in_its_light() -> None:
    # the sphere looks from behind at the side that key and sun light; its mirror shows that
    lit = world(METAL, thing("cube", -1.9, 0.9, color="yellow"))
    dark = world(METAL, thing("cube", 1.9, -0.9, color="yellow"))
    bright = shown(lit, (-1.9, 0.9, 0.0))[0]
    dim = shown(dark, (1.9, -0.9, 0.0))[0]
    assert bright[0] > 1.3 * dim[0]
    assert (bright < 0.5).all()
    assert (dim > 0).all()


def test_light_from_below_is_that_of_the_floor_beside() -> None:
    scenes = world(METAL)
    objects = Objects.of(scenes)
    floor = floor_map(scenes, objects)
    picture = torch.zeros(1, dtype=torch.long)
    point = torch.tensor([0.7, 0.0, 0.7]).view(3, 1, 1)
    normal = torch.tensor([1.0, 0.0, 0.0]).view(3, 1, 1)
    found = from_below(picture, point, normal, floor)
    wanted = floor.blurred(picture, torch.tensor([[1.8]]), torch.tensor([[0.0]]))
    torch.testing.assert_close(found, wanted)
