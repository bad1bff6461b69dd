"""Which questions a model is evaluated on, in pictures of its size, and what is known of them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from nmn.data import open_data
from nmn.data.clevr_folder import ClevrData, read_clevr, scenes_file
from nmn.data.clevr_scenes import read_scenes
from nmn.data.example import Dataset, Example
from nmn.data.files import find_file
from nmn.data.loader import images_of
from nmn.data.picture_store import open_store
from nmn.domain import Domain
from nmn.errors import ConfigError, DataError
from nmn.generate.sight_store import open_sights
from nmn.progress import Stage, silent
from nmn.training.models import needs_scenes
from nmn.training.preset import TrainPreset

ALL_IMAGES = ":"
_SPAN = re.compile(r"([0-9]{0,18}):([0-9]{0,18})")
_FEW = 0.25
"""Below this share of the questions, their pictures alone are decoded."""


@dataclass(frozen=True, eq=False)
class Selection:
    """Some questions of a data set.

    Attributes:
        rows: which.
    """

    data: Dataset
    rows: Sequence[int]

    @property
    def domain(self) -> Domain:
        """What the questions are about."""
        return self.data.domain

    @property
    def name(self) -> str:
        """That of the data set."""
        return self.data.name

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int, /) -> Example:
        return self.data[self.rows[index]]

    def __iter__(self) -> Iterator[Example]:
        return (self[index] for index in range(len(self)))


def select(
    data: Dataset,
    images: str = ALL_IMAGES,
    limit: int | None = None,
    setting: str = "--images",
) -> Selection:
    """Some questions; those about one picture come one after the other.

    Args:
        images: image indices `FROM:TO`, without `TO` itself; either may be left out.
        limit: at most so many questions.
        setting: what said `images`, for messages.

    Raises:
        ConfigError: `images` says something else, or there is no question about them.
    """
    found = _SPAN.fullmatch(images)
    if found is None:
        raise ConfigError(setting, f"wanted FROM:TO, e.g. 0:500 or 500:, got '{images}'")
    indices = images_of(data)
    begin = int(found[1] or 0)
    chosen = (indices >= begin) & (indices < (int(found[2]) if found[2] else np.inf))
    rows = np.flatnonzero(chosen)
    rows = rows[np.argsort(indices[rows], kind="stable")][:limit]
    if not len(rows):
        problem = f"{data.name} has no questions about the images {images}"
        raise ConfigError(setting, problem)
    return Selection(data, rows.tolist())


def open_questions(
    preset: TrainPreset,
    folder: Path,
    split: str,
    images: str = ALL_IMAGES,
    limit: int | None = None,
    stage: Stage = silent,
) -> Selection:
    """Questions of a data directory in the form that the model of a preset can be asked.

    Pictures of CLEVR's layout are resized; of SHAPES they are as they are. Nothing is known but
    what the question file says, and the scenes where the model looks at these in place of pictures.

    Raises:
        DataError: there is no such data, or it is broken.
        ConfigError: see `select`.
    """
    if needs_scenes(preset.model):
        return select(_with_states(folder, split), images, limit)
    chosen = select(open_data(folder, split), images, limit)
    data = chosen.data
    if not isinstance(data, ClevrData) or data.files is None:
        return chosen
    if len(chosen) < _FEW * len(data):
        return replace(chosen, data=replace(data, size=preset.size))
    told = partial(stage, "decoding pictures", total=len(data.files))
    return replace(chosen, data=data.with_store(open_store(data.files, preset.size, told)))


def _with_states(folder: Path, split: str) -> ClevrData:
    """Questions with the scenes that they are about, and no pictures.

    Raises:
        DataError: there are no scenes.
    """
    if not has_scenes(folder, split):
        problem = f"no scenes of split '{split}', and the model looks at the states of objects"
        raise DataError(str(folder), f"{problem}; wanted CLEVR's layout with scenes/")
    return read_clevr(folder, split, pictures=False, scenes=True)


def has_scenes(folder: Path, split: str) -> bool:
    """Whether a data directory says what is in the pictures of a split."""
    return find_file(folder / "scenes", f"CLEVR_{split}_scenes.json") is not None


def with_scenes(
    chosen: Selection, folder: Path, split: str, *, skip_bad: bool = False
) -> Selection:
    """The same with what is in the pictures, for scoring.

    Args:
        skip_bad: leave out scenes that are broken.

    Raises:
        DataError: there is no scene of a picture, or it is broken.
    """
    data = chosen.data
    if not isinstance(data, ClevrData):
        raise DataError(str(folder), "no scenes; wanted a folder of CLEVR's layout with scenes/")
    ignored = (lambda error: None) if skip_bad else None
    scenes = read_scenes(scenes_file(folder, split), data.domain, ignored)
    missing = set(images_of(data)[chosen.rows].tolist()) - scenes.keys()
    if missing and not skip_bad:
        raise DataError(str(folder), f"there is no scene of image {min(missing)}")
    return replace(chosen, data=replace(data, scenes=scenes))


def with_truth(
    chosen: Selection, preset: TrainPreset, folder: Path, split: str, stage: Stage = silent
) -> Selection:
    """The same with all that is known of its pictures: scenes, and what is seen of them where.

    Raises:
        DataError: see `with_scenes` and `with_sights`.
    """
    return with_sights(with_scenes(chosen, folder, split), preset, folder, split, stage)


def with_sights(
    chosen: Selection, preset: TrainPreset, folder: Path, split: str, stage: Stage = silent
) -> Selection:
    """The same with what is seen where in the cells of the preset's model.

    Raises:
        DataError: the scenes are missing or cannot be drawn.
    """
    data, grid = chosen.data, preset.model.stem.size.grid
    if not isinstance(data, ClevrData) or data.files is None or grid is None:
        raise DataError(str(folder), "no scenes; wanted a folder of CLEVR's layout with scenes/")
    told = partial(stage, "finding objects", total=len(data.files))
    sights = open_sights(folder, split, preset.size, grid, told)
    return replace(chosen, data=replace(data, sights=sights))
