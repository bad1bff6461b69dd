"""The residual family: maps of features all the way, each module a residual block of its own.

The execution engine of Inferring and Executing Programs (Johnson et al. 2017, section 3.2 and its
supplement). Nothing makes a map stand for a set of things: what the modules do is learned from
answers alone, and `unique` has a module like any other. Ours differs in that nodes of many
programs are computed together, each still by the weights of its own module; that `scene` gives the
features as they are (in the published code it is one more block, for which the stem is as good);
and that blocks begin as the way around them, so that long programs train from the start.
"""

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from nmn.domain import Domain
from nmn.modules.base import Cost, Module, Nodes
from nmn.modules.convolutional import (
    ConvolutionalBank,
    ConvolutionalConfig,
    Rows,
    taken,
    wide,
)
from nmn.nn.convolutions import arrange, as_maps, as_rows, run_grouped, run_separately
from nmn.nn.features import Features, FeatureSize
from nmn.program.ops import OPERATIONS

_UNARY = ("filter", "relate", "same", "unique", "exists", "count", "query")
_BINARY = ("and", "or", "equal", "equal_number", "less_than", "greater_than")


class ResidualBank(ConvolutionalBank):
    """All rows are maps `(node, cell, channel)`, cells in row-major order.

    Raises:
        ShapeError: the features are not on a grid.
    """

    has_masks: ClassVar[bool] = False

    def __init__(self, domain: Domain, size: FeatureSize, config: ConvolutionalConfig) -> None:
        super().__init__(domain, size, config)
        channels = size.channels
        block = [(channels, 3, 1), (channels, 3, 1)]
        for name in _UNARY:
            self._add(name, channels, block, residual=True)
        for name in _BINARY:
            self._add(name, 2 * channels, [(channels, 1, 1), *block], residual=True)
        self._initialise()

    def modules_by_operation(self) -> Mapping[str, Module]:
        """What is alike, but for its weights, is one method."""
        return {
            "scene": self._scene,
            "find": self._find,
            **{name: partial(self._block, name) for name in _UNARY},
            **{name: partial(self._joined, name) for name in _BINARY},
        }

    def _scene(self, nodes: Nodes, _: Rows, features: Features) -> Tensor:
        return features.values.index_select(0, nodes.picture)

    def _find(self, nodes: Nodes, inputs: Rows, features: Features) -> Tensor:
        return self._block("filter", nodes, (self._scene(nodes, inputs, features),), features)

    def _block(self, name: str, nodes: Nodes, inputs: Rows, _: Features) -> Tensor:
        """A residual block over one map."""
        (rows,) = inputs
        stacks = self._stacks(name, nodes.runs)
        lengths = [count for _, count in nodes.runs]
        if not self._groups(nodes):
            return as_rows(run_separately(stacks, lengths, as_maps(rows, self.grid)))
        rectangle = arrange(lengths)
        columns = [stacks[column] for column in rectangle.columns]
        levels = rows.index_select(0, torch.tensor(rectangle.rows, device=rows.device))
        levels = levels.view(rectangle.height, len(columns), *self.grid, -1)
        return taken(run_grouped(columns, levels).flatten(2, 3), rectangle)

    def mask_probabilities(self, rows: Tensor) -> Float[Tensor, "node cell"]:
        """The length of each cell's vector, as a share of the longest: something to look at."""
        lengths: Tensor = torch.linalg.vector_norm(rows.to(wide(rows.dtype)), dim=2)
        longest = lengths.amax(1, keepdim=True)
        return lengths / longest.clamp(min=torch.finfo(lengths.dtype).tiny)

    def cost(self, operation: str, cells: int) -> Cost:
        """Counted from the layers; the maps that come in are brought together, and kept."""
        values = cells * self.size.channels
        if operation == "scene":
            return Cost(0, values)
        name = "filter" if operation == "find" else operation
        if not self._labels[name]:
            return Cost(0, 0)
        (stack,) = self._stacks(name, ((0, 1),))
        incoming = len(OPERATIONS[name].inputs) * values
        return Cost(stack.multiply_adds(cells), incoming + stack.elements(cells))
