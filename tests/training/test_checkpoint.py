import json
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from safetensors import safe_open

from nmn.data.vocabulary import WordVocabulary
from nmn.domain import Domain
from nmn.errors import DataError, UnknownNameError
from nmn.execution.network import ModuleNetwork
from nmn.training.checkpoint import (
    Checkpoint,
    TrainingState,
    find_checkpoint,
    load_checkpoint,
    load_state,
    save_checkpoint,
    save_state,
)
from nmn.training.preset import load_preset


@pytest.fixture
def checkpoint(shapes: Domain) -> Checkpoint:
    preset = load_preset("shapes", ["seed=3"])
    model = ModuleNetwork(shapes, preset.model)
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


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("config.json", edit(version=99), "wanted format version 1, got 99"),
        ("config.json", edit(format="other"), "not the configuration of a checkpoint"),
        ("config.json", edit(preset={}), "damaged"),
        ("config.json", lambda p: p.write_text("{"), "not valid JSON"),
        ("config.json", lambda p: p.unlink(), "not a checkpoint: it has no config.json"),
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


def step_once(model: ModuleNetwork, optimizer: torch.optim.Optimizer) -> None:
    for value in model.parameters():
        value.grad = torch.ones_like(value)
    optimizer.step()


def test_a_state_restores_model_and_optimizer(tmp_path: Path, shapes: Domain) -> None:
    preset = load_preset("shapes")
    first = ModuleNetwork(shapes, preset.model)
    optimizer = torch.optim.Adam(first.parameters(), lr=0.1)
    step_once(first, optimizer)
    save_state(tmp_path, first, optimizer, TrainingState(17, 1, (0.5, 0.25)), "run")
    second = ModuleNetwork(shapes, preset.model)
    other = torch.optim.Adam(second.parameters(), lr=0.1)
    state = load_state(tmp_path, second, other, "run")
    assert state is not None
    assert (state.step, state.attempt, tuple(state.recent)) == (17, 1, (0.5, 0.25))
    step_once(first, optimizer)
    step_once(second, other)
    for one, two in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, two)


def test_a_state_holds_modules_that_no_program_used_so_far(tmp_path: Path, shapes: Domain) -> None:
    preset = load_preset("shapes")
    models = [ModuleNetwork(shapes, preset.model) for _ in range(2)]
    first, second = (torch.optim.Adam(model.parameters(), lr=0.1) for model in models)
    *used, unused = models[0].parameters()
    for value in used:
        value.grad = torch.ones_like(value)
    first.step()
    save_state(tmp_path, models[0], first, TrainingState(1), "run")
    assert load_state(tmp_path, models[1], second, "run") is not None
    assert len(second.state_dict()["state"]) == len(used)
    for model, optimizer in zip(models, (first, second), strict=True):
        step_once(model, optimizer)
    assert unused.grad is not None
    for one, two in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert torch.equal(one, two)


def test_a_state_that_lacks_a_part_is_damaged(tmp_path: Path, shapes: Domain) -> None:
    model = ModuleNetwork(shapes, load_preset("shapes").model)
    optimizer = torch.optim.Adam(model.parameters())
    step_once(model, optimizer)
    save_state(tmp_path, model, optimizer, TrainingState(1), "run")
    path = tmp_path / "resume" / "state.safetensors"
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    rest = {name: value for name, value in tensors.items() if not name.startswith("optimizer.0.")}
    safetensors.torch.save_file(rest, path, metadata)
    with pytest.raises(DataError, match="not the whole state of the optimizer"):
        load_state(tmp_path, model, optimizer, "run")


def test_a_state_of_another_run_is_refused(tmp_path: Path, checkpoint: Checkpoint) -> None:
    optimizer = torch.optim.Adam(checkpoint.model.parameters())
    assert load_state(tmp_path, checkpoint.model, optimizer, "run") is None
    save_state(tmp_path, checkpoint.model, optimizer, TrainingState(1), "run")
    with pytest.raises(DataError, match="another configuration"):
        load_state(tmp_path, checkpoint.model, optimizer, "other")
