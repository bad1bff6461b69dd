from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from nmn.render.bodies import (
    FAR,
    cube_bounds,
    cylinder_bounds,
    dot,
    hit_cube,
    hit_cylinder,
    hit_sphere,
    normalized,
    plain_cube,
    plain_cylinder,
    plain_sphere,
)

Body = Callable[[Tensor], Tensor]
Hit = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def sphere(p: Tensor) -> Tensor:
    return p.square().sum(0) / 0.999**2


def cube(p: Tensor) -> Tensor:
    return ((p.abs() - 0.75).clamp_min(0) / 0.25).pow(3).sum(0)


def cylinder(p: Tensor) -> Tensor:
    out = (p[:2].norm(dim=0) - 0.91).clamp_min(0) / 0.09
    up = (p[2].abs() - 0.9).clamp_min(0) / 0.1
    value: Tensor = out**4 + up**4
    return value


def box(p: Tensor) -> Tensor:
    return p.abs().amax(0)


def can(p: Tensor) -> Tensor:
    return torch.maximum(p[:2].norm(dim=0), p[2].abs())


ROUNDED = [(hit_sphere, sphere), (hit_cube, cube), (hit_cylinder, cylinder)]
PLAIN = [(plain_sphere, sphere), (plain_cube, box), (plain_cylinder, can)]


def rays(count: int = 600) -> tuple[Tensor, Tensor]:
    """From about as far as a camera is, in half heights, past and through the body; 1 tile."""
    random = torch.Generator().manual_seed(4)
    origin = normalized(torch.randn(3, 1, count, generator=random, dtype=torch.float64)) * 12
    target = torch.rand(3, 1, count, generator=random, dtype=torch.float64) * 3 - 1.5
    return origin, (target - origin) / 12


def marched(body: Body, origin: Tensor, ray: Tensor) -> tuple[Tensor, Tensor]:
    """Brute force: the first of many places inside, then bisection; and how deep rays get."""
    steps = torch.linspace(8, 16, 3000, dtype=torch.float64)
    values = body(origin + ray * steps[:, None])
    inside = values < 1
    high = steps[inside.double().argmax(0)]
    low = high - (steps[1] - steps[0])
    for _ in range(40):
        middle = (low + high) / 2
        within = body(origin + ray * middle)[0] < 1
        low, high = torch.where(within, low, middle), torch.where(within, middle, high)
    return torch.where(inside.any(0), high, FAR), values.amin(0)


@pytest.mark.parametrize(("hit", "body"), ROUNDED + PLAIN)
def test_hits_are_where_marching_finds_them(hit: Hit, body: Body) -> None:
    origin, ray = rays()
    distance, deepest = marched(body, origin, ray)
    found = hit(origin, ray)[0][0]
    clear = (deepest < 0.97) | (deepest > 1.02)  # neither way is sure of rays that only touch
    assert clear.float().mean() > 0.9
    assert ((found < FAR) == (distance < FAR))[clear].all()
    both = clear & (distance < FAR)
    assert both.sum() > 100
    # four steps of Newton's method: a hundredth of half a height at worst, in the roundings
    off = (found - distance)[both].abs()
    assert off.max() < 0.01
    assert off.mean() < 3e-4


@pytest.mark.parametrize(("hit", "body"), ROUNDED)
def test_normals_are_gradients(hit: Hit, body: Body) -> None:
    origin, ray = rays()
    distance, normal = hit(origin, ray)
    reached = (distance < FAR)[0]
    point = (origin + distance * ray)[:, :, reached]
    aside = 1e-6 * torch.eye(3, dtype=torch.float64)[..., None, None]
    slope = torch.stack([body(point + step) - body(point - step) for step in aside]) / 2e-6
    torch.testing.assert_close(
        normalized(normal[:, :, reached]), normalized(slope), atol=1e-5, rtol=0
    )
    assert (dot(normal, ray)[:, reached] < 0).all()


@pytest.mark.parametrize("hit", [plain_cube, plain_cylinder])
def test_plain_bodies_have_the_normal_of_one_side(hit: Hit) -> None:
    origin, ray = rays()
    distance, normal = hit(origin, ray)
    reached = (distance < FAR)[0]
    unit, point = normalized(normal[:, :, reached]), (origin + distance * ray)[:, :, reached]
    one_side = ((dot(unit, point) - 1).abs() < 2e-3) & (dot(unit, ray[:, :, reached]) < 0)
    assert one_side.double().mean() > 0.99  # within a thousandth of an edge it is that of both


@pytest.mark.parametrize("hit", [hit for hit, _ in PLAIN])
def test_what_is_behind_a_plain_ray_is_missed(hit: Hit) -> None:
    origin, ray = rays()
    assert (hit(origin, -ray)[0] == FAR).all()


@pytest.mark.parametrize("hit", [hit for hit, _ in ROUNDED + PLAIN])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_rays_along_an_axis_meet_the_side_in_front(hit: Hit, axis: int) -> None:
    origin, ray = torch.full((3, 1, 1), 0.1), torch.zeros(3, 1, 1)
    origin[axis], ray[axis] = 5.0, -2.0
    distance, normal = hit(origin, ray)
    assert distance.item() == pytest.approx(2.0, abs=0.01)
    assert normalized(normal)[axis].item() > 0.98


@pytest.mark.parametrize("bounds", [cube_bounds, cylinder_bounds])
def test_bounds_are_entry_and_exit(bounds: Hit) -> None:
    origin = torch.tensor([4.0, 0.0, 0.0]).view(3, 1, 1)
    ray = torch.tensor([[-1.0, 0.0, 0.0], [-1.0, 1.0, 0.0], [-1.0, 0.0, 0.7]]).T[:, None]
    near, far = bounds(origin, ray)
    torch.testing.assert_close((near[0, 0], far[0, 0]), (torch.tensor(3.0), torch.tensor(5.0)))
    assert (near > far)[0, 1:].all()
