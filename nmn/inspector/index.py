"""Many answered questions as one folder of pages: a table, and a trace for each row."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmn.inspector.html import as_html, template
from nmn.inspector.layout import first_wrong
from nmn.inspector.overlay import as_png, enlarged
from nmn.program.trace import Trace
from nmn.resources import replacing

INDEX = "index.html"
_THUMBNAIL = 150
_PAGE, _PICTURE = re.compile(r"\d{4,}\.html"), re.compile(r"picture-\d+\.png")


@dataclass(frozen=True, eq=False)
class Entry:
    """One answered question.

    Attributes:
        image: the image index; questions about one picture share its file.
        answer: None where there is none.
        truth: the right answer, where it is known.
        trace: None where the question could not be understood.
        problem: why there is no answer.
    """

    question: str
    family: str
    image: int
    picture: NDArray[np.uint8]
    answer: str | None
    probability: float | None
    truth: str | None
    trace: Trace | None
    problem: str = ""


def write_index(folder: Path, title: str, entries: Iterable[Entry]) -> Path:
    """Write a page for each entry and `index.html` with a table of all; returns the latter.

    The pages need nothing from elsewhere. Files are named by numbers alone.

    Raises:
        DataError: a file cannot be written.
    """
    rows: list[dict[str, Any]] = []
    drawn: set[int] = set()
    for number, entry in enumerate(entries, start=1):
        picture = f"picture-{entry.image}.png"
        if entry.image not in drawn:
            with replacing(folder / picture) as stream:
                stream.write(as_png(enlarged(entry.picture, _THUMBNAIL)))
            drawn.add(entry.image)
        page = ""
        if entry.trace is not None:
            page = f"{number:04d}.html"
            _write(folder / page, as_html(entry.trace, entry.picture))
        rows.append(_row(number, entry, picture, page))
    _forget_others(folder, {row["page"] for row in rows} | {row["picture"] for row in rows})
    families = sorted({entry["family"] for entry in rows})
    table = template("index.html.jinja").render(title=title, rows=rows, families=families)
    _write(folder / INDEX, table)
    return folder / INDEX


def _forget_others(folder: Path, written: set[str]) -> None:
    """Remove what an earlier table in the same folder was about."""
    for path in folder.iterdir():
        ours = _PAGE.fullmatch(path.name) or _PICTURE.fullmatch(path.name)
        if ours and path.name not in written:
            path.unlink()


def _write(path: Path, page: str) -> None:
    with replacing(path) as stream:
        stream.write(page.encode(errors="replace"))


def _row(number: int, entry: Entry, picture: str, page: str) -> dict[str, Any]:
    verdict = "unknown"
    if entry.truth is not None:
        verdict = "right" if entry.answer == entry.truth else "wrong"
    return {
        "number": number,
        "picture": picture,
        "page": page,
        "question": entry.question,
        "family": entry.family,
        "answer": entry.answer,
        "probability": entry.probability,
        "truth": entry.truth,
        "verdict": verdict,
        "problem": entry.problem,
        "wrong_step": _wrong_step(entry.trace),
    }


def _wrong_step(trace: Trace | None) -> str:
    """Which step first went wrong, as far as that is known."""
    if trace is None:
        return "not understood"
    if all(step.mask is None or step.truth is None for step in trace.steps):
        return "not known"
    number = first_wrong(trace)
    return "none" if number is None else f"{number + 1}: {trace.steps[number].label}"
