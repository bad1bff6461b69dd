"""Families of modules, by name."""

from collections.abc import Callable, Mapping
from typing import Any

from nmn.config import Config, build
from nmn.domain import Domain
from nmn.errors import UnknownNameError
from nmn.modules.attention import AttentionBank, AttentionConfig
from nmn.modules.base import Cost, ModuleBank, Nodes, Reading
from nmn.modules.convolutional import ConvolutionalConfig
from nmn.modules.residual import ResidualBank
from nmn.modules.tbd import TbdBank
from nmn.nn.features import FeatureSize

MODULES: dict[str, tuple[type[Config], Callable[[Domain, FeatureSize, Any], ModuleBank]]] = {
    "attention": (AttentionConfig, AttentionBank),
    "tbd": (ConvolutionalConfig, TbdBank),
    "residual": (ConvolutionalConfig, ResidualBank),
}
"""For each family its configuration, and how to make it: `(domain, size, config) -> bank`."""


def register(
    name: str, config: type[Config], make: Callable[[Domain, FeatureSize, Any], ModuleBank]
) -> None:
    """Add a family, or replace one, for presets and checkpoints to name."""
    MODULES[name] = (config, make)


def build_bank(
    name: str, domain: Domain, size: FeatureSize, values: Mapping[str, Any]
) -> ModuleBank:
    """The bank of family `name`.

    Args:
        size: of the features it will look at.
        values: what differs from the defaults of the family's configuration.

    Raises:
        UnknownNameError: there is no such family.
        ConfigError: `values` do not fit its configuration.
    """
    if name not in MODULES:
        raise UnknownNameError("module family", name, tuple(MODULES))
    config, make = MODULES[name]
    return make(domain, size, build(config, values, f"modules {name}"))


__all__ = ["MODULES", "Cost", "ModuleBank", "Nodes", "Reading", "build_bank", "register"]
