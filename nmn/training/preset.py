"""Presets: what to train on what, and how; TOML files that say only what differs from defaults."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from nmn.config import Config, build, read_toml, with_overrides
from nmn.errors import UnknownNameError
from nmn.execution.network import ModuleNetworkConfig
from nmn.generate.shapes import ShapesWorldConfig
from nmn.resources import data_root
from nmn.training.loop import LoopConfig


class DataConfig(Config):
    """Generated training data.

    Attributes:
        examples: how many questions.
        world: what they are like.
    """

    examples: int = Field(gt=0, le=10_000_000)
    world: ShapesWorldConfig = ShapesWorldConfig()


class TrainPreset(Config):
    """A training run, resolved: everything that decides what comes out.

    Attributes:
        seed: of data, initial weights and order.
    """

    kind: Literal["train"]
    domain: Literal["shapes"]
    seed: int = Field(0, ge=0)
    data: DataConfig
    model: ModuleNetworkConfig = ModuleNetworkConfig()
    training: LoopConfig = LoopConfig()


def preset_files() -> dict[str, Path]:
    """All shipped presets by name."""
    files = (data_root() / "datasets").glob("*/presets/*.toml")
    return {path.stem: path for path in sorted(files)}


def load_preset(name: str, overrides: Iterable[str] = ()) -> TrainPreset:
    """A shipped preset by name, or any by the path of its TOML file.

    Args:
        overrides: `key.sub=value` texts.

    Raises:
        UnknownNameError: neither a shipped preset nor a file.
        ConfigError: it is not valid, or an override is not.
    """
    files = preset_files()
    path = files.get(name) or Path(name)
    if not (name in files or name.endswith(".toml")):
        raise UnknownNameError("preset", name, tuple(files))
    values: dict[str, Any] = with_overrides(read_toml(path), overrides)
    return build(TrainPreset, values, f"preset {name}")
