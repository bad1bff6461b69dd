import os
import pickle
import resource
import shutil
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from nmn.data.files import read_picture
from nmn.data.picture_store import PictureFiles, PictureStore, cache_folder, open_store
from nmn.errors import DataError
from tests.data.clevr_folders import HEIGHT, WIDTH, write_pictures

NAMES = ("a.png", "b.png", "c.png", "d.png", "e.png")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NMN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def files(tmp_path: Path, cache: Path) -> PictureFiles:
    assert not cache.exists()
    folder = tmp_path / "CLEVR_v1.0/images/val"
    write_pictures(folder, NAMES)
    return PictureFiles(folder, NAMES, (2, 3, 5, 7, 11))


def stored(cache: Path) -> list[Path]:
    return sorted(path for path in cache.rglob("*") if path.is_file())


def test_pictures_are_kept_as_they_are(files: PictureFiles) -> None:
    told: list[int] = []
    store = open_store(files, progress=told.append)
    assert store.shape == (5, HEIGHT, WIDTH, 3)
    assert len(store) == 5
    assert told == [1, 2, 3, 4, 5]
    for row, name in enumerate(NAMES):
        np.testing.assert_array_equal(store[row], read_picture(files.folder / name))


def test_some_rows_in_the_order_asked_for(files: PictureFiles) -> None:
    store = open_store(files)
    rows = store.rows([3, 0, 3])
    np.testing.assert_array_equal(rows, np.stack([store[3], store[0], store[3]]))
    assert rows.flags.writeable


def test_pictures_are_resized_once(files: PictureFiles, cache: Path) -> None:
    store = open_store(files, (24, 16))
    assert store.shape == (5, 16, 24, 3)
    with Image.open(files.folder / "b.png") as image:
        expected = image.convert("RGB").resize((24, 16), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(store[1], np.asarray(expected))
    open_store(files)
    folders = sorted(path.parent.name.rsplit("-", 1)[0] for path in stored(cache))
    assert folders == ["CLEVR_v1.0-val", "CLEVR_v1.0-val-24x16"]


def test_nothing_is_decoded_again(files: PictureFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    before = open_store(files, (24, 16))
    monkeypatch.delattr(PictureFiles, "read")
    after = open_store(files, (24, 16))
    assert after == before
    np.testing.assert_array_equal(after[4], before[4])


def newer(path: Path) -> None:
    os.utime(path, ns=(0, 0))


def other(path: Path) -> None:
    shutil.copy(path.parent / "d.png", path)


@pytest.mark.parametrize("change", [newer, other])
def test_changed_pictures_are_noticed_and_their_old_store_goes(
    files: PictureFiles, cache: Path, change: Callable[[Path], None]
) -> None:
    before = open_store(files)
    change(files.folder / "c.png")
    after = open_store(files)
    assert after.path != before.path
    assert stored(cache) == [after.path]
    np.testing.assert_array_equal(after[2], read_picture(files.folder / "c.png"))


def test_other_rows_are_another_store(files: PictureFiles) -> None:
    first = open_store(files)
    fewer = open_store(PictureFiles(files.folder, NAMES[2:], files.indices[2:]))
    assert fewer.path != first.path
    np.testing.assert_array_equal(fewer[0], read_picture(files.folder / "c.png"))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("PK, but nothing packed")


def floats(path: Path) -> None:
    np.save(path, np.zeros((5, HEIGHT, WIDTH, 3)))


@pytest.mark.parametrize("damage", [cut, empty, text, floats, Path.unlink])
def test_a_damaged_store_is_made_anew(
    files: PictureFiles, damage: Callable[[Path], object]
) -> None:
    before = open_store(files)
    damage(before.path)
    with pytest.raises(DataError, match="gone or damaged"):
        before[0]
    np.testing.assert_array_equal(open_store(files)[4], read_picture(files.folder / "e.png"))


def test_what_is_pickled_is_the_path(files: PictureFiles) -> None:
    store = open_store(files)
    first = store[0]
    again = pickle.loads(pickle.dumps(store))
    assert len(pickle.dumps(store)) < 400
    assert isinstance(again, PictureStore)
    np.testing.assert_array_equal(again[0], first)


def missing(path: Path) -> None:
    path.unlink()


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def smaller(path: Path) -> None:
    Image.new("RGB", (30, 20)).save(path)


def grey(path: Path) -> None:
    Image.new("L", (WIDTH, HEIGHT)).save(path)


@pytest.mark.parametrize("place", [0, 3])
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (missing, "no such file or directory"),
        (half, "not a picture, or a broken one"),
        (empty, "not a picture, or a broken one"),
        (grey, "wanted a colour picture"),
    ],
)
def test_a_damaged_picture_is_named_and_leaves_nothing(
    files: PictureFiles, cache: Path, damage: Callable[[Path], None], said: str, place: int
) -> None:
    damage(files.folder / NAMES[place])
    filters = list(warnings.filters)
    with pytest.raises(DataError) as caught:
        open_store(files)
    where = f"val/{NAMES[place]}, image {files.indices[place]}: {said}"
    assert where in str(caught.value)
    assert stored(cache) == []
    assert warnings.filters == filters


def test_pictures_of_two_sizes_need_a_size(files: PictureFiles, cache: Path) -> None:
    smaller(files.folder / "d.png")
    with pytest.raises(DataError, match=r"d.png, image 7: 30x20, where 'a.png' is 60x40; state a"):
        open_store(files)
    assert stored(cache) == []
    assert open_store(files, (30, 20)).shape == (5, 20, 30, 3)


@pytest.mark.parametrize("size", [(0, 10), (10, -1)])
def test_impossible_sizes(files: PictureFiles, size: tuple[int, int]) -> None:
    with pytest.raises(DataError, match="wanted a size from 1x1"):
        open_store(files, size)


def test_no_pictures(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no pictures"):
        open_store(PictureFiles(tmp_path, (), ()))


class Usage(NamedTuple):
    free: int


def test_too_little_space_is_said_before_anything_is_decoded(
    files: PictureFiles, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(1000))
    told: list[int] = []
    with pytest.raises(DataError, match=r"no space for the picture store: wanted 0.0 GiB, .* free"):
        open_store(files, progress=told.append)
    assert (stored(cache), told) == ([], [])


@pytest.fixture
def small_files_only() -> Iterator[None]:
    """Writing fails after 20,000 bytes, as on a disk that fills up meanwhile."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.usefixtures("small_files_only")
def test_a_disk_that_fills_up(files: PictureFiles, cache: Path) -> None:
    with pytest.raises(DataError, match=r"home/pictures/.*: file too large"):
        open_store(files)
    assert stored(cache) == []


def test_an_interruption_leaves_nothing_and_the_next_pass_is_whole(
    files: PictureFiles, cache: Path
) -> None:
    def interrupt(done: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_store(files, progress=interrupt)
    assert stored(cache) == []
    assert len(open_store(files)) == 5


def test_what_a_killed_process_left_goes_with_the_next_store(
    files: PictureFiles, cache: Path
) -> None:
    first = open_store(files)
    old, fresh = first.path.parent / ".old", first.path.parent / ".fresh"
    old.write_text("half of a store")
    fresh.write_text("of a process that is still at it")
    os.utime(old, (time.time() - 7200,) * 2)
    first.path.unlink()
    open_store(files)
    assert stored(cache) == [fresh, first.path]


def test_other_pictures_of_a_folder_have_a_store_of_their_own(files: PictureFiles) -> None:
    every = open_store(files)
    some = open_store(PictureFiles(files.folder, files.names[1:], files.indices[1:]))
    assert some.path != every.path
    np.testing.assert_array_equal(every[1], some[0])


def test_where_stores_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NMN_HOME", "here")
    assert cache_folder() == Path("here")
    monkeypatch.delenv("NMN_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "nmn"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "nmn"


@pytest.mark.usefixtures("cache")
def test_a_store_of_pictures_made_by_others(real_data: Path) -> None:
    folder = real_data / "clevr/blender/images/train"
    names = sorted(path.name for path in folder.iterdir())[:60]
    store = open_store(PictureFiles(folder, tuple(names), tuple(range(60))), (120, 80))
    assert store.shape == (60, 80, 120, 3)
    assert 90 < store[0].mean() < 140  # the ground is grey


def test_pictures_can_be_wanted_ahead(files: PictureFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(files, (30, 20))
    told: list[tuple[int, int]] = []
    advise = os.posix_fadvise

    def told_of(file: int, begin: int, size: int, advice: int) -> None:
        told.append((begin, size))
        advise(file, begin, size, advice)

    monkeypatch.setattr("os.posix_fadvise", told_of)
    store.will_need([2, 0])
    stored = store.path.read_bytes()
    for row, (begin, size) in zip([2, 0], told, strict=True):
        assert stored[begin : begin + size] == store[row].tobytes()
