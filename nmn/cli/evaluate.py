"""`nmn evaluate`."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.table import Table
from rich.text import Text

from nmn.cli.output import (
    DeviceName,
    Json,
    ParserName,
    console,
    device_of,
    one_line,
    percent,
    print_json,
    progress_bar,
    write_lines,
)

Images = Annotated[
    str, typer.Option(metavar="FROM:TO", help="Image indices, without TO; `500:` is 500 and up.")
]
Programs = Annotated[
    Literal["parsed", "stored"],
    typer.Option(help="Parse the English, or take the programs in the data."),
]
_LONG = 20
"""Kinds with more groups than this are in the JSON report alone, but for the worst."""
_WORST = 8


def evaluate(
    checkpoint: Annotated[str, typer.Argument(help="A checkpoint folder or its name.")],
    data: Annotated[Path, typer.Option(help="A data directory.")],
    split: Annotated[str, typer.Option(help="Which part of it.")] = "val",
    programs: Programs = "parsed",
    parser: ParserName = None,
    images: Images = ":",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many questions.")] = None,
    faithfulness: Annotated[
        bool,
        typer.Option(
            "--faithfulness", help="Also compare what each step looks at with the data's scenes/."
        ),
    ] = False,
    predictions: Annotated[
        Path | None, typer.Option(help="Write every answer to this file, one JSON object a line.")
    ] = None,
    device: DeviceName = "auto",
    as_json: Json = False,
) -> None:
    """Answer all questions of a data set; where the right answers are known, say how many.

    Of a parser's checkpoint: how many programs are as stored, and how many give the right answers
    when they are executed by rules on the data's scenes.
    """
    from nmn.cli.evaluate_parser import Asked, evaluate_parser
    from nmn.training.checkpoint import INDUCED, load_checkpoint
    from nmn.training.evaluate import answer_all, evaluation
    from nmn.training.faithfulness import masks_of
    from nmn.training.layouts import layout_report
    from nmn.training.models import supervision_of
    from nmn.training.parser_checkpoint import parser_for
    from nmn.training.parser_preset import ParserPreset
    from nmn.training.selection import has_scenes, open_questions, with_scenes, with_truth
    from nmn.training.stored import find_checkpoint, read_stored

    folder = find_checkpoint(checkpoint)
    if isinstance(read_stored(folder).preset, ParserPreset):
        _refuse(faithfulness=faithfulness, programs=programs == "stored", parser=parser)
        asked = Asked(data, split, images, limit)
        evaluate_parser(folder, asked, device_of(device), predictions, as_json=as_json)
        return
    if parser is not None and programs == "stored":
        raise typer.BadParameter("--parser goes with --programs parsed")
    loaded = load_checkpoint(folder)
    loaded.model.to(device_of(device))
    if faithfulness:
        masks_of(loaded.model)
    with progress_bar(hidden=as_json) as stage:
        questions = open_questions(loaded.preset, data, split, images, limit, stage)
        if faithfulness:
            questions = with_truth(questions, loaded.preset, data, split, stage)
        elif has_scenes(data, split):
            questions = with_scenes(questions, data, split, skip_bad=True)
        total = len(questions)
        answers = answer_all(
            loaded,
            questions,
            parser_for(loaded, parser),
            programs,
            progress=lambda done: stage("answering", done, total),
            steps=faithfulness,
        )
    if predictions is not None:
        answers.sort(key=lambda answer: answer.example.question_index)
        write_lines(predictions, (answer.to_json() for answer in answers))
    layouts = layout_report(answers) if loaded.parser == INDUCED and parser is None else None
    silent = [answer for answer in answers if answer.answer is None]
    unparsed = sum(answer.parse is None for answer in silent)
    report = {
        "checkpoint": checkpoint,
        "supervision": supervision_of(loaded.preset.model),
        "data": str(data),
        "split": split,
        "images": images,
        "limit": limit,
        "programs": programs,
        "parser": parser,
        **evaluation(loaded, answers),
        **({} if layouts is None else {"layouts": layouts}),
        "unparsed": unparsed,
        "failed": len(silent) - unparsed,
        "error_examples": [answer.problem for answer in silent[:20]],
    }
    if as_json:
        print_json(report)
    else:
        print_report(report)


def _refuse(**options: object) -> None:
    """Say that an option means nothing for a parser."""
    for name, value in options.items():
        if value:
            raise typer.BadParameter(f"--{name} goes with a model; this is a parser's checkpoint")


def print_report(report: dict[str, Any]) -> None:
    """Tables of an evaluation, in all and by group."""
    if not report["total"]:
        console.print(f"{report['questions']} answers; no right ones to compare with")
        return
    table = _table("questions", "accuracy", "right", "of", "95% interval")
    _row(table, "all", report)
    kinds = [name for name in report if name.startswith("by_")]
    if "by_root" in kinds:  # which says in few groups what these say in many
        kinds = [name for name in kinds if name not in ("by_type", "by_depth")]
    for key in kinds:
        kind, groups = key.removeprefix("by_"), report[key]
        if len(groups) > _LONG:
            worst = sorted(groups, key=lambda name: groups[name]["accuracy"])[:_WORST]
            kind, groups = f"worst {kind}", {name: groups[name] for name in worst}
        for name, rates in groups.items():
            _row(table, f"{kind}: {name}", rates)
    console.print(table)
    error = report["calibration"]["ece"]
    learned = f"; supervised by {report['supervision']}" if "supervision" in report else ""
    console.print(f"expected calibration error {percent(error)}{learned}")
    if "faithfulness" in report:
        _print_faithfulness(report["faithfulness"])
    if "layouts" in report:
        _print_layouts(report["layouts"])
    if report.get("unparsed") or report.get("failed"):
        counts = (
            f"{report['unparsed']} questions could not be parsed, {report['failed']} not executed"
        )
        console.print(f"{counts}, such as:")
        console.print(one_line(report["error_examples"][0]), markup=False)


def _print_layouts(report: dict[str, Any]) -> None:
    names = ", ".join(f"{one} for {other}" for one, other in report["renaming"].items())
    console.print(f"layouts of {report['questions']} questions, with the names {names}:")
    for name, kind in report["differences"].items():
        example = kind["examples"][0]
        console.print(f"  {name}: {kind['count']}, such as {one_line(example['question'])}")
        for heading in ("said", "given"):
            console.print(f"    {heading:6}{one_line(example[heading])}", markup=False)


def _print_faithfulness(report: dict[str, Any]) -> None:
    table = _table("masks of", "masks", "precision", "recall", "exact", "stray")
    for name, scores in (("all", report), *report["by_operation"].items()):
        rates = (percent(scores[key]) for key in ("precision", "recall", "exact", "stray"))
        table.add_row(name, str(scores["masks"]), *rates)
    console.print("")
    console.print(table)
    right = report["right_answers"]
    console.print(
        f"{right['all_steps_right']} of {right['total']} right answers ({percent(right['share'])})"
        " have only right steps behind them"
    )


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _row(table: Table, name: str, rates: dict[str, Any]) -> None:
    low, high = rates["interval"]
    counts = str(rates["correct"]), str(rates["total"])
    cells = (percent(rates["accuracy"]), *counts, f"{low:.1%} to {high:.1%}")
    table.add_row(Text(one_line(name)), *cells)
