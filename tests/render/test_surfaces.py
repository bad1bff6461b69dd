import math

import pytest
import torch
from torch import Tensor

from nmn.render.bodies import dot, normalized
from nmn.render.surfaces import fresnel, gloss, metal_glow, mirrored, velvet

UP = torch.tensor([0.0, 0.0, 1.0]).double().view(3, 1, 1)


def towards(degrees: Tensor | float, around: float = 0.0) -> Tensor:
    """Unit vectors so far from straight up, `3 1 angle`."""
    angle = torch.as_tensor(degrees, dtype=torch.float64).reshape(1, -1).deg2rad()
    x, y = math.cos(math.radians(around)), math.sin(math.radians(around))
    return torch.stack([angle.sin() * x, angle.sin() * y, angle.cos()])


def hemisphere(count: int = 300) -> tuple[Tensor, float]:
    """Directions on an even grid of solid angles, `3 1 direction`, and the angle of each."""
    z = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    turn = (torch.arange(count, dtype=torch.float64) + 0.5) * (2 * math.pi / count)
    z, turn = (grid.reshape(1, -1) for grid in torch.meshgrid(z, turn, indexing="ij"))
    flat = (1 - z * z).sqrt()
    return torch.stack([flat * turn.cos(), flat * turn.sin(), z]), 2 * math.pi / count**2


@pytest.mark.parametrize("index", [1.2, 1.4, 2.0])
def test_fresnel_is_that_of_the_textbook(index: float) -> None:
    assert fresnel(torch.ones(1, 1), index).item() == pytest.approx(
        ((index - 1) / (index + 1)) ** 2, rel=1e-4
    )
    cosine = torch.linspace(0.01, 1, 50).double()[None]
    inside = (1 - (1 - cosine**2) / index**2).sqrt()
    across = ((cosine - index * inside) / (cosine + index * inside)) ** 2
    along = ((index * cosine - inside) / (index * cosine + inside)) ** 2
    torch.testing.assert_close(fresnel(cosine, index), (across + along) / 2)
    assert fresnel(torch.zeros(1, 1), index).item() == pytest.approx(1, abs=1e-5)


def test_a_mirror_turns_light_around_its_normal() -> None:
    random = torch.Generator().manual_seed(0)
    normal, view = (
        normalized(torch.randn(3, 1, 50, generator=random, dtype=torch.float64)) for _ in range(2)
    )
    away = mirrored(view, normal)
    torch.testing.assert_close(dot(away, away), torch.ones(1, 50).double())
    torch.testing.assert_close(dot(away, normal), dot(view, normal))
    torch.testing.assert_close(mirrored(away, normal), view)
    flat = torch.linalg.cross(away + view, normal, dim=0)
    torch.testing.assert_close(flat, torch.zeros_like(flat))


@pytest.mark.parametrize("seen", [5.0, 30.0, 60.0, 80.0])
def test_no_more_light_goes_out_than_comes_in(seen: float) -> None:
    light, angle = hemisphere()
    view, facing = towards(seen), light[2]
    for answer in (
        gloss(UP, view, light, facing),
        velvet(UP, view, light, facing),
        metal_glow(UP, view, light, facing, torch.zeros(1, 1).double()),
    ):
        assert (answer >= 0).all()
        assert 0 < answer.sum().item() * angle < 1.02


def test_smooth_layers_throw_nearly_all_light_where_a_mirror_does() -> None:
    light, angle = hemisphere()
    for answer in (
        gloss(UP, towards(20.0), light, light[2]),
        metal_glow(UP, towards(20.0), light, light[2], torch.zeros(1, 1).double()),
    ):
        assert answer.sum().item() * angle > 0.85
        middle = normalized((light * answer).sum(-1, keepdim=True))
        torch.testing.assert_close(middle, towards(20.0, around=180), atol=0.08, rtol=0)


@pytest.mark.parametrize("seen", [0.0, 30.0, 60.0])
def test_answers_are_greatest_where_they_should_be(seen: float) -> None:
    degrees = torch.arange(0.0, 89.0, 0.5)
    light = towards(degrees, around=180)
    view = towards(seen)
    metal = metal_glow(UP, view, light, light[2], torch.full((1, 1), 0.05).double())
    assert abs(degrees[metal.argmax()].item() - seen) < 8
    wide = metal_glow(UP, view, light, light[2], torch.full((1, 1), 0.4).double())
    assert wide.max() < metal.max()


@pytest.mark.parametrize("seen", [30.0, 60.0, 80.0])
def test_velvet_sends_light_back_and_not_on(seen: float) -> None:
    back, on = towards(seen), towards(seen, around=180)
    there = [velvet(UP, towards(seen), light, light[2]).item() for light in (back, on)]
    assert there[0] > 1e-4
    assert there[1] == pytest.approx(0, abs=1e-6)


def test_light_from_behind_is_not_answered() -> None:
    light = towards(100.0, around=180)
    facing = light[2].clamp_min(0)
    view = towards(30.0)
    for answer in (
        gloss(UP, view, light, facing),
        velvet(UP, view, light, facing),
        metal_glow(UP, view, light, facing, torch.zeros(1, 1).double()),
    ):
        assert answer.item() == 0
