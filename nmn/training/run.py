"""A whole training run: data, model, loop, checkpoint."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from nmn.data.example import ListDataset
from nmn.data.vocabulary import vocabulary_of
from nmn.domain import load_domain
from nmn.execution.network import ModuleNetwork
from nmn.generate.shapes import generate_shapes
from nmn.seeding import child_seed
from nmn.training.checkpoint import (
    Checkpoint,
    discard_state,
    load_state,
    save_checkpoint,
    save_state,
)
from nmn.training.loop import Progress, train
from nmn.training.preset import TrainPreset

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
    data = training_data(preset, stage)
    torch.manual_seed(child_seed(preset.seed, "weights"))
    model = ModuleNetwork(load_domain(preset.domain), preset.model).to(device)
    vocabulary = vocabulary_of(example.tokens for example in data)
    optimizer = torch.optim.Adam(model.parameters(), lr=preset.training.learning_rate)
    run = hashlib.sha256(preset.model_dump_json().encode()).hexdigest()
    done = load_state(folder, model, optimizer, run) if resume else 0
    losses: list[float] = []

    def report(progress: Progress) -> None:
        losses.append(progress.loss)
        stage("training", progress.step, preset.training.steps)
        if progress.step % preset.training.checkpoint_every == 0:
            save_state(folder, model, optimizer, progress.step, run)

    with cpu_threads(preset.training.threads):
        train(
            model,
            optimizer,
            data,
            vocabulary,
            preset.training,
            preset.seed,
            start=done,
            report=report,
        )
    recent = losses[-100:]
    made = {
        "data": data.name,
        "examples": len(data),
        "seconds": round(time.perf_counter() - started, 1),
        "resumed_at": done,
        "metrics": {"loss": sum(recent) / len(recent) if recent else None},
    }
    checkpoint = Checkpoint(model.cpu(), preset, vocabulary, made)
    save_checkpoint(folder, checkpoint)
    discard_state(folder)
    return checkpoint


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """Let torch use `count` threads on the CPU within the `with`."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


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
