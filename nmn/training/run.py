"""A whole training run: data, model, loop, checkpoint."""

import hashlib
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import torch

from nmn.data.example import ListDataset
from nmn.data.vocabulary import WordVocabulary, vocabulary_of
from nmn.domain import load_domain
from nmn.errors import DataError
from nmn.execution.network import ModuleNetwork
from nmn.generate.shapes import generate_shapes
from nmn.nn.threads import cpu_threads
from nmn.seeding import child_seed
from nmn.training.checkpoint import (
    Checkpoint,
    TrainingState,
    discard_state,
    load_state,
    save_checkpoint,
    save_state,
)
from nmn.training.loop import Progress, train
from nmn.training.preset import TrainPreset

WINDOW = 100
"""Losses that a mean loss is taken over."""

Stage = Callable[[str, int, int], None]
"""Told of progress: what is being done, how much of it is done, how much there is."""


def run_training(
    preset: TrainPreset,
    folder: Path,
    *,
    resume: bool = False,
    device: str = "cpu",
    stage: Stage = lambda what, done, total: None,
) -> Checkpoint:
    """Generate the preset's data, train, and write a checkpoint folder.

    Raises:
        DataError: files cannot be written, or the state to resume is of another run.
    """
    started = time.perf_counter()
    run = _Run(preset, folder, device)
    if resume:
        run.resume()
    resumed_at = run.done
    data = training_data(preset, stage)
    vocabulary = vocabulary_of(example.tokens for example in data)
    training_started = time.perf_counter()
    with cpu_threads(preset.training.threads):
        while not run.finished(data, vocabulary, stage):
            run.begin(run.attempt + 1)
    made = {
        "data": data.name,
        "examples": len(data),
        "seconds": round(time.perf_counter() - started, 1),
        "training_seconds": round(time.perf_counter() - training_started, 1),
        "resumed_at": resumed_at,
        "restarts": run.attempt,
        "metrics": {"loss": sum(run.recent) / len(run.recent)},
    }
    checkpoint = Checkpoint(run.model.cpu(), preset, vocabulary, made)
    save_checkpoint(folder, checkpoint)
    discard_state(folder)
    return checkpoint


class _StuckError(Exception):
    """The loss says that these initial weights lead nowhere."""


class _Run:
    """A run with its model and where it stands.

    Attributes:
        attempt: how often it began anew with other initial weights.
        done: steps done since then.
        recent: the losses of the last steps, up to `WINDOW`.
    """

    def __init__(self, preset: TrainPreset, folder: Path, device: str) -> None:
        self.preset, self.folder, self.device = preset, folder, device
        self.identity = hashlib.sha256(preset.model_dump_json().encode()).hexdigest()
        self.begin(0)

    def begin(self, attempt: int) -> None:
        """Start with the weights of an attempt."""
        torch.manual_seed(child_seed(self.preset.seed, "weights", *["again"] * attempt))
        domain = load_domain(self.preset.domain)
        self.model = ModuleNetwork(domain, self.preset.model).to(self.device)
        rate = self.preset.training.learning_rate
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=rate, fused=True)
        self.attempt, self.done = attempt, 0
        self.recent: deque[float] = deque(maxlen=WINDOW)

    def resume(self) -> None:
        """Go on from the newest state, if there is one."""
        state = load_state(self.folder, self.model, self.optimizer, self.identity)
        if state is not None:
            if not 0 < state.step <= self.preset.training.steps:
                raise DataError(str(self.folder), f"damaged: a state after step {state.step}")
            self.attempt, self.done = state.attempt, state.step
            self.recent.extend(state.recent)

    def finished(self, data: ListDataset, vocabulary: WordVocabulary, stage: Stage) -> bool:
        """Train to the end; False if it got stuck on the way."""
        config = self.preset.training
        what = "training" if self.attempt == 0 else f"training, start {self.attempt + 1}"

        def report(progress: Progress) -> None:
            self.recent.append(progress.loss)
            if progress.step == config.stuck_after and self.attempt < config.restarts:
                self._check(config.stuck_loss)
            stage(what, progress.step, config.steps)
            if progress.step % config.checkpoint_every == 0:
                state = TrainingState(progress.step, self.attempt, tuple(self.recent))
                save_state(self.folder, self.model, self.optimizer, state, self.identity)

        model, optimizer, seed = self.model, self.optimizer, self.preset.seed
        try:
            train(model, optimizer, data, vocabulary, config, seed, start=self.done, report=report)
        except _StuckError:
            return False
        return True

    def _check(self, most: float) -> None:
        if sum(self.recent) / len(self.recent) > most:
            raise _StuckError


def training_data(
    preset: TrainPreset, stage: Stage = lambda what, done, total: None
) -> ListDataset:
    """The generated training split of a preset."""
    count = preset.data.examples
    return generate_shapes(
        preset.data.world,
        preset.seed,
        "train",
        count,
        progress=lambda done: stage("generating questions", done, count),
    )
