"""`nmn evaluate`."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from nmn.cli.output import Json, console, percent, print_json, progress_bar


def evaluate(
    checkpoint: Annotated[str, typer.Argument(help="A checkpoint folder or its name.")],
    data: Annotated[Path, typer.Option(help="A data directory.")],
    split: Annotated[str, typer.Option(help="Which part of it.")] = "val",
    programs: Annotated[
        Literal["parsed", "stored"],
        typer.Option(help="Parse the English, or take the programs in the data."),
    ] = "parsed",
    predictions: Annotated[
        Path | None, typer.Option(help="Write every answer to this file, one JSON object a line.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Answer all questions of a data set; where the right answers are known, say how many."""
    from nmn.data import open_data
    from nmn.parsing import GrammarParser
    from nmn.resources import write_text
    from nmn.training.checkpoint import find_checkpoint, load_checkpoint
    from nmn.training.evaluate import answer_all, evaluation

    loaded = load_checkpoint(find_checkpoint(checkpoint))
    questions = open_data(data, split)
    parser = GrammarParser(loaded.domain)
    with progress_bar(hidden=as_json) as stage, loaded.model.executor.session():
        total = len(questions)
        answers = list(
            answer_all(
                loaded,
                questions,
                parser,
                programs,
                progress=lambda done: stage("answering", done, total),
            )
        )
    if predictions is not None:
        lines = (json.dumps(answer.to_json(), ensure_ascii=False) for answer in answers)
        write_text(predictions, "".join(f"{line}\n" for line in lines))
    unparsed = [answer for answer in answers if answer.answer is None]
    report = {
        "checkpoint": checkpoint,
        "data": str(data),
        "split": split,
        "programs": programs,
        **evaluation(loaded, answers),
        "unparsed": len(unparsed),
        "error_examples": [answer.problem for answer in unparsed[:20]],
    }
    if as_json:
        print_json(report)
    else:
        print_report(report)


def print_report(report: dict[str, Any]) -> None:
    """A table of an evaluation, in all and by group."""
    if not report["total"]:
        console.print(f"{report['questions']} answers; no right ones to compare with")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("questions", "accuracy", "right", "of", "95% interval"):
        table.add_column(name, justify="left" if name == "questions" else "right")
    _row(table, "all", report)
    for key in (name for name in report if name.startswith("by_")):
        for name, rates in report[key].items():
            _row(table, f"{key.removeprefix('by_')}: {name}", rates)
    console.print(table)
    if report.get("unparsed"):
        console.print(f"{report['unparsed']} questions could not be parsed, such as:")
        console.print(report["error_examples"][0], markup=False)


def _row(table: Table, name: str, rates: dict[str, Any]) -> None:
    low, high = rates["interval"]
    counts = str(rates["correct"]), str(rates["total"])
    table.add_row(name, percent(rates["accuracy"]), *counts, f"{low:.1%} to {high:.1%}")
