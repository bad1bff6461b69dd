"""Checkpoint folders: weights, configuration, vocabulary and domain.

`model.safetensors`, `config.json`, `vocab.json`, `domain.json`. Every file is written whole or not
at all; nothing is pickled.
"""

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from nmn.config import Config, build
from nmn.data.files import read_json
from nmn.data.vocabulary import WordVocabulary
from nmn.domain import Domain
from nmn.errors import ConfigError, DataError, UnknownNameError, listing
from nmn.execution.base import Model
from nmn.nn.residual_stem import ResidualStemConfig
from nmn.program.tokens import TokenVocabulary
from nmn.resources import shipped_checkpoints, write_text
from nmn.training.models import build_model, stem_of
from nmn.training.preset import TrainPreset
from nmn.training.tensors import load_weights, read_tensors, write_tensors

FORMAT_VERSION = 1
_WEIGHTS, _CONFIG, _VOCABULARY, _DOMAIN = (
    "model.safetensors",
    "config.json",
    "vocab.json",
    "domain.json",
)

PARSERS = ("grammar",)
"""The kinds of parsers that a checkpoint can name."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained model with all that is known of it.

    Attributes:
        parser: the kind of parser that turns questions into its programs.
        made: versions of what it was made with, data, and metrics.
    """

    model: Model
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
    write_tensors(folder / _WEIGHTS, checkpoint.model.state_dict())
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
    try:
        model = build_model(domain, preset.model)
    except (ConfigError, UnknownNameError) as error:
        raise DataError(str(config_file), f"damaged: {error}") from error
    load_weights(model, read_tensors(folder / _WEIGHTS)[0], folder / _WEIGHTS)
    model.eval()
    return Checkpoint(model, preset, vocabulary, made, parser)


def begin_with(preset: TrainPreset, model: Model) -> None:
    """Give a new model the weights that its preset begins with, if any.

    Raises:
        UnknownNameError: there is no checkpoint of that name.
        DataError: it is damaged, or of a model or stem that is configured otherwise.
    """
    name = preset.initial or preset.initial_stem
    if not name:
        return
    folder = find_checkpoint(name)
    if preset.initial:
        path = folder / _WEIGHTS
        load_weights(model, read_tensors(path)[0], path)
        return
    source = load_checkpoint(folder)
    if not _continues(preset.model.stem, source.preset.model.stem):
        own, wanted = source.preset.model.stem, preset.model.stem
        differs = [n for n, value in own if value != getattr(wanted, n, None)]
        problem = f"its stem is configured otherwise than model.stem begins: {listing(differs)}"
        raise DataError(str(folder), problem)
    begun = stem_of(source.model).state_dict()
    stem_of(model).load_state_dict({**stem_of(model).state_dict(), **begun})


def _continues(stem: Config, begun: Config) -> bool:
    """Whether a stem is `begun`, or `begun` with further levels upon it."""
    if not (isinstance(stem, ResidualStemConfig) and isinstance(begun, ResidualStemConfig)):
        return stem == begun
    return begun == stem.model_copy(update={"levels": stem.levels[: len(begun.levels)]})


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


def _dumps(values: Mapping[str, Any]) -> str:
    return json.dumps(values, indent=1) + "\n"


def _versions() -> dict[str, str]:
    try:
        ours = version("neural-module-networks")
    except PackageNotFoundError:
        ours = "unknown"
    return {"nmn": ours, "torch": torch.__version__, "python": platform.python_version()}
