"""Batches for training: questions grouped by picture, pictures read ahead.

What a batch holds depends on the data, the seed and its number alone, so that a run which is
resumed sees what it would have seen.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nmn.data.batch import Batch, collate
from nmn.data.clevr_folder import ClevrData
from nmn.data.example import Dataset
from nmn.data.joined import JoinedData
from nmn.data.vocabulary import WordVocabulary
from nmn.errors import ConfigError
from nmn.seeding import generator

Indices = NDArray[np.int64]

_AHEAD = 4
"""Batches whose pictures are read from the disk ahead of time."""


class BatchLoader:
    """All questions once in each epoch, in batches, in a new order each time.

    The order is one of pictures: the questions about a picture stay together, as it need then be
    looked at only once, or so many of them as is said. Questions of one picture keep their order.

    Args:
        batch_size: questions in a batch, at most.
        questions: which ones of `data`; without it all.
        per_picture: questions of one picture that stay together, at most; 0 for all. With fewer
            a batch shows more pictures, which is worth its time where looking is cheap.
        cut: fill every batch but the last, and let the questions of a picture fall into two;
            without it only those of a picture with more than `batch_size` do.
        pictures: whether batches have any.

    Raises:
        ConfigError: a batch of no questions, or no questions at all.
    """

    def __init__(
        self,
        data: Dataset,
        vocabulary: WordVocabulary,
        batch_size: int,
        seed: int,
        *,
        questions: Sequence[int] | Indices | None = None,
        per_picture: int = 0,
        cut: bool = False,
        pictures: bool = True,
    ) -> None:
        if batch_size < 1:
            raise ConfigError("batch_size", f"wanted at least 1, got {batch_size}")
        self.data = data
        self.vocabulary = vocabulary
        self.batch_size = batch_size
        self.seed = seed
        self.cut, self.pictures = cut, pictures
        chosen = np.arange(len(data)) if questions is None else np.asarray(questions, np.int64)
        if not len(chosen):
            raise ConfigError("questions", "wanted at least one to learn from, got none")
        together = min(batch_size, per_picture or batch_size)
        self._groups = _groups(chosen, images_of(data)[chosen], together)

    def plan(self, epoch: int) -> list[list[int]]:
        """The questions of each batch of an epoch."""
        order = generator(self.seed, "order", epoch).permutation(len(self._groups))
        groups = [self._groups[place] for place in order]
        if self.cut:
            rows = [row for group in groups for row in group]
            starts = range(0, len(rows), self.batch_size)
            return [rows[start : start + self.batch_size] for start in starts]
        batches: list[list[int]] = [[]]
        for group in groups:
            if len(batches[-1]) + len(group) > self.batch_size:
                batches.append([])
            batches[-1].extend(group)
        return batches

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from batch `start` on."""
        return self._read(self.plan(number)[start:])

    def steps(self, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch after the other without end, from batch `start` of all on."""
        epoch = 0
        while True:
            batches = self.plan(epoch)
            if start < len(batches):
                yield from self._read(batches[start:])
            start = max(0, start - len(batches))
            epoch += 1

    def _read(self, batches: Sequence[list[int]]) -> Iterator[Batch]:
        self._read_ahead(batches[:_AHEAD])
        for number, rows in enumerate(batches, _AHEAD):
            self._read_ahead(batches[number : number + 1])
            examples = [self.data[row] for row in rows]
            yield collate(examples, self.data.domain, self.vocabulary, pictures=self.pictures)

    def _read_ahead(self, batches: Sequence[list[int]]) -> None:
        if isinstance(self.data, ClevrData | JoinedData):
            for rows in batches:
                self.data.will_need(rows)


def images_of(data: Dataset) -> Indices:
    """The image index of each question; those of a folder without decoding a picture."""
    if isinstance(data, ClevrData):
        return data.questions.images
    if isinstance(data, JoinedData):
        return data.images
    return np.array([example.image_index for example in data], dtype=np.int64)


def _groups(questions: Indices, images: Indices, most: int) -> list[list[int]]:
    """The questions of each picture, at most `most` together."""
    order = np.argsort(images, kind="stable")
    ends = np.flatnonzero(np.diff(images[order])) + 1
    return [
        group[begin : begin + most].tolist()
        for group in np.split(questions[order], ends)
        for begin in range(0, len(group), most)
    ]
