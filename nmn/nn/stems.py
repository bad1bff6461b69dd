"""The stems that a model can have, told apart by `kind`."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Tag
from torch import nn

from nmn.nn.residual_stem import ResidualStem, ResidualStemConfig
from nmn.nn.stem import Stem, StemConfig


def _kind(values: Any) -> Any:
    """The plain one where none is named."""
    if isinstance(values, Mapping):
        return values.get("kind", "plain")
    return getattr(values, "kind", None)


AnyStemConfig = Annotated[
    Annotated[StemConfig, Tag("plain")] | Annotated[ResidualStemConfig, Tag("residual")],
    Discriminator(_kind),
]


def build_stem(config: StemConfig | ResidualStemConfig) -> nn.Module:
    """A module from pictures to `Features`, whose weights are those of a fresh start."""
    return Stem(config) if isinstance(config, StemConfig) else ResidualStem(config)
