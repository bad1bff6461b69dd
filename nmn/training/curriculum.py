"""Which questions are learned from when, and which are kept from training."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from nmn.data.batch import Batch
from nmn.data.clevr_folder import ClevrData
from nmn.data.example import Dataset, Example
from nmn.data.joined import JoinedData
from nmn.data.loader import BatchLoader, Indices, images_of
from nmn.data.vocabulary import WordVocabulary
from nmn.data.words import words_of
from nmn.errors import ConfigError, UnknownNameError
from nmn.policies.templates import content_words
from nmn.seeding import child_seed, generator
from nmn.training.loop import LoopConfig


def training_batches(
    data: Dataset,
    rows: Indices,
    vocabulary: WordVocabulary,
    config: LoopConfig,
    seed: int,
    start: int = 0,
    *,
    pictures: bool = True,
) -> Iterator[Batch]:
    """The batches of the steps from `start` on: one epoch after the other of each stage.

    Args:
        rows: the questions to learn from.
        pictures: whether batches have any.

    Raises:
        ConfigError: a stage of the curriculum for which there is no question.
        UnknownNameError: no question is of a family that the curriculum names.
    """
    begin = 0
    for number, (end, allowed) in enumerate(stages_of(_measures(data, rows, config), rows, config)):
        if max(begin, start) < end:
            order = child_seed(seed, "stage", number)
            loader = BatchLoader(
                data,
                vocabulary,
                config.batch_size,
                order,
                questions=allowed,
                per_picture=config.per_picture,
                pictures=pictures,
            )
            yield from islice(loader.steps(max(0, start - begin)), end - max(begin, start))
        begin = max(begin, end)


def split_off(data: Dataset, questions: int, seed: int) -> tuple[Indices, Indices]:
    """The questions to learn from, and those about some pictures that are kept from training.

    Args:
        questions: how many are kept, at least; 0 for none.

    Raises:
        ConfigError: nothing would be left to learn from.
    """
    images = images_of(data)
    names, counts = np.unique(images, return_counts=True)
    order = generator(seed, "kept").permutation(len(names))
    kept = order[: np.searchsorted(counts[order].cumsum(), questions) + 1 if questions else 0]
    if len(kept) >= len(names):
        problem = f"{questions} questions cannot be kept from training, of {len(images)}"
        raise ConfigError("training.evaluate_questions", problem)
    chosen = np.isin(images, names[kept])
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def without_picture(data: Dataset, row: int) -> Example:
    """An example whose picture need not be decoded."""
    return data.question(row) if isinstance(data, ClevrData | JoinedData) else data[row]


_UNITS = {"length": "steps", "content_words": "words that say something"}
Measures = npt.NDArray[Any]
"""Of each question a number, or its family."""
Stages = list[tuple[int, Indices]]
"""For each stage of a curriculum the step it ends with, and its questions."""


def stages_of(measures: Measures, rows: Indices, config: LoopConfig) -> Stages:
    """The stages of a training.

    Args:
        measures: what the curriculum goes by, of all questions that can be learned from: how large
            they are, or their families.
        rows: these.

    Raises:
        ConfigError: a stage for which there is no question.
        UnknownNameError: no question is of a family.
    """
    stages: Stages = []
    for end, most in config.curriculum:
        if isinstance(most, int):
            allowed = rows[measures <= most]
            if not len(allowed):
                unit = _UNITS.get(config.curriculum_by, config.curriculum_by)
                raise ConfigError("curriculum", f"no question has at most {most} {unit}")
        else:
            allowed = rows[_of_families(measures, most)]
        stages.append((min(end, config.steps), allowed))
    return [*stages, (config.steps, rows)]


def _of_families(families: Measures, names: Iterable[str]) -> npt.NDArray[np.bool_]:
    """Which questions are of any of these families, with their number or without."""
    known = np.unique(families).tolist()
    chosen: set[str] = set()
    for name in names:
        found = {family for family in known if name in {family, family.rpartition(" ")[0]}}
        if not found:
            raise UnknownNameError("family", name, tuple(known))
        chosen |= found
    return np.isin(families, sorted(chosen))


def _measures(data: Dataset, rows: Indices, config: LoopConfig) -> Measures:
    if not config.curriculum:
        return np.zeros(len(rows), dtype=np.intp)
    if config.curriculum_by == "families":
        return np.array([without_picture(data, row).family for row in rows.tolist()])
    if config.curriculum_by == "content_words":
        said = [words_of(without_picture(data, row).question) for row in rows.tolist()]
        telling = frozenset(content_words(said))
        return np.array([sum(word in telling for word in words) for words in said])
    return np.array([_size(without_picture(data, row), config) for row in rows.tolist()])


def _size(example: Example, config: LoopConfig) -> int:
    if config.curriculum_by == "words":
        return len(example.tokens)
    if example.program is None:
        return 0
    by_relations = config.curriculum_by == "relations"
    return example.program.count("relate") if by_relations else len(example.program.nodes)
