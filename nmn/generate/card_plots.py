"""The plots of a data card, as PNG."""

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

_DPI = 100
_MOST_ANSWERS = 24


def plots(splits: Mapping[str, Any]) -> dict[str, bytes]:
    """Each plot by its file name.

    Args:
        splits: the cards of the splits.
    """
    return {
        "objects.png": _bars("objects in a scene", _shares(splits, "objects_per_scene")),
        "attributes.png": _attributes(splits),
        "answers.png": _answers(splits),
        "words.png": _bars("words in a question", _shares(splits, "words_per_question")),
        "steps.png": _bars("steps in a program", _shares(splits, "steps_per_program")),
    }


def _shares(splits: Mapping[str, Any], key: str) -> dict[str, dict[str, float]]:
    """For each split, the shares of the numbers from the smallest to the largest of all."""
    numbers = sorted({int(number) for card in splits.values() for number in card[key]})
    every = range(numbers[0], numbers[-1] + 1) if numbers else range(0)
    return {
        split: {str(n): card[key].get(str(n), 0) / (sum(card[key].values()) or 1) for n in every}
        for split, card in splits.items()
    }


def _bars(title: str, shares: Mapping[str, Mapping[str, float]]) -> bytes:
    figure = Figure(figsize=(7, 3.2), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    _grouped(axes, shares)
    axes.set_title(title)
    return _png(figure)


def _attributes(splits: Mapping[str, Any]) -> bytes:
    names = list(dict.fromkeys(name for card in splits.values() for name in card["attributes"]))
    figure = Figure(figsize=(3.5 * len(names), 3.2), dpi=_DPI, layout="constrained")
    for axes, name in zip(_row(figure, len(names)), names, strict=True):
        counts = {split: card["attributes"].get(name, {}) for split, card in splits.items()}
        _grouped(
            axes,
            {s: {v: n / (sum(c.values()) or 1) for v, n in c.items()} for s, c in counts.items()},
        )
        axes.set_title(name)
    return _png(figure)


def _answers(splits: Mapping[str, Any]) -> bytes:
    """For each kind of questions (all families of one file) how often each answer is right."""
    kinds: dict[str, dict[str, Counter[str]]] = {}
    for split, card in splits.items():
        for family, answers in card["answers_by_family"].items():
            by_split = kinds.setdefault(family.rsplit(" ", 1)[0], {})
            by_split.setdefault(split, Counter()).update(answers)
    rows = max(1, len(kinds))
    figure = Figure(figsize=(8, 2.2 * rows), dpi=_DPI, layout="constrained")
    for place, kind in enumerate(sorted(kinds), start=1):
        shown = sum(kinds[kind].values(), Counter[str]()).most_common(_MOST_ANSWERS)
        shares = {
            split: {answer: counts[answer] / counts.total() for answer, _ in shown}
            for split, counts in kinds[kind].items()
        }
        axes = figure.add_subplot(rows, 1, place)
        _grouped(axes, shares)
        axes.set_title(kind, fontsize=9)
    return _png(figure)


def _grouped(axes: Any, shares: Mapping[str, Mapping[str, float]]) -> None:
    """Bars side by side for the splits."""
    labels = list(dict.fromkeys(label for values in shares.values() for label in values))
    width = 0.8 / max(1, len(shares))
    for number, (split, values) in enumerate(shares.items()):
        places = [place - 0.4 + (number + 0.5) * width for place in range(len(labels))]
        axes.bar(places, [values.get(label, 0.0) for label in labels], width, label=split)
    axes.set_xticks(range(len(labels)), labels, fontsize=7, rotation=90 if len(labels) > 8 else 0)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.tick_params(axis="y", labelsize=7)
    if len(shares) > 1:
        axes.legend(fontsize=7)


def _row(figure: Figure, count: int) -> Sequence[Any]:
    return [figure.add_subplot(1, count, place + 1) for place in range(count)]


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor="white")
    return buffer.getvalue()
