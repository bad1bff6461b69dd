"""The stems that a model can have, told apart by `kind`."""

from typing import Annotated

from pydantic import Tag
from torch import nn

from nmn.config import by_kind
from nmn.nn.residual_stem import ResidualStem, ResidualStemConfig
from nmn.nn.stem import Stem, StemConfig

AnyStemConfig = Annotated[
    Annotated[StemConfig, Tag("plain")] | Annotated[ResidualStemConfig, Tag("residual")],
    by_kind("plain"),
]


def build_stem(config: StemConfig | ResidualStemConfig) -> nn.Module:
    """A module from pictures to `Features`, whose weights are those of a fresh start."""
    return Stem(config) if isinstance(config, StemConfig) else ResidualStem(config)
