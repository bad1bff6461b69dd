"""What executors and models offer to each other and to training."""

from abc import abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from nmn.data.batch import Batch
from nmn.domain import Domain
from nmn.errors import DataError, ExecutionError
from nmn.nn.features import Features
from nmn.nn.trainable import Loss, Trainable
from nmn.program.program import Program
from nmn.program.trace import Trace

Chosen = bool | Collection[int]
"""Which questions of a batch to trace: all, none, or those at these places."""


@dataclass(frozen=True, eq=False)
class MaskTable:
    """The masks of all nodes of a batch of programs.

    Attributes:
        values: how probably each cell is meant; equal nodes that were executed at once are one
            row.
        rows: for each program, for each of its nodes the row of its mask, or None where it yields
            something else.
    """

    values: Float[Tensor, "node cell"]
    rows: tuple[tuple[int | None, ...], ...]


@dataclass(frozen=True, eq=False)
class Execution:
    """The results of a batch of programs.

    Attributes:
        log_probabilities: of each answer of the domain; a failed program has minus infinity
            throughout.
        failures: for each program why it has no answer, or None.
        traces: one for each question that they were asked for, in the order of the batch.
        masks: where they were asked for.
        features: what modules looked at, where they did.
    """

    log_probabilities: Float[Tensor, "batch answer"]
    failures: tuple[ExecutionError | None, ...]
    traces: tuple[Trace, ...] = ()
    masks: MaskTable | None = None
    features: Features | None = None


@runtime_checkable
class Executor(Protocol):
    """Runs programs, the i-th on the picture of the i-th question."""

    def run(
        self, programs: Sequence[Program], batch: Batch, *, traces: Chosen = False
    ) -> Execution:
        """Never raises for what a well-typed program means; see `Execution.failures`.

        Raises:
            ProgramTypeError, UnknownNameError: a program that is not well-typed, or whose answer
                the domain does not have.
            DataError: no programs, a picture index out of range, or (of executors that look at
                pictures) features that are not finite numbers.
            ShapeError: features of another size than the modules were built for.
        """
        ...


def chosen_questions(traces: Chosen, batch: Batch) -> list[int]:
    """The places of the questions to trace, in order.

    Raises:
        DataError: the batch does not have so many questions.
    """
    if isinstance(traces, bool):
        return list(range(len(batch))) if traces else []
    for place in traces:
        if not 0 <= place < len(batch):
            problem = f"no question {place} to trace; wanted 0 to {len(batch) - 1}"
            raise DataError("batch", problem)
    return sorted(set(traces))


def programs_of(batch: Batch) -> tuple[Program, ...]:
    """The programs of a batch, of which each question has one.

    Raises:
        DataError: a question without program.
    """
    programs = tuple(program for program in batch.programs if program is not None)
    if len(programs) != len(batch):
        where = f"question {batch.programs.index(None)}"
        raise DataError("batch", "the model executes programs, and there is none", where)
    return programs


def pictures_of(programs: Sequence[Program], batch: Batch) -> list[int]:
    """For each program the index of its picture, after a check that all can be run.

    Raises:
        DataError: no programs, not one a question, or a picture index out of range.
    """
    if not programs:
        raise DataError("batch", "wanted at least one program, got none")
    if len(programs) != len(batch):
        problem = f"wanted a program a question ({len(batch)}), got {len(programs)}"
        raise DataError("batch", problem)
    pictures: list[int] = batch.picture.tolist()
    for question, picture in enumerate(pictures):
        if not 0 <= picture < len(batch.pictures):
            problem = f"picture index {picture}; wanted 0 to {len(batch.pictures) - 1}"
            raise DataError("batch", problem, f"question {question}")
    return pictures


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of a batch.

    Attributes:
        log_probabilities: of each answer of the domain.
        programs: what it executed, where it does.
        traces: of the questions that they were asked for, where the model executes programs.
    """

    log_probabilities: Float[Tensor, "batch answer"]
    programs: tuple[Program | None, ...] = ()
    failures: tuple[ExecutionError | None, ...] = ()
    traces: tuple[Trace, ...] = ()


class Model(Trainable[Batch]):
    """Anything that is trained on batches and answers them.

    Attributes:
        reads_programs: whether it executes the programs of questions; else it reads their words.
        sees_pictures: whether it looks at pictures; else at the scenes that are known of them.
    """

    domain: Domain
    reads_programs: bool = True
    sees_pictures: bool = True

    @abstractmethod
    def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
        """The loss on a batch whose answers are known; all randomness from `generator`."""

    @abstractmethod
    def predict(self, batch: Batch, *, traces: Chosen = False) -> Prediction:
        """Answers, without gradient."""
