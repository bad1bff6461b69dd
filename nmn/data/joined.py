"""Several data sets of CLEVR's layout as one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int

from nmn.data.clevr_folder import ClevrData
from nmn.data.example import Example
from nmn.domain import Domain
from nmn.errors import DataError


@dataclass(frozen=True, eq=False)
class Part:
    """Some questions of a data set.

    Attributes:
        rows: which.
    """

    data: ClevrData
    rows: Int[np.ndarray, " batch"]


class JoinedData:
    """The questions of all parts, one part after the other.

    Pictures get image indices of their own, so that no two parts share one. A part may come more
    than once.

    Raises:
        DataError: they are of different domains.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = tuple(parts)
        self.domain: Domain = self.parts[0].data.domain
        names = []
        begin, images = 0, []
        self._starts = [0]
        for part in self.parts:
            if part.data.domain != self.domain:
                problem = f"is of another domain than {self.parts[0].data.name}"
                raise DataError(part.data.name, problem)
            names.append(f"{part.data.name} ({len(part.rows)} questions)")
            own = part.data.questions.images[part.rows]
            images.append(own + begin)
            self._starts.append(self._starts[-1] + len(own))
            begin += int(own.max(initial=-1)) + 1
        self.name = " + ".join(names)
        self.images: Int[np.ndarray, " batch"] = np.concatenate(images)
        """The image index of each question."""

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, index: int, /) -> Example:
        data, row, image = self._place(index)
        return replace(data[row], question_index=index, image_index=image)

    def __iter__(self) -> Iterator[Example]:
        return (self[index] for index in range(len(self)))

    def question(self, index: int) -> Example:
        """An example without its picture, which then need not be decoded."""
        data, row, image = self._place(index)
        return replace(data.question(row), question_index=index, image_index=image)

    def will_need(self, questions: Sequence[int]) -> None:
        """See `ClevrData.will_need`."""
        for question in questions:
            data, row, _ = self._place(question)
            data.will_need([row])

    def _place(self, index: int) -> tuple[ClevrData, int, int]:
        index = range(len(self))[index]
        number = int(np.searchsorted(self._starts, index, side="right")) - 1
        part = self.parts[number]
        row = int(part.rows[index - self._starts[number]])
        return part.data, row, int(self.images[index])
