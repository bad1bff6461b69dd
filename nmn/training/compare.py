"""Comparisons: different models on the same data with the same budget, over several seeds."""

import os
import platform
from collections.abc import Collection, Iterable
from functools import reduce
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from nmn.config import Config, build, merged, with_overrides
from nmn.errors import ConfigError, UnknownNameError
from nmn.progress import Stage, silent
from nmn.training.ablation import Settings, check_name, check_seeds
from nmn.training.data import held_out_data, training_data
from nmn.training.grid import Job
from nmn.training.models import needs_scenes, supervision_of
from nmn.training.parser_preset import build_preset
from nmn.training.preset import TrainPreset, read_preset
from nmn.training.stored import Stored, find_checkpoint, read_stored

CHECKPOINT = "checkpoint"
"""The setting of a job that trains nothing: the folder of what it loads."""


class Row(Config):
    """One model.

    Attributes:
        train: the preset of its training, by name or path.
        checkpoint: in place of it a checkpoint, by name or folder, which is loaded as it is; its
            data and budget were its own.
        settings: where they are not those of `train`.
        seeds: where they are not those of the comparison; a checkpoint has none.
    """

    train: str | None = None
    checkpoint: str | None = None
    settings: Settings = Field(default_factory=dict)
    seeds: tuple[int, ...] | None = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> "Row":
        if (self.train is None) == (self.checkpoint is None):
            raise ValueError("wanted either train or checkpoint")
        if self.checkpoint is not None and (self.settings or self.seeds is not None):
            raise ValueError("settings or seeds of a checkpoint, which is loaded as it is")
        if "seed" in self.settings:
            raise ValueError("a seed among settings; wanted it in seeds")
        return self

    _seeds = field_validator("seeds")(check_seeds)


class ComparePreset(Config):
    """Which models are held against each other.

    Attributes:
        data: the preset of a training whose held-out questions are asked of all.
        seeds: each model is trained once for each.
        settings: of all trainings, where they are not those of their presets.
        models: by name, in the order of the table.
    """

    kind: Literal["compare"]
    data: str
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1)
    settings: Settings = Field(default_factory=dict)
    models: dict[str, Row] = Field(min_length=1)

    _seeds = field_validator("seeds")(check_seeds)

    @field_validator("models")
    @classmethod
    def _names_are_names(cls, models: dict[str, Row]) -> dict[str, Row]:
        for name in models:
            check_name(name)
        return models


def load_comparison(name: str, overrides: Iterable[str] = ()) -> ComparePreset:
    """A shipped comparison by name, or any by the path of its TOML file.

    Raises:
        UnknownNameError: neither a shipped preset nor a file.
        ConfigError: it is not valid, or an override is not.
    """
    values = read_preset(name, "compare")
    if values.get("kind") != "compare":
        problem = f"a preset of kind {values.get('kind')}; wanted one of kind compare"
        raise ConfigError(f"preset {name}", problem)
    return build(ComparePreset, with_overrides(values, overrides), f"preset {name}")


def chosen_models(preset: ComparePreset, names: Collection[str]) -> tuple[str, ...]:
    """Models of a comparison, in the order of its table; all if none are named.

    Raises:
        UnknownNameError: there is no such model.
    """
    for name in names:
        if name not in preset.models:
            raise UnknownNameError("model", name, tuple(preset.models))
    return tuple(name for name in preset.models if not names or name in names)


def comparison_jobs(preset: ComparePreset, out: Path) -> dict[str, list[Job]]:
    """The runs of each model, after a check that all can be run and are comparable.

    Raises:
        UnknownNameError: there is no such training or checkpoint.
        ConfigError: settings are not valid, or a model has other data, another stem or another
            budget.
        DataError: a checkpoint is damaged.
    """
    first = _resolved(preset, read_preset(preset.data), {}, f"preset {preset.data}")
    jobs: dict[str, list[Job]] = {}
    for name, row in preset.models.items():
        folder = out.resolve() / "runs" / name
        if row.train is None:
            assert row.checkpoint is not None
            stored = _loaded(row.checkpoint, first, f"model {name} of the comparison")
            loaded = str(stored.folder.resolve())
            settings = {CHECKPOINT: loaded, "data": first.model_dump(mode="json")}
            begins_with = {row.checkpoint: stored.fingerprint()}
            jobs[name] = [Job(name, folder / "loaded", settings, begins_with)]
            continue
        jobs[name] = []
        for seed in row.seeds or preset.seeds:
            where = f"model {name} of the comparison"
            base = merged(read_preset(row.train), row.settings)
            resolved = _resolved(preset, base, {"seed": seed}, where)
            _check_comparable(first, resolved, where)
            settings = resolved.model_dump(mode="json")
            said, run = f"{name},seed={seed}", folder / f"seed-{seed}"
            jobs[name].append(Job(said, run, settings, _begins_with(resolved)))
    return jobs


def check_cores(jobs: Iterable[Job], processes: int, cores: int) -> None:
    """That runs at the same time do not wait for each other's threads, which takes ages.

    Args:
        processes: runs at the same time.

    Raises:
        ConfigError: they have more threads together than there are cores.
    """
    threads = max((_preset_of(job).training.threads for job in jobs), default=1)
    if 1 < processes > cores // threads:
        problem = f"{processes} runs of {threads} threads each, and {cores} cores"
        nearest = max(1, cores // threads)
        raise ConfigError(f"--jobs {processes}", f"{problem}; nearest: --jobs {nearest}")


def make_data(jobs: Iterable[Job], stage: Stage = silent, device: str = "cpu") -> None:
    """Make what several runs need at once, so that they find it.

    Raises:
        DataError: it cannot be written or read.
    """
    made: list[tuple[Any, ...]] = []
    for job in jobs:
        loaded, preset = CHECKPOINT in job.settings, _preset_of(job)
        if loaded:  # which looks at pictures by its own stem
            preset = preset.model_copy(update={"frozen_stem": False, "initial_stem": None})
        stem = preset.initial_stem if preset.frozen_stem else None
        scenes = needs_scenes(preset.model)
        sort = loaded, preset.data, preset.seed_of_data, preset.model.stem, stem, scenes
        if sort not in made:
            made.append(sort)
            if not loaded:
                training_data(preset, stage, device)
            held_out_data(preset, stage, scenes=scenes, device=device)


def _preset_of(job: Job) -> TrainPreset:
    """What is trained, or whose questions are asked."""
    loaded = CHECKPOINT in job.settings
    return TrainPreset.model_validate(job.settings["data"] if loaded else job.settings)


def circumstances(preset: ComparePreset) -> dict[str, str]:
    """What is the same for all models, and how their stem was trained.

    Raises:
        UnknownNameError, ConfigError, DataError: see `comparison_jobs`.
    """
    first = _resolved(preset, read_preset(preset.data), {}, f"preset {preset.data}")
    minutes, steps = first.training.minutes, first.training.steps
    told = {
        "data": f"those of the preset {preset.data}, with the seed {first.seed_of_data}",
        "budget": f"{minutes:g} minutes" if minutes else f"{steps} steps",
        "threads": str(first.training.threads),
    }
    if first.initial_stem is not None:
        begun = read_stored(find_checkpoint(first.initial_stem)).preset
        assert isinstance(begun, TrainPreset)
        learned = f"learned from {supervision_of(begun.model)}"
        where = f"on data of the seed {begun.seed_of_data}"
        kept = "frozen" if first.frozen_stem else "trained further"
        told["stem"] = f"that of {first.initial_stem}, which {learned} {where}; {kept}"
    return {**told, "computer": f"{platform.machine()}, {os.cpu_count()} cores"}


def _begins_with(preset: TrainPreset) -> dict[str, str]:
    """The fingerprints of the checkpoints whose weights a training begins with."""
    names = {name for name in (preset.initial, preset.initial_stem) if name is not None}
    return {name: read_stored(find_checkpoint(name)).fingerprint() for name in sorted(names)}


def _loaded(name: str, first: TrainPreset, where: str) -> Stored:
    """A checkpoint that can answer the questions of a preset.

    Raises:
        UnknownNameError: there is none of that name.
        ConfigError: it cannot.
        DataError: it is damaged.
    """
    stored = read_stored(find_checkpoint(name))
    if not isinstance(stored.preset, TrainPreset):
        raise ConfigError(where, f"checkpoint {name} is a parser; wanted a model")
    check_answers(stored.preset, first, where)
    return stored


def check_answers(own: TrainPreset, asked: TrainPreset, where: str) -> None:
    """That a trained model can be asked the questions of another preset.

    Raises:
        ConfigError: it is of another domain, or looks at pictures of another size.
    """
    if own.domain != asked.domain:
        raise ConfigError(where, f"a model of {own.domain}; wanted one of {asked.domain}")
    if needs_scenes(own.model) != needs_scenes(asked.model):
        looks = ["pictures", "the states of objects"]
        own_look, wanted = looks[needs_scenes(own.model)], looks[needs_scenes(asked.model)]
        raise ConfigError(where, f"a model that looks at {own_look}; wanted one of {wanted}")
    if not needs_scenes(own.model) and own.size != asked.size:
        sizes = [f"{width}x{height}" for width, height in (own.size, asked.size)]
        raise ConfigError(where, f"a model of pictures of {sizes[0]}; wanted {sizes[1]}")


def _resolved(
    preset: ComparePreset, base: dict[str, Any], more: Settings, where: str
) -> TrainPreset:
    resolved = build_preset(reduce(merged, [preset.settings, more], base), where)
    if not isinstance(resolved, TrainPreset):
        raise ConfigError(where, "a preset of a parser; wanted that of a model")
    return resolved


def _check_comparable(first: TrainPreset, other: TrainPreset, where: str) -> None:
    """Whether a model has the data, the stem and the budget of all.

    Raises:
        ConfigError: it has not.
    """
    for name, wanted, got in (
        ("domain", first.domain, other.domain),
        ("data", first.data, other.data),
        ("data_seed", first.data_seed, other.data_seed),
        ("training.minutes", first.training.minutes, other.training.minutes),
        ("training.steps", first.training.steps, other.training.steps),
        ("training.threads", first.training.threads, other.training.threads),
        ("training.patience", first.training.patience, other.training.patience),
        ("training.evaluate_every", first.training.evaluate_every, other.training.evaluate_every),
        (
            "training.evaluate_questions",
            first.training.evaluate_questions,
            other.training.evaluate_questions,
        ),
        ("model.stem", first.model.stem, other.model.stem),
        ("initial_stem", first.initial_stem, other.initial_stem),
        ("frozen_stem", first.frozen_stem, other.frozen_stem),
    ):
        if got != wanted:
            raise ConfigError(where, f"{name} is {got}; wanted {wanted}, as for all models")
