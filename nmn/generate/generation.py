"""What is to be made, and where it goes."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from nmn.config import Config
from nmn.generate.shards import SHARD, Job, ShardMaker

HIDDEN = ".generation"
"""The folder, in that of the data, that holds the shards while data is made."""


@dataclass(frozen=True)
class Generation:
    """What is to be made: two that are equal give the same bytes.

    Attributes:
        version: of this package.
        settings: of the world, all of them.
        splits: the number of pictures of each.
        shard: pictures of a shard.
    """

    world: str
    version: str
    seed: int
    settings: Mapping[str, Any]
    splits: Mapping[str, int]
    shard: int = SHARD

    def to_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)

    def of_split(self, split: str) -> dict[str, Any]:
        """What the data card says of how a split was made."""
        stated = self.to_json()
        return {**stated, "splits": {split: self.splits[split]}}

    def jobs(self, folder: Path, make: ShardMaker, config: Config) -> list[Job]:
        """All shards, done or not."""
        return [
            Job(
                make,
                config,
                self.seed,
                split,
                range(start, min(start + self.shard, count)),
                folder / "images" / split,
                folder / HIDDEN,
            )
            for split, count in self.splits.items()
            for start in range(0, count, self.shard)
        ]


def package_version() -> str:
    """The version of this package, where it is installed."""
    try:
        return version("neural-module-networks")
    except PackageNotFoundError:
        return "unknown"


def scenes_file(folder: Path, split: str) -> Path:
    """Where the scenes of a split go."""
    return folder / "scenes" / f"CLEVR_{split}_scenes.json"


def questions_file(folder: Path, split: str) -> Path:
    """Where the questions of a split go."""
    return folder / "questions" / f"CLEVR_{split}_questions.json"


def as_json(values: Mapping[str, Any]) -> Any:
    """The values as they come back out of a file."""
    return json.loads(json.dumps(values))


def difference(stored: Any, wanted: Any, key: str = "") -> str:
    """The first place in which two JSON values differ, in words; empty where they are equal."""
    if stored == wanted:
        return ""
    if not (isinstance(stored, dict) and isinstance(wanted, dict)):
        return f"with {key or 'settings'} {json.dumps(stored)} and not {json.dumps(wanted)}"
    for name in (*wanted, *stored):
        found = difference(stored.get(name), wanted.get(name), f"{key}.{name}" if key else name)
        if found:
            return found
    return ""
