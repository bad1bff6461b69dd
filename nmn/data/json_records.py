"""The records of a large JSON file one by one: an object that holds a list of objects.

CLEVR's files are of that kind, `{"info": {...}, "questions": [...]}`, up to a gigabyte of it.
Memory does not grow with the length of the list.
"""

import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import ijson

from nmn.data.files import open_plain_or_gzip
from nmn.errors import DataError, listing, shortened
from nmn.program.clevr import json_word
from nmn.resources import replacing, unreadable

OnError = Callable[[DataError], object]
"""What to do with the error of a record that is passed over."""

_CHUNK = 1 << 14
_DEEPEST = 1000
_MOST_EVENTS = 100_000
_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Record:
    """One entry of such a list, which says in its errors where it is.

    Attributes:
        where: which record of the file `source` it is, `question 17`.
    """

    values: dict[str, Any]
    source: str
    where: str

    @staticmethod
    def of(values: Any, source: str, where: str) -> "Record":
        """Raises DataError where `values` is not an object."""
        if not isinstance(values, dict):
            raise DataError(source, f"wanted an object, got {json_word(values)}", where)
        return Record(values, source, where)

    def at(self, where: str) -> "Record":
        """The same under another name."""
        return replace(self, where=where)

    def problem(self, text: str, part: str = "") -> DataError:
        """An error in the record, or in a part of it (`object 3`)."""
        return DataError(self.source, text, f"{self.where}, {part}" if part else self.where)

    def error(self, wanted: str, got: Any, part: str = "") -> DataError:
        """An error for a value out of JSON that is not what was wanted."""
        return self.problem(f"wanted {wanted}, got {json_word(got)}", part)

    def whole(self, key: str) -> int | None:
        """A number from 0, or None where there is none."""
        value = self.values.get(key)
        if value is not None and (type(value) is not int or value < 0):
            raise self.error(f"a number from 0 as '{key}'", value)
        return value

    def text(self, key: str) -> str:
        """A text, empty where there is none."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, str):
            raise self.error(f"text as '{key}'", value)
        return value or ""


def read_records(
    path: Path, key: str, on_error: OnError | None = None
) -> Iterator[tuple[int, Any]]:
    """The entries of the list `key` of a JSON object, plain or `.gz`, each with its place.

    Args:
        on_error: called where the file breaks off after its first record, which then is the
            end; without it the error is raised.

    Raises:
        DataError: the file cannot be read, is not JSON, or has no such list.
    """
    place = 0
    try:
        for record in _entries(path, key):
            yield place, record
            place += 1
    except DataError as error:
        if place == 0:
            raise
        broken = DataError(str(path), error.problem, f"after {key.removesuffix('s')} {place - 1}")
        if on_error is None:
            raise broken from error
        on_error(broken)
        return
    if place == 0:
        _check_layout(path, key)


def read_info(path: Path) -> Any:
    """What stands under `info`, None where there is nothing.

    Raises:
        DataError: the file cannot be read as far as that.
    """
    with _reading(path) as guarded:
        for record in ijson.items(guarded, "info", use_float=True):
            return record
    return None


def write_records(path: Path, key: str, info: Any, records: Iterable[Any]) -> int:
    """Write `{"info": info, key: [...]}`, whole or not at all, and return how many there were.

    The same records give the same bytes, also where the name ends in `.gz`.

    Raises:
        DataError: the file cannot be written.
    """
    with replacing(path) as stream:
        if path.suffix != ".gz":
            return _write(stream.write, key, info, records)
        with gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0) as packed:
            return _write(packed.write, key, info, records)


def _write(write: Callable[[bytes], object], key: str, info: Any, records: Iterable[Any]) -> int:
    count = 0
    write(f'{{"info": {json.dumps(info)}, {json.dumps(key)}: ['.encode())
    for record in records:
        separator = ",\n" if count else "\n"
        write(f"{separator}{json.dumps(record)}".encode())
        count += 1
    write(b"\n]}\n")
    return count


class _Guarded:
    """A stream as the JSON reader takes it, which refuses to nest without end.

    The reader keeps the whole way to each open bracket, so that a file of brackets only would
    take memory with the square of its length.
    """

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._stream = stream
        self._open = 0
        self.empty = True

    def read(self, size: int = -1) -> bytes:
        """Some bytes; none at the end, or where none are asked for."""
        if size == 0:
            return b""
        chunk = self._stream.read(_CHUNK)
        if self.empty:
            if chunk.startswith(_GZIP):
                raise DataError("", "packed by gzip, but its name does not end in .gz")
            chunk = chunk.removeprefix(_BOM)
        self.empty = self.empty and not chunk
        self._open += chunk.count(b"[") + chunk.count(b"{")
        self._open -= chunk.count(b"]") + chunk.count(b"}")
        if self._open > _DEEPEST:
            raise DataError("", "not valid JSON: nested too deeply")
        return chunk

    def between_records(self) -> None:
        """Nothing is open but the list itself: brackets inside of texts are forgotten."""
        self._open = 0


def _entries(path: Path, key: str) -> Iterator[Any]:
    """The entries of the list; every failure is a DataError that names the file."""
    with _reading(path) as guarded:
        for record in ijson.items(guarded, f"{key}.item", use_float=True):
            guarded.between_records()
            yield record


def _check_layout(path: Path, key: str) -> None:
    """Raises DataError where a file without records has no list of them."""
    wanted = f"wanted an object with a list '{key}'"
    with _reading(path) as guarded:
        keys: list[str] = []
        events = islice(ijson.parse(guarded, use_float=True), _MOST_EVENTS)
        for prefix, event, value in events:
            if prefix == "" and event == "map_key":
                keys.append(str(value))
            elif prefix == "" and not keys and event not in ("start_map", "end_map"):
                raise DataError(str(path), f"{wanted}, got {_KINDS.get(event, 'a value')}")
            elif prefix == key:
                if event == "start_array":
                    return
                got = _KINDS.get(event, "a value")
                raise DataError(str(path), f"{wanted}, got {got} there")
    got = f"one with {listing(keys[:5], 'and')}" if keys else "an empty one"
    raise DataError(str(path), f"{wanted}, got {got}")


_KINDS = {
    "start_map": "an object",
    "start_array": "a list",
    "string": "text",
    "number": "a number",
    "boolean": "a boolean",
    "null": "null",
}


@contextmanager
def _reading(path: Path) -> Iterator[_Guarded]:
    """The open file; whatever goes wrong inside of the `with` becomes a DataError."""
    guarded: _Guarded | None = None
    try:
        with open_plain_or_gzip(path) as stream:
            guarded = _Guarded(stream)
            yield guarded
    except DataError as error:
        raise DataError(str(path), error.problem, error.record) from error
    except (ijson.JSONError, UnicodeDecodeError) as error:
        empty = guarded is not None and guarded.empty
        raise DataError(str(path), "the file is empty" if empty else _said(error)) from error
    except gzip.BadGzipFile as error:
        raise DataError(str(path), "not a gzip file, or a broken one") from error
    except (EOFError, zlib.error) as error:
        raise DataError(str(path), "the gzip stream breaks off") from error
    except OSError as error:
        raise unreadable(path, error) from error


def _said(error: Exception) -> str:
    """What the JSON reader says, which differs from one of its backends to the other."""
    text = str(error)
    if "UTF8" in text or "utf-8" in text:
        return "not UTF-8 text"
    if "premature EOF" in text or "ncomplete" in text:
        return "the JSON breaks off"
    first = text.removeprefix("b'").replace("\\n", "\n").split("\n", maxsplit=1)[0]
    return f"not valid JSON: {shortened(first)}"
