"""The models that can be trained, told apart by `kind`."""

from typing import Annotated

from pydantic import Tag
from torch import nn

from nmn.baselines.answerer import Answerer, AnswererConfig
from nmn.baselines.detector import DetectorConfig
from nmn.config import by_kind
from nmn.data.vocabulary import WordVocabulary
from nmn.domain import Domain
from nmn.execution.base import Model
from nmn.execution.induced import InducedConfig, InducedNetwork
from nmn.execution.network import ModuleNetwork, ModuleNetworkConfig
from nmn.perception.scene_parser import SceneParser, SceneParserConfig

AnyModelConfig = Annotated[
    Annotated[ModuleNetworkConfig, Tag("modules")]
    | Annotated[SceneParserConfig, Tag("scene_parser")]
    | Annotated[InducedConfig, Tag("induced")]
    | Annotated[AnswererConfig, Tag("answerer")],
    by_kind("modules"),
]


ModelConfig = ModuleNetworkConfig | SceneParserConfig | InducedConfig | AnswererConfig


_NO_WORDS = WordVocabulary(())


def build_model(domain: Domain, config: ModelConfig, words: WordVocabulary = _NO_WORDS) -> Model:
    """A model whose weights are those of a fresh start.

    Args:
        words: of its questions, for models that read them.

    Raises:
        ConfigError, UnknownNameError: there is no such model for this domain.
    """
    if isinstance(config, ModuleNetworkConfig):
        return ModuleNetwork(domain, config)
    if isinstance(config, InducedConfig):
        return InducedNetwork(domain, config)
    if isinstance(config, AnswererConfig):
        return Answerer(domain, config, len(words))
    return SceneParser(domain, config)


def supervision_of(config: ModelConfig) -> str:
    """What a model learns from: `answers` (with programs), also the `scene`, or `answers alone`.

    Where a detector learns to say objects, `answers and objects`.
    """
    if isinstance(config, InducedConfig | AnswererConfig):
        return "answers and objects" if learns_objects(config) else "answers alone"
    return config.supervision if isinstance(config, ModuleNetworkConfig) else "scene"


def needs_scenes(config: ModelConfig) -> bool:
    """Whether a model looks at the states of objects, which scenes tell."""
    return isinstance(config, AnswererConfig) and config.sees == "states"


def learns_objects(config: ModelConfig) -> bool:
    """Whether a model learns what objects there are, which scenes tell."""
    if not isinstance(config, AnswererConfig):
        return False
    return isinstance(config.reasoner, DetectorConfig) and config.reasoner.objects > 0


def stem_of(model: Model) -> nn.Module:
    """What turns pictures into the features that a model looks at."""
    network = model.network if isinstance(model, InducedNetwork) else model
    stem = network.executor.stem if isinstance(network, ModuleNetwork) else network.stem
    assert isinstance(stem, nn.Module)
    return stem
