"""Checkpoints of learned parsers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmn.domain import Domain
from nmn.errors import ConfigError, DataError, UnknownNameError
from nmn.parsing.base import BatchParser, Parser
from nmn.policies.base import Policy
from nmn.policies.decode import Decoding
from nmn.policies.learned_parser import LearnedParser, RetrievalParser
from nmn.policies.parsers import ParserModel, build_parser
from nmn.program.tokens import TokenVocabulary
from nmn.training.checkpoint import INDUCED, Checkpoint, load_checkpoint, parser_of
from nmn.training.parser_preset import ParserPreset
from nmn.training.stored import (
    Stored,
    checkpoint_folders,
    find_checkpoint,
    read_stored,
    write_stored,
)


@dataclass(frozen=True, eq=False)
class ParserCheckpoint:
    """A learned parser with all that is known of it.

    Attributes:
        made: versions of what it was made with, data, and metrics.
    """

    model: ParserModel
    preset: ParserPreset
    made: Mapping[str, Any]

    @property
    def parser(self) -> BatchParser:
        """It as a parser."""
        if isinstance(self.model, Policy):
            return LearnedParser(self.model, Decoding.of(self.preset.decoding, self.model.tokens))
        return RetrievalParser(self.model)


def save_parser(folder: Path, checkpoint: ParserCheckpoint) -> None:
    """Write a checkpoint folder.

    Raises:
        DataError: it cannot be written.
    """
    model = checkpoint.model
    stored = Stored(
        folder,
        checkpoint.preset,
        model.tokens.domain,
        model.words,
        checkpoint.made,
        checkpoint.preset.parser.kind,
    )
    write_stored(stored, model)


def load_parser(folder: Path) -> ParserCheckpoint:
    """The parser in a checkpoint folder.

    Raises:
        DataError: not a checkpoint, of another version, or damaged; or that of a model that
            learned no parsing.
    """
    stored = read_stored(folder)
    if not isinstance(stored.preset, ParserPreset):
        raise DataError(str(folder), f"not a learned parser: its parser is the {stored.parser}")
    tokens = TokenVocabulary(stored.domain)
    model = build_parser(stored.preset.parser, stored.vocabulary, tokens)
    stored.load(model)
    return ParserCheckpoint(model, stored.preset, stored.made)


def parser_at(folder: Path) -> tuple[Parser, Domain]:
    """The parser that was learned in a checkpoint folder, alone or with modules.

    Raises:
        DataError: not a checkpoint, of another version, or damaged; or nothing was learned but
            modules.
    """
    if read_stored(folder).parser == INDUCED:
        checkpoint = load_checkpoint(folder)
        parser = parser_of(checkpoint)
        assert parser is not None
        return parser, checkpoint.domain
    learned = load_parser(folder)
    return learned.parser, learned.model.tokens.domain


def find_parser(name: str) -> Path:
    """The folder of a checkpoint in which a parser was learned; see `find_checkpoint`.

    Raises:
        UnknownNameError: there is no checkpoint of that name; those of parsers are named.
        DataError: it is a folder, and no checkpoint.
    """
    try:
        return find_checkpoint(name)
    except UnknownNameError as error:
        known = {folder.name for folder in checkpoint_folders() if _has_parser(folder)}
        raise UnknownNameError("learned parser", name, tuple(sorted(known))) from error


def _has_parser(folder: Path) -> bool:
    try:
        stored = read_stored(folder)
    except DataError:
        return False
    return isinstance(stored.preset, ParserPreset) or stored.parser == INDUCED


def parser_for(checkpoint: Checkpoint, name: str | Path | None) -> Parser | None:
    """The parser whose programs a model executes: its own, or a learned one by folder or name.

    None for models that read the words of questions.

    Raises:
        UnknownNameError: there is no such checkpoint.
        DataError: it is damaged, or no learned parser, or one of another domain.
        ConfigError: a parser for a model that needs none.
    """
    if name is None:
        return parser_of(checkpoint)
    if not checkpoint.model.reads_programs:
        raise ConfigError("--parser", "the model reads words, no programs; wanted none")
    folder = find_parser(str(name))
    parser, domain = parser_at(folder)
    if domain != checkpoint.domain:
        problem = f"a parser of {domain.name} for a model of {checkpoint.domain.name}"
        raise DataError(str(folder), problem)
    return parser
