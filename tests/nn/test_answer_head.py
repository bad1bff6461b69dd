"""The head equals its hand composition, with and without gradient, and counts its work."""

import pytest
import torch
from torch.nn import functional

from nmn.nn.answer_head import AnswerHead

CHANNELS, GRID, ANSWERS = 4, (3, 5), 9


def head() -> AnswerHead:
    torch.manual_seed(0)
    return AnswerHead(CHANNELS, GRID, 6, 7, ANSWERS).double()


@pytest.mark.parametrize("gradient", [True, False])
@pytest.mark.parametrize("count", [2, 20])
def test_it_is_a_convolution_a_maximum_and_two_layers(count: int, gradient: bool) -> None:
    made = head()
    rows = torch.randn(count, 15, CHANNELS, dtype=torch.float64)
    maps = rows.transpose(1, 2).unflatten(2, GRID)  # type: ignore[no-untyped-call]
    weight, bias = made.convolution.weight, made.convolution.bias
    maps = functional.conv2d(maps, weight, bias).relu()
    maps = functional.max_pool2d(maps, 2, ceil_mode=True)
    assert maps.shape == (count, 6, 2, 3)
    flat = maps.permute(0, 2, 3, 1).flatten(1)
    expected = made.answer(made.hidden(flat).relu())
    with torch.set_grad_enabled(gradient):
        torch.testing.assert_close(made(rows), expected)


def test_costs_are_counted_by_hand() -> None:
    made = head()
    assert made.multiply_adds == 15 * 4 * 6 + 36 * 7 + 7 * ANSWERS
    assert made.elements == 15 * 6 + 2 * 36 + 7
