"""`nmn show`."""

from typing import Annotated

import typer

from nmn.cli.output import Json, console, print_json


def show(
    checkpoint: Annotated[str, typer.Argument(help="A checkpoint folder or its name.")],
    as_json: Json = False,
) -> None:
    """Tell what a saved model is: its words, operations, sizes, and how it was made."""
    from nmn.execution.network import ModuleNetworkConfig
    from nmn.program.ops import OPERATIONS
    from nmn.training.checkpoint import find_checkpoint, load_checkpoint
    from nmn.training.models import supervision_of

    folder = find_checkpoint(checkpoint)
    loaded = load_checkpoint(folder)
    domain = loaded.domain
    parameters = {name: list(value.shape) for name, value in loaded.model.named_parameters()}
    operations = {
        row.name: [name for name in row.arguments(domain) if name] for row in OPERATIONS.values()
    }
    config = loaded.preset.model
    family = config.family if isinstance(config, ModuleNetworkConfig) else None
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
    if as_json:
        print_json(report)
        return
    width, height = loaded.preset.size
    begun = loaded.preset.initial or loaded.preset.initial_stem
    part = "" if loaded.preset.initial else "the stem of "
    what = "scene parser" if family is None else f"{family} modules"
    lines = [
        f"{folder}: {what} for domain {domain.name}",
        f"pictures    {width}x{height}, RGB",
        f"concepts    {', '.join(domain.concepts)}",
        f"relations   {', '.join(domain.relations)}",
        f"answers     {', '.join(domain.answers)}",
        f"parser      {loaded.parser}; {len(loaded.vocabulary.words)} words in training",
        f"parameters  {report['parameter_count']}",
        *(f"            {name} {tuple(shape)}" for name, shape in parameters.items()),
        f"supervision {supervision_of(config)}",
        f"operations  {', '.join(OPERATIONS)}",
        f"seed        {loaded.preset.seed}",
        *([f"begun with  {part}{begun}"] if begun else []),
        *(f"{name:<11} {value}" for name, value in loaded.made.items() if name != "supervision"),
    ]
    console.print("\n".join(lines), markup=False)
