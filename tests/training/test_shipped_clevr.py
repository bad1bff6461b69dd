"""The shipped CLEVR models, on pictures that they have never seen."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmn.data.files import read_picture
from nmn.engine import load
from nmn.errors import DataError
from nmn.memory import keep_freed_memory
from nmn.parsing.grammar_parser import shared_parser
from nmn.resources import shipped_checkpoints
from nmn.training.checkpoint import Checkpoint, load_checkpoint
from nmn.training.data import data_folder
from nmn.training.evaluate import answer_all, evaluation
from nmn.training.preset import load_preset
from nmn.training.selection import open_questions, with_truth

NAMES = ("clevr", "clevr-scene")


@pytest.fixture(scope="module")
def unseen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 20 pictures with 200 questions, of another seed than training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NMN_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setattr("joblib.cpu_count", lambda: 1)
        patch.setattr("nmn.generate.card.plots", lambda splits: {})
        return data_folder(load_preset("clevr", ["seed=77", "data.pictures=1", "data.held_out=20"]))


def shipped(name: str) -> Checkpoint:
    """A checkpoint of the package, and not one of this name in `runs/`."""
    return load_checkpoint(shipped_checkpoints() / name)


def report_on(
    name: str, folder: Path, split: str, images: str = ":", *, steps: bool = False
) -> dict[str, Any]:
    """What `nmn evaluate` says."""
    model = shipped(name)
    data = open_questions(model.preset, folder, split, images)
    if steps:
        data = with_truth(data, model.preset, folder, split)
    answers = answer_all(model, data, shared_parser(model.domain), steps=steps)
    return evaluation(model, answers)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_what_its_preset_makes(name: str) -> None:
    model = shipped(name)
    assert model.preset == load_preset(name)
    assert model.made["steps"] == model.preset.training.steps
    assert model.made["supervision"] == "scene"


def test_all_checkpoints_together_are_small() -> None:
    files = [path for path in shipped_checkpoints().rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 25_000_000


def test_modules_answer_and_their_steps_can_be_believed(unseen: Path) -> None:
    report = report_on("clevr", unseen, "val", steps=True)
    assert report["total"] == 200
    assert report["accuracy"] >= 0.96
    for operation in ("filter", "relate"):
        scores = report["faithfulness"]["by_operation"][operation]
        assert scores["precision"] >= 0.95
        assert scores["recall"] >= 0.95


def test_rules_answer_on_the_scenes_that_are_seen(unseen: Path) -> None:
    assert report_on("clevr-scene", unseen, "val")["accuracy"] >= 0.98


@pytest.mark.slow
@pytest.mark.parametrize(("name", "wanted"), [("clevr", 0.94), ("clevr-scene", 0.97)])
def test_pictures_of_another_renderer(name: str, wanted: float, real_data: Path) -> None:
    keep_freed_memory()
    report = report_on(name, real_data / "clevr" / "blender", "train", "500:")
    assert report["total"] >= 1000
    assert report["accuracy"] >= wanted


@pytest.mark.parametrize("name", NAMES)
def test_an_original_picture(name: str, real_data: Path) -> None:
    folder = real_data / "clevr"
    data = open_questions(
        shipped(name).preset, folder / "blender", "train", "0:1"
    )  # the questions about the first picture, of which this is the original
    engine = load(shipped_checkpoints() / name)
    picture = read_picture(folder / "images" / "CLEVR_train_000000.png")
    right = [engine.ask(item.question, picture).text == item.answer for item in data]
    assert np.mean(right) >= 0.9


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(320, 480), (3000, 4000), (120, 180)])
def test_nothing_to_see(name: str, shape: tuple[int, int]) -> None:
    engine = load(shipped_checkpoints() / name)
    grey = np.full((*shape, 3), 128, dtype=np.uint8)
    assert engine.ask("how many things are there", grey).text == "0"
    # Modules guess, and say so; rules have no answer.
    if name == "clevr":
        assert engine.ask("what color is the large metal cube", grey).probability < 0.6
    else:
        with pytest.raises(DataError, match="unique needs exactly one object, got 0"):
            engine.ask("what color is the large metal cube", grey)
