import pytest

from nmn.config import build
from nmn.domain import Domain
from nmn.errors import ConfigError
from nmn.execution.network import ModuleNetwork, ModuleNetworkConfig
from nmn.perception.scene_parser import SceneParser, SceneParserConfig
from nmn.training.models import AnyModelConfig, build_model, supervision_of
from nmn.training.preset import TrainPreset

VALUES = {"kind": "train", "domain": "clevr", "data": {}}


def test_models_are_told_apart_by_kind() -> None:
    kinds: dict[str, type[AnyModelConfig]] = {
        "modules": ModuleNetworkConfig,
        "scene_parser": SceneParserConfig,
    }
    for kind, config in kinds.items():
        preset = build(TrainPreset, {**VALUES, "model": {"kind": kind}}, "x")
        assert type(preset.model) is config
        assert build(TrainPreset, preset.model_dump(mode="json"), "x") == preset
    without = build(TrainPreset, {**VALUES, "model": {"family": "tbd"}}, "x")
    assert without.model == ModuleNetworkConfig(family="tbd")
    with pytest.raises(
        ConfigError,
        match="'model': wanted kind 'modules', 'scene_parser', 'induced' or 'answerer', got 'none'",
    ):
        build(TrainPreset, {**VALUES, "model": {"kind": "none"}}, "x")


def test_each_configuration_makes_its_model(clevr: Domain, shapes: Domain) -> None:
    assert isinstance(build_model(clevr, ModuleNetworkConfig()), ModuleNetwork)
    assert isinstance(build_model(clevr, SceneParserConfig()), SceneParser)
    with pytest.raises(ConfigError, match="domain shapes"):
        build_model(shapes, SceneParserConfig())


def test_scenes_supervise_where_a_model_says_so() -> None:
    assert supervision_of(ModuleNetworkConfig()) == "answers"
    assert supervision_of(ModuleNetworkConfig(supervision="scene")) == "scene"
    assert supervision_of(SceneParserConfig()) == "scene"
