"""Where a run stands, in a file, so that an interrupted one goes on."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from nmn.errors import DataError
from nmn.training.tensors import load_weights, read_tensors, write_tensors

STATE = "resume/state.safetensors"
_MODEL, _BEST, _OPTIMIZER = "model.", "best.", "optimizer."


@dataclass(frozen=True, eq=False)
class Best:
    """The best weights so far.

    Attributes:
        step: after which they were found so.
        accuracy: on the questions that are kept from training.
    """

    step: int
    accuracy: float
    weights: Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class TrainingState:
    """Where a run stands, beside its weights.

    Attributes:
        step: steps done.
        attempt: how often it began anew.
        recent: the losses of the last steps.
        seconds: that training has taken so far.
        best: where the best weights are kept.
    """

    step: int
    attempt: int = 0
    recent: tuple[float, ...] = ()
    seconds: float = 0.0
    best: Best | None = None


def save_state(
    folder: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    state: TrainingState,
    run: str,
) -> None:
    """Write the state of a run, in one file.

    Args:
        run: what identifies the run; a state is only ever resumed by the same.
    """
    tensors = {_MODEL + name: value for name, value in model.state_dict().items()}
    best = state.best
    if best is not None:
        tensors |= {_BEST + name: value for name, value in best.weights.items()}
    optimized = optimizer.state_dict()["state"]
    for index, values in optimized.items():
        tensors |= {f"{_OPTIMIZER}{index}.{name}": value for name, value in values.items()}
    stated = {
        "step": state.step,
        "attempt": state.attempt,
        "recent": state.recent,
        "seconds": state.seconds,
        "best": None if best is None else {"step": best.step, "accuracy": best.accuracy},
    }
    # Modules that no program used so far have none.
    metadata = {"state": json.dumps(stated), "run": run, "optimized": _list(optimized)}
    write_tensors(folder / STATE, tensors, metadata)


def load_state(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, run: str
) -> TrainingState | None:
    """Restore the newest state into `model` and `optimizer`; None if there is none.

    Raises:
        DataError: the state is damaged, or of a run with another configuration.
    """
    path = folder / STATE
    if not path.is_file():
        return None
    tensors, metadata = read_tensors(path)
    if metadata.get("run") != run:
        problem = "the state is of a run with another configuration; train without --resume"
        raise DataError(str(path), problem)
    load_weights(model, _below(_MODEL, tensors), path)
    _load_optimizer(optimizer, _below(_OPTIMIZER, tensors), metadata.get("optimized"), path)
    try:
        values = json.loads(metadata["state"])
        best = values["best"]
        if best is not None:
            weights = _below(_BEST, tensors)
            if weights.keys() != model.state_dict().keys():
                raise DataError(str(path), "damaged: not all of the best weights")
            best = Best(int(best["step"]), float(best["accuracy"]), weights)
        return TrainingState(
            int(values["step"]),
            int(values["attempt"]),
            tuple(float(loss) for loss in values["recent"]),
            float(values["seconds"]),
            best,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(str(path), f"damaged: {error}") from error


def discard_state(folder: Path) -> None:
    """Remove what a finished run no longer needs."""
    path = folder / STATE
    path.unlink(missing_ok=True)
    if path.parent.is_dir() and not any(path.parent.iterdir()):
        path.parent.rmdir()


def _load_optimizer(
    optimizer: torch.optim.Optimizer,
    tensors: Mapping[str, Tensor],
    optimized: str | None,
    path: Path,
) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, _, key = name.partition(".")
        state.setdefault(int(index) if index.isdecimal() else -1, {})[key] = value
    parameters = [value for group in optimizer.param_groups for value in group["params"]]
    fits = optimized == _list(state) and all(
        0 <= index < len(parameters)
        and values.keys() == {"step", "exp_avg", "exp_avg_sq"}
        and values["exp_avg"].shape == values["exp_avg_sq"].shape == parameters[index].shape
        for index, values in state.items()
    )
    if not fits:
        raise DataError(str(path), "damaged: not the whole state of the optimizer")
    # The fused optimizer wants moments to lie in memory as the weights do.
    for place, values in state.items():
        for name in ("exp_avg", "exp_avg_sq"):
            values[name] = torch.empty_like(parameters[place]).copy_(values[name])
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def _list(indices: Iterable[int]) -> str:
    return json.dumps(sorted(indices))
