from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nmn
from nmn.data.files import read_picture
from nmn.domain import Domain
from nmn.engine import checkpoint_for, fitted
from nmn.errors import ConfigError, DataError, QuestionError, ShapeError, UnknownNameError
from nmn.perception.scene_parser import SceneParser, SceneParserConfig
from nmn.resources import dataset_folder

PICTURE = dataset_folder("shapes") / "mini" / "picture.png"
QUESTION = "is there a red shape above a circle"


def test_three_lines_of_python(tmp_path: Path) -> None:
    answer = nmn.load("shapes").ask(QUESTION, PICTURE)
    answer.save(tmp_path / "trace.html")
    assert str(answer) == answer.text == "yes"
    assert answer.probability == answer.trace.probability
    assert (tmp_path / "trace.html").stat().st_size > 5000


def test_arrays_are_pictures_too() -> None:
    engine = nmn.load("shapes")
    picture = read_picture(PICTURE)
    assert engine.ask(QUESTION, picture).probability == engine.ask(QUESTION, PICTURE).probability
    black = np.zeros((30, 30, 3), dtype=np.uint8)
    assert engine.ask("is there a shape", black).text == "no"


def test_steps_know_their_words() -> None:
    trace = nmn.load("shapes").ask(QUESTION, PICTURE).trace
    words = {s.label: [QUESTION[a:b] for a, b in s.spans] for s in trace.steps}
    assert words == {
        "find[red]": ["red", "shape"],
        "find[circle]": ["circle"],
        "relate[above]": ["above"],
        "and": [],
        "exists": ["is", "there"],
    }


def test_what_cannot_be_asked_is_named() -> None:
    engine = nmn.load("shapes")
    with pytest.raises(QuestionError, match="unknown word 'small'"):
        engine.ask("is there a small circle", PICTURE)
    with pytest.raises(DataError, match="no such file"):
        engine.ask(QUESTION, "nowhere.png")
    with pytest.raises(ShapeError, match="wanted 30x30, or a size of about that shape, got 40x20"):
        engine.ask(QUESTION, np.zeros((20, 40, 3), dtype=np.uint8))
    with pytest.raises(ShapeError, match=r"wanted uint8 .*, got uint8 \(30, 30\)"):
        engine.ask(QUESTION, np.zeros((30, 30), dtype=np.uint8))
    with pytest.raises(UnknownNameError, match="nearest: 'shapes'"):
        nmn.load("shaps")


@pytest.mark.parametrize(
    ("width", "height"), [(480, 320), (4000, 3000), (60, 40), (1920, 1080), (241, 160)]
)
def test_pictures_of_about_the_right_shape_are_resized(width: int, height: int) -> None:
    picture = np.zeros((height, width, 3), dtype=np.uint8)
    picture[: height // 2] = 200
    seen = fitted(picture, (240, 160))
    assert seen.shape == (160, 240, 3)
    assert (seen[:70] > 190).all()
    assert (seen[90:] < 10).all()


@pytest.mark.parametrize(
    ("width", "height", "wanted"),
    [
        (1, 1, "at least 60x40"),
        (59, 40, "at least 60x40"),
        (320, 480, "240x160, or a size of about that shape"),
        (320, 320, "240x160, or a size of about that shape"),
        (900, 300, "240x160, or a size of about that shape"),
    ],
)
def test_others_are_refused(width: int, height: int, wanted: str) -> None:
    with pytest.raises(ShapeError, match=f"wanted {wanted}, got {width}x{height}"):
        fitted(np.zeros((height, width, 3), dtype=np.uint8), (240, 160))


def test_a_picture_of_another_size_has_the_same_answer() -> None:
    engine = nmn.load("shapes")
    larger = np.repeat(np.repeat(read_picture(PICTURE), 3, 0), 3, 1)
    answer = engine.ask(QUESTION, larger)
    assert answer.text == engine.ask(QUESTION, PICTURE).text == "yes"
    assert answer.picture.shape == (90, 90, 3)  # the trace shows the picture that was asked about


def test_the_checkpoint_is_chosen_by_the_picture() -> None:
    assert checkpoint_for(PICTURE) == "shapes"
    photo = np.zeros((320, 480, 3), dtype=np.uint8)
    assert checkpoint_for(photo) == "clevr"
    assert checkpoint_for(photo, "symbolic") == "clevr-scene"
    assert checkpoint_for(photo[:, :320]) == "clevr"
    with pytest.raises(ConfigError, match=r"no scene parser for pictures of SHAPES \(30x30\)"):
        checkpoint_for(PICTURE, "symbolic")
    with pytest.raises(ShapeError, match="got uint8"):
        checkpoint_for(np.zeros((0, 4, 3), dtype=np.uint8))
    with pytest.raises(ShapeError, match=r"CLEVR .480x320. or of SHAPES .30x30.*got 1x1"):
        checkpoint_for(np.zeros((1, 1, 3), dtype=np.uint8))


def test_what_executes_programs(clevr: Domain) -> None:
    engine = nmn.load("shapes")
    assert engine.executor == "neural"
    parser = SceneParser(clevr, SceneParserConfig())
    made = replace(engine, checkpoint=replace(engine.checkpoint, model=parser))
    assert made.executor == "symbolic"
