"""Pictures that are decoded and resized once, and from then on lie in memory-mapped files.

A store is one `.npy` file, uint8 `(N, height, width, 3)`, in a cache folder that may be deleted at
any time: `NMN_HOME`, else `nmn` in the user's cache folder. There is at most one store for each
folder of pictures and size; when the pictures have changed, a new one takes the place of the old.
"""

import contextlib
import hashlib
import math
import os
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from nmn.data.example import Picture
from nmn.data.files import read_picture, resized
from nmn.errors import DataError
from nmn.resources import replacing, unreadable

_CHUNK = 128
_MOST_THREADS = 8
_FORGOTTEN = 3600.0
"""Seconds after which a file that is still unfinished is one of a process that was killed."""


@dataclass(frozen=True)
class PictureFiles:
    """The picture files of a split, in the order of their rows.

    Attributes:
        folder: where they are.
        names: of the files in it.
        indices: the image index of each, for messages.
    """

    folder: Path
    names: tuple[str, ...]
    indices: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.names)

    def read(self, row: int, size: tuple[int, int] | None = None) -> Picture:
        """Decode a picture.

        Args:
            size: `(width, height)` to resize it to; None for its own.

        Raises:
            DataError: it is missing, truncated or not a picture; names the file and the image.
        """
        try:
            picture = read_picture(self.folder / self.names[row])
        except DataError as error:
            where = f"image {self.indices[row]}"
            raise DataError(error.file, error.problem, where) from error
        return picture if size is None else resized(picture, size)


@dataclass(frozen=True)
class PictureStore:
    """Pictures by row, out of a memory-mapped file.

    What is pickled is the path alone: each process maps the file itself.

    Attributes:
        shape: `(N, height, width, 3)`.
    """

    path: Path
    shape: tuple[int, int, int, int]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, row: int, /) -> Picture:
        return np.asarray(self._mapped[row])

    def is_of(self, files: PictureFiles) -> bool:
        """Whether these are the pictures of `files`, as they are now."""
        return self.path.stem == state_of(files)

    def rows(self, rows: Sequence[int]) -> UInt8[np.ndarray, "picture height width 3"]:
        """A copy of some pictures, in the order asked for."""
        return np.asarray(self._mapped[np.asarray(rows, dtype=np.int64)])

    def will_need(self, rows: Sequence[int]) -> None:
        """Let the system read some pictures, where they are not in memory, beside other work.

        Without it the first look at a picture waits for the disk, and for what lies around.
        """
        if sys.platform != "linux":
            return
        # If it is gone, the first look at a picture says so.
        with contextlib.suppress(OSError), self.path.open("rb") as stream:
            size = math.prod(self.shape[1:])
            begin = stream.seek(0, os.SEEK_END) - math.prod(self.shape)
            for row in rows:
                place = begin + row * size
                os.posix_fadvise(stream.fileno(), place, size, os.POSIX_FADV_WILLNEED)

    @cached_property
    def _mapped(self) -> UInt8[np.ndarray, "picture height width 3"]:
        mapped = _map(self.path)
        if mapped is None or mapped.shape != self.shape:
            raise DataError(str(self.path), "the picture store is gone or damaged; begin again")
        return mapped

    def __reduce__(self) -> tuple[type["PictureStore"], tuple[Any, ...]]:
        return PictureStore, (self.path, self.shape)


def cache_folder() -> Path:
    """Where what can be made again is kept: `NMN_HOME`, else `nmn` in the user's cache folder."""
    home = os.environ.get("NMN_HOME")
    if home:
        return Path(home)
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "nmn"


def open_store(
    files: PictureFiles,
    size: tuple[int, int] | None = None,
    progress: Callable[[int], object] = lambda done: None,
) -> PictureStore:
    """The store of some picture files; where there is none yet, all are decoded.

    An interrupted first pass leaves no store, and the next one begins anew.

    Args:
        size: `(width, height)` that all pictures are resized to; None for their own, which then
            must be the same of all.
        progress: told how many are done.

    Raises:
        DataError: a picture is missing, broken or of another size, or the disk is full.
    """
    if not len(files):
        raise DataError(str(files.folder), "no pictures")
    if size is not None and min(size) < 1:
        raise DataError(str(files.folder), f"wanted a size from 1x1, got {_said(size)}")
    path = _place(files, size)
    mapped = _map(path)
    if mapped is None or len(mapped) != len(files):
        _write(path, files, size, progress)
        _tidy(path)
        mapped = _map(path)
    if mapped is None:
        raise DataError(str(path), "the picture store cannot be read")
    count, height, width, _ = mapped.shape
    return PictureStore(path, (count, height, width, 3))


def _place(files: PictureFiles, size: tuple[int, int] | None) -> Path:
    """The file of a store: a folder for each choice and size, a name for what the files are."""
    folder = files.folder.resolve()
    source = hashlib.sha256(repr((str(folder), size, files.names)).encode()).hexdigest()[:12]
    # images/train of CLEVR_v1.0
    title = "-".join((*folder.parts[-3:-2], folder.name, *([_said(size)] if size else [])))
    return cache_folder() / "pictures" / f"{title}-{source}" / f"{state_of(files)}.npy"


def state_of(files: PictureFiles) -> str:
    """A name for what the files are: other ones, or changed ones, have another."""
    folder = files.folder.resolve()
    state = hashlib.sha256()
    for row, name in enumerate(files.names):
        try:
            found = (folder / name).stat()
        except OSError as error:
            said = unreadable(folder / name, error)
            raise DataError(said.file, said.problem, f"image {files.indices[row]}") from error
        state.update(repr((name, found.st_size, found.st_mtime_ns)).encode())
    return state.hexdigest()[:16]


def _map(path: Path) -> UInt8[np.ndarray, "picture height width 3"] | None:
    """The array in a file; None where there is none or it is damaged."""
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, EOFError):
        return None
    fits = array.dtype == np.uint8 and array.ndim == 4 and array.shape[-1] == 3
    return array if fits else None


def _write(
    path: Path,
    files: PictureFiles,
    size: tuple[int, int] | None,
    progress: Callable[[int], object],
) -> None:
    first = files.read(0, size)
    shape = (len(files), *first.shape)
    with replacing(path) as stream:
        needed, free = len(files) * first.nbytes, shutil.disk_usage(path.parent).free
        if needed > free:
            problem = f"no space for the picture store: wanted {_gib(needed)}, {_gib(free)} free"
            raise DataError(str(path.parent), f"{problem} (NMN_HOME says where it is kept)")
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)
        with contextlib.closing(decoded(files, size)) as pictures:
            for row, picture in enumerate(pictures):
                if picture.shape != first.shape:
                    raise _other_size(files, row, picture, first)
                stream.write(np.ascontiguousarray(picture).data)
                progress(row + 1)


def decoded(files: PictureFiles, size: tuple[int, int] | None) -> Generator[Picture, None, None]:
    """All pictures in order, each resized where a size is wanted.

    PIL decodes without Python's lock: threads do as well as processes.
    """
    threads = min(_MOST_THREADS, os.cpu_count() or 1)
    # Threads that each put back the filters they found can leave others than there were.
    with warnings.catch_warnings(), ThreadPoolExecutor(threads) as pool:
        for begin in range(0, len(files), _CHUNK):
            rows = range(begin, min(begin + _CHUNK, len(files)))
            yield from pool.map(lambda row: files.read(row, size), rows)


def _tidy(path: Path) -> None:
    """Remove what stores of the same pictures there were before, and what a kill left behind."""
    for other in path.parent.iterdir():
        with contextlib.suppress(OSError):  # in use, where the system does not let it go then
            unfinished = other.name.startswith(".")
            forgotten = time.time() - other.stat().st_mtime > _FORGOTTEN
            if other != path and (forgotten or not unfinished):
                other.unlink()


def _other_size(files: PictureFiles, row: int, picture: Picture, first: Picture) -> DataError:
    got, wanted = (_said(p.shape[1::-1]) for p in (picture, first))
    problem = f"{got}, where '{files.names[0]}' is {wanted}; state a size to resize to"
    return DataError(str(files.folder / files.names[row]), problem, f"image {files.indices[row]}")


def _said(size: Sequence[int]) -> str:
    return f"{size[0]}x{size[1]}"


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"
