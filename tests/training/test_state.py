from pathlib import Path

import pytest
import safetensors.torch
import torch
from safetensors import safe_open

from nmn.domain import Domain
from nmn.errors import DataError
from nmn.execution.base import Model
from nmn.training.models import build_model
from nmn.training.preset import load_preset
from nmn.training.state import Best, TrainingState, discard_state, load_state, save_state


def step_once(model: Model, optimizer: torch.optim.Optimizer) -> None:
    for value in model.parameters():
        value.grad = torch.ones_like(value)
    optimizer.step()


def test_a_state_restores_model_and_optimizer(tmp_path: Path, shapes: Domain) -> None:
    preset = load_preset("shapes")
    first = build_model(shapes, preset.model)
    optimizer = torch.optim.Adam(first.parameters(), lr=0.1)
    step_once(first, optimizer)
    save_state(tmp_path, first, optimizer, TrainingState(17, 1, (0.5, 0.25), 9.5), "run")
    second = build_model(shapes, preset.model)
    other = torch.optim.Adam(second.parameters(), lr=0.1)
    state = load_state(tmp_path, second, other, "run")
    assert state is not None
    assert (state.step, state.attempt, state.recent) == (17, 1, (0.5, 0.25))
    assert (state.seconds, state.best) == (9.5, None)
    step_once(first, optimizer)
    step_once(second, other)
    for one, two in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, two)


def test_a_state_holds_modules_that_no_program_used_so_far(tmp_path: Path, shapes: Domain) -> None:
    preset = load_preset("shapes")
    models = [build_model(shapes, preset.model) for _ in range(2)]
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
    model = build_model(shapes, load_preset("shapes").model)
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


def test_a_state_of_another_run_is_refused(tmp_path: Path, shapes: Domain) -> None:
    model = build_model(shapes, load_preset("shapes").model)
    optimizer = torch.optim.Adam(model.parameters())
    assert load_state(tmp_path, model, optimizer, "run") is None
    save_state(tmp_path, model, optimizer, TrainingState(1), "run")
    with pytest.raises(DataError, match="another configuration"):
        load_state(tmp_path, model, optimizer, "other")
    discard_state(tmp_path)
    assert load_state(tmp_path, model, optimizer, "run") is None
    assert not (tmp_path / "resume").exists()


def test_a_state_holds_the_best_weights(tmp_path: Path, shapes: Domain) -> None:
    model, better = (build_model(shapes, load_preset("shapes").model) for _ in range(2))
    optimizer = torch.optim.Adam(model.parameters())
    wanted = {name: value.clone() for name, value in better.state_dict().items()}
    state = TrainingState(8, best=Best(6, 0.75, wanted))
    save_state(tmp_path, model, optimizer, state, "run")
    loaded = load_state(tmp_path, model, optimizer, "run")
    assert loaded is not None
    assert loaded.best is not None
    assert (loaded.best.step, loaded.best.accuracy) == (6, 0.75)
    assert loaded.best.weights.keys() == wanted.keys()
    for name, value in wanted.items():
        assert torch.equal(loaded.best.weights[name], value)
    few = dict(list(wanted.items())[1:])
    save_state(tmp_path, model, optimizer, TrainingState(8, best=Best(6, 0.75, few)), "run")
    with pytest.raises(DataError, match="not all of the best weights"):
        load_state(tmp_path, model, optimizer, "run")
