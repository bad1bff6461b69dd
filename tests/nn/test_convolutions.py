"""Stacks equal their hand composition, and rectangles change nothing but the order of work."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from nmn.nn.convolutions import (
    ConvolutionStack,
    arrange,
    as_maps,
    as_rows,
    run_grouped,
    run_separately,
)

LAYERS = ((4, 1, 1), (4, 3, 1), (5, 3, 2))


def weight_and_bias(stack: ConvolutionStack, index: int) -> tuple[Tensor, Tensor]:
    layer = stack.convolutions[index]
    assert layer.bias is not None
    return layer.weight, layer.bias


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (5, 7)])
def test_a_stack_is_convolutions_each_with_relu(size: tuple[int, int]) -> None:
    stack = ConvolutionStack(3, LAYERS).double()
    maps = torch.randn(2, 3, *size, dtype=torch.float64)
    expected = maps
    for index, padding in enumerate((0, 1, 2)):
        weight, bias = weight_and_bias(stack, index)
        dilation = LAYERS[index][2]
        expected = functional.conv2d(expected, weight, bias, padding=padding, dilation=dilation)
        expected = expected.relu()
    torch.testing.assert_close(stack(maps), expected)


def test_the_last_two_layers_can_be_a_residual_block() -> None:
    layers = ((4, 1, 1), (4, 3, 1), (4, 3, 2))
    plain, residual = (ConvolutionStack(3, layers, residual=value) for value in (False, True))
    residual.load_state_dict(plain.state_dict())
    maps = torch.randn(2, 3, 5, 7)
    before = plain.convolutions[0](maps).relu()
    expected = (plain.before_last_relu(maps) + before).relu()
    torch.testing.assert_close(residual(maps), expected)
    without = ConvolutionStack(4, layers[1:], residual=True)
    first, last = without.convolutions
    torch.testing.assert_close(without(before), (last(first(before).relu()) + before).relu())


def test_parameters_have_the_shapes_that_the_layers_say() -> None:
    shapes = {
        name: tuple(value.shape) for name, value in ConvolutionStack(3, LAYERS).named_parameters()
    }
    assert shapes == {
        "layers.0.weight": (4, 3, 1, 1),
        "layers.0.bias": (4,),
        "layers.1.weight": (4, 4, 3, 3),
        "layers.1.bias": (4,),
        "layers.2.weight": (5, 4, 3, 3),
        "layers.2.bias": (5,),
    }


def test_channels_stay_last_in_memory() -> None:
    maps = torch.randn(2, 5, 7, 3).permute(0, 3, 1, 2)
    made = ConvolutionStack(3, LAYERS)(maps)
    assert made.is_contiguous(memory_format=torch.channels_last)


def test_costs_are_counted_from_the_layers() -> None:
    stack = ConvolutionStack(3, LAYERS)
    assert stack.multiply_adds(10) == 10 * (3 * 4 + 9 * 4 * 4 + 9 * 4 * 5)
    assert stack.elements(10) == 10 * (4 + 4 + 5)


def test_rows_are_maps_and_maps_rows() -> None:
    maps = torch.randn(2, 3, 5, 7).contiguous(memory_format=torch.channels_last)
    rows = as_rows(maps)
    torch.testing.assert_close(rows, maps.flatten(2).transpose(1, 2))
    torch.testing.assert_close(as_maps(rows, (5, 7)), maps)
    assert rows.data_ptr() == as_maps(rows, (5, 7)).data_ptr() == maps.data_ptr()


def test_rows_of_one_length_are_a_rectangle_without_repetition() -> None:
    rectangle = arrange([2, 2])
    assert rectangle.columns == (0, 1)
    assert rectangle.height == 2
    assert rectangle.rows == (0, 2, 1, 3)
    assert rectangle.slots == (0, 2, 1, 3)


def test_a_long_run_takes_several_columns_and_a_short_one_repeats_its_last_row() -> None:
    rectangle = arrange([3, 8, 3])
    assert rectangle.columns == (0, 1, 1, 1, 2)
    assert rectangle.rows == (0, 3, 6, 9, 11, 1, 4, 7, 10, 12, 2, 5, 8, 10, 13)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_every_row_has_a_slot_in_a_column_of_its_stack(lengths: list[int]) -> None:
    rectangle = arrange(lengths)
    stack_of = [stack for stack, length in enumerate(lengths) for _ in range(length)]
    width = len(rectangle.columns)
    assert [rectangle.rows[slot] for slot in rectangle.slots] == list(range(sum(lengths)))
    assert len(rectangle.rows) == width * rectangle.height
    for slot, row in enumerate(rectangle.rows):
        assert rectangle.columns[slot % width] == stack_of[row]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.booleans())
def test_grouped_is_separate(lengths: list[int], residual: bool) -> None:
    layers = ((4, 1, 1), (4, 3, 1), (4, 3, 2)) if residual else LAYERS
    stacks = [ConvolutionStack(3, layers, residual=residual).double() for _ in lengths]
    parameters = [parameter for stack in stacks for parameter in stack.parameters()]
    maps = torch.randn(sum(lengths), 3, 4, 5, dtype=torch.float64, requires_grad=True)
    separate = run_separately(stacks, lengths, maps)
    rectangle = arrange(lengths)
    levels = maps.permute(0, 2, 3, 1)[list(rectangle.rows)]
    levels = levels.unflatten(0, (rectangle.height, -1))  # type: ignore[no-untyped-call]
    made = run_grouped([stacks[column] for column in rectangle.columns], levels)
    grouped = made.flatten(0, 1)[list(rectangle.slots)].permute(0, 3, 1, 2)
    torch.testing.assert_close(grouped, separate, rtol=1e-9, atol=1e-9)
    weights = torch.randn_like(separate)
    wanted = torch.autograd.grad(separate, [maps, *parameters], weights)
    got = torch.autograd.grad(grouped, [maps, *parameters], weights)
    torch.testing.assert_close(got, wanted, rtol=1e-8, atol=1e-10)
