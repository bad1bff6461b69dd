"""What every family of modules offers to the executors.

A module takes rows and gives rows: one row is one node of one program on one picture. Executors
treat rows as opaque; the bank knows what the tensor of each type is like, what answer a row
stands for, what a row costs, and how a person can read it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from nmn.data.batch import Batch
from nmn.domain import Domain
from nmn.errors import DataError, ProgramTypeError, ShapeError
from nmn.nn.features import Features, FeatureSize, with_mirrored
from nmn.program.ops import OPERATIONS, arguments_of, covering
from nmn.program.typecheck import answers_of
from nmn.program.types import BOOL, NUMBER, Kind, Type, value_of


@dataclass(frozen=True, eq=False)
class Nodes:
    """Nodes of one operation, to be computed together.

    Attributes:
        argument: indices into the domain's concepts, attributes or relations (0 where the
            operation has no argument), in ascending order.
        picture: for each node, the index of its picture in the features.
        runs: the same arguments as `(argument, how many nodes)`, known without asking the device.
        seen: what `ModuleBank.look` gave for them.
    """

    argument: Int[Tensor, " node"]
    picture: Int[Tensor, " node"]
    runs: tuple[tuple[int, int], ...]
    seen: Tensor | None = None


Module = Callable[[Nodes, tuple[Tensor, ...], Features], Tensor]
"""`(nodes, inputs, features) -> rows`; `inputs` are the rows of each input."""


@dataclass(frozen=True)
class Cost:
    """What one node takes.

    Attributes:
        multiply_adds: multiplications with an addition each (or what stands for one).
        elements: numbers that are kept for the gradient.
    """

    multiply_adds: int
    elements: int


@dataclass(frozen=True)
class Reading:
    """What a person can make of one row.

    Attributes:
        mask: for a mask, each cell in [0, 1].
        value: for all else, the most probable answer; None where the domain has no such answers.
        confidence: probability of what is stated; for a mask that of its least certain cell, and
            None where rows of Mask are no masks, or nothing is stated.
    """

    confidence: float | None
    mask: tuple[float, ...] | None = None
    value: str | None = None


class ModuleBank(nn.Module, ABC):
    """All modules of one family for one domain.

    Attributes:
        transparent: the operations whose rows are those of their input, unchanged; an executor
            need not call them.
        answers_alike: whether rows of Bool, Number and Value are of one shape, and their answers
            are best read off all at once.
        has_masks: whether rows of Mask say which cells are meant; if not, `mask_probabilities`
            only shows where there is much in them, and is nothing to be right or wrong.
        taught: the operations that supervision by scenes teaches one by one.
        size: of the features it looks at.
    """

    transparent: ClassVar[frozenset[str]] = frozenset()
    answers_alike: ClassVar[bool] = False
    taught: ClassVar[tuple[str, ...]] = ()
    has_masks: ClassVar[bool] = True

    def __init__(self, domain: Domain, size: FeatureSize) -> None:
        super().__init__()
        self.domain = domain
        self.size = size
        self._operations = covering(self.modules_by_operation(), type(self).__name__)
        self._argument_index = {
            (row.name, name): 0 if name is None else index
            for row in OPERATIONS.values()
            for index, name in enumerate(arguments_of(row.argument, domain))
        }
        outputs = (BOOL, NUMBER, *map(value_of, domain.attribute_names))
        self._output_index = {output: index for index, output in enumerate(outputs)}
        possible = torch.zeros(len(outputs), len(domain.answers), dtype=torch.bool)
        for index, output in enumerate(outputs):
            possible[index, list(_answers(output, domain))] = True
        self.register_buffer("_possible", possible, persistent=False)
        self._possible: Tensor

    @property
    def wants_mirrored(self) -> bool:
        """Whether `Features.mirrored` is looked at."""
        return False

    def see(self, batch: Batch, stem: nn.Module) -> Features:
        """What `stem` gives of the pictures of a batch, with all that `prepare` looks at.

        Where the batch has that already, the stem is not asked; nothing is mirrored then.
        """
        if batch.features is not None:
            return batch.features
        features: Features = stem(batch.pictures)
        if self.wants_mirrored:
            features = with_mirrored(features, stem(batch.pictures.flip(-1)))
        return features

    @abstractmethod
    def modules_by_operation(self) -> Mapping[str, Module]:
        """The module of each operation of the language, no more and no less."""

    @abstractmethod
    def answer_logits(self, kind: Kind, rows: Tensor) -> Float[Tensor, "node answer"]:
        """For rows of Bool, Number or Value, a logit of each answer that the kind can give.

        Those of answers that it cannot give are not looked at. Where answers are alike, rows are
        of any kinds.
        """

    def log_probabilities(
        self, outputs: Sequence[Type], rows: Tensor
    ) -> Float[Tensor, "node answer"]:
        """The logarithm of each answer's probability.

        Answers that the type of a row cannot give have minus infinity.

        Args:
            outputs: the type of each row, all of one kind unless answers are alike.

        Raises:
            ProgramTypeError: the domain has no answer of this type.
        """
        indices = [self._output_index[output] for output in outputs]
        for output in set(outputs):
            answers_of(output, self.domain)
        possible = self._possible[torch.tensor(indices, device=rows.device)]
        logits = self.answer_logits(outputs[0].kind, rows)
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        return logits.masked_fill(~possible, -torch.inf).log_softmax(1)

    def prepare(self, features: Features) -> Features:
        """What to compute once for a batch, before any module runs; executors call it."""
        return features

    def look(
        self,
        operation: str,  # noqa: ARG002 - for families that look
        argument: Int[Tensor, " node"],  # noqa: ARG002
        picture: Int[Tensor, " node"],  # noqa: ARG002
        features: Features,  # noqa: ARG002
    ) -> Tensor | None:
        """What nodes of an operation read off prepared features whatever their inputs are.

        Executors call it for all nodes of a batch at once, before any module runs, and hand each
        module its rows as `Nodes.seen`.
        """
        return None

    def check(self, features: Features) -> None:
        """Refuse features that the modules cannot look at.

        Raises:
            ShapeError: they are not of the size that the bank was built for.
            DataError: not all of them are finite numbers.
        """
        got = FeatureSize(features.values.shape[2], features.grid)
        if not self.size.fits(got):
            raise ShapeError("features", str(self.size), str(got))
        if not features.values.shape[1]:
            raise ShapeError("features", "at least one cell", "none")
        if not features.positions.sum().isfinite():
            raise DataError("features", "not all positions are finite numbers")
        values = features.values.detach()
        # A sum shows by itself whether anything is not finite, in a fraction of the time.
        if values.sum().isfinite():
            return
        finite = values.isfinite()
        if not finite.all():
            picture = int((~finite).flatten(1).any(1).nonzero()[0])
            raise DataError("features", "not all values are finite numbers", f"picture {picture}")

    @abstractmethod
    def cost(self, operation: str, cells: int) -> Cost:
        """What a node of `operation` takes on pictures of so many cells."""

    @abstractmethod
    def answer_cost(self, cells: int) -> Cost:
        """What reading the answer off a row takes."""

    def certain(
        self,
        meant: Bool[Tensor, "node cell"],  # noqa: ARG002 - for families with masks to teach
    ) -> Tensor:
        """Rows of Mask which mean exactly these cells, in families with operations to teach.

        Raises:
            TypeError: the family has none.
        """
        raise TypeError(f"{type(self).__name__} has no masks that could be taught")

    def stands(
        self,
        features: Features,  # noqa: ARG002 - for families that choose
    ) -> Float[Tensor, "picture cell"] | None:
        """How much each cell stands for a thing, in families where one cell does so for each.

        None in families whose masks mean all cells of a thing. Features are prepared.
        """
        return None

    def assuming(
        self,
        things: Bool[Tensor, "picture cell"],  # noqa: ARG002 - for families that choose
        features: Features,
    ) -> Features:
        """Prepared features in which exactly these cells stand for things, in such families."""
        return features

    @abstractmethod
    def mask_probabilities(self, rows: Tensor) -> Float[Tensor, "node cell"]:
        """For rows of Mask, how probably each cell is meant."""

    def argument_index(self, operation: str, argument: str | None) -> int:
        """The index that stands for `argument` in calls of `operation`'s module."""
        return self._argument_index[operation, argument]

    def run(
        self, operation: str, nodes: Nodes, inputs: tuple[Tensor, ...], features: Features
    ) -> Tensor:
        """The rows of `operation`."""
        return self._operations[operation](nodes, inputs, features)

    def read(self, output: Type, row: Tensor) -> Reading:
        """One row, without its first dimension, as a person reads it."""
        rows = row.detach()[None]
        if output.kind is Kind.MASK:
            mask = self.mask_probabilities(rows)[0]
            least = torch.maximum(mask, 1 - mask).min().item()
            confidence = least if self.has_masks else None
            return Reading(confidence, mask=tuple(round(cell, 6) for cell in mask.tolist()))
        if not _answers(output, self.domain):
            return Reading(None)
        probabilities = self.log_probabilities([output], rows)[0].exp()
        best = int(probabilities.argmax())
        return Reading(probabilities[best].item(), value=self.domain.answers[best])


def _answers(output: Type, domain: Domain) -> tuple[int, ...]:
    try:
        return answers_of(output, domain)
    except ProgramTypeError:
        return ()
