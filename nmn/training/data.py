"""The data of a preset: generated once, and then kept in the cache folder."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import joblib
import numpy as np

from nmn.config import build
from nmn.data.clevr_folder import ClevrData, read_clevr
from nmn.data.example import Dataset
from nmn.data.joined import JoinedData, Part
from nmn.data.picture_store import cache_folder, open_store
from nmn.data.shapes import read_shapes_questions
from nmn.domain import Domain, load_domain
from nmn.errors import ConfigError, DataError
from nmn.generate import WORLDS, ShardedWorld
from nmn.generate.clevr import ClevrWorldConfig, StatesWorldConfig, domain_of
from nmn.generate.generation import Generation, package_version
from nmn.generate.make import make_folder
from nmn.generate.shapes import Split, generate_shapes
from nmn.generate.shapes_asked import ask_of_pictures
from nmn.generate.sight_store import open_sights
from nmn.generate.sort_of_clevr import SortOfClevrConfig
from nmn.progress import Stage, silent
from nmn.training.checkpoint import load_checkpoint
from nmn.training.frozen import open_seen
from nmn.training.models import learns_objects, stem_of, supervision_of
from nmn.training.preset import (
    AddedData,
    ClevrDataConfig,
    ShapesData,
    SortOfClevrData,
    StatesDataConfig,
    TrainPreset,
)
from nmn.training.selection import select
from nmn.training.stored import find_checkpoint

_TRAIN: Literal["train"] = "train"
_HELD_OUT: Literal["val"] = "val"


def domain_of_preset(preset: TrainPreset) -> Domain:
    """What the questions of a preset are about."""
    data = preset.data
    if isinstance(data, ClevrDataConfig | StatesDataConfig):
        return domain_of(data.world)
    return load_domain(preset.domain)


def training_data(preset: TrainPreset, stage: Stage = silent, device: str = "cpu") -> Dataset:
    """The questions that a preset learns from.

    Those of CLEVR's world with pictures as large as the model wants them, or with what a frozen
    stem gives of them; and where it learns from scenes with these and what is seen where.

    Args:
        device: where a frozen stem computes.

    Raises:
        ConfigError: there is no such data.
        DataError: it cannot be written or read, or there is no data of others where it is said
            to be.
    """
    data = preset.data
    if isinstance(data, ShapesData):
        return _shapes(preset, data, _TRAIN, data.examples, stage)
    added = data.added if isinstance(data, ClevrDataConfig) else None
    if added is not None and not added.folder.is_dir():
        raise DataError(str(added.folder), "no such folder (data.added.folder)")
    scenes = supervision_of(preset.model) == "scene"
    made = _read(preset, data_folder(preset, stage), _TRAIN, scenes, stage, device)
    if added is None:
        return made
    parts = [Part(made, np.arange(len(made)))]
    return JoinedData([*parts, *_added(preset, added, scenes, stage, device)])


def held_out_data(
    preset: TrainPreset, stage: Stage = silent, *, scenes: bool = False, device: str = "cpu"
) -> Dataset:
    """Questions of the same world that training never looks at.

    Args:
        scenes: whether with scenes and what is seen where.
        device: where a frozen stem computes.

    Raises:
        ConfigError, DataError: see `training_data`.
    """
    data = preset.data
    if isinstance(data, ShapesData):
        return _shapes(preset, data, _HELD_OUT, data.held_out, stage)
    return _read(preset, data_folder(preset, stage), _HELD_OUT, scenes, stage, device)


def data_folder(preset: TrainPreset, stage: Stage = silent) -> Path:
    """The folder, in CLEVR's layout, of a preset's generated pictures; made if it is not there.

    Presets that want the same data share it. An interrupted generation goes on.

    Raises:
        ConfigError: there is no such data, or the preset has no folder.
        DataError: another command is making it, or it cannot be written.
    """
    data = preset.data
    match data:
        case ShapesData():
            raise ConfigError("preset", f"data of domain {preset.domain} is in no folder")
        case StatesDataConfig():
            splits = {_TRAIN: data.scenes, _HELD_OUT: data.held_out}
            return cached_folder("clevr-states", data.world, preset.seed_of_data, splits, stage)
        case SortOfClevrData():
            splits = {_TRAIN: data.pictures, _HELD_OUT: data.held_out}
            return cached_folder("sort-of-clevr", data.world, preset.seed_of_data, splits, stage)
        case ClevrDataConfig():
            splits = {_TRAIN: data.pictures, _HELD_OUT: data.held_out}
            return cached_folder("clevr", _world(preset, data), preset.seed_of_data, splits, stage)


def cached_folder(
    name: Literal["clevr", "clevr-states", "sort-of-clevr"],
    config: StatesWorldConfig | SortOfClevrConfig,
    seed: int,
    splits: Mapping[str, int],
    stage: Stage = silent,
) -> Path:
    """The folder of data of a world, below the cache folder; made if it is not there.

    An interrupted generation goes on.

    Args:
        splits: how many scenes each has.

    Raises:
        ConfigError: there is no such data.
        DataError: another command is making it, or it cannot be written.
    """
    world = WORLDS[name]
    assert isinstance(world, ShardedWorld)
    world.check(config, splits)
    settings = config.model_dump(mode="json")
    generation = Generation(name, package_version(), seed, settings, dict(splits))
    stated = json.dumps(generation.to_json(), sort_keys=True)
    folder = cache_folder() / "data" / f"{name}-{hashlib.sha256(stated.encode()).hexdigest()[:16]}"
    on_gpu = isinstance(config, StatesWorldConfig) and config.device == "cuda"
    processes = 1 if on_gpu else joblib.cpu_count()
    make_folder(folder, world, config, generation, processes=processes, resume=True, stage=stage)
    return folder


def _world(preset: TrainPreset, data: ClevrDataConfig) -> ClevrWorldConfig:
    """The world with pictures of the model's size."""
    width, height = preset.size
    values = data.world.model_dump()
    values["render"] |= {"width": width, "height": height}
    return build(ClevrWorldConfig, values, "the pictures of model.stem")


def _shapes(
    preset: TrainPreset, data: ShapesData, split: Split, count: int, stage: Stage
) -> Dataset:
    if data.folder is not None and split == _TRAIN:
        questions = read_shapes_questions(data.folder, data.split)
        return ask_of_pictures(questions, data.world, preset.seed_of_data, count, stage)

    def progress(done: int) -> None:
        stage("generating questions", done, count)

    return generate_shapes(data.world, preset.seed_of_data, split, count, progress=progress)


def _read(
    preset: TrainPreset, folder: Path, split: str, scenes: bool, stage: Stage, device: str
) -> ClevrData:
    if isinstance(preset.data, StatesDataConfig):
        return read_clevr(folder, split, pictures=False, scenes=True)
    data = read_clevr(folder, split, scenes=scenes or learns_objects(preset.model))
    files = data.files
    assert files is not None
    count = len(files)
    if preset.frozen_stem and preset.initial_stem:
        stem = stem_of(load_checkpoint(find_checkpoint(preset.initial_stem)).model).to(device)
        told = partial(stage, "looking at pictures", total=count)
        data = replace(data, seen=open_seen(files, preset.size, stem, told))
    else:
        told = partial(stage, "decoding pictures", total=count)
        data = data.with_store(open_store(files, preset.size, told))
    if not scenes:
        return data
    told = partial(stage, "finding objects", total=count)
    grid = preset.model.stem.size.grid
    assert grid is not None
    return replace(data, sights=open_sights(folder, split, preset.size, grid, told))


def _added(
    preset: TrainPreset, added: AddedData, scenes: bool, stage: Stage, device: str
) -> list[Part]:
    data = _read(preset, added.folder, added.split, scenes, stage, device)
    rows = np.array(select(data, added.images, setting="data.added.images").rows)
    return [Part(data, rows)] * added.times
