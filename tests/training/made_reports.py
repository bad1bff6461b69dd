"""Reports of runs that nobody did, and how to read what an ablation says of them."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nmn.training.ablation import AblationPreset, Arm, jobs_of
from nmn.training.ablation_report import ablation_report, files_of
from nmn.training.grid import Job, Result
from nmn.training.metrics import wilson

Results = dict[Arm, list[Result]]


def rate(successes: int, total: int) -> dict[str, Any]:
    """A share as reports have it."""
    return {
        "rate": successes / total if total else None,
        "successes": successes,
        "total": total,
        "interval": list(wilson(float(successes), float(total))),
    }


def report_of(
    accuracy: str,
    *,
    exact_match: str | None = None,
    groups: str = "",
    curve: Sequence[float] = (),
    trained: bool = True,
) -> dict[str, Any]:
    """What a run reports whose questions went as the signs say.

    Args:
        groups: a letter for each question: `s` for short ones, `l` for long ones.
        trained: whether there was a training, as there is none of a retrieval parser.
    """
    signs = {
        "exact_match": accuracy if exact_match is None else exact_match,
        "accuracy": accuracy,
        "well_typed": "1" * len(accuracy),
    }
    groups = groups or "s" * len(accuracy)

    def measured(letters: str) -> dict[str, Any]:
        rows = [row for row, letter in enumerate(groups) if letter in letters]
        found = {name: [text[row] for row in rows] for name, text in signs.items()}
        return {
            name: rate(kept.count("1"), len(kept) - kept.count("-")) for name, kept in found.items()
        }

    names = {"s": ("exists", "1 to 5"), "l": ("exists, 1 relation", "6 to 10")}
    used = [letter for letter in names if letter in groups]
    return {
        "questions": len(accuracy),
        **measured("sl"),
        "by_family": {names[letter][0]: measured(letter) for letter in used},
        "by_words": {names[letter][1]: measured(letter) for letter in used},
        "outcomes": signs,
        "clusters": list(range(len(accuracy))),
        "curve": [
            {"step": 10 * step, "accuracy": value, "well_typed": 1.0}
            for step, value in enumerate(curve, start=1)
        ],
        "made": {"seconds": 25.0 * len(accuracy)}
        | ({"training_seconds": 10.0 * len(accuracy)} if trained else {}),
    }


def results_of(**arms: Sequence[dict[str, Any] | str]) -> Results:
    """Results of arms of one axis: a report for each seed, or a problem."""
    preset = AblationPreset(
        kind="ablate",
        train="parser-shapes",
        seeds=tuple(range(len(next(iter(arms.values()))))),
        axes={"parser": {name: {} for name in arms}},
    )

    def result(job: Job, came: dict[str, Any] | str) -> Result:
        return Result(job, None, came) if isinstance(came, str) else Result(job, came)

    jobs = jobs_of(preset, Path("out"))
    return {
        arm: [result(job, came) for job, came in zip(runs, found, strict=True)]
        for (arm, runs), found in zip(jobs.items(), arms.values(), strict=True)
    }


def two_arms() -> Results:
    return results_of(
        plain=[report_of("11000000", groups="ssssllll"), report_of("11110000", groups="ssssllll")],
        better=[report_of("11111111", groups="ssssllll"), report_of("11111100", groups="ssssllll")],
    )


def with_failures() -> Results:
    return results_of(
        plain=[report_of("1100"), "its process died (signal 9)", report_of("1110")],
        worse=['a "quoted", problem', report_of("1111"), report_of("0000")],
    )


def text_of(results: Results, measure: str = "accuracy") -> str:
    return files_of(ablation_report(results, measure), results)["report.md"].decode()


def row_of(text: str, begin: str) -> list[str]:
    """The cells of the first row of a Markdown table that begins so."""
    row = next(line for line in text.splitlines() if line.startswith(f"| {begin} |"))
    return [cell.strip() for cell in row.strip("|").split("|")]


def compared_row(text: str, begin: str) -> list[str]:
    """`row_of` in the table of tests."""
    return row_of(text[text.index("## Compared with") :], begin)


def rows_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode())))
