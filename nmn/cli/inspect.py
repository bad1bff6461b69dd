"""`nmn inspect`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nmn.cli.evaluate import Images, Programs
from nmn.cli.output import DeviceName, Json, console, device_of, print_json, progress_bar

if TYPE_CHECKING:
    from nmn.inspector.index import Entry


def inspect(
    checkpoint: Annotated[str, typer.Argument(help="A checkpoint folder or its name.")],
    data: Annotated[Path, typer.Option(help="A data directory.")],
    out: Annotated[Path, typer.Option(help="Where the pages go.")],
    split: Annotated[str, typer.Option(help="Which part of the data.")] = "val",
    errors: Annotated[bool, typer.Option("--errors", help="Only wrong answers.")] = False,
    count: Annotated[int, typer.Option(min=1, help="At most so many questions.")] = 100,
    images: Images = ":",
    programs: Programs = "parsed",
    truth: Annotated[
        bool,
        typer.Option(help="Mark wrong steps, where the data has scenes/ that say what is right."),
    ] = True,
    device: DeviceName = "auto",
    as_json: Json = False,
) -> None:
    """Write a table of answered questions with a page for each that shows every step."""
    from nmn.inspector.index import Entry, write_index
    from nmn.training.checkpoint import check_sees_pictures, load_checkpoint, parser_of
    from nmn.training.evaluate import answer_all, traces_of
    from nmn.training.selection import has_scenes, open_questions, with_truth
    from nmn.training.stored import find_checkpoint

    loaded = load_checkpoint(find_checkpoint(checkpoint))
    check_sees_pictures(loaded, checkpoint)
    loaded.model.to(device_of(device))
    with progress_bar(hidden=as_json) as stage:
        limit = None if errors else count
        questions = open_questions(loaded.preset, data, split, images, limit, stage)
        if truth and has_scenes(data, split):
            questions = with_truth(questions, loaded.preset, data, split, stage)
        total = len(questions)
        answers = answer_all(
            loaded,
            questions,
            parser_of(loaded),
            programs,
            progress=lambda done: stage("answering", done, total),
        )
        chosen = [
            (place, item)
            for place, item in enumerate(answers)
            if not errors or item.correct is False
        ][:count]

        def entries() -> Iterator["Entry"]:
            traces = traces_of(loaded, questions, chosen)
            for number, ((place, item), trace) in enumerate(zip(chosen, traces, strict=True)):
                example = questions[place]
                assert example.picture is not None
                yield Entry(
                    example.question,
                    example.family,
                    example.image_index,
                    example.picture,
                    item.answer,
                    item.probability,
                    example.answer,
                    trace,
                    item.problem,
                )
                stage("writing pages", number + 1, len(chosen))

        what = "wrong answers" if errors else "answers"
        title = f"{len(chosen)} {what} of {checkpoint} to {questions.name}"
        index = write_index(out, title, entries())
    wrong = sum(item.correct is False for item in answers)
    if as_json:
        report = {"index": str(index), "rows": len(chosen), "questions": total, "wrong": wrong}
        print_json(report)
        return
    console.print(f"{index}: {title}", markup=False)
