"""Whether a batch fits into memory, estimated before training begins."""

from collections.abc import Callable

import torch
from torch import Tensor

from nmn.data.batch import Batch
from nmn.errors import OutOfMemoryError
from nmn.execution.base import Model
from nmn.execution.costs import free_memory_of, is_out_of_memory

_SOME = 16
"""Questions from which it is estimated: of some pictures, so that what they share is seen."""
_BESIDES = 2.0
"""What a step takes, in parts of what it keeps for the gradient."""


def check_room(model: Model, first: Callable[[int], Batch], questions: int) -> None:
    """Refuse to train with more at once than fits into memory.

    What is kept for the gradient of some questions is counted, and taken for as much for each of
    the others; where that is too much, it is counted again of as many as would fit. Nothing of the
    model is changed.

    Args:
        first: gives a batch of the first so many questions, or of fewer.
        questions: in a batch, at most.

    Raises:
        OutOfMemoryError: with the number that would fit, 0 if not even one would.
    """
    device = next(model.parameters()).device
    setting = model.at_once(questions)[1]
    for count in (min(_SOME, questions), 1):  # fewer where even these are too many
        kept = _kept_by(model, first(count).to(device))
        if kept is not None:
            break
    else:
        raise OutOfMemoryError(device.type, 1, 0, setting)
    free = free_memory_of(device)
    fits = int(free / kept)
    if count < fits < questions:
        # Where much is to be kept, some models work it out once more instead.
        more = _kept_by(model, first(fits).to(device))
        kept = kept if more is None else min(kept, more)
        fits = int(free / kept)
    if questions > fits:
        wanted, there = kept * questions / 2**30, free / 2**30
        raise OutOfMemoryError(device.type, questions, fits, setting, wanted, there)


def _kept_by(model: Model, batch: Batch) -> float | None:
    """Bytes that a step wants for a question; None if these are too much already."""
    was_training = model.training
    try:
        return max(1.0, _BESIDES * _kept(model.eval(), batch) / len(batch))
    except OutOfMemoryError:
        return None
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return None
    finally:
        model.train(was_training)


def _kept(model: Model, batch: Batch) -> float:
    """Bytes that are kept for the gradient, weights and what is given aside."""
    known = {value.untyped_storage().data_ptr() for value in model.state_dict().values()}
    found: dict[int, int] = {}

    def keep(value: Tensor) -> Tensor:
        storage = value.untyped_storage()
        if storage.data_ptr() not in known:
            found[storage.data_ptr()] = storage.nbytes()
        return value

    with torch.random.fork_rng(), torch.autograd.graph.saved_tensors_hooks(keep, lambda it: it):
        model.loss(batch, torch.Generator().manual_seed(0))
    return float(sum(found.values()))
