"""Ablations: one training, taken apart along named axes, over several seeds."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from itertools import product
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from nmn.config import Config, build, merged, with_overrides
from nmn.errors import ConfigError, DataError
from nmn.training.grid import Job
from nmn.training.parser_preset import ParserPreset, build_preset
from nmn.training.preset import read_preset

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
Settings = dict[str, Any]
"""Tables of settings, within each other as in a preset."""


def check_seeds(seeds: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """Different seeds.

    Raises:
        ValueError: some are equal, below 0, or there are none.
    """
    if seeds is not None and (not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0):
        raise ValueError("wanted different seeds of 0 or more")
    return seeds


def check_name(name: str) -> None:
    """A name that a folder can have.

    Raises:
        ValueError: it is none.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"'{name}' is no name; wanted a-z, 0-9, _, . and -")


class AblationPreset(Config):
    """Which trainings are held against each other.

    Attributes:
        train: the preset of a training, by name or path.
        seeds: each arm is trained once for each.
        settings: settings of all arms, where these are not those of `train`.
        axes: by name, the arms by name, each with its settings; the first arm of each axis is the
            one that others are compared with.
        design: `grid` for all combinations of arms; `one_at_a_time` for those that differ from
            the first arms in one axis at most.
    """

    kind: Literal["ablate"]
    train: str
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1)
    settings: Settings = Field(default_factory=dict)
    axes: dict[str, dict[str, Settings]] = Field(min_length=1)
    design: Literal["grid", "one_at_a_time"] = "grid"

    _seeds = field_validator("seeds")(check_seeds)

    @model_validator(mode="after")
    def _seeds_are_said_once(self) -> "AblationPreset":
        arms = [arm for axis in self.axes.values() for arm in axis.values()]
        if any("seed" in table for table in (self.settings, *arms)):
            raise ValueError("a seed among settings; wanted it in seeds")
        return self

    @field_validator("axes")
    @classmethod
    def _names_are_names(
        cls, axes: dict[str, dict[str, Settings]]
    ) -> dict[str, dict[str, Settings]]:
        for axis, arms in axes.items():
            if not arms:
                raise ValueError(f"axis {axis} has no arms")
            for name in (axis, *arms):
                check_name(name)
        return axes


REFERENCE = "reference"
"""The arm that others differ from in one axis each."""


@dataclass(frozen=True)
class Arm:
    """One way to train.

    Attributes:
        choices: for each axis, the name of its arm.
        named: the axes that its name tells; all if left out.
    """

    choices: Mapping[str, str] = field(hash=False)
    named: tuple[str, ...] | None = None

    @property
    def name(self) -> str:
        """`parser=lstm,decoding=constrained`."""
        axes = self.choices if self.named is None else self.named
        return ",".join(f"{axis}={self.choices[axis]}" for axis in axes) or REFERENCE


def load_ablation(name: str, overrides: Iterable[str] = ()) -> AblationPreset:
    """A shipped ablation by name, or any by the path of its TOML file.

    Raises:
        UnknownNameError: neither a shipped preset nor a file.
        ConfigError: it is not valid, or an override is not.
    """
    values = read_preset(name, "ablate")
    if values.get("kind") != "ablate":
        problem = f"a preset of kind {values.get('kind')}; wanted one of kind ablate"
        raise ConfigError(f"preset {name}", problem)
    return build(AblationPreset, with_overrides(values, overrides), f"preset {name}")


def arms_of(preset: AblationPreset) -> list[Arm]:
    """The arms, the one that others are compared with first."""
    every = [
        dict(zip(preset.axes, choice, strict=True)) for choice in product(*preset.axes.values())
    ]
    if preset.design == "grid":
        return [Arm(arm) for arm in every]
    first = every[0]
    changed = [tuple(axis for axis in first if arm[axis] != first[axis]) for arm in every]
    return [Arm(arm, axes) for arm, axes in zip(every, changed, strict=True) if len(axes) <= 1]


def jobs_of(preset: AblationPreset, out: Path) -> dict[Arm, list[Job]]:
    """The runs of each arm, one a seed, after a check that all can be run.

    Raises:
        UnknownNameError: there is no such training.
        ConfigError: the settings of an arm are not valid.
    """
    base = read_preset(preset.train)
    jobs: dict[Arm, list[Job]] = {}
    for arm in arms_of(preset):
        chosen = [preset.axes[axis][name] for axis, name in arm.choices.items()]
        settings = reduce(merged, [preset.settings, *chosen], dict(base))
        where = f"arm {arm.name} of {preset.train}"
        jobs[arm] = []
        for seed in preset.seeds:
            resolved = build_preset({**settings, "seed": seed}, where)
            if not isinstance(resolved, ParserPreset):
                raise ConfigError(where, "a preset of a model; wanted that of a parser")
            folder = out.resolve() / "runs" / arm.name / f"seed-{seed}"
            name = f"{arm.name},seed={seed}"
            jobs[arm].append(Job(name, folder, resolved.model_dump(mode="json")))
    return jobs


def check_folders(jobs: Iterable[Job]) -> None:
    """Whether there are the folders that runs learn from.

    Raises:
        DataError: one is missing.
    """
    for job in jobs:
        folder = job.settings["data"]["folder"]
        if folder is not None and not Path(folder).is_dir():
            raise DataError(folder, f"no such folder (data.folder of {job.name})")
