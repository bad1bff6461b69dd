"""`nmn train`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from nmn.training.parser_preset import ParserPreset
    from nmn.training.preset import TrainPreset


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
    """Train a model or a parser and write its checkpoint folder."""
    from nmn.training.parser_preset import ParserPreset, load_any_preset
    from nmn.training.state import STATE
    from nmn.training.stored import finished

    resolved = load_any_preset(preset, overrides or ())
    folder = out or Path("runs") / Path(preset).stem
    how = Options(folder, resume, device_of(device), tensorboard, as_json)
    if resume and (done := finished(folder, resolved)) is not None:
        if as_json:
            print_json({"checkpoint": str(folder), **done.made})
        else:
            console.print(f"{folder}: finished already; without --resume it begins anew")
        return
    try:
        if isinstance(resolved, ParserPreset):
            _train_parser(resolved, how)
        else:
            _train_model(resolved, how)
    except KeyboardInterrupt:
        saved = (folder / STATE).is_file()
        advice = "go on with --resume" if saved else "interrupted before a state was saved"
        sys.stderr.write(f"{folder}: {advice}\n")
        raise


@dataclass(frozen=True)
class Options:
    """What was said on the command line beside the preset."""

    folder: Path
    resume: bool
    device: str
    tensorboard: bool
    as_json: bool


def _train_model(preset: "TrainPreset", how: Options) -> None:
    from nmn.training.data import data_folder
    from nmn.training.preset import ShapesData
    from nmn.training.run import run_training

    folder = how.folder
    with progress_bar(hidden=how.as_json) as stage:
        checkpoint = run_training(
            preset,
            folder,
            resume=how.resume,
            device=how.device,
            tensorboard=how.tensorboard,
            stage=stage,
        )
    made = checkpoint.made
    data = None if isinstance(preset.data, ShapesData) else str(data_folder(preset))
    if how.as_json:
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


def _train_parser(preset: "ParserPreset", how: Options) -> None:
    from nmn.cli.evaluate_parser import as_evaluation, print_parser_report
    from nmn.training.parser_report import report_on
    from nmn.training.parser_run import HowToRun, train_parser
    from nmn.training.question_data import held_out_questions

    with progress_bar(hidden=how.as_json) as stage:
        options = HowToRun(how.folder, how.resume, how.device, how.tensorboard, stage)
        tested = held_out_questions(preset, stage)  # first, as training may take an hour
        checkpoint = train_parser(preset, options)
        report = report_on(checkpoint, tested, stage)
    made = checkpoint.made
    if how.as_json:
        print_json({"checkpoint": str(how.folder), **made, "test": as_evaluation(report)})
        return
    console.print(
        f"{how.folder}: trained in {made['seconds']:.1f} s, from {made['examples']} questions, "
        f"{made['programs']} of them with programs; {made['data_seconds']:.1f} s for the data",
        markup=False,
    )
    found, wanted = made["recombined"], preset.data.recombined
    if found < wanted:
        console.print(f"{found} of {wanted} recombined questions were found (data.recombined)")
    print_parser_report(report)
