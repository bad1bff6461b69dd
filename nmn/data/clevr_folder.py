"""A data directory in CLEVR's layout: the published ones as they are unzipped, and our own.

`questions/CLEVR_<split>_questions.json`, `images/<split>/` and `scenes/CLEVR_<split>_scenes.json`,
plain or `.gz`. The domain is that of `domain.json` in the folder, without one CLEVR's.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmn.data.clevr import Question, read_questions
from nmn.data.clevr_scenes import image_name, read_scenes
from nmn.data.example import Example, Picture
from nmn.data.files import find_file, read_json
from nmn.data.picture_store import PictureFiles, PictureStore
from nmn.data.question_table import QuestionTable
from nmn.data.sight import Sight
from nmn.domain import Domain, load_domain
from nmn.errors import DataError, listing, nearest, shortened
from nmn.resources import unreadable
from nmn.scene.scene import Scene

_QUESTIONS = re.compile(r"CLEVR_(.+)_questions\.json(\.gz)?")
_ENDINGS = (".png", ".jpg", ".jpeg")
_LARGEST = (1 << 63) - 1


@dataclass(frozen=True, eq=False)
class ClevrData:
    """One split of a CLEVR directory.

    Pictures are decoded when an example is asked for, or come out of a store (`with_store`).

    Attributes:
        questions: with the rows of their pictures in `files`.
        files: the pictures; None where they were not asked for.
        scenes: by image index; empty where they were not asked for.
        store: the pictures once more, decoded.
        sights: what of the scenes is seen where, by image index, where it was worked out.
        size: `(width, height)` that pictures are resized to which do not come out of the store.
        seen: what a stem gives of each picture, by row, where that takes the pictures' place.
    """

    domain: Domain
    name: str
    questions: QuestionTable
    files: PictureFiles | None = None
    scenes: Mapping[int, Scene] = field(default_factory=dict)
    store: PictureStore | None = None
    sights: Mapping[int, Sight] = field(default_factory=dict)
    size: tuple[int, int] | None = None
    seen: NDArray[np.float16] | None = None
    _last: dict[int, Picture] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.questions)

    def __getitem__(self, index: int, /) -> Example:
        example = self.question(index)
        row = int(self.questions.pictures[index])
        if row < 0:
            return example
        if self.seen is not None:
            return replace(example, seen=np.asarray(self.seen[row]))
        return replace(example, picture=self.picture(row))

    def __iter__(self) -> Iterator[Example]:
        return (self[index] for index in range(len(self)))

    def question(self, index: int) -> Example:
        """An example without its picture, which then need not be decoded."""
        example = self.questions[index]
        if not self.scenes and not self.sights:
            return example
        index = example.image_index
        return replace(example, scene=self.scenes.get(index), sight=self.sights.get(index))

    def picture(self, row: int) -> Picture:
        """The picture of a row.

        Raises:
            DataError: the file is missing or broken, or pictures were not asked for.
        """
        if self.store is not None:
            return self.store[row]
        if self.files is None:
            raise DataError(self.name, "read without its pictures")
        if row not in self._last:
            picture = self.files.read(row, self.size)
            # the next question is mostly about the same picture
            self._last.clear()
            self._last[row] = picture
        return self._last[row]

    def will_need(self, questions: Sequence[int]) -> None:
        """That the pictures of some questions are wanted soon; see `PictureStore.will_need`."""
        if self.store is not None:
            self.store.will_need(np.unique(self.questions.pictures[questions]).tolist())

    def with_store(self, store: PictureStore) -> "ClevrData":
        """The same with its pictures out of `store` (see `open_store`).

        Raises:
            DataError: a store of other pictures.
        """
        if self.files is None or not store.is_of(self.files):
            raise DataError(str(store.path), f"a store of other pictures than {self.name}")
        return replace(self, store=store)


def clevr_splits(folder: Path) -> tuple[str, ...]:
    """The splits of a CLEVR directory that have questions; none where it is not one."""
    found = (_QUESTIONS.fullmatch(path.name) for path in (folder / "questions").glob("CLEVR_*"))
    return tuple(sorted({match[1] for match in found if match}))


def read_clevr(
    folder: Path, split: str, *, pictures: bool = True, scenes: bool = False
) -> ClevrData:
    """One split of a CLEVR directory; programs and answers may be missing.

    Args:
        pictures: False for models that see the states of objects, which need no `images/`.
        scenes: whether `scenes/` is looked at at all.

    Raises:
        DataError: a file is missing or broken, a picture or scene of a question is not there, or
            its name leads out of the folder.
        ConfigError: `domain.json` is not a domain.
    """
    splits = clevr_splits(folder)
    if split not in splits:
        problem = f"no split '{split}' with questions; there are {listing(splits, 'and')}"
        hint = f"; nearest: '{nearest(split, splits, 1)[0]}'" if splits else ""
        raise DataError(str(folder), problem + hint if splits else f"no split '{split}'")
    domain = domain_of_folder(folder)
    file = _needed(folder / "questions", f"CLEVR_{split}_questions.json")
    graphs: Mapping[int, Scene] = {}
    if scenes:
        graphs = read_scenes(scenes_file(folder, split), domain)
    rows = _Rows(folder / "images" / split, file) if pictures else None

    def entries() -> Iterator[tuple[Example, int]]:
        for question in read_questions(file, domain):
            example = question.example
            if max(example.question_index, example.image_index) > _LARGEST:
                raise DataError(str(file), f"wanted indices up to {_LARGEST}", _where(question))
            if scenes and example.image_index not in graphs:
                problem = f"there is no scene of image {example.image_index}"
                raise DataError(str(file), problem, _where(question))
            yield example, rows.of(question) if rows else -1

    questions = QuestionTable(entries())
    if not len(questions):
        raise DataError(str(file), "no questions")
    name = f"{folder.resolve().name}/{split}"
    return ClevrData(domain, name, questions, rows.files() if rows else None, graphs)


class _Rows:
    """The rows of pictures: one for each image index, in the order of the questions."""

    def __init__(self, folder: Path, source: Path) -> None:
        self.folder, self.source = folder, source
        try:
            names = sorted(path.name for path in folder.iterdir())
        except FileNotFoundError as error:
            problem = "no such folder; the data has no pictures"
            raise DataError(str(folder), problem) from error
        except OSError as error:
            raise unreadable(folder, error) from error
        self.there = frozenset(names)
        self.by_stem = {image_name(name): name for name in names if is_picture(name)}
        self.rows: dict[int, int] = {}
        self.names: list[str] = []
        self.stated: list[str] = []

    def of(self, question: Question) -> int:
        """The row of the picture of a question."""
        index = question.example.image_index
        stated = question.image or f"{self.source.name.split('_questions')[0]}_{index:06d}.png"
        row = self.rows.get(index)
        if row is None:
            row = self.rows[index] = len(self.names)
            self.names.append(self._found(stated, question))
            self.stated.append(stated)
        elif question.image and stated != self.stated[row]:
            problem = f"image {index} is '{shortened(stated, 60)}', before '{self.stated[row]}'"
            raise DataError(str(self.source), problem, _where(question))
        return row

    def _found(self, stated: str, question: Question) -> str:
        # The name comes out of a file that anybody can have written.
        if Path(stated).name != stated or not stated.isprintable() or "\\" in stated:
            problem = f"wanted the name of a picture in {self.folder}, got '{shortened(stated)}'"
            raise DataError(str(self.source), problem, _where(question))
        name = stated if stated in self.there else self.by_stem.get(image_name(stated))
        if name is None:
            problem = f"there is no picture '{shortened(stated)}' in {self.folder}"
            raise DataError(str(self.source), problem, _where(question))
        return name

    def files(self) -> PictureFiles:
        return PictureFiles(self.folder, tuple(self.names), tuple(self.rows))


def _where(question: Question) -> str:
    return f"question {question.example.question_index}"


def is_picture(name: str) -> bool:
    """Whether the name of a file ends as that of a picture."""
    return name.lower().endswith(_ENDINGS)


def domain_of_folder(folder: Path) -> Domain:
    """What the questions of a data directory are about: as `domain.json` says, else CLEVR.

    Raises:
        DataError, ConfigError: `domain.json` is broken, or not a domain.
    """
    path = folder / "domain.json"
    return Domain.from_json(read_json(path), str(path)) if path.exists() else load_domain("clevr")


def scenes_file(folder: Path, split: str) -> Path:
    """The file of the scenes of a split.

    Raises:
        DataError: there is none.
    """
    return _needed(folder / "scenes", f"CLEVR_{split}_scenes.json")


def _needed(folder: Path, name: str) -> Path:
    path = find_file(folder, name)
    if path is None:
        raise DataError(str(folder / name), "no such file, neither plain nor .gz")
    return path
