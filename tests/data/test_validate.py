"""The validator finds every kind of fault, each once, and nothing in sound data."""

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nmn.data.validate import check_folder, splits_of
from nmn.errors import DataError
from nmn.resources import dataset_folder

MINI = dataset_folder("clevr") / "mini"
SCENES, QUESTIONS = "scenes/CLEVR_mini_scenes.json", "questions/CLEVR_mini_questions.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The mini set with pictures, which it does not have itself."""
    for name in (SCENES, QUESTIONS):
        (tmp_path / name).parent.mkdir()
        shutil.copy(MINI / name, tmp_path / name)
    (tmp_path / "images" / "mini").mkdir(parents=True)

    def edit(stored: Any) -> None:
        for scene in stored["scenes"]:
            for place, item in enumerate(scene["objects"]):
                item["pixel_coords"] = [100 + place, 100, 9.0]

    change(tmp_path, SCENES, edit)
    for scene in read(tmp_path, SCENES)["scenes"]:
        path = tmp_path / "images" / "mini" / scene["image_filename"]
        Image.effect_noise((480, 320), 50).convert("RGB").save(path)
    return tmp_path


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text())


def change(folder: Path, name: str, edit: Callable[[Any], object]) -> None:
    stored = read(folder, name)
    edit(stored)
    (folder / name).write_text(json.dumps(stored))


def test_sound_data_has_no_problems(folder: Path) -> None:
    for decode in (False, True):
        report = check_folder(folder, decode=decode)
        assert (report["problems"], report["by_kind"], report["examples"]) == (0, {}, [])
    scenes, questions = (read(folder, n) for n in (SCENES, QUESTIONS))
    counts = report["splits"]["mini"]
    assert counts["images"] == counts["scenes"] == len(scenes["scenes"])
    asked = len(questions["questions"])
    assert [counts[n] for n in ("questions", "programs", "answers", "english")] == [asked] * 4


def test_the_shipped_data_is_sound() -> None:
    assert check_folder(MINI)["problems"] == 0


def test_how_much_english_is_parsed_can_be_said(folder: Path) -> None:
    asked = len(read(folder, QUESTIONS)["questions"])
    some = check_folder(folder, english="some")["splits"]["mini"]["english"]
    assert some == (asked + 9) // 10
    assert check_folder(folder, english="none")["splits"]["mini"]["english"] == 0


def scene(key: str, value: Any) -> Callable[[Any], object]:
    return lambda stored: stored["scenes"][0].update({key: value})


def thing(key: str, value: Any) -> Callable[[Any], object]:
    return lambda stored: stored["scenes"][0]["objects"][0].update({key: value})


def question(key: str, value: Any) -> Callable[[Any], object]:
    return lambda stored: stored["questions"][0].update({key: value})


def moved(stored: Any) -> None:
    stored["scenes"][0]["objects"][0]["3d_coords"] = [100.0, 100.0, 0.7]


def twice(key: str) -> Callable[[Any], object]:
    return lambda stored: stored[key].insert(1, json.loads(json.dumps(stored[key][0])))


FAULTS: list[tuple[str, str, Callable[[Any], object], str, str]] = [
    ("an unknown shape", SCENES, thing("shape", "cone"), "scene", "wanted a shape"),
    ("moved", SCENES, moved, "relations", "by the coordinates"),
    ("no place", SCENES, thing("pixel_coords", None), "scene", "'pixel_coords', got none"),
    ("one number", SCENES, thing("pixel_coords", [1]), "scene", "'pixel_coords'"),
    ("outside", SCENES, thing("pixel_coords", [481, 5, 9.0]), "scene", "at 481"),
    ("left of it", SCENES, thing("pixel_coords", [-1, 5, 9.0]), "scene", "outside of the picture"),
    ("another split", SCENES, scene("split", "val"), "scene", "is of split 'val'"),
    ("an index twice", SCENES, twice("scenes"), "index", "occurs twice"),
    ("no picture", SCENES, scene("image_filename", "x_9.png"), "picture", "no such file"),
    ("a path", SCENES, scene("image_filename", "../x_9.png"), "picture", "the name of a picture"),
    ("a wrong answer", QUESTIONS, question("answer", "purple"), "answer", "the program's"),
    ("no answer at all", QUESTIONS, question("answer", "maybe"), "question", "an answer of domain"),
    ("a bad program", QUESTIONS, question("program", [{}]), "question", "program"),
    ("other words", QUESTIONS, question("question", "Is there a cube?"), "english", "means"),
    ("no words", QUESTIONS, question("question", "What?"), "english", "line 1"),
    ("no such image", QUESTIONS, question("image_index", 77), "index", "no scene of image 77"),
    ("a question twice", QUESTIONS, twice("questions"), "double", "about the same picture"),
    ("broken off", QUESTIONS, lambda stored: stored.pop("questions"), "file", "'questions'"),
]


@pytest.mark.parametrize(
    ("name", "edit", "kind", "said"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS]
)
def test_every_fault_is_found(
    folder: Path, name: str, edit: Callable[[Any], object], kind: str, said: str
) -> None:
    change(folder, name, edit)
    report = check_folder(folder)
    assert report["by_kind"].get(kind, 0) >= 1, report
    assert any(said in example for example in report["examples"]), report
    assert report["problems"] == sum(report["by_kind"].values())


def first_picture(folder: Path) -> Path:
    return min((folder / "images" / "mini").iterdir())


PICTURES: list[tuple[str, Callable[[Path], object], str]] = [
    ("missing", lambda p: p.unlink(), "no such file"),
    ("cut", lambda p: p.write_bytes(p.read_bytes()[:-3000]), "broken"),
    ("empty", lambda p: p.write_bytes(b""), "broken"),
    ("small", lambda p: Image.new("RGB", (60, 40)).save(p), "60x40"),
    ("one more", lambda p: shutil.copy(p, p.with_name("other.png")), "no scene and no question"),
]


@pytest.mark.parametrize(
    ("edit", "said"), [row[1:] for row in PICTURES], ids=[row[0] for row in PICTURES]
)
def test_faults_of_pictures_are_found(
    folder: Path, edit: Callable[[Path], object], said: str
) -> None:
    path = first_picture(folder)
    edit(path)
    report = check_folder(folder)
    assert report["by_kind"]["picture"] >= 1
    assert any(said in e and "/images/mini/" in e for e in report["examples"]), report


def test_jpeg_pictures_are_found_under_their_names(folder: Path) -> None:
    path = first_picture(folder)
    with Image.open(path) as image:
        image.save(path.with_suffix(".jpg"))
    path.unlink()
    assert check_folder(folder)["problems"] == 0
    path = path.with_suffix(".jpg")
    path.write_bytes(path.read_bytes()[:-100])
    assert any("breaks off" in example for example in check_folder(folder)["examples"])


def test_a_test_split_has_neither_scenes_nor_answers(folder: Path) -> None:
    (folder / SCENES).unlink()
    packed = folder / f"{QUESTIONS}.gz"
    stored = read(folder, QUESTIONS)
    for record in stored["questions"]:
        del record["program"], record["answer"]
    packed.write_bytes(gzip.compress(json.dumps(stored).encode()))
    (folder / QUESTIONS).unlink()
    assert splits_of(folder) == ("mini",)
    report = check_folder(folder)
    assert report["problems"] == 0
    counts = report["splits"]["mini"]
    assert (counts["scenes"], counts["programs"], counts["answers"]) == (0, 0, 0)
    assert counts["questions"] == counts["english"] == len(stored["questions"])


def test_a_scene_in_two_splits_is_found(folder: Path) -> None:
    stored = read(folder, SCENES)
    for record in stored["scenes"]:
        record["split"] = "val"
    shutil.copytree(folder / "images" / "mini", folder / "images" / "val")
    (folder / "scenes" / "CLEVR_val_scenes.json").write_text(json.dumps(stored))
    report = check_folder(folder)
    assert report["by_kind"] == {"double": len(stored["scenes"])}
    assert "the same as scene 0 of split 'mini'" in report["examples"][0]


def test_the_first_problems_are_told(folder: Path) -> None:
    def edit(stored: Any) -> None:
        for record in stored["questions"]:
            record["answer"] = "maybe"

    change(folder, QUESTIONS, edit)
    report = check_folder(folder)
    assert report["problems"] == len(read(folder, QUESTIONS)["questions"])
    assert len(report["examples"]) == min(20, report["problems"])


def test_bad_folders_are_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        check_folder(folder / "nowhere")
    with pytest.raises(DataError, match="not a CLEVR directory"):
        check_folder(folder / "images")
    with pytest.raises(DataError, match="no split 'val'; there are 'mini'"):
        check_folder(folder, "val")


@pytest.mark.slow
def test_nothing_is_wrong_with_the_original_questions(real_data: Path) -> None:
    report = check_folder(real_data / "clevr" / "blender")
    assert report["problems"] == 0, report
    assert report["splits"]["train"]["english"] == 10_000
