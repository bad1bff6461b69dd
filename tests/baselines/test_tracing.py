"""What a model without programs looked at, as a trace."""

import pytest
import torch

from nmn.baselines.tracing import looking_trace
from nmn.domain import load_domain
from nmn.inspector import as_text
from nmn.inspector.layout import explanation
from nmn.program.trace import Trace

SHAPES = load_domain("shapes")
LIKELY = torch.tensor([0.25, 0.75]).log()


def trace_of(attention: torch.Tensor | None) -> Trace:
    return looking_trace("is it?", SHAPES, LIKELY, attention, (2, 2), "mac")


def test_each_look_is_a_step_that_the_next_one_follows() -> None:
    looks = torch.tensor([[0.1, 0.2, 0.3, 0.4], [1.0, 0.0, 0.0, 0.0]])
    trace = trace_of(looks)
    assert [step.label for step in trace.steps] == ["look[1]", "look[2]", "answer"]
    assert [step.inputs for step in trace.steps] == [(), (0,), (1,)]
    assert trace.steps[0].mask == pytest.approx((0.25, 0.5, 0.75, 1.0))
    assert trace.steps[1].mask == (1.0, 0.0, 0.0, 0.0)
    assert trace.answer == SHAPES.answers[1]
    assert trace.probability == pytest.approx(0.75)
    assert Trace.from_json(trace.to_json()) == trace
    assert "2 looks at the picture" in explanation(trace)
    assert "answer" in as_text(trace)


def test_a_look_at_nothing_is_drawn_as_nothing() -> None:
    assert trace_of(torch.zeros(1, 4)).steps[0].mask == (0.0,) * 4


def test_without_attention_there_is_the_answer_alone() -> None:
    trace = trace_of(None)
    assert [step.label for step in trace.steps] == ["answer"]
    assert "where it looked cannot be said" in explanation(trace)
