"""Checkpoints of models that look at pictures."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmn.config import Config
from nmn.data.vocabulary import WordVocabulary
from nmn.domain import Domain
from nmn.errors import ConfigError, DataError, UnknownNameError, listing
from nmn.execution.base import Model
from nmn.execution.induced import InducedNetwork
from nmn.nn.residual_stem import ResidualStemConfig
from nmn.parsing.base import Parser
from nmn.parsing.grammar_parser import shared_parser
from nmn.training.models import build_model, stem_of
from nmn.training.preset import TrainPreset
from nmn.training.stored import WEIGHTS, Stored, find_checkpoint, read_stored, write_stored
from nmn.training.tensors import load_weights, read_tensors

GRAMMAR, INDUCED = "grammar", "induced"
PARSERS = (GRAMMAR, INDUCED)
"""The kinds of parsers that the checkpoint of a model can name."""


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
    parser: str = GRAMMAR

    @property
    def domain(self) -> Domain:
        """What it answers questions about."""
        return self.model.domain


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint folder.

    Raises:
        DataError: it cannot be written.
    """
    stored = Stored(
        folder,
        checkpoint.preset,
        checkpoint.domain,
        checkpoint.vocabulary,
        checkpoint.made,
        checkpoint.parser,
    )
    write_stored(stored, checkpoint.model)


def load_checkpoint(folder: Path) -> Checkpoint:
    """The model in a checkpoint folder, ready to answer.

    Raises:
        DataError: not a checkpoint, of another version, or damaged; or that of a parser.
    """
    stored = read_stored(folder)
    preset = stored.preset
    if not isinstance(preset, TrainPreset):
        problem = "the checkpoint of a parser, which does not look at pictures; nearest: --parser"
        raise DataError(str(folder), problem)
    if stored.parser not in PARSERS:
        problem = f"unknown parser '{stored.parser}'; wanted {listing(PARSERS)}"
        raise DataError(str(stored.config_file), problem)
    try:
        model = build_model(stored.domain, preset.model, stored.vocabulary)
    except (ConfigError, UnknownNameError) as error:
        raise DataError(str(stored.config_file), f"damaged: {error}") from error
    stored.load(model)
    return Checkpoint(model, preset, stored.vocabulary, stored.made, stored.parser)


def parser_of(checkpoint: Checkpoint) -> Parser | None:
    """What turns questions into the programs that the model executes; None if it executes none."""
    model = checkpoint.model
    if not model.reads_programs:
        return None
    return model if isinstance(model, InducedNetwork) else shared_parser(checkpoint.domain)


def check_sees_pictures(checkpoint: Checkpoint, name: str) -> None:
    """That there is something to show it.

    Raises:
        ConfigError: the model does not look at pictures.
    """
    if not checkpoint.model.sees_pictures:
        problem = "a model that looks at the states of objects, not at pictures"
        raise ConfigError(f"checkpoint {name}", f"{problem}; nearest: nmn evaluate")


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
        path = folder / WEIGHTS
        load_weights(model, read_tensors(path)[0], path)
        return
    source = load_checkpoint(folder)
    begun_with = source.preset.model.stem
    same = preset.model.stem == begun_with  # a frozen stem has nothing upon it
    if not (same if preset.frozen_stem else _continues(preset.model.stem, begun_with)):
        own, wanted = source.preset.model.stem, preset.model.stem
        differs = [n for n, value in own if value != getattr(wanted, n, None)]
        ours = "model.stem, which is frozen" if preset.frozen_stem else "model.stem begins"
        problem = f"its stem is configured otherwise than {ours}: {listing(differs)}"
        raise DataError(str(folder), problem)
    begun = stem_of(source.model).state_dict()
    stem_of(model).load_state_dict({**stem_of(model).state_dict(), **begun})


def _continues(stem: Config, begun: Config) -> bool:
    """Whether a stem is `begun`, or `begun` with further levels upon it."""
    if not (isinstance(stem, ResidualStemConfig) and isinstance(begun, ResidualStemConfig)):
        return stem == begun
    return begun == stem.model_copy(update={"levels": stem.levels[: len(begun.levels)]})
