"""The convolutional family: each operation with each argument is a small network of its own.

The modules of Transparency by Design (Mascharka et al. 2018, section 3 and its table). Those that
look at the picture see the features times the mask, and what goes on between modules are masks
that a person can look at, or maps of features. Ours differs in that nodes of many programs are
computed together, each still by the weights of its own module; `same` compares with the first of
the cells where the mask is largest.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from nmn.domain import Domain
from nmn.modules.base import Cost, Module, Nodes
from nmn.modules.convolutional import (
    ConvolutionalBank,
    ConvolutionalConfig,
    Rows,
    Runs,
    taken,
    wide,
)
from nmn.nn.convolutions import (
    ConvolutionStack,
    Rectangle,
    arrange,
    as_maps,
    as_rows,
    run_grouped,
    run_separately,
)
from nmn.nn.features import Features, FeatureSize

_DILATIONS = {
    "filter": (1, 1),
    "relate": (1, 2, 4, 8, 1),
    "exists": (1, 1),
    "count": (1, 1),
    "query": (1, 1),
}
"""Of the 3x3 convolutions of each module that looks at the picture."""

_COMPARISONS = ("equal", "equal_number", "less_than", "greater_than")


class TbdBank(ConvolutionalBank):
    """Rows: masks `(node, cell)` in [0, 1]; all else maps `(node, cell, channel)`.

    Cells are in row-major order. Masks have float32 or wider also where maps are narrower: a cell
    of mask 1 gets no gradient, and in bfloat16 that would be every cell above 0.998.

    Raises:
        ShapeError: the features are not on a grid.
    """

    transparent: ClassVar[frozenset[str]] = frozenset({"unique"})
    taught: ClassVar[tuple[str, ...]] = ("filter", "relate", "same")

    def __init__(self, domain: Domain, size: FeatureSize, config: ConvolutionalConfig) -> None:
        super().__init__(domain, size, config)
        channels = size.channels
        for name, dilations in _DILATIONS.items():
            self._add(name, channels, [(channels, 3, dilation) for dilation in dilations])
        for name in _COMPARISONS:
            layers = [(channels, 1, 1), (channels, 3, 1), (channels, 3, 1)]
            self._add(name, 2 * channels, layers)
        self.readouts = nn.ModuleDict()
        for name, inputs in (("filter", channels), ("relate", channels), ("same", channels + 1)):
            for label in self._labels[name]:
                self.readouts[label] = nn.Linear(inputs, 1)
        self._initialise()

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
            **{name: partial(self._joined, name) for name in _COMPARISONS},
        }

    def _scene(self, nodes: Nodes, _: Rows, features: Features) -> Tensor:
        present = features.present.index_select(0, nodes.picture)
        return present.to(wide(features.values.dtype))

    def _masks(self, name: str, nodes: Nodes, inputs: Rows, features: Features) -> Tensor:
        """Convolutions over what the mask shows, then a probability for each cell."""
        stacks, readouts = self._stacks(name, nodes.runs), self._readouts(name, nodes.runs)
        if self._groups(nodes):
            rectangle, maps = self._rectangle_of_maps(stacks, nodes, inputs, features)
            columns = [readouts[column] for column in rectangle.columns]
            weight = torch.stack([readout.weight for readout in columns])
            bias = torch.cat([readout.bias for readout in columns])
            logits = (maps * weight).sum(3) + bias[:, None]
            return _probabilities(taken(logits, rectangle))
        maps = self._separate_maps(stacks, nodes, inputs, features)
        weight, bias = _repeated(readouts, nodes.runs)
        logits = (maps @ weight.to(maps.dtype)[:, :, None]).squeeze(2)
        return _probabilities(logits + bias[:, None])

    def _maps(self, name: str, nodes: Nodes, inputs: Rows, features: Features) -> Tensor:
        """Convolutions over what the mask shows."""
        stacks = self._stacks(name, nodes.runs)
        if self._groups(nodes):
            rectangle, maps = self._rectangle_of_maps(stacks, nodes, inputs, features)
            return taken(maps, rectangle)
        return self._separate_maps(stacks, nodes, inputs, features)

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

    def _separate_maps(
        self, stacks: Sequence[ConvolutionStack], nodes: Nodes, inputs: Rows, features: Features
    ) -> Float[Tensor, "node cell channel"]:
        """The maps of all nodes, module after module."""
        shown = _shown(features.values, nodes.picture, inputs)
        lengths = [count for _, count in nodes.runs]
        return as_rows(run_separately(stacks, lengths, as_maps(shown, self.grid)))

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

    def _readouts(self, name: str, runs: Runs) -> list[nn.Linear]:
        labels = self._labels[name]
        found = [self.readouts[labels[argument]] for argument, _ in runs]
        return [readout for readout in found if isinstance(readout, nn.Linear)]

    def certain(self, meant: Bool[Tensor, "node cell"]) -> Tensor:
        """Rows of these masks."""
        return meant.to(torch.get_default_dtype())

    def mask_probabilities(self, rows: Tensor) -> Float[Tensor, "node cell"]:
        """How probably each cell is meant."""
        return rows.to(wide(rows.dtype))

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


def _shown(
    values: Float[Tensor, "picture cell channel"], picture: Int[Tensor, " node"], masks: Rows
) -> Float[Tensor, "node cell channel"]:
    """What each node sees of its picture: all, or what its mask lets through."""
    shown = values.index_select(0, picture)
    for mask in masks:
        shown = shown * mask.to(shown.dtype)[:, :, None]
    return shown


def _first_largest(mask: Float[Tensor, "node cell"]) -> Int[Tensor, " node"]:
    """The first of the cells where the mask is largest; `argmax` may take any of them."""
    before = (mask == mask.amax(1, keepdim=True)).cumsum(1) == 0
    # Of a mask that is not a number, the last cell.
    return before.sum(1).clamp(max=mask.shape[1] - 1)


def _probabilities(logits: Float[Tensor, "node cell"]) -> Float[Tensor, "node cell"]:
    return logits.to(wide(logits.dtype)).sigmoid()


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
