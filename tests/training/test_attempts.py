"""One run, with a model of a single weight whose losses are known by hand."""

import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from nmn.errors import DataError, NotFiniteError
from nmn.nn.trainable import Loss, Trainable
from nmn.progress import silent
from nmn.training.attempts import WINDOW, Lessons, Run, Start, identity_of
from nmn.training.log import RunLog, log_lines, log_of
from nmn.training.loop import LoopConfig
from nmn.training.state import STATE, TrainingState, save_state
from tests.training.tiny_parsers import mini_preset

CONFIG = LoopConfig(steps=6, checkpoint_every=2, log_every=1)


class Weight(Trainable[Tensor]):
    """Its loss is what the batch says, whatever the weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(()))

    def loss(self, batch: Tensor, generator: torch.Generator) -> Loss:
        assert self.training
        assert generator.device.type == "cpu"
        return Loss(batch.sum() + self.weight * 0.0)


def run_of(
    folder: Path, config: LoopConfig = CONFIG, *, fresh: bool = True, identity: str = "me"
) -> Run[Weight, Tensor]:
    return Run(Start(Weight, identity, fresh), config, 3, folder, "cpu")


def lessons(begun: list[int], rates: Iterator[float] | None = None) -> Lessons[Tensor]:
    """The loss of a step is its number, counted from 0."""

    def evaluate() -> dict[str, float]:
        assert rates is not None
        return {"accuracy": next(rates)}

    def batches(start: int) -> Iterator[Tensor]:
        return (torch.tensor([float(step)]) for step in range(start, 1000))

    return Lessons(batches, None if rates is None else evaluate, lambda: begun.append(1))


def finish(run: Run[Weight, Tensor], folder: Path, what: Lessons[Tensor]) -> None:
    log = RunLog(folder, run.config.log_every, run.attempt, run.done)
    run.finish(what, log, silent)
    log.close()


def test_a_run_ends_with_the_mean_of_its_losses(tmp_path: Path) -> None:
    run, begun = run_of(tmp_path), list[int]()
    finish(run, tmp_path, lessons(begun))
    assert (run.done, run.attempt, begun) == (6, 0, [1])
    assert run.metrics() == {"loss": 2.5}
    made = run.made(0)
    assert (made["steps"], made["restarts"], made["resumed_at"]) == (6, 0, 0)
    assert not run.model.training
    assert [line["loss"] for line in log_lines(log_of(tmp_path))] == [0, 1, 2, 3, 4, 5]


def test_the_mean_is_over_the_last_losses(tmp_path: Path) -> None:
    config = LoopConfig(steps=WINDOW + 10, checkpoint_every=1000)
    run = run_of(tmp_path, config)
    finish(run, tmp_path, lessons([]))
    assert len(run.recent) == WINDOW
    assert run.metrics()["loss"] == sum(range(10, WINDOW + 10)) / WINDOW


def test_the_weights_of_an_attempt_depend_on_its_number_alone(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    first = run.model.weight.item()
    run.begin(1)
    second = run.model.weight.item()
    assert first != second
    assert run_of(tmp_path).model.weight.item() == first
    run.begin(1)
    assert run.model.weight.item() == second


@pytest.mark.parametrize(
    ("fresh", "loss", "restarts"), [(True, 0.4, 3), (True, 0.5, 0), (False, 0.4, 0)]
)
def test_a_run_begins_anew_while_its_loss_is_too_high(
    tmp_path: Path, fresh: bool, loss: float, restarts: int
) -> None:
    config = CONFIG.model_copy(update={"stuck_after": 2, "stuck_loss": loss})
    run, begun = run_of(tmp_path, config, fresh=fresh), list[int]()
    finish(run, tmp_path, lessons(begun))
    assert (run.attempt, run.done) == (restarts, 6)
    assert len(begun) == restarts + 1


def test_it_goes_on_from_the_newest_state_without_beginning_again(tmp_path: Path) -> None:
    run, begun = run_of(tmp_path), list[int]()

    def stage(what: str, done: int, total: int | None, note: str = "") -> None:
        if done == 5:
            raise KeyboardInterrupt(what, total, note)

    with pytest.raises(KeyboardInterrupt):
        run.finish(lessons(begun), RunLog(tmp_path, 1, 0, 0), stage)
    again = run_of(tmp_path)
    again.resume()
    assert (again.done, list(again.recent)) == (4, [0, 1, 2, 3])
    finish(again, tmp_path, lessons(begun))
    assert begun == [1]
    assert again.metrics() == {"loss": 2.5}


def test_without_a_state_there_is_nothing_to_go_on_from(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    run.resume()
    assert (run.done, run.attempt) == (0, 0)


@pytest.mark.parametrize("step", [0, 6, 60])
def test_a_state_that_cannot_be_is_damaged(tmp_path: Path, step: int) -> None:
    run = run_of(tmp_path)
    save_state(tmp_path, run.model, run.optimizer, TrainingState(step), "me")
    with pytest.raises(DataError, match=f"damaged: a state after step {step}"):
        run.resume()


def test_a_state_of_another_run_is_refused(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    save_state(tmp_path, run.model, run.optimizer, TrainingState(3), "other")
    with pytest.raises(DataError, match="another configuration"):
        run.resume()


def test_without_patience_the_last_rates_are_told(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"evaluate_every": 4})
    run = run_of(tmp_path, config)
    finish(run, tmp_path, lessons([], iter([0.75, 0.5])))
    assert run.metrics() == {"loss": 2.5, "accuracy": 0.5}
    assert run.best is None


def test_with_patience_it_ends_with_the_best(tmp_path: Path) -> None:
    config = LoopConfig(steps=50, evaluate_every=2, patience=2, learning_rate=0.1)
    run = run_of(tmp_path, config)
    finish(run, tmp_path, lessons([], iter([0.25, 0.75, 0.5, 0.75, 1.0])))
    assert run.done == 8
    assert run.metrics() == {"loss": 3.5, "accuracy": 0.75, "best_step": 4}
    assert run.best is not None
    assert torch.equal(run.model.weight.detach(), run.best.weights["weight"])


def test_settings_tell_runs_apart() -> None:
    assert identity_of(mini_preset()) == identity_of(mini_preset())
    others = ("seed=1", "decoding.room=20", "initial=x", "learning.scenes=2")
    named = {identity_of(mini_preset(setting)) for setting in others}
    assert len(named | {identity_of(mini_preset())}) == 5


def broken_at(step: int) -> Lessons[Tensor]:
    """The loss of this step, counted from 0, is not a number."""

    def batches(start: int) -> Iterator[Tensor]:
        return (torch.tensor([math.nan if n == step else 1.0]) for n in range(start, 1000))

    return Lessons(batches)


@pytest.mark.parametrize("step", [0, 1])
def test_a_loss_that_is_no_number_before_any_state_is_told_so(tmp_path: Path, step: int) -> None:
    with pytest.raises(NotFiniteError, match="no state was saved before it; look at") as caught:
        finish(run_of(tmp_path), tmp_path, broken_at(step))
    assert caught.value.step == step + 1
    assert not (tmp_path / STATE).exists()


def test_a_loss_that_is_no_number_names_the_state_that_is_kept(tmp_path: Path) -> None:
    kept = f"the state after step 2 is kept in {tmp_path / STATE}; look at training.learning_rate"
    with pytest.raises(NotFiniteError, match=re.escape(kept)):
        finish(run_of(tmp_path), tmp_path, broken_at(3))
    again = run_of(tmp_path)
    again.resume()
    assert again.done == 2
    with pytest.raises(NotFiniteError, match=re.escape(kept)):
        finish(again, tmp_path, broken_at(2))


class Fragile(Weight):
    """Its loss is finite, and the gradient of the third step is not."""

    def loss(self, batch: Tensor, generator: torch.Generator) -> Loss:
        found = super().loss(batch, generator)
        if batch.item() != 2.0:
            return found
        return Loss(found.total + (self.weight * 0.0).sqrt())


def test_weights_that_are_no_numbers_never_replace_good_ones(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"checkpoint_every": 1})
    run: Run[Fragile, Tensor] = Run(Start(Fragile, "me"), config, 3, tmp_path, "cpu")
    log = RunLog(tmp_path, 1, 0, 0)
    with pytest.raises(NotFiniteError, match=r"step 3: .* weight 'weight' is nan; .* step 2 "):
        run.finish(lessons([]), log, silent)
    again = run_of(tmp_path)
    again.resume()
    assert again.done == 2
    assert again.model.weight.isfinite()


def test_a_run_does_not_end_with_weights_that_are_no_numbers(tmp_path: Path) -> None:
    config = LoopConfig(steps=3)
    run: Run[Fragile, Tensor] = Run(Start(Fragile, "me"), config, 3, tmp_path, "cpu")
    with pytest.raises(NotFiniteError, match=r"step 3: .* weight 'weight' is nan"):
        run.finish(lessons([]), RunLog(tmp_path, 1, 0, 0), silent)


def test_a_run_ends_when_its_minutes_are_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 10_000, 5))  # five seconds pass whenever somebody looks
    monkeypatch.setattr("time.perf_counter", lambda: float(next(clock)))
    config = LoopConfig(steps=1000, minutes=1.0, checkpoint_every=2, log_every=1)
    run = run_of(tmp_path, config)
    told: list[tuple[int, int | None]] = []

    def stage(what: str, done: int, total: int | None, note: str = "") -> None:
        assert (what, note[:5]) == ("training", "loss ")
        told.append((done, total))

    run.finish(lessons([]), RunLog(tmp_path, 1, 0, 0), stage)
    assert 1 < run.done < 12
    assert run.seconds >= 60
    assert told[-1] == (60, 60)
    assert run.made(0)["steps"] == run.done
