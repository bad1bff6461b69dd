"""Tables of reports, as Markdown and CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any


def markdown_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table, its headings first."""
    heading, *others = (f"| {' | '.join(cells)} |" for cells in rows)
    return [heading, "|---" * len(rows[0]) + "|", *others]


def csv_text(rows: Sequence[Sequence[Any]]) -> str:
    """A CSV file."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()


def stated_mean(mean: Mapping[str, Any] | None, *, interval: bool = True) -> str:
    """A mean rate in percent, with its interval where it has one; `-` where there is none."""
    if mean is None:
        return "-"
    if not interval or mean["interval"] is None:
        return f"{100 * mean['mean']:.1f}"
    low, high = mean["interval"]
    return f"{100 * mean['mean']:.1f} ({100 * low:.1f} to {100 * high:.1f})"
