"""A trace as one self-contained HTML page."""

from functools import cache

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from numpy.typing import NDArray

from nmn.inspector.layout import explanation, first_wrong, is_wrong, places, result_text
from nmn.inspector.overlay import as_data_uri, enlarged, overlay
from nmn.program.ops import OPERATIONS
from nmn.program.trace import Trace

_CARD_WIDTH, _CARD_HEIGHT = 150, 190
_GAP_X, _GAP_Y = 44, 22
_PICTURE_WIDTH = 300


def as_html(trace: Trace, picture: NDArray[np.uint8]) -> str:
    """The question with its words linked to steps, the program as a graph, every mask, the answer.

    Nothing in the page comes from elsewhere, and text of the question is shown, never run.
    """
    spots = places(trace)
    wrong = [is_wrong(trace, step) for step in trace.steps]
    first = first_wrong(trace)
    steps = [
        {
            "number": number,
            "label": step.label,
            "meaning": _meaning(step.operation),
            "type": step.type,
            "inputs": [trace.steps[source].label for source in step.inputs],
            "sources": step.inputs,
            "result": result_text(trace, step),
            "confidence": step.confidence,
            "image": None
            if step.mask is None
            else as_data_uri(
                overlay(picture, step.mask, grid=trace.grid, boxes=trace.boxes, width=132)
            ),
            "wrong": wrong[number],
            "first_wrong": number == first,
            "known": step.truth is not None,
            "x": spot.column * (_CARD_WIDTH + _GAP_X),
            "y": round(spot.lane * (_CARD_HEIGHT + _GAP_Y)),
        }
        for number, (step, spot) in enumerate(zip(trace.steps, spots, strict=True))
    ]
    likely = sorted(trace.distribution.items(), key=lambda item: -item[1])
    return template("trace.html.jinja").render(
        trace=trace,
        explanation=explanation(trace),
        words=_words(trace),
        steps=steps,
        card=(_CARD_WIDTH, _CARD_HEIGHT),
        graph=(
            max(spot.column for spot in spots) * (_CARD_WIDTH + _GAP_X) + _CARD_WIDTH,
            round(max(spot.lane for spot in spots) * (_CARD_HEIGHT + _GAP_Y)) + _CARD_HEIGHT,
        ),
        likely=[(answer, chance) for answer, chance in likely[:6] if chance > 0],
        picture=as_data_uri(enlarged(picture, _PICTURE_WIDTH)),
        blocks=picture.shape[1] < _PICTURE_WIDTH,
    )


def _meaning(operation: str) -> str:
    """What an operation does; models without programs have steps that are none."""
    row = OPERATIONS.get(operation)
    return "" if row is None else row.meaning


def _words(trace: Trace) -> list[tuple[str, list[int]]]:
    """The question cut into pieces, each with the steps it stands for."""
    owners: list[list[int]] = [[] for _ in trace.question]
    for number, step in enumerate(trace.steps):
        for start, end in step.spans:
            for place in range(start, end):
                owners[place].append(number)
    pieces: list[tuple[str, list[int]]] = []
    for character, owner in zip(trace.question, owners, strict=True):
        if pieces and pieces[-1][1] == owner:
            pieces[-1] = (pieces[-1][0] + character, owner)
        else:
            pieces.append((character, owner))
    return pieces


@cache
def template(name: str) -> Template:
    """A template of `templates/`; what it is filled with is shown as text, never as markup."""
    environment = Environment(
        loader=PackageLoader("nmn.inspector"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template(name)
