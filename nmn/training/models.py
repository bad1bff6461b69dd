"""The models that can be trained, told apart by `kind`."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Tag
from torch import nn

from nmn.domain import Domain
from nmn.execution.base import Model
from nmn.execution.network import ModuleNetwork, ModuleNetworkConfig
from nmn.perception.scene_parser import SceneParser, SceneParserConfig


def _kind(values: Any) -> Any:
    """A module network where none is named."""
    if isinstance(values, Mapping):
        return values.get("kind", "modules")
    return getattr(values, "kind", None)


AnyModelConfig = Annotated[
    Annotated[ModuleNetworkConfig, Tag("modules")]
    | Annotated[SceneParserConfig, Tag("scene_parser")],
    Discriminator(_kind),
]


def build_model(domain: Domain, config: ModuleNetworkConfig | SceneParserConfig) -> Model:
    """A model whose weights are those of a fresh start.

    Raises:
        ConfigError, UnknownNameError: there is no such model for this domain.
    """
    if isinstance(config, ModuleNetworkConfig):
        return ModuleNetwork(domain, config)
    return SceneParser(domain, config)


def supervision_of(config: ModuleNetworkConfig | SceneParserConfig) -> str:
    """What a model learns from: `answers` (with programs), or also the `scene`."""
    return config.supervision if isinstance(config, ModuleNetworkConfig) else "scene"


def stem_of(model: Model) -> nn.Module:
    """What turns pictures into the features that a model looks at."""
    stem = model.executor.stem if isinstance(model, ModuleNetwork) else model.stem
    assert isinstance(stem, nn.Module)
    return stem
