import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from nmn.data.vocabulary import WordVocabulary
from nmn.domain import Domain
from nmn.errors import DataError, UnknownNameError
from nmn.training.checkpoint import (
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from nmn.training.data import domain_of_preset
from nmn.training.models import build_model
from nmn.training.preset import load_preset
from nmn.training.stored import find_checkpoint
from tests.training.tiny_clevr import TINY


@pytest.fixture
def checkpoint(shapes: Domain) -> Checkpoint:
    preset = load_preset("shapes", ["seed=3"])
    model = build_model(shapes, preset.model)
    return Checkpoint(model, preset, WordVocabulary(("is", "red")), {"data": "none"})


@pytest.fixture
def folder(tmp_path: Path, checkpoint: Checkpoint) -> Path:
    save_checkpoint(tmp_path / "saved", checkpoint)
    return tmp_path / "saved"


def test_what_is_saved_is_loaded(folder: Path, checkpoint: Checkpoint) -> None:
    loaded = load_checkpoint(folder)
    assert loaded.domain == checkpoint.domain
    assert loaded.preset == checkpoint.preset
    assert loaded.vocabulary == checkpoint.vocabulary
    assert loaded.made["data"] == "none"
    assert loaded.made["torch"] == torch.__version__
    assert not loaded.model.training
    for name, value in checkpoint.model.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], value)
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["config.json", "domain.json", "model.safetensors", "vocab.json"]


def edit(**changes: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


def change_model(**changes: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        config = json.loads(path.read_text())
        config["preset"]["model"] |= changes
        path.write_text(json.dumps(config))

    return change


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("config.json", edit(version=99), "wanted format version 1, got 99"),
        ("config.json", edit(format="other"), "not the configuration of a checkpoint"),
        ("config.json", edit(preset={}), "damaged"),
        ("config.json", lambda p: p.write_text("{"), "not valid JSON"),
        ("config.json", lambda p: p.unlink(), "not a checkpoint: it has no config.json"),
        ("config.json", change_model(family="none"), "unknown module family 'none'"),
        ("config.json", change_model(kind="scene_parser"), "damaged"),
        ("domain.json", edit(relations=["left_of"]), "not the one that the model was trained for"),
        ("domain.json", lambda p: p.write_text("null"), "wanted a table of settings"),
        ("config.json", edit(parser="learned"), "unknown parser"),
        ("config.json", edit(made="x"), "damaged"),
        ("config.json", lambda p: p.write_text("9" * 5000), "not valid JSON"),
        ("domain.json", lambda p: p.unlink(), "no such file"),
        ("vocab.json", lambda p: p.write_text("[]"), "damaged"),
        ("model.safetensors", lambda p: p.write_bytes(p.read_bytes()[:500]), "damaged"),
        ("model.safetensors", lambda p: p.unlink(), "no such file"),
    ],
)
def test_damage_is_named(
    folder: Path, name: str, change: Callable[[Path], object], said: str
) -> None:
    change(folder / name)
    with pytest.raises(DataError, match=said) as caught:
        load_checkpoint(folder)
    assert "\n" not in str(caught.value)


def test_a_model_of_another_size_is_named(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["preset"]["model"]["stem"]["layers"] = [[32, 10, 10]]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match=r"model\.safetensors: does not fit the model"):
        load_checkpoint(folder)


def test_names_are_looked_up_in_runs_then_among_the_shipped(
    tmp_path: Path, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = find_checkpoint("shapes")
    assert shipped.is_absolute()
    save_checkpoint(Path("runs/shapes"), checkpoint)
    assert find_checkpoint("shapes") == Path("runs/shapes")
    assert find_checkpoint(str(shipped)) == shipped
    with pytest.raises(UnknownNameError, match="unknown checkpoint 'shape'; nearest: 'shapes'"):
        find_checkpoint("shape")
    with pytest.raises(DataError, match="not a checkpoint"):
        find_checkpoint("runs")


@pytest.mark.parametrize("name", ["clevr", "clevr-scene"])
def test_models_of_clevr_are_loaded(tmp_path: Path, name: str) -> None:
    preset = load_preset(name, TINY)
    model = build_model(domain_of_preset(preset), preset.model)
    save_checkpoint(tmp_path, Checkpoint(model, preset, WordVocabulary(()), {}))
    loaded = load_checkpoint(tmp_path)
    assert type(loaded.model) is type(model)
    assert loaded.preset == preset
    for key, value in model.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[key], value)
