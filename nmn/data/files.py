"""Reading of the kinds of files that data sets are made of, plain or gzipped.

Every failure is a `DataError` that names the file. Nothing that is read is ever executed:
arrays are read without pickle.
"""

import gzip
import io
import json
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from nmn.data.example import Picture
from nmn.errors import DataError, shortened
from nmn.resources import replacing, unreadable

_BROKEN_GZIP = (EOFError, gzip.BadGzipFile, zlib.error)
_MAX_PIXELS = 50_000_000


def find_file(folder: Path, name: str) -> Path | None:
    """`folder/name` or `folder/name.gz`, whichever there is."""
    candidates = (folder / name, folder / f"{name}.gz")
    return next((path for path in candidates if path.is_file()), None)


def open_plain_or_gzip(path: Path) -> io.BufferedIOBase:
    """A binary stream over the content of a file whose name may end in `.gz`."""
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 text file, without their ends."""
    try:
        with open_plain_or_gzip(path) as stream:
            lines = stream.read().decode("utf-8-sig").replace("\r\n", "\n").split("\n")
        return lines[:-1] if lines[-1] == "" else lines
    except _BROKEN_GZIP as error:
        raise DataError(str(path), "the gzip stream breaks off") from error
    except OSError as error:
        raise unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise DataError(str(path), f"not UTF-8 text (byte {error.start})") from error


def read_array(path: Path) -> NDArray[Any]:
    """A `.npy` array, plain or gzipped."""
    try:
        with open_plain_or_gzip(path) as stream:
            array = np.lib.format.read_array(stream, allow_pickle=False)
    except _BROKEN_GZIP as error:
        raise DataError(str(path), "the gzip stream breaks off") from error
    except OSError as error:
        raise unreadable(path, error) from error
    except (ValueError, MemoryError, OverflowError, RecursionError) as error:
        raise DataError(str(path), f"a broken .npy file: {shortened(str(error))}") from error
    return array


def read_json(path: Path) -> Any:
    """A JSON file, plain or gzipped."""
    text = "\n".join(read_lines(path))
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise DataError(str(path), f"not valid JSON: {error.msg}", where) from error
    except ValueError as error:
        raise DataError(str(path), f"not valid JSON: {error}") from error
    except RecursionError as error:
        raise DataError(str(path), "not valid JSON: nested too deeply") from error


def read_picture(path: Path) -> Picture:
    """A picture file as RGB, the way up that it says; an alpha channel is dropped.

    Raises:
        DataError: no such file, not a picture, broken, or of a mode without colours.
    """
    if path.exists() and not path.is_file():
        raise DataError(str(path), "is a directory" if path.is_dir() else "not a regular file")
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            if image.width * image.height > _MAX_PIXELS:
                size = f"{image.width}x{image.height}"
                raise DataError(str(path), f"wanted at most {_MAX_PIXELS} pixels, got {size}")
            if image.mode not in ("RGB", "RGBA", "P"):
                raise DataError(str(path), f"wanted a colour picture (RGB), got mode {image.mode}")
            upright = ImageOps.exif_transpose(image)
            return np.asarray(upright.convert("RGB"), dtype=np.uint8)
    except OSError as error:
        if path.is_file() and error.errno is None:
            raise DataError(str(path), "not a picture, or a broken one") from error
        raise unreadable(path, error) from error
    except (ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(str(path), f"not a picture that can be read: {error}") from error


def resized(picture: Picture, size: tuple[int, int]) -> Picture:
    """A picture of another size, by Lanczos' filter, which is right for any ratio.

    Args:
        size: `(width, height)`.
    """
    if picture.shape[1::-1] == size:
        return picture
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS), np.uint8)


def write_picture(path: Path, picture: Picture) -> None:
    """Write a PNG file, whole or not at all."""
    with replacing(path) as stream:
        Image.fromarray(picture).save(stream, format="PNG")
