from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nmn.data.files import read_json, read_picture, write_picture
from nmn.errors import DataError

RED = np.full((4, 6, 3), (255, 0, 0), dtype=np.uint8)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_pictures_of_colour_modes_come_as_rgb(tmp_path: Path, mode: str) -> None:
    Image.fromarray(RED).convert(mode).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png"), RED)


def test_a_written_picture_is_read_back(tmp_path: Path) -> None:
    picture = np.arange(72, dtype=np.uint8).reshape(4, 6, 3)
    write_picture(tmp_path / "a.png", picture)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png"), picture)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda p: Image.fromarray(RED).convert("L").save(p), "got mode L"),
        (lambda p: Image.fromarray(RED).convert("1").save(p), "got mode 1"),
        (lambda p: p.write_text("not a picture"), "not a picture"),
        (lambda p: p.write_bytes(b""), "not a picture"),
        (lambda p: None, "no such file"),
        (lambda p: p.mkdir(), "is a directory"),
    ],
)
def test_other_files_are_named(tmp_path: Path, make: Callable[[Path], object], said: str) -> None:
    path = tmp_path / "a.png"
    make(path)
    with pytest.raises(DataError, match=said) as caught:
        read_picture(path)
    assert "a.png" in str(caught.value)


def test_a_picture_that_breaks_off_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(DataError, match=r"a\.png"):
        read_picture(path)


@pytest.mark.parametrize("text", ["{", "[1,", "[" * 100_000])
def test_broken_json_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DataError, match="not valid JSON"):
        read_json(tmp_path / "a.json")


def test_a_picture_is_read_the_way_up_that_it_says(tmp_path: Path) -> None:
    picture = Image.new("RGB", (4, 2))
    picture.putpixel((0, 0), (255, 0, 0))
    turned = Image.Exif()
    turned[0x0112] = 3  # upside down
    picture.save(tmp_path / "turned.png", exif=turned)
    assert read_picture(tmp_path / "turned.png")[1, 3].tolist() == [255, 0, 0]
