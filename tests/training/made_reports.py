"""Reports of runs that nobody did."""

from collections.abc import Sequence
from typing import Any

from nmn.training.metrics import wilson


def rate(successes: int, total: int) -> dict[str, Any]:
    """A share as reports have it."""
    return {
        "rate": successes / total if total else None,
        "successes": successes,
        "total": total,
        "interval": list(wilson(float(successes), float(total))),
    }


def report_of(
    accuracy: str, *, exact_match: str | None = None, groups: str = "", curve: Sequence[float] = ()
) -> dict[str, Any]:
    """What a run reports whose questions went as the signs say.

    Args:
        groups: a letter for each question: `s` for short ones, `l` for long ones.
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
        "made": {"seconds": 10.0 * len(accuracy)},
    }
