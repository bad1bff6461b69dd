"""The models that can be trained, told apart by `kind`."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Tag
from torch import nn

from nmn.domain import Domain
from nmn.execution.base import Model
from nmn.execution.induced import InducedConfig, InducedNetwork
from nmn.execution.network import ModuleNetwork, ModuleNetworkConfig
from nmn.perception.scene_parser import SceneParser, SceneParserConfig


def _kind(values: Any) -> Any:
    """A module network where none is named."""
    if isinstance(values, Mapping):
        return values.get("kind", "modules")
    return getattr(values, "kind", None)


AnyModelConfig = Annotated[
    Annotated[ModuleNetworkConfig, Tag("modules")]
    | Annotated[SceneParserConfig, Tag("scene_parser")]
    | Annotated[InducedConfig, Tag("induced")],
    Discriminator(_kind),
]


ModelConfig = ModuleNetworkConfig | SceneParserConfig | InducedConfig


def build_model(domain: Domain, config: ModelConfig) -> Model:
    """A model whose weights are those of a fresh start.

    Raises:
        ConfigError, UnknownNameError: there is no such model for this domain.
    """
    if isinstance(config, ModuleNetworkConfig):
        return ModuleNetwork(domain, config)
    if isinstance(config, InducedConfig):
        return InducedNetwork(domain, config)
    return SceneParser(domain, config)


def supervision_of(config: ModelConfig) -> str:
    """What a model learns from: `answers` (with programs), also the `scene`, or `answers alone`."""
    if isinstance(config, InducedConfig):
        return "answers alone"
    return config.supervision if isinstance(config, ModuleNetworkConfig) else "scene"


def stem_of(model: Model) -> nn.Module:
    """What turns pictures into the features that a model looks at."""
    network = model.network if isinstance(model, InducedNetwork) else model
    stem = network.executor.stem if isinstance(network, ModuleNetwork) else network.stem
    assert isinstance(stem, nn.Module)
    return stem
