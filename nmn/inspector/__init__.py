"""Looking at traces: as text, as a picture, as a page. Reads traces and knows nothing of models."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmn.errors import DataError
from nmn.inspector.text import as_text
from nmn.program.trace import Trace
from nmn.resources import replacing

SUFFIXES = (".html", ".png", ".json")


def save_trace(trace: Trace, picture: NDArray[np.uint8], path: Path) -> None:
    """Write a trace in the form that the ending of `path` names, whole or not at all.

    Raises:
        DataError: another ending, or the file cannot be written.
    """
    check_trace_path(path)
    if path.suffix == ".html":
        from nmn.inspector.html import as_html  # noqa: PLC0415 - jinja2 only for pages

        content = as_html(trace, picture).encode()
    elif path.suffix == ".png":
        from nmn.inspector.figure import as_figure  # noqa: PLC0415 - matplotlib is slow to load

        content = as_figure(trace, picture)
    else:
        content = trace.dumps().encode()
    with replacing(path) as stream:
        stream.write(content)


def check_trace_path(path: Path) -> None:
    """Raises DataError where `path` does not end in one of `SUFFIXES`."""
    if path.suffix not in SUFFIXES:
        problem = f"wanted a trace file ending in {', '.join(SUFFIXES)}, got '{path.suffix}'"
        raise DataError(str(path), problem)


__all__ = ["SUFFIXES", "as_text", "check_trace_path", "save_trace"]
