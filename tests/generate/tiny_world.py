"""A world that costs nothing: what shards are made of, without a renderer."""

import time
from typing import Any

import numpy as np

from nmn.config import Config
from nmn.domain import Domain, load_domain
from nmn.errors import ConfigError
from nmn.generate.shards import Shard
from nmn.seeding import generator

PROGRAM = [
    {"inputs": [], "function": "scene", "value_inputs": []},
    {"inputs": [0], "function": "count", "value_inputs": []},
]
DIRECTIONS = {"left": [-1.0, 0.0, 0.0], "right": [1.0, 0.0, 0.0]}
DIRECTIONS |= {"front": [0.0, -1.0, 0.0], "behind": [0.0, 1.0, 0.0]}


class TinyConfig(Config):
    """Settings.

    Attributes:
        delay: seconds that a picture takes.
        impossible: whether there is no such shard.
        alike: whether all scenes are the same.
    """

    delay: float = 0.0
    impossible: bool = False
    alike: bool = False
    ending: str = "png"


def domain(_: TinyConfig) -> Domain:
    return load_domain("clevr")


def make(config: TinyConfig, seed: int, split: str, indices: range) -> Shard:
    """One object in each scene; two questions about each picture."""
    if config.impossible:
        raise ConfigError("tiny world", "it cannot be")
    scenes = [_scene(config, seed, split, index) for index in indices]
    questions = [
        {
            "image_index": scene["image_index"],
            "image_filename": scene["image_filename"],
            "split": split,
            "question": f"How many {thing} are there?",
            "program": PROGRAM,
            "answer": "1",
            "question_family_index": 0,
            "template_filename": "zero_hop.json",
        }
        for scene in scenes
        for thing in ("things", "objects")
    ]

    def pictures() -> Any:
        for index in indices:
            time.sleep(config.delay)
            yield np.full((4, 6, 3), index % 256, dtype=np.uint8)

    return Shard(scenes, questions, pictures())


def _scene(config: TinyConfig, seed: int, split: str, index: int) -> dict[str, Any]:
    place = 0.0 if config.alike else float(generator(seed, split, index).random())
    item = {"shape": "cube", "size": "large", "color": "red", "material": "metal"}
    return {
        "image_index": index,
        "image_filename": f"CLEVR_{split}_{index:06}.{config.ending}",
        "split": split,
        "objects": [
            {**item, "rotation": 0.0, "3d_coords": [place, 0.0, 0.7], "pixel_coords": [3, 2, 9.0]}
        ],
        "relationships": {name: [[]] for name in DIRECTIONS},
        "directions": DIRECTIONS,
    }
