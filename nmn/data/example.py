"""One question about one picture, with everything that may be known about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nmn.data.sight import Sight
from nmn.data.words import words_of
from nmn.domain import Domain
from nmn.program.program import Program
from nmn.scene.scene import Scene

Picture = NDArray[np.uint8]
"""`(height, width, 3)`, RGB, 0 to 255."""

Seen = NDArray[np.float16]
"""`(row, column, channel)`: what a stem gives of a picture on its grid of cells."""


@dataclass(frozen=True, eq=False)
class Example:
    """One question.

    Attributes:
        question_index: its place in the file.
        image_index: the place of its picture; questions may share one.
        family: what kind of question it is, for reports; empty where unknown.
        sight: what of the scene is seen where in the picture, where that was worked out.
        seen: what a stem that learns no more gives of the picture, where that was computed; it
            takes the picture's place.
    """

    question: str
    question_index: int
    image_index: int
    picture: Picture | None = None
    program: Program | None = None
    answer: str | None = None
    family: str = ""
    scene: Scene | None = None
    sight: Sight | None = None
    seen: Seen | None = None

    @property
    def tokens(self) -> tuple[str, ...]:
        """The words of the question, see `words_of`."""
        return words_of(self.question)


@runtime_checkable
class Dataset(Protocol):
    """Examples by index, of one domain and one split."""

    @property
    def domain(self) -> Domain:
        """What the questions are about."""
        ...

    @property
    def name(self) -> str:
        """What to call it in reports and messages."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Example: ...

    def __iter__(self) -> Iterator[Example]: ...


@dataclass(frozen=True, eq=False)
class ListDataset:
    """A dataset that is in memory."""

    domain: Domain
    name: str
    examples: tuple[Example, ...]

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int, /) -> Example:
        return self.examples[index]

    def __iter__(self) -> Iterator[Example]:
        return iter(self.examples)


def question_type(program: Program) -> str:
    """The kind of a question, by its root and the relations it goes through.

    `exists, 2 relations` for `is a red shape above left of a circle`.
    """
    relations = program.count("relate")
    plural = "" if relations == 1 else "s"
    return f"{program.root.operation}, {relations} relation{plural}"
