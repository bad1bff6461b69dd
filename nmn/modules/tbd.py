"""The convolutional family: each operation with each argument is a small network of its own.

The modules of Transparency by Design (Mascharka et al. 2018, section 3 and its table). Those that
look at the picture see the features times the mask, and what goes on between modules are masks
that a person can look at, or maps of features. Ours differs in that nodes of many programs are
computed together, each still by the weights of its own module; `same` compares with the first of
the cells where the mask is largest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar, Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from nmn.config import Config
from nmn.domain import Domain
from nmn.errors import ShapeError
from nmn.modules.base import Cost, Module, ModuleBank, Nodes
from nmn.nn.convolutions import (
    ConvolutionStack,
    Rectangle,
    arrange,
    run_grouped,
    run_separately,
)
from nmn.nn.features import Features, FeatureSize
from nmn.program.ops import OPERATIONS
from nmn.program.types import Kind

Rows = tuple[Tensor, ...]
Runs = tuple[tuple[int, int], ...]

_DILATIONS = {
    "filter": (1, 1),
    "relate": (1, 2, 4, 8, 1),
    "exists": (1, 1),
    "count": (1, 1),
    "query": (1, 1),
}
"""Of the 3x3 convolutions of each module that looks at the picture."""

_COMPARISONS = ("equal", "equal_number", "less_than", "greater_than")

_GROUPED_CHANNELS = 32
_GROUPED_CHANNELS_WITH_GRADIENT = 16
_GROUPED_ELEMENTS = 14_000
"""On a CPU one grouped convolution is faster up to so many channels, and as long as the rows of a
module have no more numbers than this: three of 32 channels on a grid of 12x12."""


_MANY_ANSWERS = 16
"""From so many rows on, a convolution over the whole map is faster than a matrix product."""


class TbdConfig(Config):
    """Sizes of the family.

    Attributes:
        classifier_channels: of the map that answers are read from.
        hidden: units between that map and the answers.
        kernel: how modules of different weights are computed together, see
            `nmn.nn.convolutions`; `auto` takes the faster one.
    """

    classifier_channels: int = Field(512, gt=0, le=4096)
    hidden: int = Field(1024, gt=0, le=65_536)
    kernel: Literal["auto", "grouped", "separate"] = "auto"


class AnswerHead(nn.Module):
    """Logits of answers from maps: 1x1 convolution, 2x2 maximum, two layers.

    Args:
        grid: height and width of the maps.
    """

    def __init__(
        self, channels: int, grid: tuple[int, int], config: TbdConfig, answers: int
    ) -> None:
        super().__init__()
        self.grid = grid
        self.pooled = -(-grid[0] // 2) * -(-grid[1] // 2)
        self.convolution = nn.Conv2d(channels, config.classifier_channels, 1)
        self.hidden = nn.Linear(self.pooled * config.classifier_channels, config.hidden)
        self.answer = nn.Linear(config.hidden, answers)

    def forward(self, rows: Float[Tensor, "node cell channel"]) -> Float[Tensor, "node answer"]:
        """Logits of all answers."""
        maps = self.convolution(_as_maps(rows, self.grid))
        # ReLU and maximum may change places, and after it there is less to do.
        maps = functional.max_pool2d(maps, 2, ceil_mode=True).relu_()
        # Cell by cell, as they lie in memory.
        hidden = self._hidden(maps).relu_()
        logits: Tensor = self.answer(hidden)
        return logits

    def _hidden(self, maps: Float[Tensor, "node channel height width"]) -> Tensor:
        layer = self.hidden
        if torch.is_grad_enabled() or len(maps) < _MANY_ANSWERS:
            hidden: Tensor = layer(maps.permute(0, 2, 3, 1).flatten(1))
            return hidden
        # The same as one convolution over the whole map: on some processors twice as fast, but
        # its gradient, and one of a few rows, twice as slow.
        _, channels, height, width = maps.shape
        weight = layer.weight.view(-1, height, width, channels).permute(0, 3, 1, 2)
        return functional.conv2d(maps, weight, layer.bias).flatten(1)

    def cost(self) -> Cost:
        """What one answer takes."""
        cells, channels = self.grid[0] * self.grid[1], self.convolution.out_channels
        dense = self.hidden.weight.numel() + self.answer.weight.numel()
        # Of each maximum its value and its place are kept.
        kept = (cells + 2 * self.pooled) * channels + self.hidden.out_features
        return Cost(cells * self.convolution.weight.numel() + dense, kept)


class TbdBank(ModuleBank):
    """Rows: masks `(node, cell)` in [0, 1]; all else maps `(node, cell, channel)`.

    Cells are in row-major order. Masks have float32 or wider also where maps are narrower: a cell
    of mask 1 gets no gradient, and in bfloat16 that would be every cell above 0.998.

    Raises:
        ShapeError: the features are not on a grid.
    """

    transparent: ClassVar[frozenset[str]] = frozenset({"unique"})
    answers_alike: ClassVar[bool] = True

    def __init__(self, domain: Domain, size: FeatureSize, config: TbdConfig) -> None:
        super().__init__(domain, size)
        if size.grid is None:
            raise ShapeError("features", "a grid of cells, as modules are convolutions", str(size))
        self.config = config
        self.grid = size.grid
        channels = size.channels
        self._labels = {
            name: tuple(
                name if argument is None else f"{name}[{argument}]"
                for argument in operation.arguments(domain)
            )
            for name, operation in OPERATIONS.items()
        }
        self.stacks = nn.ModuleDict()
        for name, dilations in _DILATIONS.items():
            for label in self._labels[name]:
                layers = [(channels, 3, dilation) for dilation in dilations]
                self.stacks[label] = ConvolutionStack(channels, layers)
        for name in _COMPARISONS:
            for label in self._labels[name]:
                layers = [(channels, 1, 1), (channels, 3, 1), (channels, 3, 1)]
                self.stacks[label] = ConvolutionStack(2 * channels, layers)
        self.readouts = nn.ModuleDict()
        for name, inputs in (("filter", channels), ("relate", channels), ("same", channels + 1)):
            for label in self._labels[name]:
                self.readouts[label] = nn.Linear(inputs, 1)
        self.head = AnswerHead(channels, size.grid, config, len(domain.answers))
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def prepare(self, features: Features) -> Features:
        """The values in order and, under autocast, in its precision, once for all nodes."""
        values = features.values
        device = values.device.type
        if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
            values = values.to(torch.get_autocast_dtype(device))
        return replace(features, values=values.contiguous())

    def modules_by_operation(self) -> Mapping[str, Module]:
        """What is alike, but for its weights, is one method."""
        return {
            "scene": self._scene,
            "find": partial(self._masks, "filter"),
            "filter": partial(self._masks, "filter"),
            "relate": partial(self._masks, "relate"),
            "same": self._same,
            "unique": self._unique,
            "and": self._and,
            "or": self._or,
            "exists": partial(self._maps, "exists"),
            "count": partial(self._maps, "count"),
            "query": partial(self._maps, "query"),
            **{name: partial(self._compared, name) for name in _COMPARISONS},
        }

    def _scene(self, nodes: Nodes, _: Rows, features: Features) -> Tensor:
        present = features.present.index_select(0, nodes.picture)
        return present.to(_wide(features.values.dtype))

    def _masks(self, name: str, nodes: Nodes, inputs: Rows, features: Features) -> Tensor:
        """Convolutions over what the mask shows, then a probability for each cell."""
        stacks, readouts = self._stacks(name, nodes.runs), self._readouts(name, nodes.runs)
        if self._groups(nodes):
            rectangle, maps = self._rectangle_of_maps(stacks, nodes, inputs, features)
            columns = [readouts[column] for column in rectangle.columns]
            weight = torch.stack([readout.weight for readout in columns])
            bias = torch.cat([readout.bias for readout in columns])
            logits = (maps * weight).sum(3) + bias[:, None]
            return _probabilities(_taken(logits, rectangle))
        maps = self._separate_maps(stacks, nodes, inputs, features)
        weight, bias = _repeated(readouts, nodes.runs)
        logits = (maps @ weight.to(maps.dtype)[:, :, None]).squeeze(2)
        return _probabilities(logits + bias[:, None])

    def _maps(self, name: str, nodes: Nodes, inputs: Rows, features: Features) -> Tensor:
        """Convolutions over what the mask shows."""
        stacks = self._stacks(name, nodes.runs)
        if self._groups(nodes):
            rectangle, maps = self._rectangle_of_maps(stacks, nodes, inputs, features)
            return _taken(maps, rectangle)
        return self._separate_maps(stacks, nodes, inputs, features)

    def _compared(self, name: str, nodes: Nodes, inputs: Rows, _: Features) -> Tensor:
        """Convolutions over both maps, one upon the other."""
        maps = _as_maps(torch.cat(inputs, 2), self.grid)
        lengths = [count for _, count in nodes.runs]
        return _as_rows(run_separately(self._stacks(name, nodes.runs), lengths, maps))

    def _same(self, nodes: Nodes, inputs: Rows, features: Features) -> Tensor:
        """How alike each cell is to the first of those where the mask is largest."""
        (mask,) = inputs
        values = features.values.index_select(0, nodes.picture)
        vector = values[torch.arange(len(mask), device=mask.device), _first_largest(mask)]
        weight, bias = _repeated(self._readouts("same", nodes.runs), nodes.runs)
        # A 1x1 convolution of the products of both vectors, without making the products.
        alike = (values @ (vector * weight[:, :-1]).to(values.dtype)[:, :, None]).squeeze(2)
        return _probabilities(alike.to(mask.dtype) + mask * weight[:, -1:] + bias[:, None])

    def _unique(self, _: Nodes, inputs: Rows, __: Features) -> Tensor:
        return inputs[0]

    def _and(self, _: Nodes, inputs: Rows, __: Features) -> Tensor:
        return torch.minimum(*inputs)

    def _or(self, _: Nodes, inputs: Rows, __: Features) -> Tensor:
        return torch.maximum(*inputs)

    def _groups(self, nodes: Nodes) -> bool:
        """Whether the modules of `nodes` are to be one grouped convolution."""
        if len(nodes.runs) == 1 or self.config.kernel == "separate":
            return False
        if self.config.kernel == "grouped":
            return True
        if nodes.picture.device.type != "cpu":
            return False
        with_gradient = torch.is_grad_enabled()
        most = _GROUPED_CHANNELS_WITH_GRADIENT if with_gradient else _GROUPED_CHANNELS
        row = self.size.channels * self.grid[0] * self.grid[1]
        elements = row * len(nodes.picture) / len(nodes.runs)
        return self.size.channels <= most and elements <= _GROUPED_ELEMENTS

    def _separate_maps(
        self, stacks: Sequence[ConvolutionStack], nodes: Nodes, inputs: Rows, features: Features
    ) -> Float[Tensor, "node cell channel"]:
        """The maps of all nodes, module after module."""
        shown = _shown(features.values, nodes.picture, inputs)
        lengths = [count for _, count in nodes.runs]
        return _as_rows(run_separately(stacks, lengths, _as_maps(shown, self.grid)))

    def _rectangle_of_maps(
        self, stacks: Sequence[ConvolutionStack], nodes: Nodes, inputs: Rows, features: Features
    ) -> tuple[Rectangle, Float[Tensor, "level column cell channel"]]:
        """The maps of all modules by one grouped convolution a layer, and where they lie."""
        rectangle = arrange([count for _, count in nodes.runs])
        rows = torch.tensor(rectangle.rows, device=nodes.picture.device)
        masks = tuple(mask.index_select(0, rows) for mask in inputs)
        shown = _shown(features.values, nodes.picture.index_select(0, rows), masks)
        columns = [stacks[column] for column in rectangle.columns]
        maps = shown.view(rectangle.height, len(columns), *self.grid, -1)
        return rectangle, run_grouped(columns, maps).flatten(2, 3)

    def _stacks(self, name: str, runs: Runs) -> list[ConvolutionStack]:
        labels = self._labels[name]
        found = [self.stacks[labels[argument]] for argument, _ in runs]
        return [stack for stack in found if isinstance(stack, ConvolutionStack)]

    def _readouts(self, name: str, runs: Runs) -> list[nn.Linear]:
        labels = self._labels[name]
        found = [self.readouts[labels[argument]] for argument, _ in runs]
        return [readout for readout in found if isinstance(readout, nn.Linear)]

    def answer_logits(self, kind: Kind, rows: Tensor) -> Float[Tensor, "node answer"]:  # noqa: ARG002 - one head for all kinds
        """A logit of each answer; see `ModuleBank`."""
        logits: Tensor = self.head(rows)
        return logits

    def mask_probabilities(self, rows: Tensor) -> Float[Tensor, "node cell"]:
        """How probably each cell is meant."""
        return rows.to(_wide(rows.dtype))

    def cost(self, operation: str, cells: int) -> Cost:
        """Counted from the layers; what a node looks up and makes is kept, but not its inputs."""
        channels = self.size.channels
        values = channels * cells
        plain = {
            "scene": Cost(0, cells),
            "unique": Cost(0, 0),
            "and": Cost(cells, cells),
            "or": Cost(cells, cells),
            # The vector times the weights, that times all cells, and the mask times its weight.
            "same": Cost(channels + values + cells, values + 2 * channels + cells),
        }
        if operation in plain:
            return plain[operation]
        name = "filter" if operation == "find" else operation
        if not self._labels[name]:
            return Cost(0, 0)
        (stack,) = self._stacks(name, ((0, 1),))
        multiply_adds, elements = stack.multiply_adds(cells), stack.elements(cells)
        if name in _COMPARISONS:
            return Cost(multiply_adds, elements + 2 * values)
        # The values that are looked up, and their product with the mask.
        elements += values if operation == "find" else 2 * values
        multiply_adds += 0 if operation == "find" else values
        if name in {"filter", "relate"}:
            return Cost(multiply_adds + values, elements + cells)
        return Cost(multiply_adds, elements)

    def answer_cost(self, cells: int) -> Cost:  # noqa: ARG002 - the head is for one grid
        """That of the head."""
        return self.head.cost()


def _shown(
    values: Float[Tensor, "picture cell channel"], picture: Int[Tensor, " node"], masks: Rows
) -> Float[Tensor, "node cell channel"]:
    """What each node sees of its picture: all, or what its mask lets through."""
    shown = values.index_select(0, picture)
    for mask in masks:
        shown = shown * mask.to(shown.dtype)[:, :, None]
    return shown


def _as_maps(
    rows: Float[Tensor, "node cell channel"], grid: tuple[int, int]
) -> Float[Tensor, "node channel height width"]:
    """Rows as maps, channels last in memory, which takes no copy."""
    return rows.view(len(rows), *grid, -1).permute(0, 3, 1, 2)


def _as_rows(
    maps: Float[Tensor, "node channel height width"],
) -> Float[Tensor, "node cell channel"]:
    """The inverse of `_as_maps`."""
    return maps.permute(0, 2, 3, 1).flatten(1, 2)


def _first_largest(mask: Float[Tensor, "node cell"]) -> Int[Tensor, " node"]:
    """The first of the cells where the mask is largest; `argmax` may take any of them."""
    before = (mask == mask.amax(1, keepdim=True)).cumsum(1) == 0
    # Of a mask that is not a number, the last cell.
    return before.sum(1).clamp(max=mask.shape[1] - 1)


def _probabilities(logits: Float[Tensor, "node cell"]) -> Float[Tensor, "node cell"]:
    return logits.to(_wide(logits.dtype)).sigmoid()


def _wide(dtype: torch.dtype) -> torch.dtype:
    """The type that masks have where maps have `dtype`."""
    return torch.promote_types(dtype, torch.float32)


def _repeated(
    readouts: Sequence[nn.Linear], runs: Runs
) -> tuple[Float[Tensor, "node channel"], Float[Tensor, " node"]]:
    """Weights and biases for each node."""
    pairs = list(zip(readouts, runs, strict=True))
    weights = [readout.weight.expand(count, -1) for readout, (_, count) in pairs]
    biases = [readout.bias.expand(count) for readout, (_, count) in pairs]
    if len(pairs) == 1:
        return weights[0], biases[0]
    return torch.cat(weights), torch.cat(biases)


def _taken(levels: Tensor, rectangle: Rectangle) -> Tensor:
    """The rows of a rectangle `(level, column, ...)`, in their own order."""
    return levels.flatten(0, 1).index_select(0, torch.tensor(rectangle.slots, device=levels.device))
