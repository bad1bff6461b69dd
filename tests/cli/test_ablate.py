"""`nmn ablate`, from its file to its report."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nmn.training.grid import Result
from tests.cli.conftest import Run

ABLATION = """
kind = "ablate"
train = "parser-shapes"
seeds = [0, 1]

[settings.data.generated]
examples = 64
held_out = 16
programs = 0
world = {pictures_per_question = 2}

[settings.parser]
hidden = 16
embedding = 8

[settings.training]
steps = 10
batch_size = 8
evaluate_every = 5
evaluate_questions = 8

[axes.learning]
reinforce = {learning = {samples = 2}}
memory = {learning = {memory = 1, samples = 2}}
"""
ARMS = ("learning=reinforce", "learning=memory")
FILES = {
    "report.md", "report.json", "runs.csv", "comparisons.csv", "families.csv", "words.csv",
    "arms.png", "curves.png",
}  # fmt: skip


@pytest.fixture
def ablation(tmp_path: Path) -> Path:
    """The file of a tiny ablation."""
    path = tmp_path / "tiny.toml"
    path.write_text(ABLATION)
    return path


def results_in(folder: Path) -> dict[str, int]:
    """When the result of each run was written."""
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns
        for path in folder.rglob("result.json")
    }


def one_line(err: str, said: tuple[str, ...]) -> None:
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("error: ")
    for fragment in said:
        assert fragment in lines[0]


@pytest.mark.slow
def test_a_grid_is_trained_reported_and_resumed(run: Run, ablation: Path, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "tiny"  # where nothing else is said
    first = run("ablate", ablation, "--device", "cpu", "--json")
    assert (first.code, first.err) == (0, "")
    made: dict[str, Any] = json.loads(first.out)
    assert made["folder"] == "runs/tiny"
    assert (made["measure"], made["compared_with"]) == ("accuracy", ARMS[0])
    assert [arm["arm"] for arm in made["arms"]] == list(ARMS)
    for arm in made["arms"]:
        assert (arm["runs"], arm["failed"], arm["accuracy"]["seeds"]) == (2, [], 2)
        assert 0 <= arm["accuracy"]["lowest"] <= arm["accuracy"]["highest"] <= 1
    test = made["arms"][1]["against_first"]
    assert 0 < test["p"] == test["p_holm"] <= 1
    assert all(arm["training_seconds"] > 0 for arm in made["arms"])
    assert {path.name for path in folder.iterdir()} == FILES | {"runs"}
    stored = json.loads((folder / "report.json").read_text())
    assert {"folder": "runs/tiny", **stored} == made
    for name in ("arms.png", "curves.png"):
        with Image.open(folder / name) as image:
            assert len(image.convert("RGB").getcolors(1 << 24) or ()) > 10
    with (folder / "runs.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["learning"], row["seed"], row["problem"]) for row in rows] == [
        ("reinforce", "0", ""), ("reinforce", "1", ""), ("memory", "0", ""), ("memory", "1", "")
    ]  # fmt: skip
    before = results_in(folder)
    assert len(before) == 4

    refused = run("ablate", ablation, "--device", "cpu")
    assert (refused.code, refused.out) == (2, "")
    one_line(refused.err, ("there is such a run; nearest: --resume",))
    changed = run("ablate", ablation, "--device", "cpu", "--resume",
                  "--set", "settings.training.steps=11")  # fmt: skip
    assert (changed.code, changed.out) == (2, "")
    one_line(changed.err, ("a run with other settings; wanted another --out",))

    asked = ("--device", "cpu", "--resume", "--measure", "exact_match")
    resumed = run("ablate", ablation, *asked)
    assert (resumed.code, resumed.err) == (0, "")
    assert results_in(folder) == before
    text = (folder / "report.md").read_text()
    assert text.splitlines()[0] == "# Ablation"
    assert text in resumed.out
    assert "written: runs/tiny/report.md" in resumed.out.splitlines()
    for arm in ARMS:
        assert text.count(f"| {arm} | 2 |") == 1
    assert json.loads((folder / "report.json").read_text())["measure"] == "exact_match"


def test_runs_that_fail_are_told_of(
    run: Run, ablation: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "nmn.training.grid._run",
        lambda job, _running: Result(job, None, "its process died (signal 9)"),
    )
    result = run("ablate", ablation, "--device", "cpu", "--out", "out", "--jobs", "2")
    text = (tmp_path / "out" / "report.md").read_text()
    assert text in result.out
    assert result.code == 2
    assert "out: every run failed, the first because: its process died (signal 9)" in result.err
    for arm in ARMS:
        assert f"| {arm} | 0 of 2 | - | - | - | - |" in text.splitlines()
        for seed in (0, 1):
            assert f"- {arm},seed={seed}: its process died (signal 9)" in text.splitlines()


def test_a_folder_that_is_not_there_is_told_before_any_run(run: Run) -> None:
    result = run("ablate", "ablate-parsers", "--set", "settings.data.folder=nowhere", "--out", "o")
    assert (result.code, result.out) == (2, "")
    assert "nowhere: no such folder (data.folder of parser=lstm,programs=all,seed=0)" in result.err
    assert not Path("o").exists()


BAD: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
    ("misspelt key", ("--set", "sedes=[0]"), ("unknown key 'sedes'", "nearest: 'seeds'")),
    ("no seeds", ("--set", "seeds=[]"), ("'seeds'",)),
    ("the same seed twice", ("--set", "seeds=[1,1]"), ("'seeds'", "different seeds")),
    ("unknown design", ("--set", "design=all"), ("'grid' or 'one_at_a_time'", "got 'all'")),
    (
        "unknown training",
        ("--set", "train=parser-shaps"),
        ("unknown preset 'parser-shaps'", "nearest: 'parser-shapes'"),
    ),
    (
        "misspelt setting of an arm",
        ("--set", "axes.learning.memory.learning.memoy=2"),
        ("arm learning=memory of parser-shapes", "unknown key 'learning.memoy'", "'memory'"),
    ),
    (
        "unknown value of an arm",
        ("--set", "axes.learning.memory.learning.estimator=margin"),
        ("arm learning=memory", "'learning.estimator'", "got 'margin'"),
    ),
    (
        "a bad name of an arm",
        ("--set", "axes.learning.Marginal={}"),
        ("'Marginal' is no name", "wanted a-z"),
    ),
    ("an axis without arms", ("--set", "axes.size={}"), ("axis size has no arms",)),
    ("no processes", ("--jobs", "0"), ("--jobs",)),
    ("unknown measure", ("--measure", "loss"), ("--measure", "'loss'", "'accuracy'")),
    ("unknown backend", ("--backend", "slurm"), ("--backend", "'slurm'", "'ray'")),
]


@pytest.mark.parametrize(
    ("arguments", "said"), [row[1:] for row in BAD], ids=[row[0] for row in BAD]
)
def test_what_cannot_be_run_is_one_line_and_begins_nothing(
    run: Run, ablation: Path, arguments: tuple[str, ...], said: tuple[str, ...]
) -> None:
    result = run("ablate", ablation, "--device", "cpu", *arguments)
    assert (result.code, result.out) == (2, "")
    one_line(result.err, said)
    assert list(ablation.parent.iterdir()) == [ablation]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ablate-shaps", ("unknown preset 'ablate-shaps'", "nearest: 'ablate-shapes'")),
        ("parser-shapes", ("preset of kind train; wanted one of kind ablate",)),
        ("nowhere.toml", ("nowhere.toml: no such file",)),
    ],
)
def test_what_is_no_ablation_is_one_line(
    run: Run, tmp_path: Path, name: str, said: tuple[str, ...]
) -> None:
    result = run("ablate", name)
    assert (result.code, result.out) == (2, "")
    one_line(result.err, said)
    assert list(tmp_path.iterdir()) == []
