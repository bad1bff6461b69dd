from pathlib import Path

import numpy as np
import pytest

import nmn
from nmn.data.files import read_picture
from nmn.errors import DataError, QuestionError, ShapeError, UnknownNameError
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
    with pytest.raises(ShapeError, match="wanted 30x30, got 40x20"):
        engine.ask(QUESTION, np.zeros((20, 40, 3), dtype=np.uint8))
    with pytest.raises(ShapeError, match=r"wanted uint8 .*, got uint8 \(30, 30\)"):
        engine.ask(QUESTION, np.zeros((30, 30), dtype=np.uint8))
    with pytest.raises(UnknownNameError, match="nearest: 'shapes'"):
        nmn.load("shaps")
