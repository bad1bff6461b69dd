"""Where to draw the steps of a trace, and how to say what came out of each."""

from dataclasses import dataclass

from nmn.program.trace import Trace, TraceStep

MEANT = 0.5
"""A cell or object counts as meant by a mask above this."""


@dataclass(frozen=True)
class Place:
    """A step's place: columns from left to right, rows from the leaves down to the answer."""

    column: float
    row: int


def places(trace: Trace) -> list[Place]:
    """A place for each step: inputs above what they feed, in order, no two on one spot."""
    below = [0] * len(trace.steps)
    for index in range(len(trace.steps) - 1, -1, -1):
        for source in trace.steps[index].inputs:
            below[source] = max(below[source], below[index] + 1)
    deepest = max(below, default=0)
    columns: list[float] = []
    leaves = 0
    for step in trace.steps:
        if step.inputs:
            columns.append(sum(columns[source] for source in step.inputs) / len(step.inputs))
        else:
            columns.append(float(leaves))
            leaves += 1
    taken: set[tuple[float, int]] = set()
    result = []
    for column, depth in zip(columns, below, strict=True):
        spot = column, deepest - depth
        while spot in taken:
            spot = spot[0] + 1, spot[1]
        taken.add(spot)
        result.append(Place(*spot))
    return result


def is_wrong(step: TraceStep) -> bool:
    """Whether the truth is known and the step says otherwise."""
    if step.truth is None:
        return False
    if step.mask is not None and not isinstance(step.truth, str):
        pairs = zip(step.mask, step.truth, strict=True)
        return any((cell > MEANT) != (true > MEANT) for cell, true in pairs)
    return step.value != step.truth


def result_text(step: TraceStep, what: str = "cell") -> str:
    """What came out of a step: `2 cells`, `nothing`, `yes`, `3`, `red`, `failed`."""
    if step.mask is not None:
        count = sum(value > MEANT for value in step.mask)
        return "nothing" if count == 0 else f"{count} {what}{'' if count == 1 else 's'}"
    return "failed" if step.value is None else step.value


def explanation(trace: Trace) -> str:
    """One sentence on why the answer is what it is."""
    if trace.answer is None:
        return f"There is no answer: {trace.failure or 'unknown'}."
    what = "cell" if trace.grid is not None else "object"
    root = trace.steps[-1]
    if root.operation != "exists":
        sources = [f"{trace.steps[s].label} gave {_result(trace, s, what)}" for s in root.inputs]
        return f"The answer is {trace.answer}: {', '.join(sources)}."
    index = root.inputs[0]
    if trace.answer == "yes":
        return f"Yes: {trace.steps[index].label} left {_result(trace, index, what)}."
    while (step := trace.steps[index]).inputs:
        empty = [source for source in step.inputs if _is_empty(trace.steps[source])]
        if not empty:
            break
        index = empty[0]
    step = trace.steps[index]
    if not step.inputs:
        return f"No: {step.label} found nothing."
    found = [f"{trace.steps[s].label} ({_result(trace, s, what)})" for s in step.inputs]
    if step.operation == "and":
        return f"No: {found[0]} and {found[1]} have no {what} in common."
    return f"No: {step.label} of {found[0]} is nothing."


def _result(trace: Trace, index: int, what: str) -> str:
    return result_text(trace.steps[index], what)


def _is_empty(step: TraceStep) -> bool:
    return step.mask is not None and all(value <= MEANT for value in step.mask)
