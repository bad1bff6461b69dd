"""One run of the training loop, from its initial weights or where it stood, to its end."""

import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch

from nmn.config import Config
from nmn.errors import DataError, NotFiniteError
from nmn.nn.trainable import B, Trainable
from nmn.progress import Stage
from nmn.seeding import child_seed
from nmn.training.log import RunLog
from nmn.training.loop import LoopConfig, train
from nmn.training.state import STATE, Best, TrainingState, load_state, save_state

WINDOW = 100
"""Losses that a mean loss is taken over."""


M = TypeVar("M", bound=Trainable[Any])


@dataclass(frozen=True, eq=False)
class Start(Generic[M]):
    """What a run begins with.

    Attributes:
        build: makes a model whose weights are drawn, or those that training begins with.
        identity: what identifies the run; a state is only ever resumed by the same.
        fresh: whether the weights are drawn, so that others can be when training gets stuck.
    """

    build: Callable[[], M]
    identity: str
    fresh: bool = True


@dataclass(frozen=True, eq=False)
class Lessons(Generic[B]):
    """What a model learns from.

    Attributes:
        batches: those of the steps from a given one on.
        evaluate: tells rates on what is kept from training; the best `accuracy` is the best. None
            without such.
        begin: done with a model before its first step.
    """

    batches: Callable[[int], Iterable[B]]
    evaluate: Callable[[], Mapping[str, float]] | None = None
    begin: Callable[[], None] = lambda: None


def identity_of(preset: Config) -> str:
    """What tells a run by its settings from others."""
    text = preset.model_dump_json()
    return hashlib.sha256(text.encode()).hexdigest()


class Run(Generic[M, B]):
    """A run with its model and where it stands.

    Attributes:
        attempt: how often it began anew with other initial weights.
        done: steps done since then.
        recent: the losses of the last steps, up to `WINDOW`.
        seconds: that training has taken so far, with all attempts.
        saved: the step after which the newest state was saved; None without one.
        evaluated: the last rates on what is kept from training.
        best: the best weights by that, where they are kept.
    """

    def __init__(
        self, start: Start[M], config: LoopConfig, seed: int, folder: Path, device: str
    ) -> None:
        self.start, self.config, self.seed = start, config, seed
        self.folder, self.device = folder, device
        self.seconds = 0.0
        self.saved: int | None = None
        self.begin(0)

    def begin(self, attempt: int) -> None:
        """Start with the weights of an attempt."""
        torch.manual_seed(child_seed(self.seed, "weights", *["again"] * attempt))
        self.model = self.start.build().to(self.device)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=self.config.learning_rate,
            weight_decay=self.config.weight_decay,
            fused=True,
        )
        self.attempt, self.done = attempt, 0
        self.recent: deque[float] = deque(maxlen=WINDOW)
        self.evaluated: dict[str, float] = {}
        self.best: Best | None = None

    def resume(self) -> None:
        """Go on from the newest state, if there is one."""
        state = load_state(self.folder, self.model, self.optimizer, self.start.identity)
        if state is not None:
            if not 0 < state.step < self.config.steps:
                raise DataError(str(self.folder), f"damaged: a state after step {state.step}")
            self.attempt, self.done = state.attempt, state.step
            self.saved = state.step
            self.seconds, self.best = state.seconds, state.best
            self.recent.extend(state.recent)

    def finish(self, lessons: Lessons[B], log: RunLog, stage: Stage) -> None:
        """Train to the end, from other initial weights where it gets stuck.

        Raises:
            NotFiniteError: a loss or weight is not a finite number.
        """
        try:
            while not self._finished(lessons, log, stage):
                self.begin(self.attempt + 1)
        except NotFiniteError as error:
            raise replace(error, kept=self._kept()) from error

    def metrics(self) -> dict[str, Any]:
        """The mean loss of the last steps, and the rates on what was kept from training."""
        metrics: dict[str, Any] = {"loss": self._loss()}
        if self.best is not None:
            return metrics | {"accuracy": self.best.accuracy, "best_step": self.best.step}
        return metrics | self.evaluated

    def made(self, resumed_at: int) -> dict[str, Any]:
        """What a checkpoint tells of the run."""
        return {
            "training_seconds": round(self.seconds, 1),
            "steps": self.done,
            "resumed_at": resumed_at,
            "restarts": self.attempt,
            "metrics": self.metrics(),
        }

    def _finished(self, lessons: Lessons[B], log: RunLog, stage: Stage) -> bool:
        """Train to the end; False if it got stuck on the way."""
        config = self.config
        what = "training" if self.attempt == 0 else f"training, start {self.attempt + 1}"
        began = time.perf_counter() - self.seconds
        if not self.done:
            lessons.begin()
        batches = lessons.batches(self.done)
        for progress in train(
            self.model,
            self.optimizer,
            batches,
            config,
            self.seed,
            start=self.done,
            seconds=self.seconds,
        ):
            self.done = progress.step
            self.recent.append(progress.loss)
            self.seconds = time.perf_counter() - began
            log.step(self.attempt, progress, self.seconds)
            if self._is_stuck():
                return False
            done, whole = self._share()
            stage(what, done, whole, f"loss {self._loss():.4f}")
            last = config.is_over(self.done, self.seconds)
            if lessons.evaluate is not None and (last or self._evaluates()):
                self.evaluated = dict(lessons.evaluate())
                took = {"seconds": round(self.seconds, 2)}
                log.write(self.attempt, self.done, {**self.evaluated, **took})
                if config.patience and self._waited_long_enough(self.evaluated["accuracy"]):
                    break
            if last or self.done % config.checkpoint_every == 0:
                self._check_weights()
                if not last:
                    self._save()
            if last:
                break
        if self.best is not None:
            self.model.load_state_dict(dict(self.best.weights))
        self.model.eval()
        return True

    def _share(self) -> tuple[int, int]:
        """What is done, and of what: steps, or seconds where these end the training."""
        steps, limit = self.config.steps, self.config.minutes * 60
        if limit and self.seconds / limit > self.done / steps:
            return min(int(self.seconds), int(limit)), int(limit)
        return self.done, steps

    def _loss(self) -> float:
        return sum(self.recent) / len(self.recent)

    def _evaluates(self) -> bool:
        every = self.config.evaluate_every
        return bool(every) and self.done % every == 0

    def _is_stuck(self) -> bool:
        config = self.config
        return (
            self.done == config.stuck_after
            and self.start.fresh
            and self.attempt < config.restarts
            and self._loss() > config.stuck_loss
        )

    def _waited_long_enough(self, found: float) -> bool:
        """Keep the weights if they are the best; whether there were none for too long."""
        if self.best is None or found > self.best.accuracy:
            weights = self.model.state_dict().items()
            self.best = Best(self.done, found, {n: v.detach().cpu().clone() for n, v in weights})
        return self.done - self.best.step >= self.config.patience * self.config.evaluate_every

    def _check_weights(self) -> None:
        """Whether they are worth keeping: a gradient may fail where the loss did not."""
        for name, value in self.model.named_parameters():
            bad = value.detach()[~value.detach().isfinite()]
            if len(bad):
                raise NotFiniteError(self.done, f"weight '{name}'", bad[0].item())

    def _kept(self) -> str:
        if self.saved is None:
            return "no state was saved before it"
        return f"the state after step {self.saved} is kept in {self.folder / STATE}"

    def _save(self) -> None:
        state = TrainingState(self.done, self.attempt, tuple(self.recent), self.seconds, self.best)
        save_state(self.folder, self.model, self.optimizer, state, self.start.identity)
        self.saved = self.done
