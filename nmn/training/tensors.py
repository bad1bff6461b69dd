"""Files of tensors by name, written whole or not at all."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from nmn.errors import DataError
from nmn.resources import replacing


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write a safetensors file.

    Raises:
        DataError: it cannot be written.
    """
    values = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    with replacing(path) as stream:
        stream.write(safetensors.torch.save(values, dict(metadata or {})))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a file, and its metadata.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except FileNotFoundError as error:
        raise DataError(str(path), "no such file") from error
    except (SafetensorError, OSError) as error:
        raise DataError(str(path), f"damaged: {error}") from error


def digest(module: nn.Module) -> str:
    """What tells the weights of a module from others."""
    found = hashlib.sha256()
    for name, value in module.state_dict().items():
        found.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        found.update(value.detach().cpu().contiguous().numpy().data)
    return found.hexdigest()


def load_weights(model: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Give a model the weights that came out of a file.

    Raises:
        DataError: they are of another model, or not finite.
    """
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        problem = f"does not fit the model as configured: {first}"
        raise DataError(str(path), problem) from error
    for name, value in model.state_dict().items():
        if not value.isfinite().all():
            raise DataError(str(path), f"'{name}' has values that are not finite numbers")
