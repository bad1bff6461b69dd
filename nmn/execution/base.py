"""What executors and models offer to each other and to training."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from nmn.data.batch import Batch
from nmn.domain import Domain
from nmn.errors import ExecutionError
from nmn.program.program import Program
from nmn.program.trace import Trace


@dataclass(frozen=True, eq=False)
class Execution:
    """The results of a batch of programs.

    Attributes:
        log_probabilities: of each answer of the domain; a failed program has minus infinity
            throughout.
        failures: for each program why it has no answer, or None.
        traces: one a program if they were asked for, else empty.
    """

    log_probabilities: Float[Tensor, "batch answer"]
    failures: tuple[ExecutionError | None, ...]
    traces: tuple[Trace, ...] = ()


@runtime_checkable
class Executor(Protocol):
    """Runs programs, the i-th on the picture of the i-th question."""

    def run(self, programs: Sequence[Program], batch: Batch, *, traces: bool = False) -> Execution:
        """Never raises for what a well-typed program means; see `Execution.failures`.

        Raises:
            ProgramTypeError: a program whose answer the domain does not have.
        """
        ...


@dataclass(frozen=True, eq=False)
class Loss:
    """What to minimise, and the parts it is made of, by name, for logs."""

    total: Float[Tensor, ""]
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of a batch.

    Attributes:
        log_probabilities: of each answer of the domain.
        programs: what it executed, where it does.
        traces: where they were asked for and the model executes programs.
    """

    log_probabilities: Float[Tensor, "batch answer"]
    programs: tuple[Program | None, ...] = ()
    failures: tuple[ExecutionError | None, ...] = ()
    traces: tuple[Trace, ...] = ()


class Model(nn.Module, ABC):
    """Anything that is trained on batches and answers them."""

    domain: Domain

    @abstractmethod
    def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
        """The loss on a batch whose answers are known; all randomness from `generator`."""

    @abstractmethod
    def predict(self, batch: Batch, *, traces: bool = False) -> Prediction:
        """Answers, without gradient."""
