"""`nmn execute`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from nmn.cli.output import (
    Json,
    SkipBad,
    SkippedRecords,
    console,
    counted,
    exhaust,
    percent,
    print_examples,
    print_families,
    print_json,
    progress_bar,
)
from nmn.data.clevr_scenes import Relations


def execute(
    scenes: Annotated[Path, typer.Option(help="A CLEVR scene file, plain or .gz.")],
    questions: Annotated[Path, typer.Option(help="A CLEVR question file, plain or .gz.")],
    domain: Annotated[str, typer.Option(help="What the scenes hold.")] = "clevr",
    parse: Annotated[
        bool,
        typer.Option("--parse", help="Execute what the English means, not the stored programs."),
    ] = False,
    relations: Annotated[
        Relations,
        typer.Option(help="Take relations as stored, or from the scene's own directions."),
    ] = "stored",
    predictions: Annotated[
        Path | None, typer.Option(help="Write every answer to this file, one JSON object a line.")
    ] = None,
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Answer all questions of a file exactly, by rules on scene graphs, without a picture.

    Where answers are stored it reports the accuracy by question family; where results of single
    steps are, how many of them are equal.
    """
    from nmn.data.clevr import image_indices, read_questions, read_scenes
    from nmn.domain import load_domain
    from nmn.execution.question_files import executable_scenes, execute_all, with_scenes
    from nmn.execution.reports import ExecutionReport
    from nmn.parsing.grammar_parser import shared_parser
    from nmn.resources import replacing

    known = load_domain(domain)
    if predictions is not None and predictions.resolve() in (scenes.resolve(), questions.resolve()):
        raise typer.BadParameter(f"--predictions {predictions} is read: wanted another file")
    skipped, report = SkippedRecords(), ExecutionReport()
    on_error = skipped if skip_bad else None
    with progress_bar(hidden=as_json) as stage:
        stored = read_scenes(scenes, known, on_error, relations=relations)
        graphs = executable_scenes(stored, str(scenes), on_error)
        stream = read_questions(questions, known, on_error, images=image_indices(graphs))
        usable = with_scenes(stream, graphs, str(questions), on_error, programs=not parse)
        parser = shared_parser(known) if parse else None
        answers = execute_all(counted(usable, stage, "answering"), graphs, known, parser)
        counting = report.through(answers)
        if predictions is None:
            exhaust(counting)
        else:
            with replacing(predictions) as file:
                for item in counting:
                    line = json.dumps(item.to_json(), ensure_ascii=False)
                    file.write(f"{line}\n".encode(errors="replace"))
    counts = {**report.to_json(), **skipped.to_json()}
    if as_json:
        print_json(counts)
        return
    if counts["total"]:
        print_families(counts, {"correct": "correct"})
        console.print(f"accuracy {percent(counts['accuracy'])} of {counts['total']} answers")
    if counts["answered"] < counts["questions"] or not counts["total"]:
        console.print(f"{counts['answered']} of {counts['questions']} questions have an answer")
    if counts["steps"]:
        console.print(f"{counts['equal_steps']} of {counts['steps']} results of steps are equal")
    print_examples("questions went wrong", counts["errors"], counts["error_examples"])
    print_examples("records were skipped", skipped.count, skipped.examples)
