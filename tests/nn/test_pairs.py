"""Sums over pairs are those of the plain form, in bounded memory."""

import pytest
import torch
from torch import Tensor, nn

from nmn.nn.pairs import PairSums

CHANNELS, ASKED, UNITS = 5, 3, (7, 6, 4)


def inputs() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    present = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    values = torch.randn(2, 6, CHANNELS) * present[:, :, None]
    return values, present, torch.tensor([1, 0, 1]), torch.randn(3, ASKED)


def plain(
    pairs: PairSums, values: Tensor, present: Tensor, picture: Tensor, question: Tensor
) -> Tensor:
    """The sums as the paper writes them: all concatenated pairs in one tensor."""
    weight = torch.cat([pairs.one.weight, pairs.other.weight, pairs.question.weight], 1)
    seen, there = values[picture], present[picture].float()
    batch, cells, _ = seen.shape
    shape = (batch, cells, cells, -1)
    parts = [seen[:, :, None].expand(*shape), seen[:, None].expand(*shape)]
    every = torch.cat([*parts, question[:, None, None].expand(*shape)], 3)
    said = nn.functional.linear(every, weight, pairs.question.bias).relu()
    for layer in pairs.layers:
        said = layer(said).relu()
    return (said * there[:, :, None, None] * there[:, None, :, None]).sum(2)


@pytest.mark.parametrize("kept", [0, 1 << 20])
@pytest.mark.parametrize("at_once", [1, 100, 600, 1 << 20])
def test_sums_and_gradients_are_those_of_the_plain_form(at_once: int, kept: int) -> None:
    torch.manual_seed(1)
    pairs = PairSums(CHANNELS, ASKED, UNITS, at_once, kept)
    values, present, picture, question = inputs()
    grads = []
    for way in (pairs, lambda *given: plain(pairs, *given)):
        pairs.zero_grad()
        seen, asked = values.clone().requires_grad_(), question.clone().requires_grad_()
        sums = way(seen, present, picture, asked)
        assert sums.shape == (3, 6, UNITS[-1])
        (sums**2).sum().backward()
        assert seen.grad is not None
        assert asked.grad is not None
        named = [parameter.grad for parameter in pairs.parameters()]
        grads.append([sums.detach(), seen.grad, asked.grad, *named])
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kept", [0, 1 << 20])
def test_many_questions_about_pictures_with_any_cells_are_those_of_the_plain_form(
    kept: int,
) -> None:
    torch.manual_seed(2)
    pairs = PairSums(CHANNELS, ASKED, UNITS, kept=kept)
    present = torch.rand(9, 8) < torch.linspace(0, 1, 9)[:, None]  # none in the first, then some
    values, picture = torch.randn(9, 8, CHANNELS), torch.randint(9, (100,))
    question = torch.randn(100, ASKED, requires_grad=True)
    sums, wanted = (
        way(values, present, picture, question)
        for way in (pairs, lambda *given: plain(pairs, *given))
    )
    torch.testing.assert_close(sums, wanted, rtol=1e-5, atol=1e-5)
    weights = [question, *pairs.parameters()]
    ours, theirs = (torch.autograd.grad((some**2).sum(), weights) for some in (sums, wanted))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kept", [0, 1 << 20])
def test_pairs_are_narrow_under_autocast(kept: int) -> None:
    torch.manual_seed(1)
    pairs = PairSums(CHANNELS, ASKED, UNITS, kept=kept)
    given = inputs()
    exact = plain(pairs, *given)
    with torch.autocast("cpu", torch.bfloat16):
        near = pairs(*given)
    assert near.dtype == torch.bfloat16
    assert 0 < (near - exact).abs().max() < 0.03 * exact.abs().max()
    near.float().sum().backward()
    assert all(value.grad is not None for value in pairs.parameters())


def test_without_gradient_the_sums_are_the_same() -> None:
    pairs = PairSums(CHANNELS, ASKED, UNITS)
    given = inputs()
    learned = pairs(*given)
    with torch.no_grad():
        assert torch.equal(pairs(*given), learned)


def test_cells_that_are_not_there_neither_say_nor_hear() -> None:
    pairs = PairSums(CHANNELS, ASKED, UNITS)
    values, present, picture, question = inputs()
    other = values.clone()
    other[1, 4:] = 100.0
    sums = pairs(values, present, picture, question)
    assert torch.equal(pairs(other, present, picture, question), sums)
    assert not sums[0, 4:].any()
    assert sums[0, :4].any()


def test_weights_have_the_shapes_of_the_parts_and_the_spread_of_the_whole() -> None:
    torch.manual_seed(0)
    pairs = PairSums(100, 50, (64, 32))
    shapes = {name: tuple(value.shape) for name, value in pairs.named_parameters()}
    assert shapes == {
        "one.weight": (64, 100),
        "other.weight": (64, 100),
        "question.weight": (64, 50),
        "question.bias": (64,),
        "layers.0.weight": (32, 64),
        "layers.0.bias": (32,),
    }
    bound = 1 / 250**0.5
    for part in (pairs.one, pairs.other, pairs.question):
        assert 0.95 * bound < part.weight.abs().max() <= bound
