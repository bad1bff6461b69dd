"""Worlds that make their own pictures, questions, programs and answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmn.config import Config
from nmn.data.example import Example, ListDataset
from nmn.data.shapes import write_shapes
from nmn.generate.shapes import ShapesWorldConfig, generate_shapes


@dataclass(frozen=True)
class World:
    """How to make data of one domain.

    Attributes:
        generate: `(config, seed, split, count, progress) -> data`.
        write: `(folder, split, examples)`, in the published layout.
    """

    config: type[Config]
    generate: Callable[[Any, int, Any, int, Callable[[int], None]], ListDataset]
    write: Callable[[Path, str, Sequence[Example]], None]


WORLDS = {"shapes": World(ShapesWorldConfig, generate_shapes, write_shapes)}
"""The worlds by domain."""

__all__ = ["WORLDS", "World"]
