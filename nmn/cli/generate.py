"""`nmn generate`."""

import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from nmn.cli.output import Json, Overrides, console, print_json, progress_bar
from nmn.config import build, with_overrides
from nmn.errors import UnknownNameError
from nmn.generate import WORLDS


def generate(
    domain: Annotated[str, typer.Argument(help="The world to make pictures of: shapes.")],
    out: Annotated[Path, typer.Option(help="The folder to write to.")],
    images: Annotated[int, typer.Option(min=1, help="How many pictures, with a question each.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same files.")] = 0,
    split: Annotated[
        Literal["train", "val", "test"], typer.Option(help="No composition is in two splits.")
    ] = "train",
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Make pictures, questions, programs and answers, in the domain's published layout."""
    started = time.perf_counter()
    if domain not in WORLDS:
        raise UnknownNameError("world", domain, tuple(WORLDS))
    world = WORLDS[domain]
    config = build(world.config, with_overrides({}, overrides or ()), f"{domain} world")
    with progress_bar(hidden=as_json) as stage:
        data = world.generate(
            config, seed, split, images, lambda done: stage("generating questions", done, images)
        )
        world.write(out, split, data.examples)
    seconds = time.perf_counter() - started
    report = {
        "images": len(data),
        "questions": len(data),
        "seconds": seconds,
        "images_per_second": len(data) / seconds,
        "questions_per_second": len(data) / seconds,
    }
    if as_json:
        print_json(report)
    else:
        rate = report["images_per_second"]
        told = f"{len(data)} pictures with questions in {seconds:.1f} s ({rate:.0f} a second)"
        console.print(f"{out}: {told}", markup=False)
