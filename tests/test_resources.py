import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from nmn.errors import DataError
from nmn.resources import (
    data_root,
    dataset_folder,
    grammar_file,
    read_text,
    replacing,
    shipped_checkpoints,
    unreadable,
    write_text,
)


@pytest.fixture
def umask() -> Iterator[int]:
    """A umask of its own, so that file modes can be told."""
    old = os.umask(0o027)
    yield 0o027
    os.umask(old)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_half(path: Path, error: BaseException) -> None:
    with replacing(path) as stream:
        stream.write(b"half")
        raise error


def test_the_shipped_data_is_where_it_is_said_to_be() -> None:
    assert grammar_file("program.lark").is_file()
    assert (dataset_folder("shapes") / "domain.toml").is_file()
    assert grammar_file("program.lark").parent.parent == data_root()
    assert shipped_checkpoints().parent == data_root()


def test_replacing_writes_a_new_file_and_the_folders_above_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "folder" / "a.bin"
    with replacing(path) as stream:
        stream.write(b"\x00\xff")
        assert not path.exists()
    assert path.read_bytes() == b"\x00\xff"
    assert names_in(path.parent) == ["a.bin"]


def test_replacing_replaces_only_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old", encoding="utf-8")
    with replacing(path) as stream:
        stream.write(b"new")
        stream.flush()
        assert path.read_text(encoding="utf-8") == "old"
    assert path.read_text(encoding="utf-8") == "new"
    assert names_in(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [RuntimeError("bug"), KeyboardInterrupt()])
def test_an_error_in_the_body_keeps_the_old_file_and_leaves_nothing_behind(
    tmp_path: Path, error: BaseException
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(type(error)) as caught:
        write_half(path, error)
    assert caught.value is error
    assert path.read_text(encoding="utf-8") == "old"
    assert names_in(tmp_path) == ["a.txt"]


def test_a_full_disk_is_one_line_and_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        write_half(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert str(caught.value) == f"{path}: no space left on device"
    assert path.read_text(encoding="utf-8") == "old"
    assert names_in(tmp_path) == ["a.txt"]


def test_a_rename_that_fails_keeps_what_was_there_and_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a"
    (path / "inside").mkdir(parents=True)
    with pytest.raises(DataError, match="is a directory"), replacing(path) as stream:
        stream.write(b"new")
    assert (path / "inside").is_dir()
    assert names_in(tmp_path) == ["a"]


def test_a_place_below_a_file_is_a_data_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    path = tmp_path / "file" / "a.txt"
    with pytest.raises(DataError) as caught, replacing(path):
        pytest.fail("the body must not run")
    assert caught.value.file == str(path)
    assert "\n" not in str(caught.value)
    assert read_text(tmp_path / "file") == "x"


def test_a_folder_without_permission_is_a_data_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> tuple[int, str]:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("tempfile.mkstemp", refuse)  # root may write anywhere: no real folder does
    with pytest.raises(DataError) as caught, replacing(tmp_path / "a.txt"):
        pytest.fail("the body must not run")
    assert str(caught.value) == f"{tmp_path / 'a.txt'}: permission denied"


def test_a_new_file_has_the_mode_that_other_programs_would_give_it(
    tmp_path: Path, umask: int
) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


def test_the_umask_is_left_as_it_was(tmp_path: Path, umask: int) -> None:
    write_text(tmp_path / "a.txt", "x")
    now = os.umask(umask)
    assert now == umask


def test_text_goes_out_and_comes_back_as_it_is(tmp_path: Path) -> None:
    text = "über \u2019 \U0001f600\r\nline\n"
    path = tmp_path / "a.txt"
    write_text(path, text)
    assert path.read_bytes() == text.encode("utf-8")
    assert read_text(path) == path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "problem"),
    [("none.txt", "no such file or directory"), (".", "is a directory")],
)
def test_text_that_cannot_be_read_is_one_line(tmp_path: Path, name: str, problem: str) -> None:
    path = tmp_path / name
    with pytest.raises(DataError) as caught:
        read_text(path)
    assert str(caught.value) == f"{path}: {problem}"


def test_text_that_is_not_utf8_is_named_with_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc\xff")
    with pytest.raises(DataError, match=r"a\.txt: not UTF-8 text \(byte 3\)$"):
        read_text(path)


def test_an_error_without_a_text_is_called_by_its_type() -> None:
    assert str(unreadable(Path("a"), TimeoutError())) == "a: timeouterror"


@pytest.mark.parametrize("kind", ["is a directory", "not a regular file"])
def test_only_files_are_replaced(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "there"
    if kind == "is a directory":
        path.mkdir()
    else:
        os.mkfifo(path)
    with pytest.raises(DataError, match=kind):
        write_text(path, "x")
    assert [path] == list(tmp_path.iterdir())
    assert path.is_dir() == (kind == "is a directory")
