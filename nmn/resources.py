"""Where the data that the package ships lies, and how files are written so that none is lost.

Installed from a wheel, `grammar/`, `datasets/` and `checkpoints/` are inside the package
(`nmn/_data`); in a checkout they are beside it. Nothing else may know the difference.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from nmn.errors import DataError

_PACKAGE = Path(__file__).resolve().parent


def data_root() -> Path:
    """The folder that holds `grammar/`, `datasets/` and `checkpoints/`."""
    shipped = _PACKAGE / "_data"
    return shipped if shipped.is_dir() else _PACKAGE.parent


def grammar_file(name: str) -> Path:
    """A file below `grammar/`, e.g. `program.lark`."""
    return data_root() / "grammar" / name


def dataset_folder(domain: str) -> Path:
    """The folder of one domain below `datasets/`."""
    return data_root() / "datasets" / domain


def shipped_checkpoints() -> Path:
    """The folder of the shipped models."""
    return data_root() / "checkpoints"


def read_text(path: Path) -> str:
    """A UTF-8 text file.

    Raises:
        DataError: missing, unreadable or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise DataError(str(path), f"not UTF-8 text (byte {error.start})") from error


def unreadable(path: Path, error: OSError) -> DataError:
    """The one-line form of a failed read or write."""
    if isinstance(error, FileExistsError):
        return DataError(str(path), "a file is where a folder is needed")
    return DataError(str(path), (error.strerror or type(error).__name__).lower())


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Write a file under a temporary name and rename it when all went well.

    Whatever goes wrong inside the `with`, `path` is afterwards what it was before, and no
    temporary file stays behind.

    Raises:
        DataError: the file could not be written (no such folder, disk full, no permission), or
            something else than a file is there.
    """
    temporary: Path | None = None
    try:
        if path.exists() and not path.is_file():
            kind = "is a directory" if path.is_dir() else "not a regular file"
            raise DataError(str(path), kind)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise unreadable(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextmanager
def replacing_files(folder: Path) -> Iterator[Path]:
    """A temporary folder whose files move into `folder` when all went well.

    Files that belong together appear together: if one cannot be written, none does.

    Raises:
        DataError: a file could not be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".partial.") as name:
            yield Path(name)
            for path in sorted(Path(name).iterdir()):
                path.replace(folder / path.name)
    except OSError as error:
        raise unreadable(folder, error) from error


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all (see `replacing`)."""
    with replacing(path) as stream:
        stream.write(text.encode("utf-8"))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
