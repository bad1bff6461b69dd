"""`nmn train`."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from nmn.cli.output import Json, Overrides, console, print_json, progress_bar


def train(
    preset: Annotated[str, typer.Argument(help="A preset's name, or a TOML file.")],
    out: Annotated[
        Path | None, typer.Option(help="The checkpoint folder.", show_default="runs/PRESET")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")
    ] = False,
    device: Annotated[
        Literal["auto", "cpu", "cuda"], typer.Option(help="auto: a GPU if there is one.")
    ] = "auto",
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
                resolved, folder, resume=resume, device=_device(device), stage=stage
            )
    except KeyboardInterrupt:
        sys.stderr.write(f"{folder}: go on with --resume\n")
        raise
    seconds = checkpoint.made["seconds"]
    if as_json:
        print_json({"checkpoint": str(folder), **checkpoint.made})
    else:
        console.print(f"{folder}: trained in {seconds:.1f} s", markup=False)


def _device(name: str) -> str:
    import torch

    from nmn.errors import ConfigError

    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda", "torch finds no GPU here; nearest: cpu")
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return name
