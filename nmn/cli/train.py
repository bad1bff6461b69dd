"""`nmn train`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from nmn.cli.output import (
    DeviceName,
    Json,
    Overrides,
    console,
    device_of,
    print_json,
    progress_bar,
)


def train(
    preset: Annotated[str, typer.Argument(help="A preset's name, or a TOML file.")],
    out: Annotated[
        Path | None, typer.Option(help="The checkpoint folder.", show_default="runs/PRESET")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")
    ] = False,
    device: DeviceName = "auto",
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Train a model and write its checkpoint folder."""
    from nmn.training.preset import load_preset
    from nmn.training.run import run_training

    resolved = load_preset(preset, overrides or ())
    folder = out or Path("runs") / Path(preset).stem
    try:
        with progress_bar(hidden=as_json) as stage:
            checkpoint = run_training(
                resolved, folder, resume=resume, device=device_of(device), stage=stage
            )
    except KeyboardInterrupt:
        sys.stderr.write(f"{folder}: go on with --resume\n")
        raise
    seconds = checkpoint.made["seconds"]
    if as_json:
        print_json({"checkpoint": str(folder), **checkpoint.made})
    else:
        console.print(f"{folder}: trained in {seconds:.1f} s", markup=False)
