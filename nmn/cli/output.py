"""How commands speak: JSON for machines, tables for people, progress beside both."""

import json
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from nmn.errors import ConfigError, DataError
from nmn.progress import Stage
from nmn.resources import write_text

T = TypeVar("T")
_MAX_EXAMPLES = 20
_SHOWN_EXAMPLES = 3
_SHOWN_EVERY = 500

ParserName = Annotated[
    str | None,
    typer.Option(
        help="A learned parser: a checkpoint folder or its name.",
        show_default="as the checkpoint does",
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on standard output, nothing else.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting; may be repeated."),
]

DeviceName = Annotated[
    Literal["auto", "cpu", "cuda"],
    typer.Option("--device", help="auto: a GPU if there is one."),
]

console = Console(highlight=False, soft_wrap=True)
"""Standard output."""


def print_json(values: Mapping[str, Any]) -> None:
    """One JSON object on standard output."""
    sys.stdout.write(json.dumps(values, ensure_ascii=False, allow_nan=False) + "\n")


def write_lines(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """One JSON object a line, all of them or no file.

    Raises:
        DataError: it cannot be written.
    """
    lines = (json.dumps(record, ensure_ascii=False, allow_nan=False) for record in records)
    write_text(path, "".join(f"{line}\n" for line in lines))


@contextmanager
def progress_bar(*, hidden: bool = False) -> Iterator[Stage]:
    """Bars on standard error; call what is yielded with what is done, how far, of how much.

    Where that is no terminal nothing is written, so that an error is its only line.
    """
    columns = (
        TextColumn("{task.description:<22}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[note]}"),
    )
    beside = Console(stderr=True)
    hidden = hidden or not beside.is_terminal
    with Progress(*columns, console=beside, disable=hidden, transient=True) as progress:
        tasks: dict[str, Any] = {}

        def stage(what: str, done: int, total: int | None, note: str = "") -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total, note=note)
            progress.update(tasks[what], completed=done, total=total, note=note)

        yield stage


def device_of(name: str) -> str:
    """The device that an option means.

    Raises:
        ConfigError: there is none of this name.
    """
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda", "torch finds no GPU here; nearest: cpu")
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return name


@dataclass(eq=False)
class SkippedRecords:
    """What `--skip-bad` passes over: counted, the first ones kept."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def __call__(self, error: DataError) -> None:
        """Count one."""
        self.count += 1
        if self.count <= _MAX_EXAMPLES:
            self.examples.append(str(error))

    def to_json(self) -> dict[str, Any]:
        """For a report."""
        return {"skipped": self.count, "skipped_examples": self.examples}


SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Pass over damaged records, and count them.")
]


def counted(items: Iterable[T], stage: Stage, what: str) -> Iterator[T]:
    """The same items, with a progress bar that counts them."""
    for number, item in enumerate(items, start=1):
        if number % _SHOWN_EVERY == 0:
            stage(what, number, None)
        yield item


def exhaust(items: Iterable[object]) -> None:
    """Take all items for what happens on the way."""
    deque(items, maxlen=0)


def print_families(report: Mapping[str, Any], columns: Mapping[str, str]) -> None:
    """A table of counts in all and by question family.

    Args:
        columns: from the name of a count to its heading.
    """
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("questions")
    for heading in ("total", *columns.values()):
        table.add_column(heading, justify="right")
    for name, group in (("all", report), *report["by_family"].items()):
        row = (name, *(str(group[key]) for key in ("total", *columns)))
        table.add_row(*(Text(one_line(cell)) for cell in row))
    console.print(table)


def print_examples(what: str, count: int, examples: Sequence[str]) -> None:
    """How many there are, and the first few."""
    if count:
        console.print(f"{count} {what}, such as:", markup=False)
        for example in examples[:_SHOWN_EXAMPLES]:
            console.print(f"  {one_line(example)}", markup=False, emoji=False)


def one_line(text: str) -> str:
    """Text out of a file as a terminal may show it: no escape sequences, no line ends."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def percent(rate: float | None) -> str:
    """`99.8%`, or a dash."""
    return "-" if rate is None else f"{rate:.1%}"
