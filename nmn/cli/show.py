"""`nmn show`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from nmn.cli.output import Json, console, print_json


def show(
    checkpoint: Annotated[str, typer.Argument(help="A checkpoint folder or its name.")],
    as_json: Json = False,
) -> None:
    """Tell what a saved model or parser is: its words, operations, sizes, and how it was made."""
    from nmn.training.parser_preset import ParserPreset
    from nmn.training.stored import find_checkpoint, read_stored

    folder = find_checkpoint(checkpoint)
    if isinstance(read_stored(folder).preset, ParserPreset):
        report, lines = _parser(folder)
    else:
        report, lines = _model(folder)
    if as_json:
        print_json(report)
    else:
        console.print("\n".join(lines), markup=False)


def _model(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """What there is to tell of a model, and the same as lines."""
    from nmn.baselines.answerer import AnswererConfig
    from nmn.execution.induced import InducedConfig
    from nmn.execution.network import ModuleNetworkConfig
    from nmn.program.ops import OPERATIONS
    from nmn.training.checkpoint import load_checkpoint
    from nmn.training.models import supervision_of

    loaded = load_checkpoint(folder)
    domain = loaded.domain
    parameters = {name: list(value.shape) for name, value in loaded.model.named_parameters()}
    operations = {
        row.name: [name for name in row.arguments(domain) if name] for row in OPERATIONS.values()
    }
    config = loaded.preset.model
    modules = config.network if isinstance(config, InducedConfig) else config
    family = modules.family if isinstance(modules, ModuleNetworkConfig) else None
    report = {
        "folder": str(folder),
        "domain": domain.to_json(),
        "parser": loaded.parser,
        "kind": config.kind,
        "family": family,
        "supervision": supervision_of(config),
        "words": list(loaded.vocabulary.words),
        "operations": operations,
        "parameters": parameters,
        "parameter_count": sum(value.numel() for value in loaded.model.parameters()),
        "preset": loaded.preset.model_dump(mode="json"),
        "made": dict(loaded.made),
    }
    width, height = loaded.preset.size
    begun = loaded.preset.initial or loaded.preset.initial_stem
    part = "" if loaded.preset.initial else "the stem of "
    what = "scene parser" if family is None else f"{family} modules"
    if isinstance(config, AnswererConfig):
        what = f"model of words ({config.reasoner.kind})"
    programs = loaded.model.reads_programs
    pictures = f"pictures    {width}x{height}, RGB"
    read = f"parser      {loaded.parser}; " if programs else "reads       "
    lines = [
        f"{folder}: {what} for domain {domain.name}",
        pictures if loaded.model.sees_pictures else "sees        the states of objects",
        f"concepts    {', '.join(domain.concepts)}",
        f"relations   {', '.join(domain.relations)}",
        f"answers     {', '.join(domain.answers)}",
        f"{read}{len(loaded.vocabulary.words)} words in training",
        f"parameters  {report['parameter_count']}",
        *(f"            {name} {tuple(shape)}" for name, shape in parameters.items()),
        f"supervision {supervision_of(config)}",
        *([f"operations  {', '.join(OPERATIONS)}"] if programs else []),
        f"seed        {loaded.preset.seed}",
        *([f"begun with  {part}{begun}"] if begun else []),
        *(f"{name:<11} {value}" for name, value in loaded.made.items() if name != "supervision"),
    ]
    return report, lines


def _parser(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """The same of a parser."""
    from nmn.training.parser_checkpoint import load_parser

    loaded = load_parser(folder)
    preset, model = loaded.preset, loaded.model
    domain = model.tokens.domain
    parameters = {name: list(value.shape) for name, value in model.named_parameters()}
    report = {
        "folder": str(folder),
        "domain": domain.to_json(),
        "parser": preset.parser.kind,
        "words": list(model.words.words),
        "program_tokens": list(model.tokens.tokens),
        "parameters": parameters,
        "parameter_count": sum(value.numel() for value in model.parameters()),
        "preset": preset.model_dump(mode="json"),
        "made": dict(loaded.made),
    }
    lines = [
        f"{folder}: {preset.parser.kind} parser for domain {domain.name}",
        f"words       {len(model.words.words)}",
        f"tokens      {len(model.tokens)}, {preset.decoding.room} in a program at most",
        f"parameters  {report['parameter_count']}",
        *(f"            {name} {tuple(shape)}" for name, shape in parameters.items()),
        f"seed        {preset.seed}",
        *([f"begun with  {preset.initial}"] if preset.initial else []),
        *(f"{name:<11} {value}" for name, value in loaded.made.items()),
    ]
    return report, lines
