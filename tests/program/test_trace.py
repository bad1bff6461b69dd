import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmn.errors import DataError
from nmn.program.trace import TRACE_VERSION, Trace, TraceStep

TRACE = Trace(
    question="is there a red circle",
    domain="shapes",
    program="exists(filter[red](find[circle]))",
    steps=(
        TraceStep(
            "find", "circle", (), "Mask", (0.9, 0.1), confidence=0.8, spans=((15, 21),)
        ),
        TraceStep("filter", "red", (0,), "Mask", (0.8, 0.0), truth=(1.0, 0.0), spans=((11, 14),)),
        TraceStep(
            "exists", None, (1,), "Bool", value="yes", confidence=0.75, truth="yes",
            spans=((0, 2), (3, 8)),
        ),
    ),
    answer="yes",
    distribution={"yes": 0.75, "no": 0.25},
    grid=(1, 2),
    truth="yes",
)  # fmt: skip

FAILED = replace(
    TRACE,
    answer=None,
    grid=None,
    boxes=((0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)),
    failure="needs exactly one object, got 2",
    truth=None,
)


@pytest.mark.parametrize("trace", [TRACE, FAILED], ids=["answered", "failed"])
def test_json_text_and_back_is_the_same_trace(trace: Trace) -> None:
    assert Trace.from_json(json.loads(trace.dumps())) == trace
    assert Trace.from_json(json.loads(json.dumps(trace.to_json()))) == trace
    assert Trace.from_json(trace.to_json()) == trace


FRACTIONS = st.floats(0, 1)
MASKS = st.lists(FRACTIONS, max_size=4).map(tuple)
SPANS = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=3).map(tuple)
STEPS = st.builds(
    TraceStep,
    operation=st.text(max_size=5),
    argument=st.none() | st.text(max_size=5),
    inputs=st.lists(st.integers(0, 9), max_size=2).map(tuple),
    type=st.sampled_from(["Mask", "Bool", "Value[color]"]),
    mask=st.none() | MASKS,
    value=st.none() | st.text(max_size=5),
    confidence=st.none() | FRACTIONS,
    truth=st.none() | MASKS | st.text(max_size=5),
    spans=SPANS,
)
TRACES = st.builds(
    Trace,
    question=st.text(max_size=9),
    domain=st.text(max_size=5),
    program=st.text(max_size=9),
    steps=st.lists(STEPS, max_size=3).map(tuple),
    answer=st.none() | st.text(max_size=5),
    distribution=st.dictionaries(st.text(max_size=5), FRACTIONS, max_size=3),
    grid=st.none() | st.tuples(st.integers(1, 9), st.integers(1, 9)),
    boxes=st.none() | st.lists(st.tuples(*[FRACTIONS] * 4), max_size=2).map(tuple),
    shown=st.none() | st.lists(st.integers(-1, 9), max_size=4).map(tuple),
    failure=st.none() | st.text(max_size=5),
    truth=st.none() | st.text(max_size=5),
)


def with_its_answer(trace: Trace) -> Trace:
    if trace.answer is None:
        return trace
    return replace(trace, distribution={**trace.distribution, trace.answer: 0.5})


def test_an_answer_outside_the_distribution_is_refused() -> None:
    with pytest.raises(DataError, match="the answer 'maybe' is not in the distribution"):
        Trace.from_json({**TRACE.to_json(), "answer": "maybe"})


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(DataError, match="wanted a JSON object, got list"):
        Trace.from_json([])


@given(TRACES.map(with_its_answer))
@settings(deadline=None, max_examples=100)
def test_every_trace_survives_json(trace: Trace) -> None:
    assert Trace.from_json(json.loads(trace.dumps())) == trace


def test_the_json_form_names_its_format_and_version() -> None:
    values = json.loads(TRACE.dumps())
    assert values["format"] == "nmn-trace"
    assert values["version"] == TRACE_VERSION == 1
    assert values["steps"][1]["mask"] == [0.8, 0.0]
    assert values["distribution"] == {"yes": 0.75, "no": 0.25}


def changed(**changes: Any) -> dict[str, Any]:
    return {**json.loads(TRACE.dumps()), **changes}


@pytest.mark.parametrize(
    ("values", "got"),
    [
        (changed(version=2), "nmn-trace version 2"),
        (changed(version=None), "nmn-trace version None"),
        (changed(format="other"), "other version 1"),
        ({}, "None version None"),
    ],
    ids=["newer version", "no version", "another format", "empty"],
)
def test_another_format_or_version_is_refused(values: dict[str, Any], got: str) -> None:
    with pytest.raises(DataError) as caught:
        Trace.from_json(values, "t.json")
    assert str(caught.value) == f"t.json: wanted nmn-trace version 1, got {got}"


@pytest.mark.parametrize(
    "field", ["question", "domain", "program", "steps", "answer", "distribution"]
)
def test_a_missing_field_is_named(field: str) -> None:
    values = changed()
    del values[field]
    with pytest.raises(DataError, match=rf"^t\.json: not a trace: .*'{field}'"):
        Trace.from_json(values, "t.json")


@pytest.mark.parametrize(
    ("values", "named"),
    [
        (changed(colour="red"), "colour"),
        (changed(steps=[{"operation": "scene"}]), "argument"),
        (changed(steps=[{**TRACE.to_json()["steps"][0], "extra": 1}]), "extra"),
        (changed(steps=["scene"]), "items"),
        (changed(steps=3), "int"),
        (changed(steps=None), "NoneType"),
    ],
    ids=["unknown field", "short step", "long step", "step is text", "steps are 3", "no steps"],
)
def test_fields_that_do_not_fit_are_a_data_error(values: dict[str, Any], named: str) -> None:
    with pytest.raises(DataError, match=rf"^trace: not a trace: .*{named}") as caught:
        Trace.from_json(values)
    assert "\n" not in str(caught.value)


def test_optional_fields_may_be_left_out() -> None:
    values = changed()
    for field in ("grid", "boxes", "failure", "truth"):
        del values[field]
    assert Trace.from_json(values) == replace(TRACE, grid=None, truth=None)


def test_the_probability_is_that_of_the_answer() -> None:
    assert TRACE.probability == 0.75
    assert FAILED.probability is None


def test_labels_of_steps() -> None:
    assert [step.label for step in TRACE.steps] == ["find[circle]", "filter[red]", "exists"]


def test_spans_are_put_on_each_step() -> None:
    spans = (((1, 2),), (), ((3, 4), (5, 6)))
    trace = TRACE.with_spans("another question", spans)
    assert trace.question == "another question"
    assert tuple(step.spans for step in trace.steps) == spans
    assert replace(trace, question=TRACE.question, steps=TRACE.steps) == TRACE


def test_spans_for_another_number_of_steps_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="zip"):
        TRACE.with_spans("q", ((),))
