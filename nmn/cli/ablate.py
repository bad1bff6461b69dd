"""`nmn ablate`."""

import json
from pathlib import Path
from typing import Annotated, Literal

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
from nmn.errors import DataError


def ablate(
    preset: Annotated[str, typer.Argument(help="An ablation's name, or a TOML file.")],
    out: Annotated[
        Path | None, typer.Option(help="The folder of its runs.", show_default="runs/PRESET")
    ] = None,
    processes: Annotated[
        int, typer.Option("--jobs", min=1, help="Runs at work at the same time.")
    ] = 1,
    backend: Annotated[
        Literal["local", "ray"], typer.Option(help="Where they work: here, or on a Ray cluster.")
    ] = "local",
    resume: Annotated[
        bool, typer.Option("--resume", help="Leave out runs that are done; go on with others.")
    ] = False,
    measure: Annotated[
        Literal["accuracy", "exact_match", "well_typed"],
        typer.Option(help="What tests between arms are about."),
    ] = "accuracy",
    device: DeviceName = "auto",
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Train a parser in many ways, several times each, and tell what each way is worth.

    OUT/report.md has tables, intervals and tests; there are also CSV files and plots.
    """
    from nmn.resources import replacing
    from nmn.training.ablation import check_folders, jobs_of, load_ablation
    from nmn.training.ablation_report import ablation_report, files_of
    from nmn.training.grid import run_grid

    resolved = load_ablation(preset, overrides or ())
    folder = out or Path("runs") / Path(preset).stem
    jobs = jobs_of(resolved, folder)
    check_folders(job for runs in jobs.values() for job in runs)
    with progress_bar(hidden=as_json) as stage:
        done = run_grid(
            [job for runs in jobs.values() for job in runs],
            processes=processes,
            backend=backend,
            device=device_of(device),
            resume=resume,
            stage=stage,
        )
    found = {result.job.name: result for result in done}
    results = {arm: [found[job.name] for job in runs] for arm, runs in jobs.items()}
    report = ablation_report(results, measure)
    files = {**files_of(report, results), "report.json": json.dumps(report, indent=1).encode()}
    for name, content in files.items():
        with replacing(folder / name) as stream:
            stream.write(content)
    if as_json:
        print_json({"folder": str(folder), **report})
    else:
        console.print((folder / "report.md").read_text(), markup=False)
        console.print(f"written: {folder / 'report.md'}", markup=False)
    if all(result.problem for result in done):
        raise DataError(str(folder), f"every run failed, the first because: {done[0].problem}")
