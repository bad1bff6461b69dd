"""`nmn show`."""

from typing import Annotated

import typer

from nmn.cli.output import Json, console, print_json


def show(
    checkpoint: Annotated[str, typer.Argument(help="A checkpoint folder or its name.")],
    as_json: Json = False,
) -> None:
    """Tell what a saved model is: its words, operations, sizes, and how it was made."""
    from nmn.program.ops import OPERATIONS
    from nmn.training.checkpoint import find_checkpoint, load_checkpoint

    folder = find_checkpoint(checkpoint)
    loaded = load_checkpoint(folder)
    domain = loaded.domain
    parameters = {name: list(value.shape) for name, value in loaded.model.named_parameters()}
    operations = {
        row.name: [name for name in row.arguments(domain) if name] for row in OPERATIONS.values()
    }
    report = {
        "folder": str(folder),
        "domain": domain.to_json(),
        "parser": loaded.parser,
        "family": loaded.preset.model.family,
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
    stem = loaded.preset.model.stem
    lines = [
        f"{folder}: {loaded.preset.model.family} modules for domain {domain.name}",
        f"pictures    {stem.width}x{stem.height}, RGB",
        f"concepts    {', '.join(domain.concepts)}",
        f"relations   {', '.join(domain.relations)}",
        f"answers     {', '.join(domain.answers)}",
        f"parser      {loaded.parser}; {len(loaded.vocabulary.words)} words in training",
        f"parameters  {report['parameter_count']}",
        *(f"            {name} {tuple(shape)}" for name, shape in parameters.items()),
        f"operations  {', '.join(OPERATIONS)}",
        f"seed        {loaded.preset.seed}",
        *(f"{name:<11} {value}" for name, value in loaded.made.items()),
    ]
    console.print("\n".join(lines), markup=False)
