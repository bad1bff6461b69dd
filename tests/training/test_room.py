"""Too much for memory is told before training begins, with what would fit."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from nmn.baselines.answerer import Answerer, AnswererConfig
from nmn.baselines.relation_network import RelationNetwork
from nmn.config import build
from nmn.data.batch import Batch, collate
from nmn.data.vocabulary import vocabulary_of
from nmn.domain import load_domain
from nmn.errors import OutOfMemoryError
from nmn.generate.shapes import ShapesWorldConfig, generate_shapes
from nmn.nn.trainable import Loss
from nmn.training import room
from nmn.training.room import check_room

First = Callable[[int], Batch]


@pytest.fixture(scope="module")
def few() -> First:
    made = list(generate_shapes(ShapesWorldConfig(), 0, "train", 20))
    words = vocabulary_of(each.tokens for each in made)
    return lambda count: collate(made[:count], load_domain("shapes"), words)


def model_of(**values: Any) -> Answerer:
    torch.manual_seed(0)
    config = build(AnswererConfig, {"kind": "answerer", **values}, "test")
    return Answerer(load_domain("shapes"), config, 20)


def problem_of(model: Answerer, few: First, questions: int) -> OutOfMemoryError:
    with pytest.raises(OutOfMemoryError) as caught:
        check_room(model, few, questions)
    return caught.value


def test_what_fits_is_told(few: First, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "free_memory_of", lambda device: 2.0**26)
    model = model_of()
    error = problem_of(model, few, 100_000)
    assert 0 < error.fits < 100_000
    assert "questions at once want about" in str(error)
    assert "0.1 GiB are free; nearest: training.batch_size=" in str(error)
    check_room(model, few, error.fits)
    again = problem_of(model, few, error.fits + 1)
    assert again.fits == error.fits


def test_where_not_even_one_fits_fewer_cells_are_advised(
    few: First, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "free_memory_of", lambda device: 10.0)
    assert "one alone is too much: wanted fewer cells" in str(problem_of(model_of(), few, 1))


def test_more_cells_want_more(few: First, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "free_memory_of", lambda device: 2.0**24)
    reasoner = {"kind": "transformer", "units": 8, "heads": 2}
    fits = [
        problem_of(model_of(reasoner=reasoner, **pool), few, 10_000_000).fits
        for pool in ({}, {"pool": (1, 1)})
    ]
    assert fits[0] < fits[1]


def test_nothing_of_the_model_is_changed(few: First) -> None:
    model = model_of(reasoner={"kind": "relation_network", "dropout": 0.5}).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    drawn = torch.get_rng_state()
    check_room(model, few, 2)
    assert model.training
    assert torch.equal(drawn, torch.get_rng_state())
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    assert all(weight.grad is None for weight in model.parameters())


def test_what_is_worked_out_once_more_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    made = list(generate_shapes(ShapesWorldConfig(), 0, "train", 256))
    words = vocabulary_of(each.tokens for each in made)
    model = model_of(reasoner={"kind": "relation_network", "pairs": (64, 64), "dropout": 0.0})
    assert isinstance(model.reasoner, RelationNetwork)

    def first(count: int) -> Batch:
        return collate(made[:count], load_domain("shapes"), words)

    model.reasoner.pairs.kept = 10**12
    monkeypatch.setattr(room, "free_memory_of", lambda device: 2.0**23)
    at_most = problem_of(model, first, 256).fits
    assert 16 < at_most < 256
    model.reasoner.pairs.kept = 16 * 81 * 128  # that of 16 questions
    check_room(model, first, at_most + 1)


def test_fewer_are_tried_where_some_are_too_many_already(
    few: First, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def crowded(model: Answerer, batch: Batch, _generator: torch.Generator) -> Loss:
        tried.append(len(batch))
        if len(batch) > limit:
            raise MemoryError
        return Loss(next(model.parameters()).sum())

    monkeypatch.setattr(Answerer, "loss", crowded)
    limit = 1
    check_room(model_of(), few, 64)
    limit = 0
    assert str(problem_of(model_of(), few, 64)).startswith("out of memory on cpu with a single")
    assert tried == [16, 1, 16, 1]
