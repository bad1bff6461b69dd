"""Whole runs: interrupted ones end as if they had not been; and the numbers we publish."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from nmn.data.batch import Batch
from nmn.data.vocabulary import WordVocabulary
from nmn.domain import Domain
from nmn.errors import ConfigError, DataError, UnknownNameError
from nmn.execution.base import Chosen, Model, Prediction
from nmn.generate.shapes import ShapesWorldConfig, generate_shapes
from nmn.nn.trainable import Loss
from nmn.training.checkpoint import load_checkpoint
from nmn.training.data import training_data
from nmn.training.models import stem_of
from nmn.training.preset import TrainPreset, load_preset
from nmn.training.run import accuracy, run_training
from tests.training.tiny_clevr import TINY

SMALL = (
    "data.examples=256",
    "training.steps=24",
    "training.curriculum=[[8,0],[16,1]]",
    "training.checkpoint_every=10",
)


class InterruptedRunError(Exception):
    """Stands for the power going out."""


def interrupted(preset: TrainPreset, folder: Path, at: int) -> None:
    def stage(what: str, done: int, total: int | None, note: str = "") -> None:
        assert total is not None
        assert done <= total
        assert note.startswith("loss ") == ("training" in what)
        if (what, done) == ("training", at):
            raise InterruptedRunError

    with pytest.raises(InterruptedRunError):
        run_training(preset, folder, stage=stage)


def test_an_interrupted_run_resumes_to_the_same_weights(tmp_path: Path) -> None:
    preset = load_preset("shapes", SMALL)
    run_training(preset, tmp_path / "whole")
    interrupted(preset, tmp_path / "parts", 13)
    names = sorted(p.name for p in (tmp_path / "parts").rglob("*") if p.is_file())
    assert names == ["log.jsonl", "state.safetensors"]
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
    from nmn.training.stored import find_checkpoint

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


CLEVR = ("clevr", "clevr-scene")
REFERENCE = ("model.supervision=answers", "model.executor=reference", "training.steps=7")
EVALUATED = (
    "training.evaluate_every=2",
    "training.evaluate_questions=10",
    "training.patience=3",
    "training.weight_decay=0.01",
)


def check_equal(one: Path, other: Path) -> None:
    first, second = (load_file(folder / "model.safetensors") for folder in (one, other))
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


def log_of(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    hidden = ("seconds", "questions_per_second")
    return [{k: v for k, v in line.items() if k not in hidden} for line in lines]


@pytest.mark.usefixtures("tiny_clevr")
@pytest.mark.parametrize(
    ("name", "settings"),
    [*((name, EVALUATED) for name in CLEVR), ("clevr", REFERENCE), ("clevr-answers", ())],
)
def test_a_resumed_run_on_pictures_ends_bit_equal(
    tmp_path: Path, name: str, settings: tuple[str, ...]
) -> None:
    preset = load_preset(name, [*TINY, "training.log_every=1", *settings])
    whole = run_training(preset, tmp_path / "whole").made
    began = time.perf_counter()
    interrupted(preset, tmp_path / "parts", 6)
    resumed = run_training(preset, tmp_path / "parts", resume=True).made
    took = time.perf_counter() - began
    assert (resumed["resumed_at"], whole["resumed_at"]) == (5, 0)
    assert (resumed["metrics"], resumed["steps"]) == (whole["metrics"], whole["steps"])
    check_equal(tmp_path / "whole", tmp_path / "parts")
    assert log_of(tmp_path / "whole") == log_of(tmp_path / "parts")
    assert 0 < resumed["training_seconds"] < took + 0.1  # which has both parts of it


@pytest.mark.usefixtures("tiny_clevr")
def test_what_supervises_is_told(tmp_path: Path) -> None:
    told = {
        name: run_training(load_preset(name, [*TINY, "training.steps=1"]), tmp_path).made
        for name in ("clevr", "clevr-answers", "clevr-scene")
    }
    supervision = {name: made["supervision"] for name, made in told.items()}
    assert supervision == {"clevr": "scene", "clevr-answers": "answers", "clevr-scene": "scene"}
    assert {made["examples"] for made in told.values()} == {
        len(training_data(load_preset("clevr", TINY)))
    }


@pytest.mark.usefixtures("tiny_clevr")
def test_training_begins_with_the_weights_of_a_checkpoint(tmp_path: Path) -> None:
    first = run_training(load_preset("clevr", [*TINY, "training.steps=3"]), tmp_path / "first")
    further = [*TINY, "training.steps=1", f"initial={tmp_path / 'first'}"]
    still = [*further, "training.learning_rate=1e-12"]
    second = run_training(load_preset("clevr", [*still, "seed=8"]), tmp_path / "second")
    assert second.preset.initial == str(tmp_path / "first")
    for name, value in first.model.named_parameters():  # means of batches move on
        torch.testing.assert_close(second.model.get_parameter(name), value, rtol=0, atol=1e-6)
    with pytest.raises(DataError, match="does not fit the model as configured"):
        run_training(load_preset("clevr-tbd", further), tmp_path / "third")
    with pytest.raises(UnknownNameError, match="unknown checkpoint 'nobody'"):
        run_training(load_preset("clevr", [*TINY, "initial=nobody"]), tmp_path / "third")


@pytest.mark.usefixtures("tiny_clevr")
def test_training_begins_with_the_stem_of_another_model(tmp_path: Path) -> None:
    parser = run_training(load_preset("clevr-scene", [*TINY, "training.steps=3"]), tmp_path / "a")
    chosen = [*TINY, "training.steps=1", f"initial_stem={tmp_path / 'a'}"]
    network = run_training(
        load_preset("clevr", [*chosen, "training.learning_rate=1e-12"]), tmp_path / "b"
    )
    deeper = run_training(
        load_preset(
            "clevr-tbd",
            [*chosen, "training.learning_rate=1e-12", "model.stem.levels=[[8,1],[16,1],[8,1]]"],
        ),
        tmp_path / "deeper",
    )
    for name, value in stem_of(parser.model).named_parameters():  # means of batches move on
        for model in (network.model, deeper.model):
            own = stem_of(model).get_parameter(name)
            torch.testing.assert_close(own, value, rtol=0, atol=1e-6)
    wider = [*chosen, "model.stem.levels=[[8,1],[24,1]]"]
    with pytest.raises(DataError, match="its stem is configured otherwise"):
        run_training(load_preset("clevr", wider), tmp_path / "c")
    with pytest.raises(ConfigError, match="initial and initial_stem; wanted one of them"):
        load_preset("clevr", [*chosen, "initial=clevr"])


def test_it_stops_when_nothing_gets_better_and_keeps_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = iter([0.5, 0.75, 0.25, 0.75, 0.5, 0.875])
    kept: list[dict[str, torch.Tensor]] = []

    def accuracy(model: Model, *_: object) -> float:
        kept.append({name: value.clone() for name, value in model.state_dict().items()})
        return next(found)

    monkeypatch.setattr("nmn.training.run.accuracy", accuracy)
    wait = ("training.evaluate_every=3", "training.evaluate_questions=16", "training.patience=3")
    checkpoint = run_training(load_preset("shapes", [*SMALL, *wait]), tmp_path)
    assert checkpoint.made["steps"] == 15
    assert checkpoint.made["examples"] == 240
    assert checkpoint.made["metrics"]["accuracy"] == 0.75
    assert checkpoint.made["metrics"]["best_step"] == 6
    for name, value in checkpoint.model.state_dict().items():
        assert torch.equal(value, kept[1][name])
    told = [line["accuracy"] for line in log_of(tmp_path) if "accuracy" in line]
    assert told == [0.5, 0.75, 0.25, 0.75, 0.5]


def test_without_patience_the_last_weights_are_evaluated(tmp_path: Path) -> None:
    asked = ("training.evaluate_every=10", "training.evaluate_questions=16")
    made = run_training(load_preset("shapes", [*SMALL, *asked]), tmp_path).made
    told = [(line["step"], line["accuracy"]) for line in log_of(tmp_path) if "accuracy" in line]
    assert [step for step, _ in told] == [10, 20, 24]
    assert made["metrics"]["accuracy"] == told[-1][1]


def test_failed_programs_are_no_right_answers(shapes: Domain) -> None:
    data = generate_shapes(ShapesWorldConfig(), 0, "val", 12)

    class Silent(Model):
        domain = shapes

        def __init__(self) -> None:
            super().__init__()
            self.value = torch.nn.Parameter(torch.zeros(()))

        def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
            raise AssertionError(batch, generator)

        def predict(self, batch: Batch, *, traces: Chosen = False) -> Prediction:
            assert not self.training
            assert not traces
            right = torch.nn.functional.one_hot(batch.answers, len(shapes.answers))
            rows = right.float().log()
            rows[batch.picture % 2 == 1] = -torch.inf
            return Prediction(rows)

    rows = np.arange(12)
    assert accuracy(Silent(), data, rows, WordVocabulary(()), 4) == 0.5
