"""What the families have in common in which each module is a small convolutional network."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from nmn.config import Config
from nmn.domain import Domain
from nmn.errors import ShapeError
from nmn.modules.base import Cost, ModuleBank, Nodes
from nmn.nn.answer_head import AnswerHead
from nmn.nn.convolutions import (
    ConvolutionStack,
    Rectangle,
    as_maps,
    as_rows,
    run_separately,
)
from nmn.nn.features import Features, FeatureSize
from nmn.program.ops import OPERATIONS
from nmn.program.types import Kind

Rows = tuple[Tensor, ...]
Runs = tuple[tuple[int, int], ...]
Layer = tuple[int, int, int]

_GROUPED_CHANNELS = 32
_GROUPED_CHANNELS_WITH_GRADIENT = 16
_GROUPED_ELEMENTS = 14_000
"""On a CPU one grouped convolution is faster up to so many channels, and as long as the rows of a
module have no more numbers than this: three of 32 channels on a grid of 12x12."""


class ConvolutionalConfig(Config):
    """Sizes of such a family.

    Attributes:
        classifier_channels: of the map that answers are read from.
        hidden: units between that map and the answers.
        kernel: how modules of different weights are computed together, see
            `nmn.nn.convolutions`; `auto` takes the faster one.
    """

    classifier_channels: int = Field(512, gt=0, le=4096)
    hidden: int = Field(1024, gt=0, le=65_536)
    kernel: Literal["auto", "grouped", "separate"] = "auto"


class ConvolutionalBank(ModuleBank):
    """Stacks of convolutions, one for each operation with each argument, and a head for answers.

    Rows of Bool, Number and Value are maps `(node, cell, channel)`, cells in row-major order. A
    family adds its stacks and calls `_initialise`.

    Raises:
        ShapeError: the features are not on a grid.
    """

    answers_alike: ClassVar[bool] = True

    def __init__(self, domain: Domain, size: FeatureSize, config: ConvolutionalConfig) -> None:
        super().__init__(domain, size)
        if size.grid is None:
            raise ShapeError("features", "a grid of cells, as modules are convolutions", str(size))
        self.config = config
        self.grid = size.grid
        self._labels = {
            name: tuple(
                name if argument is None else f"{name}[{argument}]"
                for argument in operation.arguments(domain)
            )
            for name, operation in OPERATIONS.items()
        }
        self.stacks = nn.ModuleDict()
        sizes = config.classifier_channels, config.hidden, len(domain.answers)
        self.head = AnswerHead(size.channels, size.grid, *sizes)

    def _add(
        self, name: str, before: int, layers: Sequence[Layer], *, residual: bool = False
    ) -> None:
        """A stack for operation `name` with each argument; see `ConvolutionStack`."""
        for label in self._labels[name]:
            self.stacks[label] = ConvolutionStack(before, layers, residual=residual)

    def _initialise(self) -> None:
        """Weights by He et al. 2015, biases of 0, and each residual block as the way around it."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for stack in self.stacks.values():
            if isinstance(stack, ConvolutionStack) and stack.residual:
                nn.init.zeros_(stack.convolutions[-1].weight)

    def prepare(self, features: Features) -> Features:
        """The values in order and, under autocast, in its precision, once for all nodes."""
        values = features.values
        device = values.device.type
        if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
            values = values.to(torch.get_autocast_dtype(device))
        return replace(features, values=values.contiguous())

    def _stacks(self, name: str, runs: Runs) -> list[ConvolutionStack]:
        """The stack of each run of nodes of operation `name`."""
        labels = self._labels[name]
        found = [self.stacks[labels[argument]] for argument, _ in runs]
        return [stack for stack in found if isinstance(stack, ConvolutionStack)]

    def _joined(self, name: str, nodes: Nodes, inputs: Rows, _: Features) -> Tensor:
        """Convolutions over two maps, one upon the other."""
        maps = as_maps(torch.cat(inputs, 2), self.grid)
        lengths = [count for _, count in nodes.runs]
        return as_rows(run_separately(self._stacks(name, nodes.runs), lengths, maps))

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

    def answer_logits(self, kind: Kind, rows: Tensor) -> Float[Tensor, "node answer"]:  # noqa: ARG002 - one head for all kinds
        """A logit of each answer; see `ModuleBank`."""
        logits: Tensor = self.head(rows)
        return logits

    def answer_cost(self, cells: int) -> Cost:  # noqa: ARG002 - the head is for one grid
        """That of the head."""
        return Cost(self.head.multiply_adds, self.head.elements)


def taken(levels: Tensor, rectangle: Rectangle) -> Tensor:
    """The rows of a rectangle `(level, column, ...)`, in their own order."""
    return levels.flatten(0, 1).index_select(0, torch.tensor(rectangle.slots, device=levels.device))


def wide(dtype: torch.dtype) -> torch.dtype:
    """The type that masks have where maps have `dtype`."""
    return torch.promote_types(dtype, torch.float32)
