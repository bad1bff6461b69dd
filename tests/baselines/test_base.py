"""What all reasoners have in common."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import pytest
import torch
from torch import nn

from nmn.baselines import BASELINES, ReasonerConfig, build_reasoner, register
from nmn.baselines.answerer import AnswererConfig
from nmn.baselines.base import Asked, Reasoner, Reasoning, layers
from nmn.baselines.hard_attention import HardAttention
from nmn.config import build
from nmn.domain import load_domain
from nmn.errors import ConfigError
from nmn.nn.features import FeatureSize
from tests.baselines.made import ASKED, CHANNELS, SIZE, asked, of_objects, one_of

SHAPES = load_domain("shapes")

KINDS: dict[str, dict[str, object]] = {
    "question_only": {"hidden": 16},
    "joined": {"hidden": (16,), "flat": False},
    "sequence": {"units": 16, "embedding": 4},
    "soft_attention": {"attention": 8, "hidden": 16},
    "stacked_attention": {"attention": 8, "hidden": 16},
    "memory_network": {"hidden": 16},
    "relation_network": {"pairs": (16, 12), "hidden": (16,), "dropout": 0.0},
    "graph_network": {"units": 8, "hidden": 16, "heads": 2},
    "transformer": {"units": 8, "heads": 2, "wide": 16, "hidden": 16},
    "detector": {"units": 8, "heads": 2, "wide": 16, "hidden": 16, "queries": 4},
    "film": {"channels": 8, "classifier": 12, "hidden": 16, "blocks": 2},
    "mac": {"units": 8, "hidden": 16, "steps": 3},
}
UNMOVED = ("score.bias", "attend_cell.bias", "attend_word.bias", "hearing.answer.bias")
CHOICES = ("norm", "straight_through", "reinforce")


def config_of(kind: str) -> ReasonerConfig:
    values = {"kind": "answerer", "reasoner": {"kind": kind, **KINDS[kind]}}
    return build(AnswererConfig, values, "test").reasoner


def reasoner_of(name: str, size: FeatureSize = SIZE) -> Reasoner:
    torch.manual_seed(0)
    kind, _, choice = name.partition("+")
    reasoner = build_reasoner(config_of(kind), size, ASKED, SHAPES)
    if choice:
        return HardAttention(CHANNELS, ASKED, 0.25, choice, reasoner)  # type: ignore[arg-type]
    return reasoner


NAMES = (*KINDS, *(f"relation_network+{choice}" for choice in CHOICES), "transformer+norm")
OBJECTS = tuple(name for name in NAMES if name != "film")
CASES = [*((name, asked) for name in NAMES), *((name, of_objects) for name in OBJECTS)]
every = pytest.mark.parametrize(
    ("name", "given"), CASES, ids=lambda case: case if isinstance(case, str) else case.__name__
)


@every
def test_one_question_is_answered_as_in_a_batch(name: str, given: Callable[[], Asked]) -> None:
    reasoner = reasoner_of(name).eval()
    together = reasoner(given())
    assert together.logits.shape == (3, len(SHAPES.answers))
    for row in range(3):
        alone = reasoner(one_of(given(), row))
        torch.testing.assert_close(alone.logits[0], together.logits[row], rtol=1e-4, atol=1e-5)


@every
def test_gradient_reaches_all_weights(name: str, given: Callable[[], Asked]) -> None:
    reasoner = reasoner_of(name).train()
    said = reasoner(given())
    loss = nn.functional.cross_entropy(said.logits, torch.tensor([0, 1, 0]))
    if said.log_probability is not None:
        loss = loss + said.log_probability.mean()
    names, weights = zip(*reasoner.named_parameters(), strict=True)
    grads = torch.autograd.grad(loss, weights, allow_unused=True)
    found = dict(zip(names, grads, strict=True))
    assert [each for each, grad in found.items() if grad is None or not grad.isfinite().all()] == []
    # A number that is added to all scores changes no softmax of them.
    nothing = {each for each, grad in found.items() if grad.abs().max() < 1e-7}
    assert {each for each in nothing if not each.endswith(UNMOVED)} == set()


@every
def test_gradient_reaches_the_own_picture_alone(name: str, given: Callable[[], Asked]) -> None:
    reasoner, about = reasoner_of(name).eval(), given()
    values = about.features.values.clone().requires_grad_()
    seen = replace(about, features=replace(about.features, values=values))
    said = reasoner(seen).logits[:, :2]
    weights = torch.tensor([1.0, -2.0])
    for row, picture in enumerate(about.picture.tolist()):
        score = said[row] @ weights
        if name == "question_only":
            assert not score.requires_grad or _of(score, values) is None
            continue
        grad = _of(score, values)
        assert grad is not None
        assert grad[picture].any()
        assert not grad[1 - picture].any()
        assert not grad[~about.features.present].any()


def _of(score: torch.Tensor, values: torch.Tensor) -> torch.Tensor | None:
    return torch.autograd.grad(score, values, retain_graph=True, allow_unused=True)[0]


@every
def test_attention_is_on_what_is_there(name: str, given: Callable[[], Asked]) -> None:
    reasoner, about = reasoner_of(name).eval(), given()
    attention = reasoner(about).attention
    if attention is None:
        return
    assert attention.shape[0] == 3
    there = about.present[:, None].expand_as(attention)
    assert not attention[~there].any()
    assert (attention >= 0).all()


@every
def test_other_questions_and_pictures_change_the_answer(
    name: str, given: Callable[[], Asked]
) -> None:
    reasoner, about = reasoner_of(name).eval(), given()
    logits = reasoner(about).logits
    other_words = replace(about, questions=asked(1).questions)
    assert (reasoner(other_words).logits - logits).abs().max() > 1e-5
    other_picture = replace(about, picture=1 - about.picture)
    changed = (reasoner(other_picture).logits - logits).abs().max()
    assert (changed > 1e-6) == (name != "question_only")


@pytest.mark.parametrize("name", OBJECTS)
def test_a_picture_without_objects_has_an_answer(name: str) -> None:
    about = of_objects()
    none = torch.tensor([[True] * 12, [False] * 12])
    features = replace(about.features, values=about.features.values * none[:, :, None])
    said = reasoner_of(name).train()(replace(about, features=replace(features, present=none)))
    assert said.logits.isfinite().all()
    said.logits.sum().backward()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_drawn_comes_from_the_generator(name: str) -> None:
    reasoner = reasoner_of(name).train()
    first, again = (reasoner(asked()).logits for _ in range(2))
    assert torch.equal(first, again)


def test_layers_have_relu_between_and_dropout_before_the_last() -> None:
    kinds = [type(part).__name__ for part in layers(4, 5, 6, 7, dropout=0.5)]
    assert kinds == ["Linear", "ReLU", "Linear", "ReLU", "Dropout", "Linear"]
    assert [type(part).__name__ for part in layers(4, 7)] == ["Linear"]


@pytest.mark.parametrize("kind", ["graph_network", "transformer", "detector"])
def test_heads_share_the_units(kind: str) -> None:
    values = {"kind": "answerer", "reasoner": {"kind": kind, "units": 10, "heads": 4}}
    with pytest.raises(ConfigError, match=r"units 10; wanted a multiple of heads \(4\)"):
        build(AnswererConfig, values, "test")


def test_a_user_adds_a_reasoner() -> None:
    class MineConfig(ReasonerConfig):
        kind: Literal["mine"] = "mine"
        wide: int = 3

    class Mine(Reasoner):
        def __init__(self, answers: int, wide: int) -> None:
            super().__init__()
            self.say = layers(ASKED, wide, answers)

        def forward(self, asked: Asked) -> Reasoning:
            return Reasoning(self.say(asked.questions.whole))

    values = {"kind": "answerer", "reasoner": {"kind": "mine", "wide": 5}}
    with pytest.raises(ConfigError, match=r"wanted kind 'prior', .* or 'mac', got 'mine'"):
        build(AnswererConfig, values, "test")
    make = lambda size, asked, domain, config: Mine(len(domain.answers), config.wide)  # noqa: E731
    register("mine", MineConfig, make)
    try:
        config = build(AnswererConfig, values, "test")
        assert AnswererConfig.model_validate_json(config.model_dump_json()) == config
        mine = build_reasoner(config.reasoner, SIZE, ASKED, SHAPES)
        assert mine(asked()).logits.shape == (3, len(SHAPES.answers))
    finally:
        del BASELINES["mine"]
