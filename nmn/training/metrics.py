"""Accuracy with intervals that mean something."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_Z = 1.959963984540054
"""The 97.5th percentile of the normal distribution."""


@dataclass(frozen=True)
class Outcome:
    """One answered question.

    Attributes:
        correct: whether the answer was right; None where the right one is not known.
        cluster: questions with the same text answer alike and are not independent.
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


def clustered_interval(outcomes: Sequence[tuple[bool, str]]) -> tuple[float, float]:
    """The 95% interval of a rate over questions that come in clusters.

    Wilson's interval for the number of independent questions that would vary as much as the
    clusters do. That number is never above that of the questions nor below that of the
    clusters; where all are right (or wrong) nothing varies and it is that of the clusters.
    """
    clusters: dict[str, list[bool]] = {}
    for correct, name in outcomes:
        clusters.setdefault(name, []).append(correct)
    total, count = len(outcomes), len(clusters)
    if total == 0:
        return wilson(0.0, 0.0)
    rate = sum(correct for correct, _ in outcomes) / total
    effective = float(count)
    if 0 < rate < 1 and 1 < count < total:
        squares = sum((sum(c) - rate * len(c)) ** 2 for c in clusters.values())
        variance = count / (count - 1) * squares / total**2
        independent = rate * (1 - rate) / variance if variance > 0 else float(total)
        effective = min(max(independent, float(count)), float(total))
    return wilson(rate * effective, effective)


def report(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """`accuracy`, `correct`, `total`, `interval`, and the same for each group.

    Questions whose right answer is not known are counted in `questions` only.
    """
    known = [outcome for outcome in outcomes if outcome.correct is not None]
    kinds = sorted({kind for outcome in known for kind in outcome.groups})
    return {
        **_rates(known),
        "questions": len(outcomes),
        **{
            f"by_{kind}": {
                name: _rates([o for o in known if o.groups.get(kind) == name])
                for name in sorted({o.groups[kind] for o in known if kind in o.groups})
            }
            for kind in kinds
        },
    }


def _rates(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    correct = sum(bool(outcome.correct) for outcome in outcomes)
    pairs = [(bool(outcome.correct), outcome.cluster) for outcome in outcomes]
    low, high = clustered_interval(pairs)
    return {
        "accuracy": correct / len(outcomes) if outcomes else None,
        "correct": correct,
        "total": len(outcomes),
        "interval": [low, high],
    }
