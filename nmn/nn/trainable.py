"""What the training loop trains."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sized
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

BATCH_SIZE = "training.batch_size"
"""The setting of how many examples a batch has."""


@runtime_checkable
class AnyBatch(Sized, Protocol):
    """Some examples."""

    def to(self, device: Any, /) -> Any:
        """The same on another device."""
        ...


B = TypeVar("B", bound=AnyBatch)


@dataclass(frozen=True, eq=False)
class Loss:
    """What to minimise, and the parts it is made of, by name, for logs."""

    total: Float[Tensor, ""]
    parts: Mapping[str, float] = field(default_factory=dict)


class Trainable(nn.Module, ABC, Generic[B]):
    """Anything that learns from batches."""

    def at_once(self, count: int) -> tuple[int, str]:
        """How many examples of a batch are in memory together, and the setting that says so."""
        return count, BATCH_SIZE

    @abstractmethod
    def loss(self, batch: B, generator: torch.Generator) -> Loss:
        """The loss on a batch; all randomness from `generator`."""
