"""Stacks of convolutions that keep the grid, and several stacks over rows of their own at once.

Rows are maps of channels; those of one stack stand together, stack after stack, as many as
`lengths` says. There are two ways to compute them. Separately, each stack takes its part. With few
channels and few rows a stack each such call is too small to be fast; then all stacks are one
grouped convolution over a rectangle of rows, see `arrange`. Either way convolutions are fastest
with the channels last in memory.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

_COLUMN_COST = 1
"""Weights of one more column take about as long to gather as one more row to compute."""


class ConvolutionStack(nn.Module):
    """Convolutions, each followed by ReLU, padded so that the grid stays as it is.

    Args:
        before: channels of what goes in.
        layers: `(channels, kernel, dilation)` of each convolution; kernels are odd.
        residual: whether the last two are a residual block: what goes into them is added before
            the last ReLU.
    """

    def __init__(
        self, before: int, layers: Sequence[tuple[int, int, int]], *, residual: bool = False
    ) -> None:
        super().__init__()
        self.residual = residual
        self.layers = nn.ModuleList()
        for channels, kernel, dilation in layers:
            padding = dilation * (kernel // 2)
            self.layers.append(
                nn.Conv2d(before, channels, kernel, padding=padding, dilation=dilation)
            )
            before = channels
        for layer in self.convolutions:
            # Else each call would bring the weights into this order.
            layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)

    def forward(
        self, maps: Float[Tensor, "node _ height width"]
    ) -> Float[Tensor, "node channel height width"]:
        """The maps after all layers, in the memory order that they came in."""
        return functional.relu_(self.before_last_relu(maps))

    def before_last_relu(
        self, maps: Float[Tensor, "node _ height width"]
    ) -> Float[Tensor, "node channel height width"]:
        """The same without the last ReLU, for the maps of several stacks to have it together."""
        return _in_turn(self.layers, maps, residual=self.residual)

    def multiply_adds(self, cells: int) -> int:
        """Multiplications for one row of so many cells, as if no cell were at the border."""
        return cells * sum(layer.weight.numel() for layer in self.convolutions)

    def elements(self, cells: int) -> int:
        """Numbers kept for the gradient for one row, other than what goes in."""
        return cells * sum(layer.out_channels for layer in self.convolutions)

    @property
    def convolutions(self) -> list[nn.Conv2d]:
        """The layers, in order."""
        return [layer for layer in self.layers if isinstance(layer, nn.Conv2d)]


def _in_turn(
    layers: Iterable[Callable[[Tensor], Tensor]], maps: Tensor, *, residual: bool
) -> Tensor:
    """The maps after all layers, without the last ReLU."""
    *first, last = layers
    around = maps
    for layer in first:
        around = maps
        # In place, so that only one copy is kept for the gradient.
        maps = functional.relu_(layer(maps))
    maps = last(maps)
    return maps.add_(around) if residual else maps


def run_separately(
    stacks: Sequence[ConvolutionStack],
    lengths: Sequence[int],
    maps: Float[Tensor, "node _ height width"],
) -> Float[Tensor, "node channel height width"]:
    """The maps of all stacks, computed one stack after the other; channels last in memory."""
    if len(stacks) == 1:
        found: Tensor = stacks[0](maps)
        return found
    parts = torch.split(maps, list(lengths))
    pairs = zip(stacks, parts, strict=True)
    rows = [stack.before_last_relu(part).permute(0, 2, 3, 1) for stack, part in pairs]
    return functional.relu_(torch.cat(rows)).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Rectangle:
    """Rows of several stacks as a rectangle, each column of one stack.

    Attributes:
        columns: the stack of each column; one with many rows has several columns.
        height: rows in a column.
        rows: the row in each slot, along the columns first; short columns repeat their last row.
        slots: the slot of each row.
    """

    columns: tuple[int, ...]
    height: int
    rows: tuple[int, ...]
    slots: tuple[int, ...]


def arrange(lengths: Sequence[int]) -> Rectangle:
    """The rectangle that wastes least on repeated rows and on columns of the same stack."""

    def columns_with(height: int) -> int:
        return sum(-(-length // height) for length in lengths)

    def cost(height: int) -> int:
        return columns_with(height) * (height + _COLUMN_COST)

    height = min(range(1, max(lengths) + 1), key=cost)
    width = columns_with(height)
    columns: list[int] = []
    rows = [0] * (height * width)
    slots: list[int] = []
    first = 0
    for stack, length in enumerate(lengths):
        for start in range(0, length, height):
            column = len(columns)
            for level in range(height):
                rows[level * width + column] = first + min(start + level, length - 1)
            slots += [level * width + column for level in range(min(height, length - start))]
            columns.append(stack)
        first += length
    return Rectangle(tuple(columns), height, tuple(rows), tuple(slots))


def run_grouped(
    columns: Sequence[ConvolutionStack],
    maps: Float[Tensor, "level column height width _"],
) -> Float[Tensor, "level column height width channel"]:
    """The maps of a rectangle of rows after all layers.

    Args:
        columns: the stack of each column, all of one shape.
    """
    # The columns stand side by side as channels; these too are fastest last in memory.
    beside = maps.permute(0, 2, 3, 1, 4).flatten(3).permute(0, 3, 1, 2)
    layers = zip(*(stack.convolutions for stack in columns), strict=True)
    grouped = [partial(_side_by_side, each) for each in layers]
    beside = functional.relu_(_in_turn(grouped, beside, residual=columns[0].residual))
    levels, _, height, width = beside.shape
    last = beside.permute(0, 2, 3, 1).view(levels, height, width, len(columns), -1)
    return last.permute(0, 3, 1, 2, 4)


def _side_by_side(
    layers: Sequence[nn.Conv2d], maps: Float[Tensor, "level _ height width"]
) -> Float[Tensor, "level _ height width"]:
    """Several layers of one shape as one grouped convolution."""
    return functional.conv2d(
        maps,
        torch.cat([layer.weight for layer in layers]),
        torch.cat([layer.bias for layer in layers if layer.bias is not None]),
        padding=layers[0].padding,
        dilation=layers[0].dilation,
        groups=len(layers),
    )


def as_maps(
    rows: Float[Tensor, "node cell channel"], grid: tuple[int, int]
) -> Float[Tensor, "node channel height width"]:
    """Rows as maps, channels last in memory, which takes no copy."""
    return rows.view(len(rows), *grid, -1).permute(0, 3, 1, 2)


def as_rows(
    maps: Float[Tensor, "node channel height width"],
) -> Float[Tensor, "node cell channel"]:
    """The inverse of `as_maps`."""
    return maps.permute(0, 2, 3, 1).flatten(1, 2)
