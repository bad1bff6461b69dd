import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nmn.data import open_data
from nmn.data.clevr_folder import ClevrData, clevr_splits, read_clevr
from nmn.data.example import Dataset
from nmn.data.files import read_picture
from nmn.data.picture_store import open_store
from nmn.domain import Domain
from nmn.errors import DataError, NMNError
from nmn.program.text import parse_program
from tests.data.clevr_folders import HEIGHT, WIDTH, scene, write_json, write_pictures, write_split

QUESTIONS = "questions/CLEVR_val_questions.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_split(tmp_path, "val")
    return tmp_path


def change(folder: Path, changes: dict[str, Any], place: int = 5) -> None:
    """Other values in one question; None takes one away."""
    path = folder / QUESTIONS
    content = json.loads(path.read_text())
    record = content["questions"][place]
    content["questions"][place] = {
        key: value for key, value in {**record, **changes}.items() if value is not None
    }
    path.write_text(json.dumps(content))


def test_a_split_of_clevr_v1(tmp_path: Path, clevr: Domain) -> None:
    for split in ("train", "val"):
        write_split(tmp_path / "CLEVR_v1.0", split)
    write_split(tmp_path / "CLEVR_v1.0", "test", published=False)
    assert clevr_splits(tmp_path / "CLEVR_v1.0") == ("test", "train", "val")
    data = open_data(tmp_path / "CLEVR_v1.0", "train")
    assert isinstance(data, ClevrData)
    assert isinstance(data, Dataset)
    assert (data.name, data.domain, len(data)) == ("CLEVR_v1.0/train", clevr, 12)
    example = data[4]
    assert (example.question_index, example.image_index) == (104, 7)
    assert example.question == "How many cubes are in picture 7, asked 4 times?"
    assert example.program == parse_program("count(filter[cube](scene))")
    assert (example.answer, example.family, example.scene) == ("0", "family 1", None)
    assert example.picture is not None
    assert example.picture.shape == (HEIGHT, WIDTH, 3)
    file = tmp_path / "CLEVR_v1.0/images/train/CLEVR_train_000007.png"
    np.testing.assert_array_equal(example.picture, read_picture(file))


def test_the_test_split_has_no_programs_answers_and_scenes(tmp_path: Path) -> None:
    write_split(tmp_path, "test", published=False)
    examples = list(read_clevr(tmp_path, "test"))
    assert len(examples) == 12
    assert {(e.program, e.answer, e.family) for e in examples} == {(None, None, "")}


def test_the_splits_of_cogent(tmp_path: Path) -> None:
    splits = ("testA", "testB", "trainA", "valA", "valB")
    for split in splits:
        write_split(tmp_path, split, published=not split.startswith("test"))
    assert clevr_splits(tmp_path) == splits
    assert {len(open_data(tmp_path, split)) for split in splits} == {12}
    with pytest.raises(DataError, match=r"no split 'val' with questions; there are 'testA', .*'v"):
        open_data(tmp_path, "val")


@pytest.mark.parametrize("ending", ["png", "jpg", "jpeg", "JPG"])
def test_gzipped_files_and_other_pictures_than_are_named(tmp_path: Path, ending: str) -> None:
    write_split(tmp_path, "val", packed=True, ending=ending)
    data = read_clevr(tmp_path, "val", scenes=True)
    assert data.files is not None
    assert data.files.names[0] == f"CLEVR_val_000003.{ending}"
    assert data[0].picture is not None
    assert data[0].scene is not None


def test_scenes_are_looked_at_only_when_asked_for(folder: Path) -> None:
    (folder / "scenes/CLEVR_val_scenes.json").write_text("broken")
    assert read_clevr(folder, "val")[0].scene is None
    with pytest.raises(DataError, match=r"scenes\.json"):
        read_clevr(folder, "val", scenes=True)
    shutil.rmtree(folder / "scenes")
    assert len(read_clevr(folder, "val")) == 12
    with pytest.raises(DataError, match="no such file, neither plain nor"):
        read_clevr(folder, "val", scenes=True)


def test_states_of_objects_need_no_pictures(folder: Path) -> None:
    shutil.rmtree(folder / "images")
    data = read_clevr(folder, "val", pictures=False, scenes=True)
    assert data[0].picture is None
    assert [len(data[i].scene.objects) for i in (0, 6)] == [2, 1]  # type: ignore[union-attr]
    with pytest.raises(DataError, match="read without its pictures"):
        data.picture(0)


def test_a_scene_that_is_missing_is_named(folder: Path) -> None:
    scenes = folder / "scenes/CLEVR_val_scenes.json"
    write_json(scenes, "scenes", [scene("val", image) for image in (3, 7, 40)], False)
    with pytest.raises(DataError, match="question 106: there is no scene of image 8"):
        read_clevr(folder, "val", scenes=True)


def test_the_domain_of_a_folder(folder: Path, clevr: Domain) -> None:
    values = {**clevr.to_json(), "name": "mine"}
    (folder / "domain.json").write_text(json.dumps(values))
    assert read_clevr(folder, "val").domain.name == "mine"
    (folder / "domain.json").write_text(json.dumps({**values, "answer": []}))
    with pytest.raises(NMNError, match=r"domain.json: .*answer"):
        read_clevr(folder, "val")


def test_a_picture_is_decoded_once_for_its_questions(folder: Path) -> None:
    data = read_clevr(folder, "val")
    assert data[0].picture is data[1].picture
    assert data.question(0).picture is None
    assert data[3].picture is not data[2].picture


def test_pictures_out_of_a_store(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NMN_HOME", str(folder / "cache"))
    data = read_clevr(folder, "val")
    assert data.files is not None
    stored = data.with_store(open_store(data.files))
    for before, after in zip(data, stored, strict=True):
        assert before.picture is not None
        assert after.picture is not None
        np.testing.assert_array_equal(before.picture, after.picture)
    write_split(folder, "train", indices=(1, 2))
    with pytest.raises(DataError, match="a store of other pictures than"):
        read_clevr(folder, "train").with_store(open_store(data.files))


@pytest.mark.parametrize(
    "name",
    ["../val/CLEVR_val_000003.png", "/etc/passwd", "..", "sub/p.png", "..\\p.png", "a\nb.png", "."],
)
def test_names_that_lead_elsewhere_are_refused(folder: Path, name: str) -> None:
    change(folder, {"image_filename": name, "image_index": 9})
    with pytest.raises(
        DataError, match=r"question 105: (wanted the name of a|there is no) pic"
    ) as e:
        read_clevr(folder, "val")
    assert "\n" not in str(e.value)


def remove_picture(folder: Path) -> None:
    (folder / "images/val/CLEVR_val_000007.png").unlink()


def remove_pictures(folder: Path) -> None:
    shutil.rmtree(folder / "images")


def no_questions(folder: Path) -> None:
    write_json(folder / QUESTIONS, "questions", [], False)


def break_off(folder: Path) -> None:
    path = folder / QUESTIONS
    path.write_bytes(path.read_bytes()[:-200])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (remove_picture, "question 103: there is no picture 'CLEVR_val_000007.png' in"),
        (remove_pictures, "images/val: no such folder; the data has no pictures"),
        (no_questions, "CLEVR_val_questions.json: no questions"),
        (break_off, "after question 10: the JSON breaks off"),
        (
            lambda f: change(f, {"image_index": 3}),
            "question 105: image 3 is 'CLEVR_val_000007.png', before 'CLEVR_val_000003.png'",
        ),
        (lambda f: change(f, {"answer": "pink"}), "question 105: wanted an answer"),
    ],
)
def test_what_is_missing_or_damaged_is_named(
    folder: Path, damage: Callable[[Path], None], said: str
) -> None:
    damage(folder)
    with pytest.raises(DataError) as caught:
        read_clevr(folder, "val")
    assert said in str(caught.value)


def test_an_index_beyond_all_bounds_is_an_error(folder: Path) -> None:
    change(folder, {"question_index": 1 << 70})
    # which of the two it is depends on the backend of the JSON reader
    with pytest.raises(DataError, match=r"integer overflow|wanted indices up to"):
        read_clevr(folder, "val")


def test_a_picture_without_a_name_is_that_of_its_index(folder: Path) -> None:
    change(folder, {"image_filename": None}, place=0)
    data = read_clevr(folder, "val")
    assert data.files is not None
    assert data.files.names[0] == "CLEVR_val_000003.png"


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_a_truncated_picture_is_named(tmp_path: Path, ending: str) -> None:
    write_split(tmp_path, "val", ending=ending)
    path = tmp_path / f"images/val/CLEVR_val_000008.{ending}"
    path.write_bytes(path.read_bytes()[:-300])
    data = read_clevr(tmp_path, "val")
    with pytest.raises(DataError) as caught:
        list(data)
    said = f"CLEVR_val_000008.{ending}, image 8: not a picture, or a broken one"
    assert str(caught.value).endswith(said)


def test_an_unknown_split(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no split 'vla' with questions; there are 'val'; nearest"):
        open_data(folder, "vla")
    with pytest.raises(DataError, match="no split 'val'"):
        read_clevr(tmp_path / "nowhere", "val")


def test_pictures_that_no_question_names_do_not_matter(folder: Path) -> None:
    write_pictures(folder / "images/val", ["CLEVR_val_000099.png"])
    data = read_clevr(folder, "val")
    assert data.files is not None
    assert data.files.indices == (3, 7, 8, 40)


def test_an_original_picture_has_an_alpha_channel(tmp_path: Path, real_data: Path) -> None:
    write_split(tmp_path, "train", indices=(0,))
    original = real_data / "clevr/images/CLEVR_train_000000.png"
    shutil.copy(original, tmp_path / "images/train")
    with Image.open(original) as image:
        assert image.mode == "RGBA"
    picture = read_clevr(tmp_path, "train")[0].picture
    assert picture is not None
    assert picture.shape == (320, 480, 3)


def test_a_folder_made_by_others(real_data: Path) -> None:
    data = read_clevr(real_data / "clevr" / "blender", "train")
    assert data.files is not None
    assert (len(data), len(data.files)) == (10_000, 1000)
    assert data.questions.bytes < 220 * len(data)
    example = data[9999]
    assert example.image_index == 999
    assert example.picture is not None
    assert example.picture.shape == (320, 480, 3)
    assert example.program is not None
