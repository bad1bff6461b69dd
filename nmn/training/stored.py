"""Checkpoint folders: weights, configuration, vocabulary and domain.

`model.safetensors`, `config.json`, `vocab.json`, `domain.json`. Every file is written whole or not
at all; nothing is pickled.
"""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nmn.data.files import read_json
from nmn.data.vocabulary import WordVocabulary
from nmn.domain import Domain
from nmn.errors import ConfigError, DataError, UnknownNameError
from nmn.program.tokens import TokenVocabulary
from nmn.resources import shipped_checkpoints, write_text
from nmn.training.parser_preset import ParserPreset, build_preset
from nmn.training.preset import TrainPreset
from nmn.training.state import STATE
from nmn.training.tensors import load_weights, read_tensors, write_tensors

FORMAT_VERSION = 1
WEIGHTS = "model.safetensors"
_CONFIG, _VOCABULARY, _DOMAIN = "config.json", "vocab.json", "domain.json"


@dataclass(frozen=True, eq=False)
class Stored:
    """What a checkpoint folder says beside its weights.

    Attributes:
        parser: the kind of parser.
        made: versions of what it was made with, data, and metrics.
    """

    folder: Path
    preset: TrainPreset | ParserPreset
    domain: Domain
    vocabulary: WordVocabulary
    made: Mapping[str, Any]
    parser: str

    @property
    def config_file(self) -> Path:
        """The file that has the settings, for messages."""
        return self.folder / _CONFIG

    def fingerprint(self) -> str:
        """What tells its weights from others.

        Raises:
            DataError: they cannot be read.
        """
        path = self.folder / WEIGHTS
        try:
            return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        except OSError as error:
            raise DataError(str(path), error.strerror or str(error)) from error

    def load(self, model: nn.Module) -> None:
        """Give a model the weights.

        Raises:
            DataError: they are damaged, or those of another one.
        """
        path = self.folder / WEIGHTS
        load_weights(model, read_tensors(path)[0], path)
        model.eval()


def write_stored(stored: Stored, model: nn.Module) -> None:
    """Write a checkpoint folder.

    Raises:
        DataError: it cannot be written.
    """
    folder, domain = stored.folder, stored.domain
    config = {
        "format": "nmn-checkpoint",
        "version": FORMAT_VERSION,
        "parser": stored.parser,
        "preset": stored.preset.model_dump(mode="json"),
        "made": {**_versions(), **stored.made},
    }
    vocabulary = {
        "words": list(stored.vocabulary.words),
        "program_tokens": list(TokenVocabulary(domain).tokens),
    }
    write_tensors(folder / WEIGHTS, model.state_dict())
    write_text(folder / _VOCABULARY, _dumps(vocabulary))
    write_text(folder / _DOMAIN, _dumps(domain.to_json()))
    write_text(folder / _CONFIG, _dumps(config))


def discard_stored(folder: Path) -> None:
    """Remove the files of a checkpoint folder, and the folder if nothing else is in it."""
    for name in (_CONFIG, WEIGHTS, _VOCABULARY, _DOMAIN):
        (folder / name).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def read_stored(folder: Path) -> Stored:
    """What a checkpoint folder says.

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
        preset = build_preset(config["preset"], str(config_file))
        made, parser = dict(config["made"]), str(config["parser"])
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise DataError(str(config_file), f"damaged: {error}") from error
    try:
        vocabulary = WordVocabulary(tuple(str(word) for word in words["words"]))
        tokens = tuple(words["program_tokens"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(str(folder / _VOCABULARY), f"damaged: {error}") from error
    if preset.domain != domain.name or tokens != TokenVocabulary(domain).tokens:
        problem = f"the domain is not the one that the model was trained for ({preset.domain})"
        raise DataError(str(folder / _DOMAIN), problem)
    return Stored(folder, preset, domain, vocabulary, made, parser)


def finished(folder: Path, preset: TrainPreset | ParserPreset) -> Stored | None:
    """What came of the training of a preset in a folder; None if it has not come to its end.

    Raises:
        DataError: there is a checkpoint, and it is damaged or of another preset.
    """
    if not (folder / _CONFIG).is_file() or (folder / STATE).is_file():
        return None
    stored = read_stored(folder)
    if stored.preset != preset:
        problem = "a finished run of other settings; wanted another --out, or no --resume"
        raise DataError(str(folder), problem)
    return stored


def find_checkpoint(name: str) -> Path:
    """The folder of a checkpoint: a path, or a name below `runs/` or among the shipped ones.

    Raises:
        UnknownNameError: there is none of that name.
        DataError: it is a folder, and no checkpoint.
    """
    for candidate in (Path(name), Path("runs") / name, shipped_checkpoints() / name):
        if (candidate / _CONFIG).is_file():
            return candidate
    if Path(name).is_dir():
        raise DataError(name, f"not a checkpoint: it has no {_CONFIG}")
    known = {folder.name for folder in checkpoint_folders()}
    raise UnknownNameError("checkpoint", name, tuple(sorted(known)))


def checkpoint_folders() -> list[Path]:
    """All checkpoints that can be found by name."""
    roots = (Path("runs"), shipped_checkpoints())
    return [path.parent for root in roots for path in sorted(root.glob(f"*/{_CONFIG}"))]


def _dumps(values: Mapping[str, Any]) -> str:
    return json.dumps(values, indent=1) + "\n"


def _versions() -> dict[str, str]:
    try:
        ours = version("neural-module-networks")
    except PackageNotFoundError:
        ours = "unknown"
    return {"nmn": ours, "torch": torch.__version__, "python": platform.python_version()}
