"""A whole training run: data, model, loop, checkpoint."""

import hashlib
import time
from collections import deque
from pathlib import Path
from typing import Any

import torch

from nmn.data.example import Dataset
from nmn.data.loader import BatchLoader, Indices
from nmn.data.vocabulary import WordVocabulary, vocabulary_of
from nmn.errors import DataError
from nmn.execution.base import Model
from nmn.nn.threads import cpu_threads
from nmn.progress import Stage, silent
from nmn.seeding import child_seed
from nmn.training.checkpoint import Checkpoint, begin_with, save_checkpoint
from nmn.training.curriculum import split_off, training_batches, without_picture
from nmn.training.data import domain_of_preset, training_data
from nmn.training.log import RunLog
from nmn.training.loop import train
from nmn.training.models import build_model, supervision_of
from nmn.training.preset import TrainPreset
from nmn.training.state import Best, TrainingState, discard_state, load_state, save_state

WINDOW = 100
"""Losses that a mean loss is taken over."""


def run_training(
    preset: TrainPreset,
    folder: Path,
    *,
    resume: bool = False,
    device: str = "cpu",
    tensorboard: bool = False,
    stage: Stage = silent,
) -> Checkpoint:
    """Generate the preset's data, train, and write a checkpoint folder.

    Args:
        tensorboard: whether to write TensorBoard's files beside the log.

    Raises:
        ConfigError: there is no such data, or the run comes to nothing.
        UnknownNameError: there is no such checkpoint to begin with.
        DataError: files cannot be written, or the state to resume is of another run.
    """
    started = time.perf_counter()
    run = _Run(preset, folder, device)
    if resume:
        run.resume()
    resumed_at = run.done
    data = training_data(preset, stage)
    kept_for = preset.training.evaluate_questions if preset.training.evaluate_every else 0
    rows, kept = split_off(data, kept_for, preset.seed)
    words = vocabulary_of(without_picture(data, row).tokens for row in range(len(data)))
    data_seconds = time.perf_counter() - started
    every = preset.training.log_every
    log = RunLog(folder, every, run.attempt, run.done, tensorboard=tensorboard)
    with cpu_threads(preset.training.threads):
        while not run.finished(data, rows, kept, words, log, stage):
            run.begin(run.attempt + 1)
    log.close()
    made = {
        "data": data.name,
        "examples": len(rows),
        "supervision": supervision_of(preset.model),
        "seconds": round(time.perf_counter() - started, 1),
        "data_seconds": round(data_seconds, 1),
        "training_seconds": round(run.seconds, 1),
        "steps": run.done,
        "resumed_at": resumed_at,
        "restarts": run.attempt,
        "metrics": run.metrics(),
    }
    checkpoint = Checkpoint(run.model.cpu(), preset, words, made)
    save_checkpoint(folder, checkpoint)
    discard_state(folder)
    return checkpoint


def accuracy(
    model: Model, data: Dataset, rows: Indices, vocabulary: WordVocabulary, batch_size: int
) -> float:
    """The share of questions that a model answers rightly, given their programs."""
    model.eval()
    device = next(model.parameters()).device
    correct = 0
    for batch in BatchLoader(data, vocabulary, batch_size, 0, questions=rows).epoch(0):
        best = model.predict(batch.to(device)).log_probabilities.cpu().max(1)
        # A program that failed has no answer.
        correct += int(((best.indices == batch.answers) & (best.values > -torch.inf)).sum())
    return correct / len(rows)


class _Run:
    """A run with its model and where it stands.

    Attributes:
        attempt: how often it began anew with other initial weights.
        done: steps done since then.
        recent: the losses of the last steps, up to `WINDOW`.
        seconds: that training has taken so far, with all attempts.
        evaluated: the last accuracy on the questions that are kept from training.
        best: the best weights by that, where they are kept.
    """

    def __init__(self, preset: TrainPreset, folder: Path, device: str) -> None:
        self.preset, self.folder, self.device = preset, folder, device
        self.identity = hashlib.sha256(preset.model_dump_json().encode()).hexdigest()
        self.seconds = 0.0
        self.begin(0)

    def begin(self, attempt: int) -> None:
        """Start with the weights of an attempt."""
        torch.manual_seed(child_seed(self.preset.seed, "weights", *["again"] * attempt))
        self.model = build_model(domain_of_preset(self.preset), self.preset.model).to(self.device)
        begin_with(self.preset, self.model)
        config = self.preset.training
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=True,
        )
        self.attempt, self.done = attempt, 0
        self.recent: deque[float] = deque(maxlen=WINDOW)
        self.evaluated: float | None = None
        self.best: Best | None = None

    def resume(self) -> None:
        """Go on from the newest state, if there is one."""
        state = load_state(self.folder, self.model, self.optimizer, self.identity)
        if state is not None:
            if not 0 < state.step < self.preset.training.steps:
                raise DataError(str(self.folder), f"damaged: a state after step {state.step}")
            self.attempt, self.done = state.attempt, state.step
            self.seconds, self.best = state.seconds, state.best
            self.recent.extend(state.recent)

    def finished(
        self,
        data: Dataset,
        rows: Indices,
        kept: Indices,
        words: WordVocabulary,
        log: RunLog,
        stage: Stage,
    ) -> bool:
        """Train to the end; False if it got stuck on the way."""
        config, seed = self.preset.training, self.preset.seed
        what = "training" if self.attempt == 0 else f"training, start {self.attempt + 1}"
        batches = training_batches(data, rows, words, config, seed, self.done)
        began = time.perf_counter() - self.seconds
        for progress in train(self.model, self.optimizer, batches, config, seed, start=self.done):
            self.done = progress.step
            self.recent.append(progress.loss)
            self.seconds = time.perf_counter() - began
            log.step(self.attempt, progress, self.seconds)
            if self._is_stuck():
                return False
            stage(what, self.done, config.steps, f"loss {self._loss():.4f}")
            last = self.done == config.steps
            if len(kept) and (last or self.done % config.evaluate_every == 0):
                self.evaluated = accuracy(self.model, data, kept, words, config.batch_size)
                log.write(self.attempt, self.done, {"accuracy": self.evaluated})
                if config.patience and self._waited_long_enough(self.evaluated):
                    break
            if self.done % config.checkpoint_every == 0 and not last:
                self._save()
        if self.best is not None:
            self.model.load_state_dict(dict(self.best.weights))
        self.model.eval()
        return True

    def metrics(self) -> dict[str, Any]:
        """The mean loss of the last steps, and the accuracy on what was kept from training."""
        metrics: dict[str, Any] = {"loss": self._loss()}
        if self.best is not None:
            metrics |= {"accuracy": self.best.accuracy, "best_step": self.best.step}
        elif self.evaluated is not None:
            metrics["accuracy"] = self.evaluated
        return metrics

    def _loss(self) -> float:
        return sum(self.recent) / len(self.recent)

    def _is_stuck(self) -> bool:
        config = self.preset.training
        return (
            self.done == config.stuck_after
            and not self.preset.initial
            and self.attempt < config.restarts
            and self._loss() > config.stuck_loss
        )

    def _waited_long_enough(self, found: float) -> bool:
        """Keep the weights if they are the best; whether there were none for too long."""
        config = self.preset.training
        if self.best is None or found > self.best.accuracy:
            weights = self.model.state_dict().items()
            self.best = Best(self.done, found, {n: v.detach().cpu().clone() for n, v in weights})
        return self.done - self.best.step >= config.patience * config.evaluate_every

    def _save(self) -> None:
        state = TrainingState(self.done, self.attempt, tuple(self.recent), self.seconds, self.best)
        save_state(self.folder, self.model, self.optimizer, state, self.identity)
