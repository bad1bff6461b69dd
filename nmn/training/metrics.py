"""Accuracy with intervals that mean something."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Z = 1.959963984540054
"""The 97.5th percentile of the normal distribution."""


@dataclass(frozen=True)
class Outcome:
    """One answered question.

    Attributes:
        correct: whether the answer was right; None where the right one is not known.
        cluster: what other questions share that are not independent of this one: the text, or the
            picture.
        groups: for each way to group questions, the group of this one.
    """

    correct: bool | None
    cluster: str
    groups: Mapping[str, str]


def wilson(successes: float, total: float) -> tuple[float, float]:
    """The 95% interval of a rate (Wilson 1927); `(0, 1)` where there are no trials."""
    if total <= 0:
        return 0.0, 1.0
    rate = successes / total
    centre = rate + _Z**2 / (2 * total)
    spread = _Z * math.sqrt(rate * (1 - rate) / total + _Z**2 / (4 * total**2))
    scale = 1 + _Z**2 / total
    low = 0.0 if successes == 0 else max(0.0, (centre - spread) / scale)
    high = 1.0 if successes == total else min(1.0, (centre + spread) / scale)
    return low, high


def clustered_interval(successes: ArrayLike, totals: ArrayLike) -> tuple[float, float]:
    """The 95% interval of a rate over trials that come in clusters.

    Wilson's interval for the number of independent trials that would vary as much as the clusters
    do. That number is never above that of the trials nor below that of the clusters; where all
    succeed (or fail) nothing varies and it is that of the clusters.

    Args:
        successes, totals: of each cluster; clusters without trials do not count.
    """
    right, trials = _floats(successes), _floats(totals)
    total, count = float(trials.sum()), int((trials > 0).sum())
    if not count:
        return wilson(0.0, 0.0)
    rate = float(right.sum()) / total
    effective = float(count)
    if 0 < rate < 1 and 1 < count < total:
        squares = float(((right - rate * trials) ** 2).sum())
        variance = count / (count - 1) * squares / total**2
        independent = rate * (1 - rate) / variance if variance > 0 else total
        effective = min(max(independent, float(count)), total)
    return wilson(rate * effective, effective)


def report(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """`accuracy`, `correct`, `total`, `interval`, and the same for each group.

    Questions whose right answer is not known are counted in `questions` only.
    """
    known = [outcome for outcome in outcomes if outcome.correct is not None]
    groups: dict[str, dict[str, list[Outcome]]] = {}
    for outcome in known:
        for kind, name in outcome.groups.items():
            groups.setdefault(kind, {}).setdefault(name, []).append(outcome)
    return {
        **_rates(known),
        "questions": len(outcomes),
        **{
            f"by_{kind}": {
                name: _rates(members[name]) for name in sorted(members, key=natural_order)
            }
            for kind, members in sorted(groups.items())
        },
    }


def _rates(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    clusters: dict[str, list[int]] = {}
    for outcome in outcomes:
        counts = clusters.setdefault(outcome.cluster, [0, 0])
        counts[0] += bool(outcome.correct)
        counts[1] += 1
    right, totals = ([counts[place] for counts in clusters.values()] for place in (0, 1))
    correct = sum(right)
    low, high = clustered_interval(right, totals)
    return {
        "accuracy": correct / len(outcomes) if outcomes else None,
        "correct": correct,
        "total": len(outcomes),
        "interval": [low, high],
    }


def natural_order(name: str) -> list[tuple[int, str]]:
    """An order in which 9 is before 10."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _floats(values: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)
