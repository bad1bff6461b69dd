"""Sights that are worked out once, and from then on lie in a file of the cache folder."""

import hashlib
import zipfile
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from nmn.data.clevr_folder import scenes_file
from nmn.data.clevr_scenes import image_index
from nmn.data.json_records import Record, read_records
from nmn.data.picture_store import cache_folder
from nmn.data.sight import Sight
from nmn.generate.card import look_of
from nmn.generate.sights import sights_of
from nmn.nn.threads import cpu_threads
from nmn.render.scenes import Look
from nmn.resources import replacing, unreadable

_AT_ONCE = 125
_NAMES = ("images", "cells", "ground", "objects")


def open_sights(
    folder: Path,
    split: str,
    size: tuple[int, int],
    grid: tuple[int, int],
    progress: Callable[[int], object] = lambda done: None,
) -> dict[int, Sight]:
    """What `read_sights` gives; where it is not stored yet, all cores work it out.

    Raises:
        DataError: the scenes are missing, broken, or cannot be drawn.
    """
    file = scenes_file(folder, split)
    try:
        state = file.stat()
    except OSError as error:
        raise unreadable(file, error) from error
    named = repr((str(file.resolve()), state.st_size, state.st_mtime_ns, size, grid))
    path = cache_folder() / "sights" / f"{hashlib.sha256(named.encode()).hexdigest()[:16]}.npz"
    stored = _load(path)
    if stored is None:
        stored = _drawn(file, size, grid, progress)
        _save(path, stored)
    return stored


def _drawn(
    file: Path,
    size: tuple[int, int],
    grid: tuple[int, int],
    progress: Callable[[int], object],
) -> dict[int, Sight]:
    look = look_of(file)
    calls = (joblib.delayed(_sights)(part, look, size, grid, str(file)) for part in _parts(file))
    found: dict[int, Sight] = {}
    for part in joblib.Parallel(joblib.cpu_count(), return_as="generator")(calls):
        found.update(part)
        progress(len(found))
    return found


def _parts(file: Path) -> Iterator[list[dict[str, Any]]]:
    """The records of a file, some at a time."""
    records = (
        Record.of(record, str(file), f"scene {place}").values
        for place, record in read_records(file, "scenes")
    )
    while part := list(islice(records, _AT_ONCE)):
        yield part


def _sights(
    records: list[dict[str, Any]],
    look: Look,
    size: tuple[int, int],
    grid: tuple[int, int],
    source: str,
) -> dict[int, Sight]:
    """A part, in a process of its own."""
    indices = [image_index(Record.of(record, source, "a scene")) for record in records]
    with cpu_threads(1):
        return dict(zip(indices, sights_of(records, look, size, grid, source), strict=True))


def _save(path: Path, sights: Mapping[int, Sight]) -> None:
    values = list(sights.values())
    arrays = (
        np.array(list(sights), dtype=np.int64),
        np.stack([sight.cells for sight in values]),
        np.concatenate([sight.ground for sight in values]),
        np.array([len(sight.ground) for sight in values], dtype=np.int64),
    )
    with replacing(path) as stream:
        np.savez(stream, allow_pickle=False, **dict(zip(_NAMES, arrays, strict=True)))


def _load(path: Path) -> dict[int, Sight] | None:
    """What is in a file; None where there is none or it is damaged."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            images, cells, ground, objects = (stored[name] for name in _NAMES)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    grounds = np.split(ground, objects.cumsum()[:-1])
    sights = map(Sight, cells, grounds)
    return dict(zip(images.tolist(), sights, strict=True))
