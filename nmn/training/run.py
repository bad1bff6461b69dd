"""A whole training run of a model that looks at pictures: data, model, loop, checkpoint."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from nmn.baselines.answerer import AnswererConfig
from nmn.data.batch import Batch
from nmn.data.example import Dataset
from nmn.data.loader import BatchLoader, Indices
from nmn.data.vocabulary import WordVocabulary, vocabulary_of
from nmn.data.words import words_of
from nmn.execution.base import Model
from nmn.execution.induced import InducedConfig, InducedNetwork
from nmn.nn.threads import cpu_threads
from nmn.policies.templates import content_words, domain_of_words
from nmn.progress import Stage, silent
from nmn.training.attempts import Lessons, Run, Start, identity_of
from nmn.training.checkpoint import (
    GRAMMAR,
    INDUCED,
    Checkpoint,
    begin_with,
    save_checkpoint,
)
from nmn.training.curriculum import split_off, training_batches, without_picture
from nmn.training.data import domain_of_preset, training_data
from nmn.training.log import RunLog
from nmn.training.loop import LoopConfig
from nmn.training.models import build_model, stem_of, supervision_of
from nmn.training.preset import TrainPreset
from nmn.training.room import check_room
from nmn.training.state import discard_state


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
        ConfigError: there is no such data.
        NotFiniteError: a loss or weight is not a finite number.
        OutOfMemoryError: a batch will not fit into memory.
        UnknownNameError: there is no such checkpoint to begin with.
        DataError: files cannot be written, or the state to resume is of another run.
    """
    started = time.perf_counter()
    config, domain = preset.training, domain_of_preset(preset)
    data = words = None
    if isinstance(preset.model, InducedConfig | AnswererConfig):
        # What the model is like depends on the words of its questions.
        data = training_data(preset, stage, device)
        words = _words(data)
    if isinstance(preset.model, InducedConfig) and data is not None:
        said = (words_of(without_picture(data, row).question) for row in range(len(data)))
        domain = domain_of_words(domain, content_words(said))

    def build() -> Model:
        model = build_model(domain, preset.model, words or WordVocabulary(()))
        begin_with(preset, model)
        stem_of(model).requires_grad_(not preset.frozen_stem)
        return model

    run: Run[Model, Batch] = Run(
        Start(build, identity_of(preset), not preset.initial), config, preset.seed, folder, device
    )
    if resume:
        run.resume()
    resumed_at = run.done
    data = data or training_data(preset, stage, device)
    kept_for = config.evaluate_questions if config.evaluate_every else 0
    rows, kept = split_off(data, kept_for, preset.seed)
    words = words or _words(data)
    data_seconds = time.perf_counter() - started

    def batches(start: int, config: LoopConfig = config) -> Iterator[Batch]:
        pictures = run.model.sees_pictures
        return training_batches(data, rows, words, config, preset.seed, start, pictures=pictures)

    def first(count: int) -> Batch:
        return next(batches(0, config.model_copy(update={"batch_size": count})))

    def evaluate() -> dict[str, float]:
        return {"accuracy": accuracy(run.model, data, kept, words, config.batch_size)}

    log = RunLog(folder, config.log_every, run.attempt, run.done, tensorboard=tensorboard)
    with cpu_threads(config.threads):
        check_room(run.model, first, config.batch_size)
        run.finish(Lessons(batches, evaluate if len(kept) else None), log, stage)
    log.close()
    made = {
        "data": data.name,
        "examples": len(rows),
        "supervision": supervision_of(preset.model),
        "seconds": round(time.perf_counter() - started, 1),
        "data_seconds": round(data_seconds, 1),
        **run.made(resumed_at),
    }
    parser = INDUCED if isinstance(preset.model, InducedConfig) else GRAMMAR
    checkpoint = Checkpoint(run.model.cpu(), preset, words, made, parser)
    save_checkpoint(folder, checkpoint)
    discard_state(folder)
    return checkpoint


def _words(data: Dataset) -> WordVocabulary:
    return vocabulary_of(without_picture(data, row).tokens for row in range(len(data)))


def accuracy(
    model: Model, data: Dataset, rows: Indices, vocabulary: WordVocabulary, batch_size: int
) -> float:
    """The share of questions that a model answers rightly, given their programs."""
    model.eval()
    device = next(model.parameters()).device
    correct = 0
    loader = BatchLoader(
        data, vocabulary, batch_size, 0, questions=rows, pictures=model.sees_pictures
    )
    for batch in loader.epoch(0):
        asked = batch.to(device)
        if isinstance(model, InducedNetwork):  # which has layouts of its own
            asked = replace(asked, programs=(None,) * len(batch))
        best = model.predict(asked).log_probabilities.cpu().max(1)
        # A program that failed has no answer.
        correct += int(((best.indices == batch.answers) & (best.values > -torch.inf)).sum())
    return correct / len(rows)
