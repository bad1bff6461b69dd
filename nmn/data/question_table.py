"""Hundreds of thousands of questions in memory, as columns.

The 700,000 questions of CLEVR's training split take about 140 MB so, some 200 bytes each; as
objects it would be several times that.
"""

from array import array
from collections.abc import Iterable

import numpy as np
from jaxtyping import Int

from nmn.data.example import Example
from nmn.program.program import Node, Program

_NONE = -1


class QuestionTable:
    """Examples without picture and scene, each with the row of its picture.

    Args:
        entries: the examples, each with the row of its picture in a list of pictures; -1 where
            there are no pictures.
    """

    def __init__(self, entries: Iterable[tuple[Example, int]]) -> None:
        self._words = bytearray()
        self._word_ends = array("q", [0])
        self._nodes: dict[Node, int] = {}
        self._steps = array("I")
        self._step_ends = array("q", [0])
        self._answers: dict[str, int] = {}
        self._families: dict[str, int] = {}
        self._fixed = tuple(array("q") for _ in range(3))
        self._named = tuple(array("i") for _ in range(2))
        for example, row in entries:
            self._add(example, row)
        self._node_list = tuple(self._nodes)
        self._answer_list = tuple(self._answers)
        self._family_list = tuple(self._families)
        self.images: Int[np.ndarray, " batch"] = np.array(self._fixed[1], dtype=np.int64)
        """The image index of each question."""
        self.pictures: Int[np.ndarray, " batch"] = np.array(self._fixed[2], dtype=np.int64)
        """The row of the picture of each question."""

    def _add(self, example: Example, row: int) -> None:
        self._words += example.question.encode("utf-8", "surrogatepass")
        self._word_ends.append(len(self._words))
        nodes = () if example.program is None else example.program.nodes
        self._steps.extend(self._nodes.setdefault(node, len(self._nodes)) for node in nodes)
        self._step_ends.append(len(self._steps))
        values = (example.question_index, example.image_index, row)
        for column, value in zip(self._fixed, values, strict=True):
            column.append(value)
        answer = example.answer
        answers, families = self._named
        answers.append(
            _NONE if answer is None else self._answers.setdefault(answer, len(self._answers))
        )
        families.append(self._families.setdefault(example.family, len(self._families)))

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int, /) -> Example:
        index = range(len(self))[index]
        begin, end = self._word_ends[index : index + 2]
        first, last = self._step_ends[index : index + 2]
        nodes = tuple(self._node_list[step] for step in self._steps[first:last])
        answer = self._named[0][index]
        return Example(
            question=self._words[begin:end].decode("utf-8", "surrogatepass"),
            question_index=self._fixed[0][index],
            image_index=self._fixed[1][index],
            program=Program(nodes) if nodes else None,
            answer=None if answer == _NONE else self._answer_list[answer],
            family=self._family_list[self._named[1][index]],
        )

    @property
    def bytes(self) -> int:
        """Memory of the columns."""
        columns = (self._word_ends, self._steps, self._step_ends, *self._fixed, *self._named)
        sizes = (len(column) * column.itemsize for column in columns)
        return len(self._words) + sum(sizes) + self.images.nbytes + self.pictures.nbytes
