"""`nmn compare`."""

import json
import os
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


def compare(
    preset: Annotated[str, typer.Argument(help="A comparison's name, or a TOML file.")],
    out: Annotated[
        Path | None, typer.Option(help="The folder of its runs.", show_default="runs/PRESET")
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            help="Only this one of its models, beside what OUT has; may be said several times.",
        ),
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
    device: DeviceName = "auto",
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Train or load models under one budget, and hold them against each other on one data set.

    OUT/report.md has the table; there are also CSV files and plots. Settings of all models are
    said by --set settings.KEY=VALUE, as in --set settings.training.minutes=1.
    """
    from nmn.resources import replacing
    from nmn.training.compare import (
        check_cores,
        chosen_models,
        circumstances,
        comparison_jobs,
        load_comparison,
        make_data,
    )
    from nmn.training.compare_report import comparison_files, comparison_report
    from nmn.training.grid import done_before, run_grid

    resolved = load_comparison(preset, overrides or ())
    chosen = chosen_models(resolved, models or ())
    folder = out or Path("runs") / Path(preset).stem
    jobs = comparison_jobs(resolved, folder)
    asked = [job for model in chosen for job in jobs[model]]
    where = device_of(device)
    if backend == "local" and where == "cpu":
        check_cores(asked, processes, os.cpu_count() or 1)
    with progress_bar(hidden=as_json) as stage:
        make_data(asked, stage, where)
        done = run_grid(
            asked, processes=processes, backend=backend, device=where, resume=resume, stage=stage
        )
    found = {result.job.name: result for result in done}
    results = {
        model: [result for job in runs if (result := found.get(job.name) or done_before(job))]
        for model, runs in jobs.items()
    }
    results = {model: runs for model, runs in results.items() if runs}
    report = comparison_report(results, circumstances(resolved))
    files = comparison_files(report, results)
    for name, content in {**files, "report.json": json.dumps(report, indent=1).encode()}.items():
        with replacing(folder / name) as stream:
            stream.write(content)
    if as_json:
        print_json({"folder": str(folder), **report})
    else:
        console.print((folder / "report.md").read_text(), markup=False)
        console.print(f"written: {folder / 'report.md'}", markup=False)
    if all(result.problem for result in done):
        raise DataError(str(folder), f"every run failed, the first because: {done[0].problem}")
