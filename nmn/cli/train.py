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
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also log for TensorBoard, in OUT/tensorboard.")
    ] = False,
    device: DeviceName = "auto",
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Train a model and write its checkpoint folder."""
    from nmn.training.data import data_folder
    from nmn.training.preset import ShapesData, load_preset
    from nmn.training.run import run_training

    resolved = load_preset(preset, overrides or ())
    folder = out or Path("runs") / Path(preset).stem
    try:
        with progress_bar(hidden=as_json) as stage:
            checkpoint = run_training(
                resolved,
                folder,
                resume=resume,
                device=device_of(device),
                tensorboard=tensorboard,
                stage=stage,
            )
    except KeyboardInterrupt:
        sys.stderr.write(f"{folder}: go on with --resume\n")
        raise
    made = checkpoint.made
    data = None if isinstance(resolved.data, ShapesData) else str(data_folder(resolved))
    if as_json:
        print_json({"checkpoint": str(folder), "data_folder": data, **made})
        return
    seconds, learned = made["training_seconds"], made["supervision"]
    console.print(
        f"{folder}: trained in {seconds:.1f} s, supervised by {learned}; "
        f"{made['data_seconds']:.1f} s for the data",
        markup=False,
    )
    if data is not None:
        held_out = f"nmn evaluate {folder} --data {data} --split val"
        console.print(f"pictures it has not seen: {held_out}", markup=False)
