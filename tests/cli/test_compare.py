"""`nmn compare`, from its file to its report."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

COMPARISON = """
kind = "compare"
data = "shapes"
seeds = [0]

[settings]
data = {examples = 64, held_out = 16}
training = {steps = 4}

[models.prior]
train = "shapes"
settings = {model = {kind = "answerer", reasoner = {kind = "prior"}}}

[models.shipped]
checkpoint = "shapes"
"""
FILES = {"report.md", "report.json", "models.csv", "runs.csv", "models.png", "curves.png", "runs"}


@pytest.fixture
def comparison(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(COMPARISON)
    return path


def test_models_are_compared_and_the_rest_is_left_out_the_next_time(
    run: Run, comparison: Path, tmp_path: Path
) -> None:
    first = run("compare", comparison, "--device", "cpu", "--model", "shipped")
    assert (first.code, first.err) == (0, "")
    folder = tmp_path / "runs" / "tiny"
    assert {path.name for path in folder.iterdir()} == FILES
    refused = run("compare", comparison, "--device", "cpu")
    assert refused.code == 2
    assert "there is such a run; nearest: --resume" in refused.err
    both = run("compare", comparison, "--device", "cpu", "--resume", "--json")
    assert (both.code, both.err) == (0, "")
    report = json.loads(both.out)
    assert [model["model"] for model in report["models"]] == ["prior", "shipped"]
    assert all(model["failed"] == [] for model in report["models"])
    (folder / "runs/prior/seed-0/result.json").unlink()
    again = ("--resume", "--model", "prior", "--json")
    alone = json.loads(run("compare", comparison, "--device", "cpu", *again).out)
    assert [model["model"] for model in alone["models"]] == ["prior", "shipped"]
    assert alone["models"][1] == report["models"][1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "preset"),
        (("compare-clevr", "--model", "fillm"), "film"),
        (("shapes",), "wanted one of kind compare"),
        (("compare-clevr", "--set", "settings.training.minute=1"), "minutes"),
    ],
)
def test_bad_input_is_one_line(run: Run, arguments: tuple[str, ...], said: str) -> None:
    result = run("compare", *arguments)
    assert (result.code, result.out) == (2, "")
    assert len(result.err.splitlines()) == 1
    assert said in result.err
