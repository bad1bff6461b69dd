"""Families of modules, by name."""

from collections.abc import Callable, Mapping
from typing import Any

from nmn.config import Config, build
from nmn.domain import Domain
from nmn.errors import UnknownNameError
from nmn.modules.attention import AttentionBank, AttentionConfig
from nmn.modules.base import ModuleBank, Reading

MODULES: dict[str, tuple[type[Config], Callable[[Domain, int, Any], ModuleBank]]] = {
    "attention": (AttentionConfig, AttentionBank),
}
"""For each family its configuration and how to make it: `(domain, channels, config) -> bank`."""


def register(
    name: str, config: type[Config], make: Callable[[Domain, int, Any], ModuleBank]
) -> None:
    """Add a family, or replace one, for presets and checkpoints to name."""
    MODULES[name] = (config, make)


def build_bank(name: str, domain: Domain, channels: int, values: Mapping[str, Any]) -> ModuleBank:
    """The bank of family `name`.

    Args:
        channels: of the features it will look at.
        values: what differs from the defaults of the family's configuration.

    Raises:
        UnknownNameError: there is no such family.
        ConfigError: `values` do not fit its configuration.
    """
    if name not in MODULES:
        raise UnknownNameError("module family", name, tuple(MODULES))
    config, make = MODULES[name]
    return make(domain, channels, build(config, values, f"modules {name}"))


__all__ = ["MODULES", "ModuleBank", "Reading", "build_bank", "register"]
