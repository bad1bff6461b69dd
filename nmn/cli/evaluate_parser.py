"""`nmn evaluate` of a parser."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from nmn.cli.output import console, one_line, percent, print_json, progress_bar, write_lines

_WORST = 8
"""Families that are shown; all are in the JSON report."""


@dataclass(frozen=True)
class Asked:
    """Which questions.

    Attributes:
        data: a data directory.
        images: see `nmn.training.selection.select`.
        limit: at most so many.
    """

    data: Path
    split: str
    images: str
    limit: int | None

    def to_json(self) -> dict[str, Any]:
        """For the report."""
        return {**asdict(self), "data": str(self.data)}


def evaluate_parser(
    folder: Path, asked: Asked, device: str, predictions: Path | None, *, as_json: bool
) -> None:
    """Tell how well a parser does on the questions and scenes of a data directory.

    Args:
        folder: of its checkpoint.
        predictions: where to write what is said to each question.
    """
    from nmn.training.parser_checkpoint import load_parser
    from nmn.training.parser_report import parsed_by, parser_report, predictions_of
    from nmn.training.question_data import questions_of

    checkpoint = load_parser(folder)
    checkpoint.model.to(device)
    with progress_bar(hidden=as_json) as stage:
        stage("reading", 0, None)
        chosen = (asked.images, "--images", asked.limit)
        questions = questions_of(asked.data, asked.split, *chosen)
        found = parsed_by(checkpoint, questions, stage)
    if predictions is not None:
        write_lines(predictions, predictions_of(questions, found))
    report = parser_report(questions, found)
    if as_json:
        print_json({"checkpoint": str(folder), **asked.to_json(), **as_evaluation(report)})
    else:
        print_parser_report(report)


def as_evaluation(report: Mapping[str, Any]) -> dict[str, Any]:
    """A parser's report with answers where evaluations of models have them.

    `accuracy`, `correct`, `total` and `interval` are those of the answers.
    """
    answers = report["accuracy"]
    grouped = {
        kind: {name: as_evaluation(group) for name, group in groups.items()}
        for kind, groups in report.items()
        if kind.startswith("by_")
    }
    return {
        **report,
        "accuracy": answers["rate"],
        "correct": answers["successes"],
        "total": answers["total"],
        "interval": answers["interval"],
        **grouped,
    }


def print_parser_report(report: Mapping[str, Any]) -> None:
    """Rates in all, by number of words and by family."""
    from nmn.training.parser_report import HEADINGS

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("questions", overflow="fold")
    for heading in ("total", *HEADINGS.values(), "95% of answers"):
        table.add_column(heading.replace(" ", "\n", 1), justify="right", no_wrap=True)
    groups = [("all", report)]
    groups += [(f"words: {name}", rates) for name, rates in report["by_words"].items()]
    families = sorted(report["by_family"].items(), key=lambda item: item[1]["accuracy"]["rate"])
    groups += [(f"worst: {name}", rates) for name, rates in families[:_WORST]]
    for name, rates in groups:
        shares = [percent(rates[measure]["rate"]) for measure in HEADINGS]
        low, high = rates["accuracy"]["interval"]
        interval = f"{percent(low)} to {percent(high)}"
        table.add_row(name, str(rates["accuracy"]["total"]), *shares, interval)
    console.print(table)
    _print_differences(report["differences"])


def _print_differences(kinds: Mapping[str, Any]) -> None:
    """How programs differ from the stored ones, with an example of each kind."""
    for name, kind in kinds.items():
        count = f"{kind['count']} programs, {kind['right']} of them right"
        console.print(f"{name} to the stored: {count}" if name == "equal" else f"{name}: {count}")
        if name != "equal":
            example = kind["examples"][0]
            for heading in ("question", "said", "given"):
                console.print(f"  {heading:8} {one_line(example[heading])}", markup=False)
