"""Doubts against the same formulas on logits."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nmn.nn import soft_logic
from nmn.nn.soft_logic import (
    IMPOSSIBLE,
    LIMIT,
    any_of,
    any_other,
    both,
    doubts,
    either,
    reached,
)

Connective = Callable[[Tensor, bool], Tensor]
NODES, CELLS = 4, 5


def random_logits(*shape: int, seed: int = 0, spread: float = 4.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return spread * torch.randn(*shape, dtype=torch.float64, generator=generator)


def logits_of(doubt: Tensor) -> Tensor:
    return -doubt.log()


def not_both(first: Tensor, second: Tensor) -> Tensor:
    """The softened conjunction of logits."""
    return -torch.logaddexp(-first, -second)


def others(logits: Tensor, combine: Callable[[Tensor], Tensor]) -> Tensor:
    """`combine` of all but one of the last dimension, for each that is left out."""
    columns = []
    for left_out in range(logits.shape[-1]):
        kept = [place for place in range(logits.shape[-1]) if place != left_out]
        columns.append(combine(logits[..., kept]))
    return torch.stack(columns, dim=-1)


def assert_close(got: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-9)


def test_a_doubt_is_the_inverse_odds() -> None:
    found = doubts(torch.tensor([0.0, math.log(3), -math.log(4)], dtype=torch.float64))
    assert_close(found, torch.tensor([1.0, 1 / 3, 4.0], dtype=torch.float64))
    probability = 1 / (1 + found)
    logits = torch.tensor([0.0, math.log(3), -math.log(4)], dtype=torch.float64)
    assert_close(probability, logits.sigmoid())


def test_logits_are_limited() -> None:
    found = doubts(torch.tensor([-1e9, -LIMIT, LIMIT, 1e9], dtype=torch.float64))
    assert_close(found.log(), torch.tensor([LIMIT, LIMIT, -LIMIT, -LIMIT], dtype=torch.float64))
    assert math.exp(LIMIT) == IMPOSSIBLE


@pytest.mark.parametrize(
    ("connective", "soft", "formula"),
    [
        (both, True, not_both),
        (both, False, torch.minimum),
        (either, True, torch.logaddexp),
        (either, False, torch.maximum),
    ],
)
def test_two_statements_are_combined_as_their_logits(
    connective: Callable[..., Tensor], soft: bool, formula: Callable[[Tensor, Tensor], Tensor]
) -> None:
    first, second = random_logits(6, 7, seed=1), random_logits(6, 7, seed=2)
    found = logits_of(connective(doubts(first), doubts(second), soft=soft))
    assert_close(found, formula(first, second))


@pytest.mark.parametrize("dimension", [0, 1, 2, -1])
def test_any_of_many_is_the_sum_of_odds_or_the_largest_logit(dimension: int) -> None:
    logits = random_logits(3, 4, 5)
    soft = any_of(doubts(logits), dimension, soft=True)
    assert_close(logits_of(soft), logits.logsumexp(dimension))
    hard = any_of(doubts(logits), dimension, soft=False)
    assert_close(logits_of(hard), logits.amax(dimension))


@pytest.mark.parametrize("cells", [2, 3, 8])
def test_any_other_leaves_out_each_place_in_turn(cells: int) -> None:
    logits = random_logits(3, 4, cells)
    soft = any_other(doubts(logits), soft=True)
    assert_close(logits_of(soft), others(logits, lambda rest: rest.logsumexp(-1)))
    hard = any_other(doubts(logits), soft=False)
    assert_close(logits_of(hard), others(logits, lambda rest: rest.amax(-1)))


def test_of_one_place_there_is_no_other() -> None:
    for soft in (True, False):
        found = any_other(doubts(torch.tensor([[3.0], [-3.0]])), soft=soft)
        torch.testing.assert_close(found, torch.full((2, 1), IMPOSSIBLE))


def test_what_dominates_does_not_hide_the_others() -> None:
    logits = torch.tensor([[-LIMIT, 0.0, LIMIT, 1.0], [LIMIT, LIMIT, -3.0, -LIMIT]])
    found = logits_of(any_other(doubts(logits), soft=True))
    wanted = others(logits.double(), lambda rest: rest.logsumexp(-1)).float()
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


def test_of_equal_places_each_has_the_others() -> None:
    equal = torch.full((1, 4), 0.5, dtype=torch.float64)
    assert_close(any_other(equal, soft=True), torch.full_like(equal, 0.5 / 3))
    assert_close(any_other(equal, soft=False), equal)


def plainly_reached(starts: Tensor, ways: Tensor, *, soft: bool) -> Tensor:
    """The formula on logits, in one piece."""
    if soft:
        return not_both(ways, starts[:, None]).logsumexp(2)
    return torch.minimum(ways, starts[:, None]).amax(2)


RUNS: dict[str, tuple[tuple[tuple[int, int], ...] | None, list[int]]] = {
    "one for all": (None, [0] * NODES),
    "one a node": (None, list(range(NODES))),
    "runs": (((2, 1), (0, 3)), [2, 0, 0, 0]),
    "a way in two runs": (((1, 1), (0, 1), (1, 2)), [1, 0, 1, 1]),
}
"""How ways are shared out: the runs, and which way each node takes."""


@pytest.mark.parametrize("soft", [True, False])
@pytest.mark.parametrize("shared", RUNS)
@pytest.mark.parametrize("piece", [1, CELLS * CELLS, 3 * CELLS * CELLS, 1 << 20])
def test_cells_are_reached_by_any_way_however_they_are_cut_into_pieces(
    piece: int, shared: str, soft: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soft_logic, "_CPU_PIECE", piece)
    runs, which = RUNS[shared]
    starts = random_logits(NODES, CELLS, seed=1).requires_grad_()
    ways = random_logits(max(which) + 1, CELLS, CELLS, seed=2).requires_grad_()
    found = logits_of(reached(doubts(starts), doubts(ways), runs, soft=soft))
    wanted = plainly_reached(starts, ways[which], soft=soft)
    assert_close(found, wanted)
    weights = random_logits(NODES, CELLS, seed=3)
    got = torch.autograd.grad((found * weights).sum(), (starts, ways))
    expected = torch.autograd.grad((wanted * weights).sum(), (starts, ways))
    for gradient, formula in zip(got, expected, strict=True):
        assert_close(gradient, formula)


@pytest.mark.parametrize("shared", RUNS)
@pytest.mark.parametrize("pieces", [1, 2 * CELLS * CELLS, 1 << 20])
def test_gradients_of_reached_are_those_of_differences(
    pieces: int, shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soft_logic, "_CPU_PIECE", pieces)
    runs, which = RUNS[shared]
    starts = doubts(random_logits(NODES, CELLS, seed=4, spread=1)).requires_grad_()
    ways = doubts(random_logits(max(which) + 1, CELLS, CELLS, seed=5, spread=1)).requires_grad_()
    check = torch.autograd.gradcheck
    for soft in (True, False):
        assert check(lambda s, w, soft=soft: reached(s, w, runs, soft=soft), (starts, ways))
    assert check(lambda s: reached(s, ways.detach(), runs, soft=True), (starts,))
    assert check(lambda w: reached(starts.detach(), w, runs, soft=True), (ways,))


def test_where_one_way_serves_all_a_way_may_be_a_view() -> None:
    starts = doubts(random_logits(NODES, CELLS, seed=1)).requires_grad_()
    tables = doubts(random_logits(1, 3, CELLS, CELLS, seed=2)).requires_grad_()
    assert torch.autograd.gradcheck(lambda s, t: reached(s, t[:, 1], soft=True), (starts, tables))
    turned = doubts(random_logits(CELLS, NODES, seed=6)).requires_grad_()
    assert torch.autograd.gradcheck(lambda s: reached(s.t(), tables[:, 1], soft=True), (turned,))


def test_reached_takes_the_wider_of_two_types() -> None:
    starts, ways = doubts(random_logits(NODES, CELLS)), doubts(random_logits(1, CELLS, CELLS))
    wanted = reached(starts, ways, soft=True).float()
    for first, second in ((torch.float32, torch.bfloat16), (torch.bfloat16, torch.float32)):
        one, other = starts.to(first).requires_grad_(), ways.to(second).requires_grad_()
        found = reached(one, other, soft=True)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, wanted, rtol=0.05, atol=0.05)
        for gradient, of in zip(
            torch.autograd.grad(found.sum(), (one, other)), (one, other), strict=True
        ):
            assert gradient.dtype == of.dtype
            assert gradient.isfinite().all()


@pytest.mark.parametrize("soft", [True, False])
def test_gradients_of_any_other_are_those_of_differences(soft: bool) -> None:
    for logits in (
        random_logits(3, 6, seed=7, spread=1),
        torch.tensor([[6.0, -2.0, 0.0, 1.0]], dtype=torch.float64),
    ):
        each = doubts(logits).requires_grad_()
        assert torch.autograd.gradcheck(lambda doubt: any_other(doubt, soft=soft), (each,))


def test_gradients_of_any_other_with_ties_are_those_of_differences() -> None:
    each = torch.tensor([[0.5, 0.5, 0.5, 2.0]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda doubt: any_other(doubt, soft=True), (each,))


def test_the_minimum_shares_its_gradient_among_ties() -> None:
    each = torch.tensor([[0.5, 0.5, 0.5, 2.0]], requires_grad=True)
    (gradient,) = torch.autograd.grad(any_other(each, soft=False).sum(), each)
    assert gradient[0, 3] == 0
    torch.testing.assert_close(gradient.sum(), torch.tensor(4.0))


OF_ONE: dict[str, Connective] = {
    "both": lambda each, soft: both(each[:, :1], each, soft=soft),
    "either": lambda each, soft: either(each[:, :1], each, soft=soft),
    "any_of": lambda each, soft: any_of(each, 1, soft=soft),
    "any_other": lambda each, soft: any_other(each, soft=soft),
    "reached": lambda each, soft: reached(each, each[:1, :, None] * torch.ones(3), soft=soft),
    "reached, one a node": lambda each, soft: reached(
        each, each[:, :, None] * torch.ones(3), soft=soft
    ),
}


@pytest.mark.parametrize("soft", [True, False])
@pytest.mark.parametrize("name", OF_ONE)
@settings(max_examples=40, deadline=None)
@given(values=st.lists(st.sampled_from([-1e9, -LIMIT, 0.0, LIMIT, 1e9]), min_size=6, max_size=6))
def test_extremes_stay_finite_in_single_precision_and_so_do_gradients(
    name: str, soft: bool, values: list[float]
) -> None:
    logits = torch.tensor(values).view(2, 3).requires_grad_()
    found = OF_ONE[name](doubts(logits), soft)
    assert found.isfinite().all()
    assert (found > 0).all()
    (gradient,) = torch.autograd.grad(found.log().sum(), logits)
    assert gradient.isfinite().all()
