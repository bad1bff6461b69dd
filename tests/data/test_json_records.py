import gzip
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nmn.data.json_records import Record, read_records, write_records
from nmn.errors import DataError, NMNError

NUMBERS = b'{"info": {"a": [1]}, "numbers": [1, {"b": 2.5}, "\xc3\xbc"]}'


def records_of(path: Path, errors: list[str] | None = None) -> list[tuple[int, Any]]:
    if errors is None:
        return list(read_records(path, "numbers"))
    return list(read_records(path, "numbers", lambda error: errors.append(str(error))))


@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
def test_records_come_with_their_places(tmp_path: Path, name: str) -> None:
    content = gzip.compress(NUMBERS) if name.endswith("gz") else NUMBERS
    (tmp_path / name).write_bytes(content)
    assert records_of(tmp_path / name) == [(0, 1), (1, {"b": 2.5}), (2, "\u00fc")]


@pytest.mark.parametrize(
    ("content", "records"),
    [
        (b'\xef\xbb\xbf{"numbers": [1]}', [(0, 1)]),
        (b'{"numbers": []}', []),
        (b'{"numbers": [], "info": 3}', []),
        (b'{"info": {"numbers": [3]}, "numbers": [1]}', [(0, 1)]),
    ],
)
def test_unusual_files(tmp_path: Path, content: bytes, records: list[tuple[int, int]]) -> None:
    (tmp_path / "a.json").write_bytes(content)
    assert records_of(tmp_path / "a.json") == records


UNREADABLE = [
    ("empty", b"", "the file is empty"),
    ("blank", b" \n", "the JSON breaks off"),
    ("no JSON", b"hello", "not valid JSON: "),
    ("a list", b"[1, 2]", "wanted an object with a list 'numbers', got a list"),
    ("an empty list", b"[]", "wanted an object with a list 'numbers', got a list"),
    ("a number", b"3", "wanted an object with a list 'numbers', got a number"),
    ("null", b"null", "wanted an object with a list 'numbers', got null"),
    ("an empty object", b"{}", "wanted an object with a list 'numbers', got an empty one"),
    (
        "another object",
        b'{"info": 1, "scenes": [{"numbers": []}]}',
        "wanted an object with a list 'numbers', got one with 'info' and 'scenes'",
    ),
    ("text for the list", b'{"numbers": "1"}', "with a list 'numbers', got text there"),
    ("an object for it", b'{"numbers": {"a": 1}}', "with a list 'numbers', got an object there"),
    ("null for it", b'{"numbers": null}', "with a list 'numbers', got null there"),
    ("not UTF-8", b'{"numbers": ["\xff"]}', "not UTF-8 text"),
    ("UTF-16", b'\xff\xfe{\x00"\x00', "not "),
    ("NaN", b'{"numbers": [NaN]}', "not valid JSON: "),
    ("brackets only", b'{"numbers": ' + b"[" * 300_000, "not valid JSON: nested too deeply"),
    ("it breaks off before the list", b'{"numbers"', "the JSON breaks off"),
]


@pytest.mark.parametrize(
    ("content", "said"),
    [pytest.param(content, said, id=label) for label, content, said in UNREADABLE],
)
def test_files_that_cannot_be_read_are_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        records_of(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError) as again:
        records_of(path, [])
    assert str(again.value) == str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json.gz", NUMBERS, "not a gzip file, or a broken one"),
        ("a.json.gz", b"", "the file is empty"),
        ("a.json.gz", gzip.compress(NUMBERS)[:20], "the gzip stream breaks off"),
        ("a.json", gzip.compress(NUMBERS), "not "),
        ("missing.json", None, "no such file"),
        ("missing.json.gz", None, "no such file"),
    ],
)
def test_files_that_cannot_be_opened_are_named(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        records_of(path, [])
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["folder.json", "folder.json.gz"])
def test_a_folder_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(DataError, match="is a directory"):
        records_of(tmp_path / name)


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        (b"", "the JSON breaks off"),
        (b', {"a"', "the JSON breaks off"),
        (b", NaN]}", "not valid JSON"),
        (b', "\xff"]}', "not UTF-8 text"),
        (b", " + b"[" * 300_000, "nested too deeply"),
    ],
)
def test_a_file_that_breaks_off_says_after_which_record(
    tmp_path: Path, rest: bytes, said: str
) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'{"numbers": [7' + b" " * 70_000 + b", 8 " + b" " * 70_000 + rest)
    with pytest.raises(DataError) as caught:
        records_of(path)
    assert str(caught.value).startswith(f"{path}, after number 1: ")
    assert said in str(caught.value)
    errors: list[str] = []
    assert records_of(path, errors) == [(0, 7), (1, 8)]
    assert errors == [str(caught.value)]


def test_a_gzip_stream_that_breaks_off_is_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.json.gz"
    write_records(path, "numbers", None, [f"{number:x}" * 20 for number in range(20_000)])
    path.write_bytes(path.read_bytes()[:-5000])
    errors: list[str] = []
    count = len(records_of(path, errors))
    assert 1000 < count < 20_000
    assert errors == [f"{path}, after number {count - 1}: the gzip stream breaks off"]


def test_brackets_inside_of_texts_are_not_nesting(tmp_path: Path) -> None:
    write_records(tmp_path / "a.json", "numbers", {}, [f"[{60 * 'x'}"] * 5000)
    assert len(records_of(tmp_path / "a.json")) == 5000


@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
def test_what_is_written_is_read_again(tmp_path: Path, name: str) -> None:
    records = [{"a": [1, "\u00fc"]}, {"b": None}]
    assert write_records(tmp_path / name, "numbers", {"split": "x"}, iter(records)) == 2
    assert [record for _, record in records_of(tmp_path / name)] == records
    raw = (tmp_path / name).read_bytes()
    plain = gzip.decompress(raw) if name.endswith("gz") else raw
    assert json.loads(plain) == {"info": {"split": "x"}, "numbers": records}
    write_records(tmp_path / f"other-{name}", "numbers", {"split": "x"}, records)
    assert (tmp_path / f"other-{name}").read_bytes() == raw


def test_nothing_is_written_where_the_records_fail(tmp_path: Path) -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise DataError("elsewhere", "broken")

    (tmp_path / "a.json").write_text("before")
    with pytest.raises(DataError, match="elsewhere: broken"):
        write_records(tmp_path / "a.json", "numbers", {}, failing())
    assert (tmp_path / "a.json").read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 1


def test_memory_does_not_grow_with_the_number_of_records(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        write_records(tmp_path / "a.json", "numbers", {}, ({"a": [n] * 50} for n in range(count)))
        tracemalloc.start()
        assert sum(1 for _ in read_records(tmp_path / "a.json", "numbers")) == count
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(100)
    assert peak(5000) < peak(500) + 200_000


WITHOUT_YAJL = """
import sys
from pathlib import Path
from nmn.data.json_records import ijson, read_records
from nmn.errors import DataError
print(ijson.backend_name)
for file in sys.argv[1:]:
    try:
        print(list(read_records(Path(file), "numbers")))
    except DataError as error:
        print(error.problem)
"""


def test_the_slow_json_reader_that_is_everywhere_does_as_well(tmp_path: Path) -> None:
    contents = [NUMBERS, b"", b'{"numbers": [1, ', b'{"numbers": ["\xff"]}', b"[]", b"[" * 300_000]
    files = [tmp_path / f"{number}.json" for number in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_YAJL, *map(str, files)],
        env={**os.environ, "IJSON_BACKEND": "python"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "python",
        "[(0, 1), (1, {'b': 2.5}), (2, '\u00fc')]",
        "the file is empty",
        "the JSON breaks off",
        "not UTF-8 text",
        "wanted an object with a list 'numbers', got a list",
        "not valid JSON: nested too deeply",
    ]


def test_a_record_reads_numbers_and_texts() -> None:
    record = Record.of({"n": 3, "t": "x", "no": None, "bad": True}, "file", "record 1")
    assert (record.whole("n"), record.whole("no"), record.whole("other")) == (3, None, None)
    assert (record.text("t"), record.text("no")) == ("x", "")
    for action in (record.whole, record.text):
        with pytest.raises(NMNError, match=r"file, record 1: wanted .* as 'bad', got true"):
            action("bad")
    with pytest.raises(DataError, match="file, record 2: wanted an object, got a list"):
        Record.of([], "file", "record 2")
    assert str(record.at("record 9").problem("odd", "part 2")) == "file, record 9, part 2: odd"
