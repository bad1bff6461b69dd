"""The questions of a parser's preset."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from nmn.data.clevr_folder import clevr_splits, read_clevr
from nmn.data.question_set import QuestionSet, Rows
from nmn.data.shapes import shapes_splits
from nmn.domain import Domain
from nmn.errors import ConfigError, DataError
from nmn.generate.patterns import Pattern
from nmn.generate.questions import QuestionConfig, is_held_out
from nmn.generate.recombined import Recombination
from nmn.generate.shapes import Split, generate_shapes, split_of
from nmn.policies.spoken import Spoken
from nmn.program.canonical import exact_match
from nmn.program.program import Program
from nmn.program.tokens import TokenVocabulary
from nmn.progress import Stage, silent
from nmn.seeding import generator
from nmn.training.data import cached_folder
from nmn.training.judges import seen_size
from nmn.training.parser_preset import (
    ClevrQuestions,
    ParserPreset,
    Programs,
    QuestionDataConfig,
    ShapesQuestions,
)
from nmn.training.selection import select


def training_questions(preset: ParserPreset, stage: Stage = silent) -> QuestionSet:
    """What a preset learns from: no composition that its generated questions hold out.

    Raises:
        ConfigError: there is no such data, or there are fewer programs than wanted.
        DataError: it cannot be read.
    """
    data, sets = preset.data, []
    if data.folder is not None:
        size = seen_size(preset)
        found = _of_folder(data, data.images, "data.images", size)
        if isinstance(data.generated, ClevrQuestions):
            found = _without_held_out(found, data.generated.world.questions)
        sets.append(_some_programs(found, data.programs, preset.seed, "data.programs"))
    if data.generated is not None:
        made = _generated(preset, data.generated, "train", stage)
        wanted, setting = data.generated.programs, "data.generated.programs"
        sets.append(_some_programs(made, wanted, preset.seed, setting))
    return QuestionSet.joined(sets)


def _without_held_out(questions: QuestionSet, asked: QuestionConfig) -> QuestionSet:
    """Without compositions that generated questions hold out; those without program stay."""
    patterns = _patterns(asked, questions.domain)
    kept = [
        row
        for row, program in enumerate(questions.programs)
        if program is None
        or not is_held_out(program, patterns, asked.held_out_share, questions.domain)
    ]
    return questions if len(kept) == len(questions) else questions.rows(np.array(kept))


def _patterns(asked: QuestionConfig, domain: Domain) -> list[Pattern]:
    return [Pattern(text, domain, "held_out") for text in asked.held_out]


def with_recombined(
    preset: ParserPreset, questions: QuestionSet, stage: Stage = silent
) -> QuestionSet:
    """The same and those that are made of phrases of questions with programs.

    None of them is a composition that is held out or of another split where questions are
    generated, or too long to be said. Inputs whose order means nothing ("left of X and behind Y")
    are then given in the order of the words everywhere, as the grammar reads them.
    """
    count, made = preset.data.recombined, preset.data.generated
    if not count:
        return questions
    asked = made.world.questions if isinstance(made, ClevrQuestions) else QuestionConfig()
    patterns = _patterns(asked, questions.domain)
    spoken = Spoken(TokenVocabulary(questions.domain), unique=preset.decoding.unique)

    def allowed(program: Program) -> bool:
        if len(spoken.of(program)) > preset.decoding.room:
            return False
        if isinstance(made, ShapesQuestions) and split_of(program, made.world) != "train":
            return False
        return not is_held_out(program, patterns, asked.held_out_share, questions.domain)

    taught = zip(questions.questions, questions.programs, strict=True)
    known = [question for question, program in taught if program is not None]
    rng = generator(preset.seed, "recombined")
    made_of = Recombination(known, questions.domain)
    found = made_of.draw(count, rng, allowed, preset.data.untidy, stage)
    programs = [
        program and _as_read(made_of.readings.get(question), program)
        for question, program in zip(questions.questions, questions.programs, strict=True)
    ]
    questions = replace(questions, programs=tuple(programs))
    return questions.with_more(((p.question, p.program) for p in found), "recombined")


def _as_read(reading: Program | None, program: Program) -> Program:
    """The reading of a question, if it is its program in another order."""
    return reading if reading is not None and exact_match(reading, program) else program


def held_out_questions(preset: ParserPreset, stage: Stage = silent) -> QuestionSet:
    """What a preset is tested on; training never looks at it.

    Raises:
        ConfigError, DataError: see `training_questions`.
    """
    data = preset.data
    if data.test_images:
        return _of_folder(data, data.test_images, "data.test_images")
    assert data.generated is not None
    return _generated(preset, data.generated, "val", stage)


def questions_of(
    folder: Path,
    split: str,
    images: str,
    setting: str,
    limit: int | None = None,
    size: tuple[int, int] | None = None,
) -> QuestionSet:
    """Questions of a data directory in CLEVR's layout, with its scenes.

    Args:
        images: see `nmn.training.selection.select`.
        setting: what said `images`, for messages.
        limit: at most so many questions.
        size: width and height of pictures; none are kept without it.

    Raises:
        ConfigError: there is no question about such images.
        DataError: the folder cannot be read, or has another layout.
    """
    if not folder.is_dir():
        raise DataError(str(folder), "no such folder")
    if not clevr_splits(folder):
        shapes = "SHAPES' layout has no scenes to execute programs on; " * bool(
            shapes_splits(folder)
        )
        wanted = "wanted CLEVR's layout: questions/CLEVR_<split>_questions.json, and scenes/"
        raise DataError(str(folder), f"{shapes}{wanted}")
    data = read_clevr(folder, split, pictures=size is not None, scenes=True)
    rows = select(data, images, limit, setting).rows
    if size is None:
        return QuestionSet.of((data.question(row) for row in rows), data.domain)
    shown = replace(data, size=size)
    return QuestionSet.of((shown[row] for row in rows), data.domain, pictures=True)


def _of_folder(
    data: QuestionDataConfig, images: str, setting: str, size: tuple[int, int] | None = None
) -> QuestionSet:
    assert data.folder is not None
    if not data.folder.is_dir():
        raise DataError(str(data.folder), "no such folder (data.folder)")
    return questions_of(data.folder, data.split, images, setting, size=size)


def _some_programs(
    questions: QuestionSet, wanted: Programs, seed: int, setting: str
) -> QuestionSet:
    """The same, with so many programs alone, spread over the families."""
    if wanted == "all":
        return questions
    known = np.array([program is not None for program in questions.programs])
    if wanted > known.sum():
        raise ConfigError(setting, f"{wanted} programs, and there are {known.sum()}; nearest: all")
    order = generator(seed, "programs").permutation(len(questions))
    order = order[known[order]]
    turns: dict[str, int] = {}
    ranks = []
    for row in order.tolist():
        family = questions.families[row]
        ranks.append(turns.setdefault(family, 0))
        turns[family] += 1
    kept = order[np.argsort(ranks, kind="stable")[:wanted]]
    return questions.without_programs(np.setdiff1d(np.arange(len(questions)), kept))


def _generated(
    preset: ParserPreset, data: ShapesQuestions | ClevrQuestions, split: Split, stage: Stage
) -> QuestionSet:
    training = split == "train"
    if isinstance(data, ShapesQuestions):
        count = data.examples if training else data.held_out
        made = generate_shapes(data.world, preset.seed, split, count)
        looked_at = training and seen_size(preset) is not None
        questions = QuestionSet.of(made, made.domain, together=training, pictures=looked_at)
    else:
        splits = {"train": data.scenes, "val": data.held_out}
        folder = cached_folder("clevr-states", data.world, preset.seed, splits, stage)
        questions = questions_of(folder, split, ":", "data.generated")
        if training and data.asked_of > 1:
            rng = generator(preset.seed, "asked of")
            return _once(questions).asked_of(data.asked_of, rng, stage)
    return questions


def _once(questions: QuestionSet) -> QuestionSet:
    """Each question once, of those with the same words the first."""
    first: dict[str, int] = {}
    for row, question in enumerate(questions.questions):
        first.setdefault(question, row)
    rows: Rows = np.array(list(first.values()))
    return questions.rows(rows)


def domain_of_questions(preset: ParserPreset, questions: QuestionSet) -> Domain:
    """The domain of the questions, which is the preset's.

    Raises:
        ConfigError: it is another one.
    """
    if questions.domain.name != preset.domain:
        problem = f"questions of domain {questions.domain.name} for a parser of {preset.domain}"
        raise ConfigError("data.folder", problem)
    return questions.domain
