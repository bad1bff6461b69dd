import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from nmn.data.batch import Batch
from nmn.data.example import ListDataset
from nmn.data.vocabulary import WordVocabulary
from nmn.errors import NotFiniteError, OutOfMemoryError
from nmn.execution.base import Chosen, Model, Prediction
from nmn.generate.shapes import ShapesWorldConfig, generate_shapes
from nmn.nn.trainable import Loss
from nmn.training.curriculum import training_batches
from nmn.training.loop import LoopConfig, Progress, train


class Probe(Model):
    """Learns one number towards 3 and keeps what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.value = torch.nn.Parameter(torch.zeros(()))
        self.shown: list[Batch] = []

    def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
        self.shown.append(batch)
        noise = torch.rand((), generator=generator)
        total = (self.value - 3).square() + 0 * noise
        return Loss(total, {"square": total.item(), "noise": noise.item()})

    def predict(self, batch: Batch, *, traces: Chosen = False) -> Prediction:
        raise AssertionError("the loop does not predict", batch, traces)


@pytest.fixture(scope="module")
def data() -> ListDataset:
    return generate_shapes(ShapesWorldConfig(relation_counts=(1, 1, 1)), 0, "train", 48)


def run(
    data: ListDataset, config: LoopConfig, seed: int = 0, start: int = 0
) -> tuple[Probe, list[Progress]]:
    model = Probe()
    return model, list(steps(model, data, config, seed, start))


def steps(
    model: Model, data: ListDataset, config: LoopConfig, seed: int = 0, start: int = 0
) -> Iterator[Progress]:
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    rows = np.arange(len(data))
    batches = training_batches(data, rows, WordVocabulary(()), config, seed, start)
    return train(model, optimizer, batches, config, seed, start=start)


def test_it_learns_and_reports_each_step(data: ListDataset) -> None:
    model, reports = run(data, LoopConfig(steps=60, batch_size=4, learning_rate=0.2))
    assert model.value.item() == pytest.approx(3, abs=1e-3)
    assert [report.step for report in reports] == list(range(1, 61))
    assert reports[0].parts["square"] == reports[0].loss == 9
    assert {report.questions for report in reports} == {4}
    assert all(report.seconds > 0 for report in reports)
    assert not model.training


def test_the_rate_rises_and_falls_along_a_cosine() -> None:
    config = LoopConfig(steps=100, learning_rate=1.0, warmup=0.1)
    rates = [config.rate(step) for step in range(100)]
    assert rates[:10] == pytest.approx([(step + 1) / 11 for step in range(10)])
    assert rates[10] == 1
    assert rates[55] == pytest.approx((1 + math.cos(math.pi / 2)) / 2)
    assert rates[99] == pytest.approx(0, abs=1e-3)
    assert sorted(rates[10:], reverse=True) == rates[10:]


def test_an_epoch_shows_every_question_once(data: ListDataset) -> None:
    model, _ = run(data, LoopConfig(steps=12, batch_size=4))
    seen = [
        tuple(batch.pictures[row].flatten().tolist()) for batch in model.shown for row in range(4)
    ]
    assert len(seen) == 48
    assert len(set(seen)) == 48


def test_steps_do_not_depend_on_where_the_run_began(data: ListDataset) -> None:
    config = LoopConfig(steps=30, batch_size=5, curriculum=((7, 0), (13, 1)))
    whole, reports = run(data, config)
    late, rest = run(data, config, start=11)
    assert [b.questions for b in whole.shown[11:]] == [b.questions for b in late.shown]
    noises = [report.parts["noise"] for report in reports]
    assert noises[11:] == [report.parts["noise"] for report in rest]
    assert len(set(noises)) == 30


def test_seeds_change_the_order(data: ListDataset) -> None:
    config = LoopConfig(steps=3, batch_size=8)
    first, other = (run(data, config, seed=seed)[0] for seed in (0, 1))
    assert [b.questions for b in first.shown] != [b.questions for b in other.shown]


def test_a_loss_that_is_no_number_ends_the_run(data: ListDataset) -> None:
    class Broken(Probe):
        def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
            total = super().loss(batch, generator).total
            return Loss(total * torch.nan if len(self.shown) == 3 else total)

    with pytest.raises(
        NotFiniteError, match="step 3: wanted a finite number, the loss is nan"
    ) as e:
        list(steps(Broken(), data, LoopConfig(steps=9)))
    assert e.value.parts == ()


def test_the_parts_of_a_loss_that_are_not_finite_are_named(data: ListDataset) -> None:
    class Broken(Probe):
        def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
            total = super().loss(batch, generator).total * torch.inf
            return Loss(total, {"fine": 1.0, "masks": math.inf, "answers": math.nan})

    with pytest.raises(NotFiniteError) as caught:
        list(steps(Broken(), data, LoopConfig(steps=9)))
    error = caught.value
    assert (error.step, error.got, error.parts) == (1, math.inf, ("masks", "answers"))


def test_a_run_can_be_left_and_a_model_evaluated_between_steps(data: ListDataset) -> None:
    model = Probe()
    for progress in steps(model, data, LoopConfig(steps=9)):
        assert model.training
        model.eval()
        if progress.step == 2:
            break
    assert len(model.shown) == 2


def test_patience_needs_evaluations() -> None:
    with pytest.raises(ValidationError, match="wanted evaluate_every above 0"):
        LoopConfig(patience=2)


class _TooLarge(torch.autograd.Function):
    """A step whose gradient does not fit into memory."""

    @staticmethod
    def forward(_: Any, value: torch.Tensor) -> torch.Tensor:
        return value.clone()

    @staticmethod
    def backward(_: Any, gradient: torch.Tensor) -> torch.Tensor:
        return gradient * torch.empty(1 << 50).sum()


def test_a_gradient_that_does_not_fit_is_an_error_with_advice(data: ListDataset) -> None:
    class Hungry(Probe):
        def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
            return Loss(_TooLarge.apply(super().loss(batch, generator).total))  # type: ignore[no-untyped-call]

    model = Hungry()
    with pytest.raises(
        OutOfMemoryError, match=r"8 questions at once; nearest: training\.batch_size=4"
    ):
        next(steps(model, data, LoopConfig(batch_size=8)))


def test_other_errors_of_a_gradient_pass_through(data: ListDataset) -> None:
    class Wrong(Probe):
        def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
            return Loss(super().loss(batch, generator).total.detach())

    model = Wrong()
    with pytest.raises(RuntimeError, match="does not require grad"):
        next(steps(model, data, LoopConfig()))


def test_time_ends_a_training_and_lowers_its_rate() -> None:
    config = LoopConfig(steps=1000, minutes=2.0, learning_rate=1.0, warmup=0.1)
    assert not config.is_over(999, 119.9)
    assert config.is_over(1000, 0.0)
    assert config.is_over(1, 120.0)
    assert config.rate(550) == config.rate(0, 66.0) == config.rate(100, 66.0)
    assert config.rate(0, 120.0) == pytest.approx(0.0)
    endless = config.model_copy(update={"minutes": 0.0})
    assert not endless.is_over(1, 1e9)
    assert endless.rate(550, 1e9) == config.rate(550)
