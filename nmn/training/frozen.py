"""What a stem that learns no more gives of pictures: computed once, and from then on in a file."""

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import nn

from nmn.data.example import Picture, Seen
from nmn.data.picture_store import PictureFiles, cache_folder, decoded, state_of
from nmn.errors import DataError
from nmn.nn.features import Features
from nmn.resources import replacing
from nmn.training.tensors import digest

_AT_ONCE = 16
"""Pictures that the stem has at once."""


def open_seen(
    files: PictureFiles,
    size: tuple[int, int],
    stem: nn.Module,
    progress: Callable[[int], object] = lambda done: None,
) -> Seen:
    """What a stem gives of some pictures, memory-mapped: `(picture, row, column, channel)`.

    Kept with half precision, below the cache folder, for each choice of pictures and weights. An
    interrupted first pass leaves nothing, and the next one begins anew.

    Args:
        size: `(width, height)` that pictures are resized to.
        stem: from pictures to `Features` on a grid; on the device where it is to compute.
        progress: told how many pictures are done.

    Raises:
        DataError: a picture is missing or broken, or the disk is full.
    """
    named = repr((str(files.folder.resolve()), size, state_of(files), digest(stem)))
    name = hashlib.sha256(named.encode()).hexdigest()[:16]
    path = cache_folder() / "features" / f"{name}.npy"
    found = _mapped(path, len(files))
    if found is None:
        _write(path, files, size, stem, progress)
        found = _mapped(path, len(files))
    if found is None:
        raise DataError(str(path), "what the stem gave cannot be read back; begin again")
    return found


def _mapped(path: Path, count: int) -> Seen | None:
    """The array in a file; None where there is none or it is damaged."""
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, EOFError):
        return None
    return array if array.dtype == np.float16 and array.ndim == 4 and len(array) == count else None


def _write(
    path: Path,
    files: PictureFiles,
    size: tuple[int, int],
    stem: nn.Module,
    progress: Callable[[int], object],
) -> None:
    done = 0
    with replacing(path) as stream, contextlib.closing(decoded(files, size)) as pictures:
        for part in _parts(pictures):
            seen = _seen(part, stem)
            if not done:
                needed, free = len(files) * seen[0].nbytes, shutil.disk_usage(path.parent).free
                if needed > free:
                    said = f"wanted {needed / 2**30:.1f} GiB, {free / 2**30:.1f} GiB free"
                    problem = f"no space for features: {said} (NMN_HOME says where they are kept)"
                    raise DataError(str(path.parent), problem)
                shape = (len(files), *seen.shape[1:])
                header = {"descr": "<f2", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(stream, header)
            stream.write(np.ascontiguousarray(seen).data)
            done += len(part)
            progress(done)


def _parts(pictures: Iterator[Picture]) -> Iterator[list[Picture]]:
    while part := list(islice(pictures, _AT_ONCE)):
        yield part


@torch.no_grad()
def _seen(pictures: list[Picture], stem: nn.Module) -> Seen:
    device = next(stem.parameters()).device
    values = torch.from_numpy(np.stack(pictures)).to(device).permute(0, 3, 1, 2).float().div_(255)
    features: Features = stem.eval()(values)
    assert features.grid is not None
    cells = features.values.view(len(pictures), *features.grid, -1).half().cpu()
    seen: Seen = cells.numpy().astype("<f2")
    return seen
