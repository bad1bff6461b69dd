"""Where to draw the steps of a trace, and how to say what came out of each."""

from dataclasses import dataclass

from nmn.program.trace import Trace, TraceStep

MEANT = 0.5
"""A cell or object counts as meant by a mask above this."""


@dataclass(frozen=True)
class Place:
    """A step's place: columns from the leaves on the left to the answer, lanes downwards."""

    column: int
    lane: float


def places(trace: Trace) -> list[Place]:
    """A place for each step: inputs left of what they feed, in order, no two on one spot."""
    ahead = [0] * len(trace.steps)
    for index in range(len(trace.steps) - 1, -1, -1):
        for source in trace.steps[index].inputs:
            ahead[source] = max(ahead[source], ahead[index] + 1)
    longest = max(ahead)
    lanes: list[float] = []
    leaves = 0
    for step in trace.steps:
        if step.inputs:
            lanes.append(sum(lanes[source] for source in step.inputs) / len(step.inputs))
        else:
            lanes.append(float(leaves))
            leaves += 1
    taken: set[Place] = set()
    result = []
    for lane, distance in zip(lanes, ahead, strict=True):
        place = Place(longest - distance, lane)
        while place in taken:
            place = Place(place.column, place.lane + 1)
        taken.add(place)
        result.append(place)
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
        sources = [f"{_name(trace.steps[s])} gave {_result(trace, s, what)}" for s in root.inputs]
        return f"The answer is {trace.answer}: {', '.join(sources)}."
    index = root.inputs[0]
    if trace.answer == "no":
        index = _first_empty(trace, index)
    step = trace.steps[index]
    left = _result(trace, index, what)
    found = [f"{_name(trace.steps[s])} ({_result(trace, s, what)})" for s in step.inputs]
    said = trace.answer.capitalize()
    if not step.inputs:
        return f"{said}: {_name(step)} found {left}."
    if step.operation == "and":
        common = f"no {what}" if left == "nothing" else left
        return f"{said}: {found[0]} and {found[1]} have {common} in common."
    return f"{said}: of {' and '.join(found)}, {_name(step)} leaves {left}."


def _first_empty(trace: Trace, index: int) -> int:
    """From an empty mask down to the step that first left nothing."""
    while True:
        inputs = trace.steps[index].inputs
        empty = [source for source in inputs if _is_empty(trace.steps[source])]
        if not empty:
            return index
        index = empty[0]


def _name(step: TraceStep) -> str:
    """The label, in quotes where it is a plain word."""
    return f"'{step.label}'" if step.argument is None else step.label


def _result(trace: Trace, index: int, what: str) -> str:
    return result_text(trace.steps[index], what)


def _is_empty(step: TraceStep) -> bool:
    return step.mask is not None and all(value <= MEANT for value in step.mask)
