"""What every family of modules offers to the executors.

A module takes rows and gives rows: one row is one node of one program on one picture. Executors
treat rows as opaque; the bank knows what the tensor of each type is like, what answer a row
stands for, and how a person can read it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from nmn.domain import Domain
from nmn.nn.features import Features
from nmn.program.ops import OPERATIONS, arguments_of, covering
from nmn.program.types import Kind, Type

Module = Callable[
    [Int[Tensor, " node"], tuple[Tensor, ...], Features, Int[Tensor, " node"]], Tensor
]
"""`(argument, inputs, features, picture) -> rows`. `argument` holds indices into the domain's
concepts, attributes or relations (0 where there is none), `inputs` the rows of each input,
`picture` the index of each row's picture in `features`."""


@dataclass(frozen=True)
class Reading:
    """What a person can make of one row.

    Attributes:
        mask: for a mask, each cell in [0, 1].
        value: for all else, the most probable answer.
        confidence: probability of what is stated; for a mask that of its least certain cell.
    """

    confidence: float
    mask: tuple[float, ...] | None = None
    value: str | None = None


class ModuleBank(nn.Module, ABC):
    """All modules of one family for one domain."""

    def __init__(self, domain: Domain) -> None:
        super().__init__()
        self.domain = domain
        self._operations = covering(self.modules_by_operation(), type(self).__name__)
        self._argument_index = {
            (row.name, name): 0 if name is None else index
            for row in OPERATIONS.values()
            for index, name in enumerate(arguments_of(row.argument, domain))
        }

    @abstractmethod
    def modules_by_operation(self) -> Mapping[str, Module]:
        """The module of each operation of the language, no more and no less."""

    @abstractmethod
    def log_probabilities(self, output: Type, rows: Tensor) -> Float[Tensor, "node answer"]:
        """For rows of a Bool, Number or Value, the logarithm of each answer's probability.

        Answers that the type cannot give have minus infinity.

        Raises:
            ProgramTypeError: the domain has no answer of this type.
        """

    def prepare(self, features: Features) -> Features:
        """What to compute once for a batch, before any module runs; executors call it."""
        return features

    @abstractmethod
    def mask_probabilities(self, rows: Tensor) -> Float[Tensor, "node cell"]:
        """For rows of Mask, how probably each cell is meant."""

    def argument_index(self, operation: str, argument: str | None) -> int:
        """The index that stands for `argument` in calls of `operation`'s module."""
        return self._argument_index[operation, argument]

    def run(
        self,
        operation: str,
        argument: Int[Tensor, " node"],
        inputs: tuple[Tensor, ...],
        features: Features,
        picture: Int[Tensor, " node"],
    ) -> Tensor:
        """The rows of `operation`."""
        return self._operations[operation](argument, inputs, features, picture)

    def read(self, output: Type, row: Tensor) -> Reading:
        """One row, without its first dimension, as a person reads it."""
        rows = row.detach()[None]
        if output.kind is Kind.MASK:
            mask = self.mask_probabilities(rows)[0]
            confidence = torch.maximum(mask, 1 - mask).min().item()
            return Reading(confidence, mask=tuple(round(cell, 6) for cell in mask.tolist()))
        probabilities = self.log_probabilities(output, rows)[0].exp()
        best = int(probabilities.argmax())
        return Reading(probabilities[best].item(), value=self.domain.answers[best])
