"""Where to draw the steps of a trace, and how to say what came out of each."""

from collections.abc import Sequence
from dataclasses import dataclass

from nmn.program.trace import Trace, TraceStep

MEANT = 0.5
"""A cell or object counts as meant by a mask above this."""

_MANY_CELLS = 49
_SURE = 0.25
"""Of an answer that its steps make less probable, they are no reason."""


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


def is_wrong(trace: Trace, step: TraceStep) -> bool:
    """Whether the truth is known and the step says otherwise.

    Where it is known what cells show, masks are compared by object: one is meant where any of its
    cells is.
    """
    if step.truth is None:
        return False
    if step.mask is None and step.value is None:  # wrong where it failed, but not what it feeds
        return all(_is_there(trace.steps[source]) for source in step.inputs)
    if step.mask is None or isinstance(step.truth, str):
        return step.value != step.truth
    return _objects(trace, step.mask) != _objects(trace, step.truth)


def first_wrong(trace: Trace) -> int | None:
    """The first step that is wrong; those before it are right or not known."""
    wrong = (number for number, step in enumerate(trace.steps) if is_wrong(trace, step))
    return next(wrong, None)


def _is_there(step: TraceStep) -> bool:
    return step.mask is not None or step.value is not None


def _objects(trace: Trace, mask: Sequence[float]) -> set[int]:
    """The cells or objects that are meant."""
    places = [place for place, share in enumerate(mask) if share > MEANT]
    if trace.shown is None:
        return set(places)
    return {trace.shown[place] for place in places} - {-1}


def is_fine(trace: Trace) -> bool:
    """Whether masks are over so many cells that none of them means much by itself."""
    return trace.grid is not None and trace.grid[0] * trace.grid[1] > _MANY_CELLS


def unit(trace: Trace) -> str:
    """What is counted in a mask."""
    return "object" if trace.grid is None else "place" if is_fine(trace) else "cell"


def result_text(trace: Trace, step: TraceStep) -> str:
    """What came out of a step: `2 cells`, `nothing`, `yes`, `3`, `red`, `failed`, or `unknown`.

    Of many cells, those that touch are one place.
    """
    if step.mask is None:
        missing = "failed" if trace.answer is None else "unknown"
        return missing if step.value is None else step.value
    if not trace.has_masks:
        return "a map"
    count = _count(trace, step)
    return "nothing" if count == 0 else f"{count} {unit(trace)}{'' if count == 1 else 's'}"


def _count(trace: Trace, step: TraceStep) -> int:
    """How many objects, cells or places a mask means."""
    if step.mask is None:
        return 0
    if is_fine(trace):
        return len(meant_places(trace, step.mask))
    return sum(value > MEANT for value in step.mask)


def meant_places(trace: Trace, mask: Sequence[float]) -> list[str]:
    """Where cells are meant, `(31%, 70%)` to the right and down, for each group that touches."""
    rows, columns = trace.grid or (1, len(mask))
    left = {divmod(place, columns) for place, share in enumerate(mask) if share > MEANT}
    found = []
    while left:
        group = [min(left)]
        left -= set(group)
        for row, column in group:  # which grows meanwhile
            near = {(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)}
            group += near & left
            left -= near
        down, right = (sum(cell[axis] for cell in group) / len(group) + 0.5 for axis in (0, 1))
        found.append(f"({right / columns:.0%}, {down / rows:.0%})")
    return found


def explanation(trace: Trace) -> str:
    """One sentence on why the answer is what it is."""
    if trace.answer is None:
        return f"There is no answer: {trace.failure or 'unknown'}."
    return _without_reason(trace) or _reason(trace, trace.answer)


def _without_reason(trace: Trace) -> str | None:
    """What to say of an answer that its steps do not explain."""
    if not trace.has_masks and trace.steps[-1].operation == "answer":
        return f"The answer is {trace.answer}, by a model without programs: {_looks(trace)}."
    if not trace.has_masks:
        return f"The answer is {trace.answer}: steps are maps of features, which mean no places."
    about_one = "A guess: the question is about one thing, and"
    for index, step in enumerate(trace.steps):
        if step.operation != "unique":
            continue
        if _is_empty(step):
            return f"{about_one} {_name(trace.steps[_first_empty(trace, index)])} leaves nothing."
        if _count(trace, step) > 1:
            several = _one_that_is_meant(trace, index)
            return f"{about_one} {_name(trace.steps[several])} gave {_result(trace, several)}."
    sure = trace.steps[-1].confidence
    if sure is not None and sure < _SURE:
        return f"A guess: {trace.answer} is only {sure:.1%} probable from these steps."
    return None


def _looks(trace: Trace) -> str:
    count = len(trace.steps) - 1
    if not count:
        return "where it looked cannot be said"
    return f"{count} look{'' if count == 1 else 's'} at the picture"


def _reason(trace: Trace, answer: str) -> str:
    """Why steps with masks give this answer."""
    root = trace.steps[-1]
    if root.operation != "exists":
        meant = [_one_that_is_meant(trace, source) for source in root.inputs]
        sources = [f"{_name(trace.steps[s])} gave {_result(trace, s)}" for s in meant]
        return f"The answer is {answer}: {', '.join(sources)}."
    index = root.inputs[0]
    if answer == "no":
        index = _first_empty(trace, index)
    step = trace.steps[index]
    left = _result(trace, index)
    found = [f"{_name(trace.steps[s])} ({_result(trace, s)})" for s in step.inputs]
    said = answer.capitalize()
    if not step.inputs:
        return f"{said}: {_name(step)} found {left}."
    if step.operation == "and":
        common = f"no {unit(trace)}" if left == "nothing" else left
        return f"{said}: {found[0]} and {found[1]} have {common} in common."
    return f"{said}: of {' and '.join(found)}, {_name(step)} leaves {left}."


def _one_that_is_meant(trace: Trace, index: int) -> int:
    """From a `unique` down to what it is about."""
    while trace.steps[index].operation == "unique":
        (index,) = trace.steps[index].inputs
    return index


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


def _result(trace: Trace, index: int) -> str:
    return result_text(trace, trace.steps[index])


def _is_empty(step: TraceStep) -> bool:
    return step.mask is not None and all(value <= MEANT for value in step.mask)
