"""Batches for training: questions grouped by picture, pictures read ahead.

What a batch holds depends on the data, the seed and its number alone, so that a run which is
resumed sees what it would have seen, whatever the number of processes.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from torch.utils import data as torch_data

from nmn.data.batch import Batch, collate
from nmn.data.clevr_folder import ClevrData
from nmn.data.example import Dataset
from nmn.data.joined import JoinedData
from nmn.data.picture_store import PictureStore
from nmn.data.vocabulary import WordVocabulary
from nmn.errors import ConfigError
from nmn.seeding import generator

Indices = NDArray[np.int64]


class BatchLoader:
    """All questions once in each epoch, in batches, in a new order each time.

    The order is one of pictures: the questions about a picture stay together, as it need then be
    looked at only once. Questions of one picture keep their order.

    Args:
        batch_size: questions in a batch, at most.
        questions: which ones of `data`; without it all.
        cut: fill every batch but the last, and let the questions of a picture fall into two;
            without it only those of a picture with more than `batch_size` do.
        workers: processes that read ahead of time the pictures of data with a `PictureStore`; 0
            for none. They start with the first batch and stay. They help where the store is
            larger than the memory. One epoch at a time, then. Other data are left to this process.

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
        cut: bool = False,
        workers: int = 0,
    ) -> None:
        if batch_size < 1:
            raise ConfigError("batch_size", f"wanted at least 1, got {batch_size}")
        self.data = data
        self.vocabulary = vocabulary
        self.batch_size = batch_size
        self.seed = seed
        self.cut = cut
        chosen = np.arange(len(data)) if questions is None else np.asarray(questions, np.int64)
        if not len(chosen):
            raise ConfigError("questions", "wanted at least one to learn from, got none")
        self._groups = _groups(chosen, images_of(data)[chosen], batch_size)
        self._ahead: _ReadAhead | None = None
        if workers > 0 and isinstance(data, ClevrData) and data.store is not None:
            self._ahead = _ReadAhead(data, data.store, workers)

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
        for rows in self._ahead.of(batches) if self._ahead else batches:
            examples = [self.data[row] for row in rows]
            yield collate(examples, self.data.domain, self.vocabulary)


class _ReadAhead:
    """Processes that read the pictures of the next batches, so that they are in memory by then.

    They give nothing back: the system keeps a mapped file once for all processes, and to hand
    the pictures over would take longer than to read them.
    """

    def __init__(self, data: ClevrData, store: PictureStore, workers: int) -> None:
        self._pictures = data.questions.pictures
        self._asked = _Asked()
        self._loader = torch_data.DataLoader(
            _Stored(store),
            batch_size=None,
            sampler=self._asked,
            num_workers=workers,
            persistent_workers=True,
        )

    def of(self, batches: Sequence[list[int]]) -> Iterator[list[int]]:
        """The same batches, each as soon as its pictures have been read."""
        self._asked.batches = [np.unique(self._pictures[rows]).tolist() for rows in batches]
        for rows, _ in zip(batches, self._loader, strict=True):
            yield rows


class _Asked(torch_data.Sampler[list[int]]):
    """Which pictures are to be read, set anew for each epoch; it stays in the main process."""

    batches: Sequence[list[int]] = ()

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.batches)


class _Stored(torch_data.Dataset[int]):
    """What goes to the processes: the path of the store, no arrays."""

    def __init__(self, store: PictureStore) -> None:
        self._store = store

    def __getitem__(self, rows: list[int]) -> int:
        try:
            return len(self._store.rows(rows))
        except DataError:
            return 0  # the main process meets the same error, where it can be told


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
