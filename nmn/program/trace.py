"""The trace of one execution: what was understood, where each step looked, why the answer.

Pure data, with a versioned JSON form; whoever draws it needs to know nothing of models.
"""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from nmn.errors import DataError
from nmn.program.program import Span

TRACE_VERSION = 1


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One node of the program and what came out of it.

    Attributes:
        inputs: indices of the steps that fed it.
        type: `Mask`, `Bool`, `Number` or `Value[attribute]`.
        mask: for a mask, how much each cell or object is meant, in [0, 1]; else None.
        value: for all else, the result as an answer (`yes`, `3`, `red`); None if it failed, or
            is no answer that the domain has.
        confidence: probability in [0, 1] that the network gives to what is stated here; for a
            mask that of its least certain cell.
        truth: the exact result where the scene is known: a mask of 0 and 1, or an answer.
        spans: characters `[start, end)` of the question that this step stands for.
    """

    operation: str
    argument: str | None
    inputs: tuple[int, ...]
    type: str
    mask: tuple[float, ...] | None = None
    value: str | None = None
    confidence: float | None = None
    truth: tuple[float, ...] | str | None = None
    spans: tuple[Span, ...] = ()

    @property
    def label(self) -> str:
        """`relate[above]`, `exists`."""
        return self.operation if self.argument is None else f"{self.operation}[{self.argument}]"


@dataclass(frozen=True, slots=True)
class Trace:
    """A question, its program, every step, and the answer.

    Attributes:
        program: as text.
        steps: one a node, in the program's order, the root last.
        distribution: probability of each answer, all answers of the domain in order.
        grid: `(rows, columns)` where masks are over the cells of a grid, in row-major order.
        boxes: where masks are over objects, `(left, top, right, bottom)` of each as fractions
            of the picture.
        shown: where known, for each cell of the grid which object of the scene it shows, -1 for
            none; truths of masks are then those of the objects.
        failure: why there is no answer, where there is none.
        truth: the right answer, where it is known.
        has_masks: whether masks say which places are meant; if not, they are maps of features, and
            say how much there is in each cell.
    """

    question: str
    domain: str
    program: str
    steps: tuple[TraceStep, ...]
    answer: str | None
    distribution: dict[str, float]
    grid: tuple[int, int] | None = None
    boxes: tuple[tuple[float, float, float, float], ...] | None = None
    shown: tuple[int, ...] | None = None
    failure: str | None = None
    truth: str | None = None
    has_masks: bool = True

    @property
    def probability(self) -> float | None:
        """The probability of the answer."""
        return None if self.answer is None else self.distribution[self.answer]

    def with_spans(self, question: str, spans: tuple[tuple[Span, ...], ...]) -> "Trace":
        """The same trace with the question and, for each step, its words."""
        steps = tuple(
            replace(step, spans=words) for step, words in zip(self.steps, spans, strict=True)
        )
        return replace(self, question=question, steps=steps)

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries, lists, numbers and texts, with the version of the format."""
        return {"format": "nmn-trace", "version": TRACE_VERSION, **asdict(self)}

    @staticmethod
    def from_json(values: Any, source: str = "trace") -> "Trace":
        """The inverse of `to_json`, also after a detour through JSON text.

        Raises:
            DataError: another format or version, or a field that is missing or unknown.
        """
        if not isinstance(values, dict):
            raise DataError(source, f"wanted a JSON object, got {type(values).__name__}")
        if values.get("format") != "nmn-trace" or values.get("version") != TRACE_VERSION:
            got = f"{values.get('format')} version {values.get('version')}"
            raise DataError(source, f"wanted nmn-trace version {TRACE_VERSION}, got {got}")
        fields = {key: value for key, value in values.items() if key not in ("format", "version")}
        try:
            fields["steps"] = tuple(
                TraceStep(**{key: _frozen(value) for key, value in step.items()})
                for step in fields["steps"]
            )
            for name in ("grid", "boxes", "shown"):
                fields[name] = _frozen(fields.get(name))
            trace = Trace(**fields)
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(source, f"not a trace: {error}") from error
        if trace.answer is not None and trace.answer not in trace.distribution:
            raise DataError(source, f"the answer '{trace.answer}' is not in the distribution")
        return trace

    def dumps(self) -> str:
        """The JSON form as text."""
        return json.dumps(self.to_json(), indent=1)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
