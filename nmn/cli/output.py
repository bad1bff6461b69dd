"""How commands speak: JSON for machines, tables for people, progress beside both."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on standard output, nothing else.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting; may be repeated."),
]

Stage = Callable[[str, int, int], None]

console = Console(highlight=False, soft_wrap=True)
"""Standard output."""


def print_json(values: Mapping[str, Any]) -> None:
    """One JSON object on standard output."""
    sys.stdout.write(json.dumps(values, ensure_ascii=False, allow_nan=False) + "\n")


@contextmanager
def progress_bar(*, hidden: bool = False) -> Iterator[Stage]:
    """Bars on standard error; call what is yielded with what is done, how far, of how much."""
    columns = (
        TextColumn("{task.description:<22}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(
        *columns, console=Console(stderr=True), disable=hidden, transient=True
    ) as progress:
        tasks: dict[str, Any] = {}

        def stage(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done, total=total)

        yield stage


def percent(rate: float | None) -> str:
    """`99.8%`, or a dash."""
    return "-" if rate is None else f"{rate:.1%}"
