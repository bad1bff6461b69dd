"""Whole runs: interrupted ones end as if they had not been; and the numbers we publish."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from nmn.errors import DataError
from nmn.training.checkpoint import load_checkpoint
from nmn.training.preset import TrainPreset, load_preset
from nmn.training.run import run_training

SMALL = (
    "data.examples=256",
    "training.steps=24",
    "training.curriculum=[[8,0],[16,1]]",
    "training.checkpoint_every=10",
)


class InterruptedRunError(Exception):
    """Stands for the power going out."""


def interrupted(preset: TrainPreset, folder: Path, at: int) -> None:
    def stage(what: str, done: int, total: int) -> None:
        assert done <= total
        if (what, done) == ("training", at):
            raise InterruptedRunError

    with pytest.raises(InterruptedRunError):
        run_training(preset, folder, stage=stage)


def test_an_interrupted_run_resumes_to_the_same_weights(tmp_path: Path) -> None:
    preset = load_preset("shapes", SMALL)
    run_training(preset, tmp_path / "whole")
    interrupted(preset, tmp_path / "parts", 13)
    assert [p.name for p in (tmp_path / "parts").rglob("*") if p.is_file()] == ["state.safetensors"]
    resumed = run_training(preset, tmp_path / "parts", resume=True)
    assert resumed.made["resumed_at"] == 10
    whole, parts = (load_file(tmp_path / n / "model.safetensors") for n in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    for name, value in whole.items():
        assert torch.equal(value, parts[name])
    assert not (tmp_path / "parts" / "resume").exists()


def test_without_resume_a_run_starts_anew(tmp_path: Path) -> None:
    preset = load_preset("shapes", SMALL)
    interrupted(preset, tmp_path, 13)
    assert run_training(preset, tmp_path).made["resumed_at"] == 0


def test_a_state_of_another_preset_is_not_resumed(tmp_path: Path) -> None:
    interrupted(load_preset("shapes", SMALL), tmp_path, 13)
    with pytest.raises(DataError, match="another configuration"):
        run_training(load_preset("shapes", [*SMALL, "seed=9"]), tmp_path, resume=True)


def test_the_same_seed_trains_the_same_and_another_does_not(tmp_path: Path) -> None:
    losses = [
        run_training(
            load_preset("shapes", [*SMALL, "training.steps=4", f"seed={seed}"]), tmp_path
        ).made["metrics"]["loss"]
        for seed in (1, 1, 2)
    ]
    assert losses[0] == losses[1] != losses[2]


def test_the_shipped_checkpoint_is_that_of_the_preset() -> None:
    from nmn.training.checkpoint import find_checkpoint

    assert load_checkpoint(find_checkpoint("shapes")).preset == load_preset("shapes")


@pytest.mark.slow
def test_five_seeds_answer_all_real_questions_after_a_minute(real_data: Path) -> None:
    script = Path(__file__).parents[2] / "benchmarks" / "shapes.py"
    command = [sys.executable, str(script), "--data", str(real_data / "shapes"), "--json"]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    runs = json.loads(made.stdout)["runs"]
    assert [run["seed"] for run in runs] == [0, 1, 2, 3, 4]
    for run in runs:
        assert (run["correct"], run["total"]) == (1024, 1024)
        assert run["unseen"] == 1024
        assert run["seconds"] <= 60
        assert run["peak_mib"] < 1536


def test_a_run_that_is_stuck_begins_anew_with_other_weights(tmp_path: Path) -> None:
    stuck = [*SMALL, "training.stuck_after=6", "training.stuck_loss=0.0", "training.restarts=2"]
    preset = load_preset("shapes", stuck)
    begun: list[str] = []
    made = run_training(preset, tmp_path / "a", stage=lambda what, *_: begun.append(what)).made
    assert made["restarts"] == 2
    assert [what for what in dict.fromkeys(begun) if "training" in what] == [
        "training",
        "training, start 2",
        "training, start 3",
    ]
    lenient = load_preset("shapes", [*SMALL, "training.stuck_after=6", "training.stuck_loss=9"])
    assert run_training(lenient, tmp_path / "b").made["restarts"] == 0
