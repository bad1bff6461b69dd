import pytest

from nmn.perception.asking import ask
from nmn.perception.guesses import Guess, guesses
from nmn.perception.tracing import parsed_trace
from nmn.program.text import parse_program
from nmn.program.trace import Trace
from tests.perception.made import BLUE, CLEVR, GROUND, RED, batch, detection, scene, sight

PROGRAM = parse_program("count(relate[right](unique(find[red])))")
SEEN = (
    detection(*BLUE, ground=(1.1, -1.0), box=(0.5, 0.5, 0.75, 0.75)),
    detection(*RED, ground=GROUND[0], box=(0.0, 0.25, 0.5, 0.75)),
    detection(*BLUE, ground=(2.5, 2.0), there=0.2),
)
GUESSES = guesses(SEEN, CLEVR, (48, 32), most=8, least=1e-3)


def told(truth: bool = False) -> Trace:
    made = batch((scene(RED, BLUE),), (sight(),))
    traces = ask(CLEVR, made, [PROGRAM], [GUESSES], [0]).traces[0]
    exact = ask(CLEVR, made, [PROGRAM], [[Guess(scene(RED, BLUE), 1.0, ())]], [0]).traces[0][0]
    distribution = dict.fromkeys(CLEVR.answers, 0.0) | {"1": 0.8, "2": 0.2}
    return parsed_trace(traces, GUESSES, SEEN, distribution, (exact, sight()) if truth else None)


def test_masks_are_over_the_objects_of_the_scene_that_gives_the_answer() -> None:
    trace = told()
    assert (trace.answer, trace.probability) == ("1", 0.8)
    assert trace.boxes == (SEEN[0].box, SEEN[1].box)
    masks = [step.mask for step in trace.steps]
    assert masks == [(0.0, 1.0), (0.0, 1.0), (1.0, 0.0), None]
    assert all(step.truth is None for step in trace.steps)
    assert Trace.from_json(trace.to_json()) == trace


def test_steps_are_as_certain_as_the_scenes_that_agree() -> None:
    # the object that may be there is right of the red one, and blue
    assert [step.confidence for step in told().steps] == pytest.approx([1, 1, 0.8, 0.8])


def test_truth_is_told_of_the_objects_as_they_were_seen() -> None:
    trace = told(truth=True)
    assert trace.truth == "1"
    truths = [step.truth for step in trace.steps]
    assert truths == [(0.0, 1.0), (0.0, 1.0), (1.0, 0.0), "1"]


def test_a_failure_is_told() -> None:
    program = parse_program("query[shape](unique(scene))")
    made = batch((None,), ())
    traces = ask(CLEVR, made, [program], [GUESSES], [0]).traces[0]
    trace = parsed_trace(traces, GUESSES, SEEN, dict.fromkeys(CLEVR.answers, 0.0))
    assert trace.answer is None
    assert trace.failure is not None
    assert "got 2" in trace.failure
    everything, *failed = trace.steps
    assert everything.confidence == pytest.approx(0.8)
    assert all(step.value is None and step.confidence is None for step in failed)
