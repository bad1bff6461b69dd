"""Which models are compared, and that only what is comparable is."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from nmn.errors import ConfigError, UnknownNameError
from nmn.training.checkpoint import load_checkpoint, save_checkpoint
from nmn.training.compare import (
    CHECKPOINT,
    ComparePreset,
    check_answers,
    check_cores,
    chosen_models,
    circumstances,
    comparison_jobs,
    load_comparison,
)
from nmn.training.parser_preset import load_any_preset
from nmn.training.preset import load_preset, preset_files
from nmn.training.stored import find_checkpoint

TINY: dict[str, Any] = {
    "kind": "compare",
    "data": "shapes",
    "seeds": [0, 1],
    "settings": {"data": {"examples": 64, "held_out": 16}, "training": {"steps": 4}},
    "models": {
        "prior": {
            "train": "shapes",
            "seeds": [3],
            "settings": {"model": {"kind": "answerer", "reasoner": {"kind": "prior"}}},
        },
        "modules": {"train": "shapes"},
        "shipped": {"checkpoint": "shapes"},
    },
}


def tiny(**changes: Any) -> ComparePreset:
    return ComparePreset.model_validate({**TINY, **changes})


def test_each_model_is_trained_once_for_each_seed_and_a_checkpoint_is_loaded(
    tmp_path: Path,
) -> None:
    jobs = comparison_jobs(tiny(), tmp_path)
    assert {name: [job.name for job in runs] for name, runs in jobs.items()} == {
        "prior": ["prior,seed=3"],
        "modules": ["modules,seed=0", "modules,seed=1"],
        "shipped": ["shipped"],
    }
    prior, modules = jobs["prior"][0].settings, jobs["modules"][1].settings
    assert prior["model"]["reasoner"]["kind"] == "prior"
    assert (modules["seed"], modules["training"]["steps"]) == (1, 4)
    assert prior["data"] == modules["data"] == jobs["shipped"][0].settings["data"]["data"]
    assert Path(jobs["shipped"][0].settings[CHECKPOINT]).name == "shapes"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"data": {"examples": 65}}, "data is .*; wanted .*, as for all models"),
        ({"training": {"steps": 5}}, "training.steps is 5; wanted 4, as for all models"),
        ({"training": {"minutes": 1.0}}, "training.minutes is 1.0; wanted 0.0"),
        ({"training": {"stepz": 5}}, "stepz"),
        ({"training": {"threads": 2}}, "training.threads is 2; wanted 1"),
        ({"training": {"patience": 3, "evaluate_every": 2}}, "training.patience is 3; wanted 0"),
        ({"model": {"stem": {"layers": [[8, 10, 10]]}}}, "model.stem is .*; wanted"),
    ],
)
def test_what_has_more_data_or_time_is_refused(
    tmp_path: Path, settings: dict[str, Any], said: str
) -> None:
    base = tmp_path / "base.toml"
    base.write_text(
        'base = "shapes"\n[data]\nexamples = 64\nheld_out = 16\n[training]\nsteps = 4\n'
    )
    models = {"other": {"train": str(base), "settings": settings}}
    preset = tiny(data=str(base), settings={}, models=models)
    with pytest.raises(ConfigError, match=said):
        comparison_jobs(preset, tmp_path)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("parser-english", "model odd of the comparison: checkpoint parser-english is a parser"),
        ("clevr", "model odd of the comparison: a model of clevr; wanted one of shapes"),
    ],
)
def test_a_checkpoint_that_cannot_answer_is_refused_at_once(
    tmp_path: Path, name: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        comparison_jobs(tiny(models={"odd": {"checkpoint": name}}), tmp_path)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("clevr", "a model of pictures of 480x320; wanted 240x160"),
        ("clevr-states-relation", "looks at the states of objects; wanted one of pictures"),
    ],
)
def test_a_model_that_sees_something_else_is_refused(name: str, said: str) -> None:
    asked = load_preset("clevr", ["model.stem.width=240", "model.stem.height=160"])
    with pytest.raises(ConfigError, match=f"here: .*{said}"):
        check_answers(load_preset(name), asked, "here")


def test_the_stem_of_all_is_told() -> None:
    same = circumstances(load_comparison("compare-clevr"))
    assert same["budget"] == "5 minutes"
    assert same["stem"] == (
        "that of clevr-scene, which learned from scene on data of the seed 6; frozen"
    )
    assert "stem" not in circumstances(tiny())


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({}, "either train or checkpoint"),
        ({"train": "shapes", "checkpoint": "shapes"}, "either train or checkpoint"),
        ({"checkpoint": "shapes", "seeds": [0]}, "seeds of a checkpoint"),
        ({"train": "shapes", "settings": {"seed": 1}}, "a seed among settings"),
        ({"train": "shapes", "seeds": [1, 1]}, "different seeds"),
    ],
)
def test_rows_that_mean_nothing(row: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        tiny(models={"one": row})


def test_names_are_looked_up(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no name"):
        tiny(models={"../up": {"train": "shapes"}})
    with pytest.raises(UnknownNameError, match="checkpoint"):
        comparison_jobs(tiny(models={"one": {"checkpoint": "nowhere"}}), tmp_path)
    with pytest.raises(ConfigError, match="a preset of a parser; wanted that of a model"):
        comparison_jobs(tiny(settings={}, models={"one": {"train": "parser-shapes"}}), tmp_path)
    with pytest.raises(ConfigError, match="nearest: nmn compare"):
        load_any_preset("compare-clevr")
    with pytest.raises(ConfigError, match="of kind train; wanted one of kind compare"):
        load_comparison("shapes")
    preset = load_comparison("compare-clevr")
    with pytest.raises(UnknownNameError, match="film"):
        chosen_models(preset, ["fillm"])
    assert chosen_models(preset, ["mac", "film"]) == ("film", "mac")
    assert chosen_models(preset, []) == tuple(preset.models)


@pytest.mark.parametrize(
    ("threads", "processes", "nearest"), [(1, 2, 0), (2, 1, 0), (4, 1, 0), (2, 2, 1), (1, 3, 2)]
)
def test_runs_have_cores_of_their_own(
    tmp_path: Path, threads: int, processes: int, nearest: int
) -> None:
    settings = {**TINY["settings"], "training": {"steps": 4, "threads": threads}}
    every = comparison_jobs(tiny(settings=settings), tmp_path)
    jobs = [job for runs in every.values() for job in runs]
    if not nearest:
        check_cores(jobs, processes, 2)
        return
    with pytest.raises(
        ConfigError, match=f"--jobs {processes}.*2 cores; nearest: --jobs {nearest}"
    ):
        check_cores(jobs, processes, 2)


def test_runs_are_told_by_the_weights_they_begin_with(tmp_path: Path) -> None:
    models: dict[str, Any] = {"begun": {"train": "shapes", "settings": {"initial": "shapes"}}}
    jobs = comparison_jobs(tiny(models={**TINY["models"], **models}), tmp_path)
    assert jobs["modules"][0].begins_with == {}
    shipped = jobs["shipped"][0].begins_with
    assert shipped == jobs["begun"][0].begins_with
    copy = tmp_path / "shapes"
    shutil.copytree(find_checkpoint("shapes"), copy)
    model = load_checkpoint(copy)
    with torch.no_grad():
        next(model.model.parameters()).add_(1e-3)
    save_checkpoint(copy, model)
    (other,) = comparison_jobs(tiny(models={"shipped": {"checkpoint": str(copy)}}), tmp_path)[
        "shipped"
    ]
    assert other.begins_with.keys() == {str(copy)}
    assert set(other.begins_with.values()).isdisjoint(shipped.values())


@pytest.mark.parametrize("name", [name for name in preset_files() if name.startswith("compare-")])
def test_shipped_comparisons_are_comparable(name: str, tmp_path: Path) -> None:
    preset = load_comparison(name)
    jobs = comparison_jobs(preset, tmp_path)
    assert list(jobs) == list(preset.models)
    assert all(jobs.values())
