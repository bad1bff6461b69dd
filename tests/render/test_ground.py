import numpy as np
import pytest
import torch
from torch import Tensor

from nmn.render.bodies import FAR, dot, normalized
from nmn.render.camera import BASE
from nmn.render.ground import (
    ACROSS,
    HEIGHTS,
    height_and_slope,
    mirror_reach,
    normals,
    reach,
)
from nmn.render.objects import View

A, B, C = ACROSS


def at(s: Tensor, along: float = 0.0) -> tuple[Tensor, Tensor]:
    """Places across the backdrop, `1 place`."""
    x, y = (s - C) * A - along * B, (s - C) * B + along * A
    return x[None] / (A * A + B * B), y[None] / (A * A + B * B)


def height(x: Tensor, y: Tensor) -> Tensor:
    """By the table as measured: straight lines between its logarithms."""
    s, known = np.array(HEIGHTS).T
    place = A * x.double().numpy() + B * y.double().numpy() + C
    return torch.from_numpy(np.exp(np.interp(place, s, np.log(known))))


def test_heights_are_those_measured() -> None:
    s, known = torch.tensor(HEIGHTS).T
    found, slope = height_and_slope(*at(s))
    torch.testing.assert_close(found[0], known, rtol=0.02, atol=0)
    assert (slope > 0).all()
    assert (found.diff() > 0).all()


def test_the_floor_before_is_flat() -> None:
    found, slope = height_and_slope(*at(torch.linspace(-40, -16, 50), along=3.0))
    assert found.max() < 0.006
    assert slope.max() < 0.005


def test_slopes_are_differences_of_heights() -> None:
    s = torch.linspace(-20, 3.9, 400).double()
    over, under = (height_and_slope(*at(s + step))[0] for step in (0.05, -0.05))
    slope = height_and_slope(*at(s))[1]
    torch.testing.assert_close(slope, (over - under) / 0.1, rtol=0.05, atol=0.02)


def test_normals_stand_on_the_ground() -> None:
    s = torch.linspace(-20, 3.5, 200).double()
    up = normals(height_and_slope(*at(s))[1])
    torch.testing.assert_close(dot(up, up), torch.ones(1, 200).double(), atol=2e-4, rtol=0)
    (x0, y0), (x1, y1) = at(s - 0.01), at(s + 0.01)
    z0, z1 = height_and_slope(x0, y0)[0], height_and_slope(x1, y1)[0]
    tangent = normalized(torch.stack([x1 - x0, y1 - y0, z1 - z0]))
    assert dot(up, tangent).abs().max() < 0.03
    assert (up[2] > 0).all()


@pytest.mark.parametrize("aside", [(0.0, 0.0, 0.0), (0.5, -0.5, -0.5), (-0.5, 0.5, 0.5)])
def test_all_rays_of_a_camera_land_on_the_ground(aside: tuple[float, float, float]) -> None:
    view = View(torch.tensor([BASE]) + torch.tensor([aside]), 96, 64)
    row, column = torch.meshgrid(torch.arange(65.0), torch.arange(97.0), indexing="ij")
    one = torch.zeros(1, dtype=torch.long)
    origin, ray = view.origins(one), view.rays(one, column.reshape(1, -1), row.reshape(1, -1))
    distance = reach(origin, ray)
    x, y, z = origin + distance * ray
    found = height_and_slope(x, y)[0]
    torch.testing.assert_close(z, found, atol=1e-4, rtol=1e-4)
    # it is the first meeting: a little before, the ray is above the ground
    x, y, z = origin + 0.99 * distance * ray
    assert (z > height_and_slope(x, y)[0]).all()
    # and the table says the same within what lies between its lines
    torch.testing.assert_close(found.double(), height(x, y), rtol=0.2, atol=0.02)


def test_mirrored_rays_land_on_the_ground_or_leave() -> None:
    random = torch.Generator().manual_seed(0)
    point = torch.rand(3, 1, 4000, generator=random) * 6 - 3
    point[2] = torch.rand(1, 4000, generator=random) * 1.3 + 0.02
    ray = normalized(torch.randn(3, 1, 4000, generator=random))
    distance = mirror_reach(point, ray)
    assert (distance > 0).all()
    lands = distance < 40  # farther ones graze the floor
    x, y, z = point + distance.clamp_max(40) * ray
    off = (z - height_and_slope(x, y)[0]).abs()[lands]
    assert off.max() < 0.1
    assert off.mean() < 0.01


def test_rays_that_leave_the_scene_meet_nothing() -> None:
    random = torch.Generator().manual_seed(1)
    point = torch.rand(3, 1, 1000, generator=random) * 4 - 2
    point[2] = 0.5
    ray = normalized(torch.randn(3, 1, 1000, generator=random))
    leaves = (mirror_reach(point, ray) == FAR)[0]
    assert 0.2 < leaves.double().mean() < 0.5
    steps = torch.linspace(0.1, 40, 2000)
    x, y, z = point[:, 0, leaves, None] + ray[:, 0, leaves, None] * steps
    under = (z < height_and_slope(x, y)[0]) & (A * x + B * y + C < HEIGHTS[-1][0])
    assert not under.any()
