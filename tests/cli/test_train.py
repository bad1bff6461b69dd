"""`nmn train` and `nmn show` with models of CLEVR."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.training.tiny_clevr import TINY

SETTINGS = [part for setting in (*TINY, "training.steps=6") for part in ("--set", setting)]


@pytest.mark.usefixtures("tiny_clevr")
@pytest.mark.parametrize(
    ("preset", "family", "supervision", "said"),
    [
        ("clevr", "attention", "scene", "attention modules for domain clevr"),
        ("clevr-answers", "attention", "answers", "attention modules for domain clevr"),
        ("clevr-scene", None, "scene", "scene parser for domain clevr"),
    ],
)
def test_models_of_clevr_are_trained_and_shown(
    run: Run, preset: str, family: str | None, supervision: str, said: str
) -> None:
    made = json.loads(run("train", preset, *SETTINGS, "--json").out)
    assert made["checkpoint"] == f"runs/{preset}"
    assert (made["supervision"], made["steps"]) == (supervision, 6)
    assert made["training_seconds"] <= made["seconds"]
    held_out = Path(made["data_folder"]) / "questions" / "CLEVR_val_questions.json"
    assert held_out.is_file()
    shown = json.loads(run("show", preset, "--json").out)
    assert (shown["family"], shown["supervision"]) == (family, supervision)
    assert shown["made"]["data"] == made["data"]
    text = run("show", preset).out
    assert said in text
    assert "pictures    48x32, RGB" in text
    assert text.count(f"supervision {supervision}\n") == 1


@pytest.mark.usefixtures("tiny_clevr")
def test_tensorboard_is_an_option(run: Run, tmp_path: Path) -> None:
    assert run("train", "clevr-answers", *SETTINGS, "--tensorboard", "--out", "out").code == 0
    assert list((tmp_path / "out" / "tensorboard").glob("events*"))
    lines = (tmp_path / "out" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [5]


def test_settings_that_cannot_work_are_one_line(run: Run) -> None:
    result = run("train", "clevr", "--set", "model.stem.widht=48")
    assert (result.code, result.out) == (2, "")
    assert "unknown key 'model.stem.widht'; nearest: 'width'" in result.err
    assert len(result.err.splitlines()) == 1
