from pathlib import Path

import pytest
import torch
from torch import nn

from nmn.errors import DataError
from nmn.training.tensors import load_weights, read_tensors, write_tensors


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "below" / "a.safetensors"
    tensors = {"a": torch.rand(2, 3).T, "b": torch.tensor(5)}
    write_tensors(path, tensors, {"said": "x"})
    read, metadata = read_tensors(path)
    assert metadata == {"said": "x"}
    assert read.keys() == tensors.keys()
    for name, value in tensors.items():
        assert torch.equal(read[name], value)


def test_missing_and_damaged_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    with pytest.raises(DataError, match=r"a\.safetensors: no such file"):
        read_tensors(path)
    path.write_bytes(b"no tensors")
    with pytest.raises(DataError, match=r"a\.safetensors: damaged"):
        read_tensors(path)


def test_weights_of_a_batch_norm_hold_a_count(tmp_path: Path) -> None:
    first, second = nn.BatchNorm2d(2), nn.BatchNorm2d(2)
    first(torch.rand(2, 2, 3, 3))
    load_weights(second, first.state_dict(), tmp_path)
    assert second.num_batches_tracked is not None
    assert second.num_batches_tracked.item() == 1


def test_weights_that_do_not_fit_or_are_not_finite_are_refused(tmp_path: Path) -> None:
    model = nn.Linear(2, 2)
    with pytest.raises(DataError, match="does not fit the model"):
        load_weights(model, nn.Linear(3, 2).state_dict(), tmp_path)
    weights = {**model.state_dict(), "bias": torch.tensor([0.0, torch.nan])}
    with pytest.raises(DataError, match="'bias' has values that are not finite numbers"):
        load_weights(model, weights, tmp_path)
