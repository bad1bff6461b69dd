"""A trace as one PNG picture."""

import io

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from nmn.errors import DataError
from nmn.inspector.layout import Place, explanation, is_wrong, places, result_text
from nmn.inspector.overlay import enlarged, overlay
from nmn.program.trace import Trace, TraceStep

_WIDTH, _HEIGHT = 1.8, 2.0
"""Inches of a step with its surroundings."""

_LEFT, _TOP = 2.7, 0.9
"""Inches beside the graph for the picture and above it for the question."""

_MOST_COLUMNS, _MOST_LANES = 31, 29
"""Of steps, in a picture of about 6,000 pixels to a side."""

_LETTER = 0.12
"""Inches of a letter of the question."""


def as_figure(trace: Trace, picture: NDArray[np.uint8]) -> bytes:
    """The picture, the question, and the program as a graph with every step's mask, as PNG.

    Raises:
        DataError: a program that is too long to be readable as one picture.
    """
    spots = places(trace)
    columns = max(spot.column for spot in spots) + 1
    lanes = max(spot.lane for spot in spots) + 1
    for what, count, most in (("row", columns, _MOST_COLUMNS), ("column", lanes, _MOST_LANES)):
        if count > most:
            wanted = f"wanted at most {most} steps in a {what} for a PNG"
            raise DataError("trace", f"{wanted}, got {count}; nearest: .html")
    width, height = columns * _WIDTH + _LEFT, max(lanes * _HEIGHT, 3.3) + _TOP
    figure = Figure(figsize=(width, height), dpi=100)
    figure.text(
        0.15 / width,
        1 - 0.34 / height,
        _shortened(trace.question, width),
        fontsize=13,
        weight="bold",
    )
    figure.text(0.15 / width, 1 - 0.64 / height, explanation(trace), fontsize=10, color="#555555")
    _shown_picture(figure, trace, picture, width, height)
    centres = [_centre(spot, height) for spot in spots]
    edges = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height), zorder=-1)
    edges.set_axis_off()
    for index, step in enumerate(trace.steps):
        for source in step.inputs:
            start, end = centres[source], centres[index]
            edges.annotate(
                "",
                xy=(end[0] - 0.68, end[1]),
                xytext=(start[0] + 0.68, start[1]),
                arrowprops={"arrowstyle": "-|>", "color": "#888888", "lw": 1.2},
            )
    for step, centre in zip(trace.steps, centres, strict=True):
        _shown_step(figure, trace, picture, step, centre, (width, height))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor="white")
    return buffer.getvalue()


def _centre(spot: Place, height: float) -> tuple[float, float]:
    return _LEFT + (spot.column + 0.5) * _WIDTH, height - _TOP - (spot.lane + 0.5) * _HEIGHT


def _shown_picture(
    figure: Figure, trace: Trace, picture: NDArray[np.uint8], width: float, height: float
) -> None:
    tall = 2.2 * picture.shape[0] / picture.shape[1]
    axes = figure.add_axes((0.2 / width, 1 - (_TOP + tall) / height, 2.2 / width, tall / height))
    axes.imshow(enlarged(picture, 440))
    axes.set_axis_off()
    answer = trace.answer or "no answer"
    chance = "" if trace.probability is None else f"\n{trace.probability:.1%}"
    x, y = 1.3 / width, 1 - (_TOP + 0.4 + tall) / height
    figure.text(x, y, answer, fontsize=22, weight="bold", ha="center", va="center")
    figure.text(x, y - 0.3 / height, chance.strip(), fontsize=11, ha="center", va="center")


def _shown_step(
    figure: Figure,
    trace: Trace,
    picture: NDArray[np.uint8],
    step: TraceStep,
    centre: tuple[float, float],
    size: tuple[float, float],
) -> None:
    x, y = centre
    color = "#c62828" if is_wrong(trace, step) else "#222222"
    place = x / size[0], (y + 0.79) / size[1]
    label = figure.text(*place, step.label, ha="center", va="center", color=color)
    label.set(family="monospace", weight="bold", fontsize=10 if len(step.label) < 19 else 8)
    axes = figure.add_axes(
        ((x - 0.65) / size[0], (y - 0.65) / size[1], 1.3 / size[0], 1.3 / size[1])
    )
    axes.set_axis_off()
    if step.mask is None:
        shown = result_text(trace, step)
        axes.text(0.5, 0.5, shown, fontsize=22, ha="center", va="center", color=color)
        return
    axes.imshow(overlay(picture, step.mask, grid=trace.grid, boxes=trace.boxes, width=260))
    caption = result_text(trace, step) + (" (wrong)" if is_wrong(trace, step) else "")
    place = x / size[0], (y - 0.76) / size[1]
    grey = "#555555" if color == "#222222" else color
    figure.text(*place, caption, fontsize=8, ha="center", va="center", color=grey)


def _shortened(question: str, width: float) -> str:
    flat = " ".join(question.split())
    most = int(width / _LETTER)
    return flat if len(flat) <= most else flat[: most - 1] + "…"
