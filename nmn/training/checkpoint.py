"""Checkpoint folders: weights, configuration, vocabulary and domain; and states to resume from.

`model.safetensors`, `config.json`, `vocab.json`, `domain.json`, and while training runs
`resume/state.safetensors`. Every file is written whole or not at all; nothing is pickled.
"""

import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from nmn.config import build
from nmn.data.files import read_json
from nmn.data.vocabulary import WordVocabulary
from nmn.domain import Domain
from nmn.errors import ConfigError, DataError, UnknownNameError, listing
from nmn.execution.network import ModuleNetwork
from nmn.program.tokens import TokenVocabulary
from nmn.resources import replacing, shipped_checkpoints, write_text
from nmn.training.preset import TrainPreset

FORMAT_VERSION = 1
_WEIGHTS, _CONFIG, _VOCABULARY, _DOMAIN = (
    "model.safetensors",
    "config.json",
    "vocab.json",
    "domain.json",
)
_STATE = "resume/state.safetensors"

PARSERS = ("grammar",)
"""The kinds of parsers that a checkpoint can name."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained model with all that is known of it.

    Attributes:
        parser: the kind of parser that turns questions into its programs.
        made: versions of what it was made with, data, and metrics.
    """

    model: ModuleNetwork
    preset: TrainPreset
    vocabulary: WordVocabulary
    made: Mapping[str, Any]
    parser: str = "grammar"

    @property
    def domain(self) -> Domain:
        """What it answers questions about."""
        return self.model.domain


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint folder.

    Raises:
        DataError: it cannot be written.
    """
    domain = checkpoint.domain
    config = {
        "format": "nmn-checkpoint",
        "version": FORMAT_VERSION,
        "parser": checkpoint.parser,
        "preset": checkpoint.preset.model_dump(mode="json"),
        "made": {**_versions(), **checkpoint.made},
    }
    vocabulary = {
        "words": list(checkpoint.vocabulary.words),
        "program_tokens": list(TokenVocabulary(domain).tokens),
    }
    with replacing(folder / _WEIGHTS) as stream:
        stream.write(safetensors.torch.save(_contiguous(checkpoint.model.state_dict())))
    write_text(folder / _VOCABULARY, _dumps(vocabulary))
    write_text(folder / _DOMAIN, _dumps(domain.to_json()))
    write_text(folder / _CONFIG, _dumps(config))


def load_checkpoint(folder: Path) -> Checkpoint:
    """The model in a checkpoint folder, ready to answer.

    Raises:
        DataError: not a checkpoint, of another version, or damaged.
    """
    config_file = folder / _CONFIG
    if not config_file.is_file():
        raise DataError(str(folder), f"not a checkpoint: it has no {_CONFIG}")
    config = read_json(config_file)
    if not isinstance(config, dict) or config.get("format") != "nmn-checkpoint":
        raise DataError(str(config_file), "not the configuration of a checkpoint")
    if config.get("version") != FORMAT_VERSION or config["version"] is True:
        got = config.get("version")
        raise DataError(str(config_file), f"wanted format version {FORMAT_VERSION}, got {got}")
    try:
        domain = Domain.from_json(read_json(folder / _DOMAIN), str(folder / _DOMAIN))
    except ConfigError as error:
        raise DataError(error.source, error.problem) from error
    words = read_json(folder / _VOCABULARY)
    try:
        preset = build(TrainPreset, config["preset"], str(config_file))
        vocabulary = WordVocabulary(tuple(str(word) for word in words["words"]))
        made, parser = dict(config["made"]), config["parser"]
        tokens = tuple(words["program_tokens"])
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise DataError(str(config_file), f"damaged: {error}") from error
    if parser not in PARSERS:
        raise DataError(str(config_file), f"unknown parser '{parser}'; wanted {listing(PARSERS)}")
    if preset.domain != domain.name or tokens != TokenVocabulary(domain).tokens:
        problem = f"the domain is not the one that the model was trained for ({preset.domain})"
        raise DataError(str(folder / _DOMAIN), problem)
    model = ModuleNetwork(domain, preset.model)
    _load_weights(model, _read_tensors(folder / _WEIGHTS)[0], folder / _WEIGHTS)
    model.eval()
    return Checkpoint(model, preset, vocabulary, made, parser)


def find_checkpoint(name: str) -> Path:
    """The folder of a checkpoint: a path, or a name below `runs/` or among the shipped ones.

    Raises:
        UnknownNameError: there is none of that name.
    """
    for candidate in (Path(name), Path("runs") / name, shipped_checkpoints() / name):
        if (candidate / _CONFIG).is_file():
            return candidate
    if Path(name).is_dir():
        raise DataError(name, f"not a checkpoint: it has no {_CONFIG}")
    folders = [*Path("runs").glob(f"*/{_CONFIG}"), *shipped_checkpoints().glob(f"*/{_CONFIG}")]
    known = tuple(sorted({folder.parent.name for folder in folders}))
    raise UnknownNameError("checkpoint", name, known)


@dataclass(frozen=True)
class TrainingState:
    """Where a run stands, beside its weights.

    Attributes:
        step: steps done.
        attempt: how often it began anew.
        recent: the losses of the last steps.
    """

    step: int
    attempt: int = 0
    recent: tuple[float, ...] = ()


def save_state(
    folder: Path,
    model: ModuleNetwork,
    optimizer: torch.optim.Optimizer,
    state: TrainingState,
    run: str,
) -> None:
    """Write the state of a run, in one file.

    Args:
        run: what identifies the run; a state is only ever resumed by the same.
    """
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    optimized = optimizer.state_dict()["state"]
    for index, values in optimized.items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in values.items()}
    # Modules that no program used so far have none.
    metadata = {"state": json.dumps(asdict(state)), "run": run, "optimized": _list(optimized)}
    with replacing(folder / _STATE) as stream:
        stream.write(safetensors.torch.save(_contiguous(tensors), metadata))


def load_state(
    folder: Path, model: ModuleNetwork, optimizer: torch.optim.Optimizer, run: str
) -> TrainingState | None:
    """Restore the newest state into `model` and `optimizer`; None if there is none.

    Raises:
        DataError: the state is damaged, or of a run with another configuration.
    """
    path = folder / _STATE
    if not path.is_file():
        return None
    tensors, metadata = _read_tensors(path)
    if metadata.get("run") != run:
        problem = "the state is of a run with another configuration; train without --resume"
        raise DataError(str(path), problem)
    weights = {
        name.removeprefix("model."): value
        for name, value in tensors.items()
        if name.startswith("model.")
    }
    _load_weights(model, weights, path)
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".", 2)
            place = int(index) if index.isdecimal() else -1
            state.setdefault(place, {})[key] = value
    groups = optimizer.state_dict()["param_groups"]
    shapes = [value.shape for group in optimizer.param_groups for value in group["params"]]
    complete = metadata.get("optimized", _list(range(len(shapes)))) == _list(state)
    fits = complete and all(
        0 <= index < len(shapes)
        and values.keys() == {"step", "exp_avg", "exp_avg_sq"}
        and values["exp_avg"].shape == values["exp_avg_sq"].shape == shapes[index]
        for index, values in state.items()
    )
    if not fits:
        raise DataError(str(path), "damaged: not the whole state of the optimizer")
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    try:
        values = json.loads(metadata["state"])
        recent = tuple(float(loss) for loss in values["recent"])
        return TrainingState(int(values["step"]), int(values["attempt"]), recent)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(str(path), f"damaged: {error}") from error


def discard_state(folder: Path) -> None:
    """Remove what a finished run no longer needs."""
    path = folder / _STATE
    path.unlink(missing_ok=True)
    if path.parent.is_dir() and not any(path.parent.iterdir()):
        path.parent.rmdir()


def _read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except FileNotFoundError as error:
        raise DataError(str(path), "no such file") from error
    except (SafetensorError, OSError) as error:
        raise DataError(str(path), f"damaged: {error}") from error


def _load_weights(model: ModuleNetwork, tensors: dict[str, Tensor], path: Path) -> None:
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise DataError(str(path), f"does not fit the model of {_CONFIG}: {first}") from error
    for name, value in tensors.items():
        if not value.is_floating_point() or not value.isfinite().all():
            raise DataError(str(path), f"'{name}' has values that are not finite numbers")


def _list(indices: Iterable[int]) -> str:
    return json.dumps(sorted(indices))


def _contiguous(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().contiguous() for name, value in tensors.items()}


def _dumps(values: Mapping[str, Any]) -> str:
    return json.dumps(values, indent=1) + "\n"


def _versions() -> dict[str, str]:
    try:
        ours = version("neural-module-networks")
    except PackageNotFoundError:
        ours = "unknown"
    return {"nmn": ours, "torch": torch.__version__, "python": platform.python_version()}
