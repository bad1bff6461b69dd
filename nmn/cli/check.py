"""`nmn check`."""

from pathlib import Path
from typing import Annotated

import typer

from nmn.cli.output import Json, console, print_examples, print_json, progress_bar
from nmn.data.validate import English


def check(
    folder: Annotated[Path, typer.Argument(help="A data directory in CLEVR's layout.")],
    split: Annotated[str | None, typer.Option(help="Only this one.", show_default="all")] = None,
    english: Annotated[
        English, typer.Option(help="Which questions are parsed; some: every tenth.")
    ] = "all",
    decode: Annotated[
        bool, typer.Option("--decode", help="Decode every picture, not only look at its file.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check a data directory: records, pictures, relations, programs, answers, English.

    Exit code 0 where nothing is wrong with the data, 1 where something is.
    """
    from nmn.data.validate import check_folder

    with progress_bar(hidden=as_json) as stage:
        report = check_folder(folder, split, english=english, decode=decode, stage=stage)
    if as_json:
        print_json(report)
    else:
        for name, counts in report["splits"].items():
            told = ", ".join(f"{count:,} {what}" for what, count in counts.items())
            console.print(f"{name}: {told}", markup=False)
        kinds = ", ".join(f"{kind} {count}" for kind, count in report["by_kind"].items())
        console.print(f"problems: {kinds}" if kinds else "no problems", markup=False)
        print_examples("problems", report["problems"], report["examples"])
    if report["problems"]:
        raise typer.Exit(1)
