"""A trace as plain text, for the terminal."""

from nmn.inspector.layout import (
    MEANT,
    explanation,
    is_fine,
    is_wrong,
    meant_places,
    result_text,
)
from nmn.program.trace import Trace, TraceStep

_MAX_PLACES = 4


def as_text(trace: Trace) -> str:
    """The steps as a tree, the answer first, masks of small grids drawn row by row."""
    lines = [explanation(trace), ""]
    stack = [(len(trace.steps) - 1, "", "")]
    drawn = []
    while stack:
        index, lead, below = stack.pop()
        step = trace.steps[index]
        drawn.append((f"{lead}{step.label}", _value(trace, step)))
        last = len(step.inputs) - 1
        children = [
            (source, below + ("└ " if n == last else "├ "), below + ("  " if n == last else "│ "))
            for n, source in enumerate(step.inputs)
        ]
        stack.extend(reversed(children))
    width = max(len(label) for label, _ in drawn)
    lines.extend(f"{label:<{width}}  {value}" for label, value in drawn)
    return "\n".join(lines)


def _value(trace: Trace, step: TraceStep) -> str:
    parts = []
    drawn = step.mask if trace.has_masks else None
    if drawn is not None and trace.grid is not None and not is_fine(trace):
        columns = trace.grid[1]
        marks = ["■" if value > MEANT else "·" for value in drawn]
        rows = ["".join(marks[i : i + columns]) for i in range(0, len(marks), columns)]
        parts.append(" ".join(rows))
    parts.append(result_text(trace, step))
    if drawn is not None and is_fine(trace):
        places = meant_places(trace, drawn)
        parts.extend(places[:_MAX_PLACES])
        parts.extend(["..."] if len(places) > _MAX_PLACES else [])
    if step.mask is None and step.confidence is not None:
        parts.append(f"({step.confidence:.1%})")
    if is_wrong(trace, step):
        parts.append("WRONG")
    return "  ".join(parts)
