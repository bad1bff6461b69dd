import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from nmn.data import open_data
from nmn.data.shapes import read_shapes, shapes_splits, write_shapes
from nmn.errors import DataError
from nmn.generate.shapes import ShapesWorldConfig, generate_shapes
from nmn.program.codecs import to_sexpression
from nmn.resources import dataset_folder
from nmn.scene.scene import Scene, grid_scene
from nmn.scene.symbolic import execute


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = generate_shapes(ShapesWorldConfig(), 3, "val", 8)
    write_shapes(tmp_path, "val", data.examples)
    return tmp_path


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    data = generate_shapes(ShapesWorldConfig(), 3, "val", 8)
    write_shapes(tmp_path, "val", data.examples)
    again = read_shapes(tmp_path, "val")
    for before, after in zip(data, again, strict=True):
        assert (before.question, before.program, before.answer) == (
            after.question,
            after.program,
            after.answer,
        )
        assert before.picture is not None
        assert after.picture is not None
        np.testing.assert_array_equal(before.picture, after.picture)


def test_channels_are_stored_blue_first(folder: Path) -> None:
    stored = np.load(folder / "val.input.npy")
    picture = read_shapes(folder, "val")[0].picture
    assert picture is not None
    np.testing.assert_array_equal(stored[0][..., 2], picture[..., 0])


def test_gzipped_files_are_read(folder: Path) -> None:
    plain = read_shapes(folder, "val")
    for path in list(folder.iterdir()):
        Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert read_shapes(folder, "val").questions == plain.questions


def test_answers_and_queries_may_be_missing(folder: Path) -> None:
    (folder / "val.query").unlink()
    (folder / "val.output").unlink()
    example = read_shapes(folder, "val")[0]
    assert (example.program, example.answer) == (None, None)


def test_missing_english_is_said_from_the_queries(folder: Path) -> None:
    before = read_shapes(folder, "val").questions
    (folder / "val.query_str.txt").unlink()
    assert read_shapes(folder, "val").questions == before


def test_the_folder_in_the_package_is_found_out() -> None:
    data = open_data(dataset_folder("shapes") / "mini", "test")
    assert len(data) == 16
    assert data[0].answer == "yes"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def drop_line(path: Path) -> None:
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))


def other_type(path: Path) -> None:
    np.save(path, np.zeros((8, 30, 30, 3), dtype=np.float32))


def pickled(path: Path) -> None:
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("val.input.npy", cut, "broken .npy"),
        ("val.input.npy", lambda p: p.write_bytes(b"text"), "broken .npy"),
        ("val.input.npy", other_type, "wanted uint8 (N, height, width, 3), got float32"),
        ("val.input.npy", pickled, "broken .npy"),
        ("val.query", drop_line, "7 lines for 8 pictures"),
        ("val.query_str.txt", drop_line, "7 lines for 8 pictures"),
        ("val.output", drop_line, "7 lines for 8 pictures"),
        ("val.output", lambda p: p.write_text("maybe\n" * 8), "line 1: wanted true or false"),
        ("val.query", lambda p: p.write_text("(is rad blue)\n" * 8), "line 1: unknown word 'rad'"),
        ("val.query", lambda p: p.write_text("(is red blue\n" * 8), "line 1: the text ends"),
        ("val.query_str.txt", lambda p: p.write_bytes(b"\xff" * 8), "not UTF-8"),
    ],
)
def test_damage_is_named(
    folder: Path, name: str, change: Callable[[Path], object], said: str
) -> None:
    change(folder / name)
    with pytest.raises(DataError) as caught:
        read_shapes(folder, "val")
    assert name in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_broken_gzip_is_named(folder: Path) -> None:
    path = folder / "val.input.npy"
    Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes())[:-50])
    path.unlink()
    with pytest.raises(DataError, match="gzip stream breaks off"):
        read_shapes(folder, "val")


def test_a_missing_split_names_the_others(folder: Path) -> None:
    with pytest.raises(DataError, match="no split 'vall' with pictures; there are 'val'"):
        open_data(folder, "vall")


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        open_data(tmp_path / "nowhere", "val")
    with pytest.raises(DataError, match="not a data directory"):
        open_data(tmp_path, "val")


def test_real_splits_are_read(real_data: Path) -> None:
    folder = real_data / "shapes"
    assert shapes_splits(folder) == ("train.small", "train.tiny", "val")
    data = read_shapes(folder, "val")
    assert len(data) == 1024
    queries = (folder / "val.query").read_text().splitlines()
    assert [to_sexpression(e.program) for e in data if e.program is not None] == queries


def read_cells(picture: NDArray[np.uint8]) -> Scene:
    """What is in a picture, by hand: the brightest channel, and how coverage is spread."""
    cells = picture.reshape(3, 10, 3, 10, 3).transpose(0, 2, 1, 3, 4).astype(float)

    def classify(cell: NDArray[np.float64]) -> dict[str, str] | None:
        if not cell.any():
            return None
        channel = cell.sum(axis=(0, 1)).argmax()
        cover = cell[..., channel] / cell[..., channel].max()
        rows = cover.sum(axis=1)
        if rows[5:].sum() - rows[:5].sum() > 0.15 * cover.sum():
            shape = "triangle"
        else:
            filled = cover.sum() / rows[4:6].mean() ** 2
            shape = "square" if filled > 0.92 else "circle"
        return {"color": ("red", "green", "blue")[channel], "shape": shape}

    return grid_scene(tuple(tuple(classify(cell) for cell in row) for row in cells))


@pytest.mark.parametrize(
    ("split", "total"), [("val", 1024), ("train.small", 640), ("train.tiny", 64)]
)
def test_exact_execution_on_real_pictures_gives_every_published_answer(
    real_data: Path, split: str, total: int
) -> None:
    data = read_shapes(real_data / "shapes", split)
    right = 0
    for example in data:
        assert example.picture is not None
        assert example.program is not None
        right += execute(example.program, read_cells(example.picture)).answer == example.answer
    assert right == len(data) == total


def test_relations_that_stopped_at_empty_cells_would_be_wrong(real_data: Path) -> None:
    """The check above can fail: with relations between things only, 19 answers differ."""
    wrong = 0
    for example in read_shapes(real_data / "shapes", "val"):
        assert example.picture is not None
        assert example.program is not None
        scene = read_cells(example.picture)
        present = [item.present for item in scene.objects]
        relations = {
            name: tuple(tuple(other for other in row if present[other]) for row in rows)
            for name, rows in scene.relations.items()
        }
        things_only = replace(scene, relations=relations)
        wrong += execute(example.program, things_only).answer != example.answer
    assert wrong == 19
