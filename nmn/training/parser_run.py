"""A whole training run of a parser: questions, policy, loop, checkpoint."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nmn.data.question_set import QuestionSet, Rows
from nmn.data.vocabulary import WordVocabulary, vocabulary_of
from nmn.errors import ConfigError, DataError
from nmn.nn.threads import cpu_threads
from nmn.policies.base import Policy
from nmn.policies.decode import Decoding
from nmn.policies.judge import Judge
from nmn.policies.learner import PolicyLearner, given_programs
from nmn.policies.parsers import ParserModel, build_parser
from nmn.policies.retrieval import Retrieval
from nmn.policies.spoken import Spoken
from nmn.program.tokens import TokenVocabulary
from nmn.progress import Stage, silent
from nmn.seeding import child_seed, generator
from nmn.training.attempts import Lessons, Run, Start, identity_of
from nmn.training.curriculum import Stages, stages_of
from nmn.training.judges import MODULES, build_judge, save_modules
from nmn.training.log import RunLog
from nmn.training.loop import LoopConfig
from nmn.training.parser_checkpoint import ParserCheckpoint, load_parser, save_parser
from nmn.training.parser_preset import ParserPreset
from nmn.training.parser_report import MEASURES, parsed, parser_report
from nmn.training.question_data import domain_of_questions, training_questions, with_recombined
from nmn.training.state import discard_state
from nmn.training.stored import discard_stored, find_checkpoint


@dataclass(frozen=True)
class HowToRun:
    """What does not change what comes out of a run.

    Attributes:
        folder: of the checkpoint.
        resume: whether to go on where an interrupted run stopped.
        tensorboard: whether to write TensorBoard's files beside the log.
    """

    folder: Path
    resume: bool = False
    device: str = "cpu"
    tensorboard: bool = False
    stage: Stage = silent


def train_parser(preset: ParserPreset, how: HowToRun) -> ParserCheckpoint:
    """Get the preset's questions, train, and write a checkpoint folder.

    Raises:
        ConfigError: there is no such data, or the run comes to nothing.
        UnknownNameError: there is no such checkpoint to begin with.
        DataError: files cannot be read or written, or the state to resume is of another run.
        NotFiniteError: a loss or a weight is no number any more.
    """
    started = time.perf_counter()
    every = training_questions(preset, how.stage)
    tokens = TokenVocabulary(domain_of_questions(preset, every))
    data, kept = _split_off(preset, every)
    asked = len(data)
    data = with_recombined(preset, data, how.stage)
    data_seconds = time.perf_counter() - started
    begun = None if not preset.initial else load_parser(find_checkpoint(preset.initial)).model
    words = begun.words if begun is not None else _words(data)

    def build() -> ParserModel:
        model = build_parser(preset.parser, words, tokens)
        if begun is not None:
            _begin_with(model, begun, str(preset.initial))
        return model

    model = build()
    judge: Judge | None = None
    with cpu_threads(preset.training.threads):
        if isinstance(model, Retrieval):
            made = _remembered(model, preset, data)
        else:
            learner, made = _trained(preset, data, kept, build, how)
            model, judge = learner.policy, learner.judge
    made = {
        "examples": len(data),
        "programs": sum(program is not None for program in data.programs),
        "recombined": len(data) - asked,
        "seconds": round(time.perf_counter() - started, 1),
        "data_seconds": round(data_seconds, 1),
        **made,
    }
    checkpoint = ParserCheckpoint(model.cpu(), preset, made)
    discard_stored(how.folder / MODULES)  # those of an earlier run
    save_parser(how.folder, checkpoint)
    save_modules(how.folder, judge, preset, words, made)
    discard_state(how.folder)
    return checkpoint


def question_batches(
    stages: Stages, config: LoopConfig, seed: int, start: int = 0
) -> Iterator[Tensor]:
    """The questions of the steps from `start` on: one epoch after the other of each stage."""
    begin = 0
    for number, (end, allowed) in enumerate(stages):
        batches = -(-len(allowed) // config.batch_size)
        for step in range(max(begin, start), end):
            epoch, place = divmod(step - begin, batches)
            order = generator(seed, "stage", number, "epoch", epoch).permutation(allowed)
            batch = order[place * config.batch_size : (place + 1) * config.batch_size]
            yield torch.from_numpy(batch)
        begin = max(begin, end)


def _trained(
    preset: ParserPreset,
    data: QuestionSet,
    kept: QuestionSet | None,
    build: Callable[[], ParserModel],
    how: HowToRun,
) -> tuple[PolicyLearner, dict[str, Any]]:
    """A policy that has learned, with its judge, and what is to be told of that."""
    config = preset.training

    def learner() -> PolicyLearner:
        policy = build()
        assert isinstance(policy, Policy)
        judge = build_judge(preset, data)
        return PolicyLearner(policy, preset.decoding, preset.learning, data, config.steps, judge)

    start = Start(learner, identity_of(preset), not preset.initial)
    run: Run[PolicyLearner, Tensor] = Run(start, config, preset.seed, how.folder, how.device)
    if how.resume:
        run.resume()
    resumed_at = run.done
    lengths = np.array([len(data.words(row)) for row in range(len(data))])
    stages = stages_of(lengths, np.arange(len(data)), config)

    def batches(step: int) -> Iterator[Tensor]:
        return question_batches(stages, config, child_seed(preset.seed, "order"), step)

    def evaluate() -> dict[str, float]:
        assert kept is not None
        decoding = Decoding.of(preset.decoding, run.model.policy.tokens)
        report = parser_report(kept, parsed(run.model.policy, decoding, kept))
        rates = {name: report[name]["rate"] for name in MEASURES} | {"solved": run.model.solved}
        return {name: value for name, value in rates.items() if value is not None}

    log = RunLog(how.folder, config.log_every, run.attempt, run.done, tensorboard=how.tensorboard)
    lessons = Lessons(
        batches, None if kept is None else evaluate, lambda: run.model.begin(how.stage)
    )
    run.finish(lessons, log, how.stage)
    log.close()
    solved = run.model.solved
    told = {} if solved is None else {"solved": solved}
    return run.model, {**run.made(resumed_at), **told}


def _remembered(model: Retrieval, preset: ParserPreset, data: QuestionSet) -> dict[str, Any]:
    """Let a model look up questions with programs."""
    rows = np.array([row for row, program in enumerate(data.programs) if program is not None])
    if not len(rows):
        raise DataError("retrieval", "wanted at least one question with its program, got none")
    known = data.rows(rows)
    words = model.words.encode([known.words(row) for row in range(len(known))])
    spoken = Spoken(model.tokens, unique=preset.decoding.unique)
    model.learn(words, given_programs(known, spoken, preset.decoding.room))
    return {}


def _words(data: QuestionSet) -> WordVocabulary:
    return vocabulary_of(data.words(row) for row in range(len(data)))


def _begin_with(model: ParserModel, begun: ParserModel, name: str) -> None:
    """Give a model the weights of another.

    Raises:
        DataError: that is configured otherwise, or of another domain.
    """
    if not isinstance(begun, Policy):
        raise DataError(name, "a retrieval parser, which has no weights to begin with (initial)")
    if begun.tokens.tokens != model.tokens.tokens:
        its, own = begun.tokens.domain.name, model.tokens.domain.name
        raise DataError(name, f"a parser of {its}; wanted one of {own} (initial)")
    if begun.config != model.config:
        raise DataError(name, "configured otherwise than parser; wanted the same (initial)")
    model.load_state_dict(begun.state_dict())


def _split_off(preset: ParserPreset, every: QuestionSet) -> tuple[QuestionSet, QuestionSet | None]:
    """The questions to learn from, and those that are kept to evaluate on."""
    config = preset.training
    if not config.evaluate_every:
        return every, None
    count = config.evaluate_questions
    if count >= len(every):
        problem = f"{count} questions cannot be kept from training, of {len(every)}"
        raise ConfigError("training.evaluate_questions", problem)
    order: Rows = generator(preset.seed, "kept").permutation(len(every))
    # Where programs are given for some questions only, these are learned from.
    taught = np.array([every.programs[row] is not None for row in order.tolist()])
    order = order[np.argsort(taught, kind="stable")]
    return every.rows(np.sort(order[count:])), every.rows(np.sort(order[:count]))
