"""The trace of a question that was put to all the scenes that its picture may show."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import dist

from nmn.data.sight import Sight
from nmn.perception.detections import Detection
from nmn.perception.guesses import Guess
from nmn.program.trace import Trace, TraceStep

Result = frozenset[int] | str | None
"""Of a step: the detections that a mask means, or a value; None where it failed."""

_NEAR = 0.5
"""How far, in scene units, an object may stand from where it was seen; they are farther apart."""


def parsed_trace(
    traces: Sequence[Trace],
    guesses: Sequence[Guess],
    detections: Sequence[Detection],
    distribution: Mapping[str, float],
    truth: tuple[Trace, Sight] | None = None,
) -> Trace:
    """The trace of the most probable scene that gives the most probable answer.

    A step is as certain as the scenes together in which its result is the same.

    Args:
        traces: one for each of `guesses`.
        truth: of the same program on the true scene, and where its objects stand.
    """
    results = [
        [_result(step, guess.objects) for step in trace.steps]
        for trace, guess in zip(traces, guesses, strict=True)
    ]
    answer = max(distribution, key=lambda name: distribution[name])
    told = next((row for row, trace in enumerate(traces) if trace.answer == answer), 0)
    seen = [detections[place] for place in guesses[told].objects]
    exact = None if truth is None else _as_seen(*truth, seen)
    steps = []
    for place, step in enumerate(traces[told].steps):
        alike = [others[place] == results[told][place] for others in results]
        share = sum(guess.probability for guess, same in zip(guesses, alike, strict=True) if same)
        steps.append(
            replace(
                step,
                confidence=None if step.confidence is None else min(1.0, share),
                truth=None if exact is None else exact[place],
            )
        )
    return replace(
        traces[told],
        steps=tuple(steps),
        distribution=dict(distribution),
        boxes=tuple(detection.box for detection in seen),
        truth=None if truth is None else truth[0].answer,
    )


def _result(step: TraceStep, objects: Sequence[int]) -> Result:
    if step.mask is None:
        return step.value
    return frozenset(place for place, meant in zip(objects, step.mask, strict=True) if meant)


def _as_seen(
    truth: Trace, sight: Sight, seen: Sequence[Detection]
) -> list[tuple[float, ...] | str | None]:
    """The truth of each step, of a mask for the objects that are seen in place of the true ones."""
    places = sight.ground.tolist()
    nearest: list[int | None] = []
    for detection in seen:
        far = [dist(detection.ground, place) for place in places]
        index = min(range(len(far)), key=far.__getitem__, default=None)
        nearest.append(None if index is None or far[index] > _NEAR else index)
    return [
        tuple(0.0 if index is None else step.truth[index] for index in nearest)
        if isinstance(step.truth, tuple)
        else step.truth
        for step in truth.steps
    ]
