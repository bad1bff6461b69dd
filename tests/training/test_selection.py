import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import nmn
from nmn.data.clevr_folder import ClevrData
from nmn.data.example import Example, ListDataset
from nmn.domain import Domain
from nmn.errors import ConfigError, DataError
from nmn.training.data import data_folder
from nmn.training.evaluate import answer_all
from nmn.training.preset import TrainPreset, load_preset
from nmn.training.run import run_training
from nmn.training.selection import (
    has_scenes,
    open_questions,
    select,
    with_scenes,
    with_sights,
)
from tests.data.clevr_folders import write_split
from tests.training.tiny_clevr import TINY


@pytest.fixture
def preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainPreset:
    monkeypatch.setenv("NMN_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("joblib.cpu_count", lambda: 1)
    return load_preset("clevr", TINY)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_split(tmp_path / "data", "val")
    return tmp_path / "data"


def images(examples: Sequence[Example] | ListDataset) -> list[int]:
    return [example.image_index for example in examples]


@pytest.mark.parametrize(
    ("span", "limit", "wanted"),
    [
        (":", None, [0, 0, 1, 1, 2, 2]),
        ("1:", None, [1, 1, 2, 2]),
        (":1", None, [0, 0]),
        ("1:2", None, [1, 1]),
        ("0:9", 3, [0, 0, 1]),
    ],
)
def test_questions_about_some_pictures(
    shapes: Domain, span: str, limit: int | None, wanted: list[int]
) -> None:
    mixed = tuple(Example("?", row, image) for row, image in enumerate((1, 2, 0, 1, 0, 2)))
    chosen = select(ListDataset(shapes, "x", mixed), span, limit)
    assert images(list(chosen)) == wanted
    assert (chosen.name, chosen.domain, len(chosen)) == ("x", shapes, len(wanted))
    # Those about one picture keep their order.
    assert [example.question_index for example in chosen] == sorted(
        (e.question_index for e in chosen), key=lambda row: (mixed[row].image_index, row)
    )


@pytest.mark.parametrize("span", ["5", "a:b", "-1:2", "1:2:3", "", "٣:"])
def test_other_spans_are_refused(shapes: Domain, span: str) -> None:
    with pytest.raises(ConfigError, match=r"--images: wanted FROM:TO, e.g. 0:500"):
        select(ListDataset(shapes, "x", (Example("?", 0, 0),)), span)


def test_no_questions_at_all_are_an_error(shapes: Domain) -> None:
    with pytest.raises(ConfigError, match="x has no questions about the images 7:"):
        select(ListDataset(shapes, "x", (Example("?", 0, 0),)), "7:")


def test_pictures_are_of_the_size_of_the_model(preset: TrainPreset, folder: Path) -> None:
    every = open_questions(preset, folder, "val")
    few = open_questions(preset, folder, "val", "40:", 1)
    assert isinstance(every.data, ClevrData)
    assert isinstance(few.data, ClevrData)
    assert (every.data.store is None, few.data.store is None) == (False, True)
    assert (len(every), images(list(few))) == (12, [40])
    picture, other = every[9].picture, few[0].picture
    assert picture is not None
    assert other is not None
    assert picture.shape == (32, 48, 3)
    assert picture.tobytes() == other.tobytes()
    assert every[0].scene is None
    assert every[0].sight is None


def test_scenes_are_known_where_they_are_asked_for(tiny_clevr: Path) -> None:
    assert tiny_clevr.is_dir()
    preset = load_preset("clevr", TINY)
    folder = data_folder(preset)
    chosen = with_scenes(open_questions(preset, folder, "val"), folder, "val")
    assert chosen[0].sight is None
    example = with_sights(chosen, preset, folder, "val")[0]
    assert example.scene is not None
    assert example.sight is not None
    assert len(example.scene.objects) == len(example.sight.ground)
    assert example.sight.cells.shape == (4, 6)
    assert set(example.sight.cells.flatten().tolist()) >= set(range(len(example.sight.ground)))


def test_a_scene_that_is_missing_is_named_or_passed_over(preset: TrainPreset, folder: Path) -> None:
    chosen = open_questions(preset, folder, "val")
    path = folder / "scenes" / "CLEVR_val_scenes.json"
    path.write_text(path.read_text().replace('"image_index": 8,', '"image_index": 9,'))
    with pytest.raises(DataError, match="there is no scene of image 8"):
        with_scenes(chosen, folder, "val")
    known = with_scenes(chosen, folder, "val", skip_bad=True)
    assert [e.scene is None for e in known] == [e.image_index == 8 for e in known]
    path.write_text(path.read_text().replace('"red"', '"pink"'))
    assert not any(e.scene for e in with_scenes(chosen, folder, "val", skip_bad=True))
    assert with_scenes(select(chosen.data, "9:"), folder, "val", skip_bad=True)


def test_data_without_scenes(preset: TrainPreset, folder: Path, shapes: Domain) -> None:
    assert has_scenes(folder, "val")
    assert not has_scenes(folder, "train")
    chosen = select(ListDataset(shapes, "x", (Example("?", 0, 0),)))
    with pytest.raises(DataError, match="no scenes; wanted a folder of CLEVR's layout"):
        with_scenes(chosen, folder, "val")
    with pytest.raises(DataError, match="no scenes; wanted a folder of CLEVR's layout"):
        with_sights(replace(chosen), preset, folder, "val")


def test_models_of_states_get_scenes_and_no_pictures(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset = load_preset("clevr-states-relation")
    shutil.rmtree(folder / "scenes", ignore_errors=True)
    with pytest.raises(DataError, match="no scenes of split 'val', and the model looks at the st"):
        open_questions(preset, folder, "val")
    monkeypatch.setenv("NMN_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("joblib.cpu_count", lambda: 1)
    tiny = load_preset(
        "clevr-states-relation",
        ["data.scenes=4", "data.held_out=3", "training.steps=2", "training.evaluate_every=0"],
    )
    made = data_folder(tiny)
    questions = open_questions(tiny, made, "val")
    assert all(example.scene is not None and example.picture is None for example in questions)
    checkpoint = run_training(tiny, tmp_path / "run")
    answers = answer_all(checkpoint, questions, None)
    assert [answer.problem for answer in answers] == [""] * len(questions)
    with pytest.raises(ConfigError, match="looks at the states of objects, not at pictures"):
        nmn.load(tmp_path / "run")
