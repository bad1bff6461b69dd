"""Worlds that make their own pictures, questions, programs and answers."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmn.config import Config
from nmn.data.example import Example, ListDataset
from nmn.data.shapes import write_shapes
from nmn.domain import Domain, load_domain
from nmn.generate.clevr import (
    ClevrWorldConfig,
    StatesWorldConfig,
    check_world,
    domain_of,
    make_clevr,
    make_states,
)
from nmn.generate.shapes import ShapesWorldConfig, generate_shapes
from nmn.generate.shards import Shard, ShardMaker
from nmn.generate.sort_of_clevr import NAME, SortOfClevrConfig, sort_of_clevr_shard


@dataclass(frozen=True)
class World:
    """How to make data of one domain at once, in its published layout.

    Attributes:
        generate: `(config, seed, split, count, progress) -> data`.
        write: `(folder, split, examples)`.
    """

    config: type[Config]
    generate: Callable[[Any, int, Any, int, Callable[[int], None]], ListDataset]
    write: Callable[[Path, str, Sequence[Example]], None]


@dataclass(frozen=True)
class ShardedWorld:
    """How to make data of CLEVR's layout shard by shard.

    Attributes:
        make: makes one shard.
        domain: of the questions, by the settings.
        check: raises an error where settings and splits make no sense together.
        size: the settings that are width and height of a picture, if these can be chosen.
        device: the setting of that name, if there is one.
        questions_per_image: the setting that says how many, if there is one.
        pictures: whether there are any.
        files: the folder below `datasets/` that has `worlds/` of this kind.
    """

    config: type[Config]
    make: ShardMaker
    domain: Callable[[Any], Domain]
    check: Callable[[Any, Collection[str]], None] = lambda config, splits: None
    size: tuple[str, str] | None = None
    questions_per_image: str | None = None
    device: str | None = None
    pictures: bool = True
    files: str | None = None


def make_sort_of_clevr(config: SortOfClevrConfig, seed: int, split: str, indices: range) -> Shard:
    """A shard of Sort-of-CLEVR."""
    return Shard(*sort_of_clevr_shard(config, seed, split, indices))


WORLDS: Mapping[str, World | ShardedWorld] = {
    "shapes": World(ShapesWorldConfig, generate_shapes, write_shapes),
    "clevr": ShardedWorld(
        ClevrWorldConfig,
        make_clevr,
        domain_of,
        check_world,
        size=("render.width", "render.height"),
        questions_per_image="questions.per_picture",
        device="device",
        files="clevr",
    ),
    "clevr-states": ShardedWorld(
        StatesWorldConfig,
        make_states,
        domain_of,
        check_world,
        questions_per_image="questions.per_picture",
        device="device",
        pictures=False,
        files="clevr",
    ),
    "sort-of-clevr": ShardedWorld(
        SortOfClevrConfig, make_sort_of_clevr, lambda config: load_domain(NAME)
    ),
}
"""The worlds by name."""

__all__ = ["WORLDS", "ShardedWorld", "World"]
