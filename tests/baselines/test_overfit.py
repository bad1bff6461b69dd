"""Every model learns 64 examples by heart: its parts work together, from pictures to answers."""

from dataclasses import replace

import pytest
import torch

from nmn.baselines.answerer import Answerer, AnswererConfig
from nmn.config import build
from nmn.data.batch import Batch, collate
from nmn.data.vocabulary import vocabulary_of
from nmn.domain import load_domain
from nmn.generate.shapes import ShapesWorldConfig, generate_shapes
from tests.baselines.test_base import CHOICES, KINDS

STEPS, EXAMPLES = 600, 64
REASONERS: dict[str, dict[str, object]] = {**KINDS, "prior": {}}
CASES: list[tuple[str, dict[str, object]]] = [(kind, {}) for kind in REASONERS]
CASES += [("relation_network", {"share": 0.5, "choice": choice}) for choice in CHOICES]
CASES += [("transformer", {"share": 0.5})]


@pytest.fixture(scope="module")
def examples() -> tuple[Batch, int]:
    """Different questions, each of a family of its own; and how many words there are."""
    made = generate_shapes(ShapesWorldConfig(), 0, "train", 2000)
    different = list({example.question: example for example in made}.values())[:EXAMPLES]
    assert len(different) == EXAMPLES
    named = [replace(each, family=str(place)) for place, each in enumerate(different)]
    vocabulary = vocabulary_of(example.tokens for example in named)
    return collate(named, made.domain, vocabulary), len(vocabulary)


def learned(model: Answerer, batch: Batch) -> float:
    """The share of right answers after training, or as soon as all are right."""
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    right = 0.0
    for step in range(STEPS):
        model.train()
        loss = model.loss(batch, torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        loss.total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step % 20 == 19:
            model.eval()
            said = model.predict(batch).log_probabilities.argmax(1)
            right = float((said == batch.answers).float().mean())
            if right == 1.0:
                break
    return right


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "hard"), CASES, ids=str)
def test_64_examples_are_learned_by_heart(
    examples: tuple[Batch, int], kind: str, hard: dict[str, object]
) -> None:
    batch, words = examples
    values = {
        "kind": "answerer",
        "hard": hard,
        "question": {"embedding": 16, "hidden": 32},
        "reasoner": {"kind": kind, **REASONERS[kind]},
    }
    torch.manual_seed(0)
    model = Answerer(load_domain("shapes"), build(AnswererConfig, values, "test"), words)
    assert learned(model, batch) == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("flavour", ["convolutional", "attentional", "message_passing"])
def test_so_does_each_flavour_of_graph_network(examples: tuple[Batch, int], flavour: str) -> None:
    batch, words = examples
    reasoner = {"kind": "graph_network", "flavour": flavour, **KINDS["graph_network"]}
    values = {"kind": "answerer", "question": {"hidden": 32}, "reasoner": reasoner}
    torch.manual_seed(0)
    model = Answerer(load_domain("shapes"), build(AnswererConfig, values, "test"), words)
    assert learned(model, batch) == 1.0
