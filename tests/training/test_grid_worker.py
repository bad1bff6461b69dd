"""One run of a grid, done within the test's process; `test_grid` has processes of their own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from nmn.training.grid import JOB, RESULT
from nmn.training.grid_worker import CHECKPOINT, work
from nmn.training.parser_checkpoint import load_parser
from nmn.training.parser_report import MEASURES, report_on
from nmn.training.question_data import held_out_questions
from tests.training.tiny_parsers import interrupted, shapes_preset

EVALUATED = (
    "training.steps=10",
    "training.checkpoint_every=5",
    "training.evaluate_every=5",
    "training.evaluate_questions=6",
)


def done(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What `result.json` says after a run."""
    folder.mkdir(exist_ok=True)
    (folder / JOB).write_text(json.dumps({"settings": settings, "device": "cpu"}))
    work(folder)
    values = json.loads((folder / RESULT).read_text())
    assert isinstance(values, dict)
    return values


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with evaluations."""
    folder = tmp_path_factory.mktemp("run")
    done(folder, shapes_preset(*EVALUATED).model_dump(mode="json"))
    return folder


@pytest.fixture
def report(finished: Path) -> dict[str, Any]:
    """What that run reported."""
    values = json.loads((finished / RESULT).read_text())
    assert values.keys() == {"report"}
    found = values["report"]
    assert isinstance(found, dict)
    return found


def test_the_checkpoint_is_kept_and_is_what_the_report_is_about(
    finished: Path, report: dict[str, Any]
) -> None:
    checkpoint = load_parser(finished / CHECKPOINT)
    assert checkpoint.preset == shapes_preset(*EVALUATED)
    tested = held_out_questions(checkpoint.preset)
    expected = json.loads(json.dumps(report_on(checkpoint, tested)))
    assert {key: report[key] for key in expected} == expected
    assert report["questions"] == 12
    assert checkpoint.made.items() >= report["made"].items()
    assert report["made"]["steps"] == 10


def test_there_is_a_sign_for_each_question(report: dict[str, Any]) -> None:
    assert report["outcomes"].keys() == set(MEASURES)
    for measure, signs in report["outcomes"].items():
        assert len(signs) == report["questions"]
        assert signs.count("1") == report[measure]["successes"]
        assert signs.count("0") == report[measure]["total"] - report[measure]["successes"]


def test_the_curve_has_the_evaluations_alone(report: dict[str, Any]) -> None:
    assert [line["step"] for line in report["curve"]] == [5, 10]
    for line in report["curve"]:
        assert line.keys() >= {"step", "accuracy", "well_typed"}
        assert line.keys() <= {"step", "seconds", *MEASURES}
        assert 0 <= line["accuracy"] <= 1


def test_the_curve_can_tell_how_long_it_took(report: dict[str, Any]) -> None:
    seconds = [line["seconds"] for line in report["curve"]]
    assert 0 <= seconds[0] <= seconds[1] <= report["made"]["seconds"]


def test_without_evaluations_there_is_no_curve(tmp_path: Path) -> None:
    values = done(tmp_path, shapes_preset("training.steps=2").model_dump(mode="json"))
    assert values["report"]["curve"] == []
    assert values["report"]["made"]["steps"] == 2


def test_an_interrupted_training_goes_on_where_it_was(
    tmp_path: Path, report: dict[str, Any]
) -> None:
    interrupted(shapes_preset(*EVALUATED), tmp_path / CHECKPOINT, 7)
    resumed = done(tmp_path, shapes_preset(*EVALUATED).model_dump(mode="json"))["report"]
    assert (resumed["made"]["resumed_at"], report["made"]["resumed_at"]) == (5, 0)
    assert resumed["outcomes"] == report["outcomes"]
    steps = [line["step"] for line in resumed["curve"]]
    assert steps == [line["step"] for line in report["curve"]]


def test_a_finished_training_is_only_tested_again(tmp_path: Path) -> None:
    settings = shapes_preset("training.steps=2").model_dump(mode="json")
    first = done(tmp_path, settings)
    weights = tmp_path / CHECKPOINT / "model.safetensors"
    before = weights.stat().st_mtime_ns
    (tmp_path / RESULT).unlink()
    again = done(tmp_path, settings)
    assert weights.stat().st_mtime_ns == before
    for name in ("outcomes", "exact_match", "curve"):
        assert again["report"][name] == first["report"][name]


PROBLEMS = [
    (
        "more programs than there are",
        "data.generated.programs=9999",
        "data.generated.programs: 9999 programs, and there are",
    ),
    (
        "all questions kept",
        "training.evaluate_questions=9999",
        "training.evaluate_questions: 9999 questions cannot be kept from training",
    ),
    ("no first checkpoint", "initial=nobody", "unknown checkpoint 'nobody'"),
]


@pytest.mark.parametrize(
    ("setting", "problem"), [row[1:] for row in PROBLEMS], ids=[row[0] for row in PROBLEMS]
)
def test_what_cannot_be_trained_is_a_problem_and_no_crash(
    tmp_path: Path, setting: str, problem: str
) -> None:
    values = done(tmp_path, shapes_preset(*EVALUATED, setting).model_dump(mode="json"))
    assert values.keys() == {"problem"}
    assert values["problem"].startswith(problem)
    assert "\n" not in values["problem"]


def test_settings_that_are_not_valid_are_a_problem(tmp_path: Path) -> None:
    settings = shapes_preset(*EVALUATED).model_dump(mode="json")
    settings["parser"]["hiden"] = settings["parser"].pop("hidden")
    values = done(tmp_path, settings)
    expected = f"{tmp_path / JOB}: unknown key 'parser.hiden'; nearest: 'hidden'"
    assert values["problem"].startswith(expected)


def test_a_mistake_of_ours_is_not_taken_for_a_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("nmn.training.grid_worker.train_parser", broken)
    with pytest.raises(ZeroDivisionError):
        done(tmp_path, shapes_preset(*EVALUATED).model_dump(mode="json"))
    assert not (tmp_path / RESULT).exists()


WORKER = """
import time
from nmn.training.grid_worker import end_with_parent
end_with_parent()
print("ready", flush=True)
time.sleep(120)
"""
PARENT = """
import subprocess, sys, time
with subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE) as worker:
    worker.stdout.readline()
    print(worker.pid, flush=True)
    time.sleep(120)
"""


def is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    # One that nobody waited for is still listed when it has ended.
    status = Path(f"/proc/{process}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_run_ends_with_a_grid_that_was_killed() -> None:
    command = [sys.executable, "-c", PARENT, WORKER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        assert is_there(worker)
        parent.kill()
    deadline = time.monotonic() + 20
    while is_there(worker) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not is_there(worker)
