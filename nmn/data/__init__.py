"""Examples and the readers of data directories."""

from collections.abc import Callable, Mapping
from pathlib import Path

from nmn.data.clevr_folder import ClevrData, clevr_splits, read_clevr
from nmn.data.example import Dataset, Example, ListDataset, question_type
from nmn.data.shapes import read_shapes, shapes_splits
from nmn.errors import DataError

DATASETS: Mapping[str, tuple[Callable[[Path], tuple[str, ...]], Callable[[Path, str], Dataset]]] = {
    "shapes": (shapes_splits, read_shapes),
    "clevr": (clevr_splits, read_clevr),
}
"""For each layout: which splits a folder has (none if it is of another layout), and the reader."""


def open_data(folder: Path, split: str) -> Dataset:
    """Read one split of a data directory, finding out which layout it has.

    Raises:
        DataError: there is no such folder, it is of no known layout, or it is broken.
    """
    if not folder.is_dir():
        raise DataError(str(folder), "no such folder")
    for splits, reader in DATASETS.values():
        if splits(folder):
            return reader(folder, split)
    shapes, clevr = "<split>.input.npy", "questions/CLEVR_<split>_questions.json"
    wanted = f"wanted SHAPES' layout ({shapes}) or CLEVR's ({clevr})"
    raise DataError(str(folder), f"not a data directory; {wanted}")


__all__ = [
    "DATASETS",
    "ClevrData",
    "Dataset",
    "Example",
    "ListDataset",
    "open_data",
    "question_type",
    "read_clevr",
]
