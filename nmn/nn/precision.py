"""The precision in which layers compute while they are trained."""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch import Tensor, nn

Precision = Literal["auto", "bfloat16", "float32"]
"""`auto` is bfloat16 where the device computes in it, and float32 elsewhere."""


def training_precision(
    precision: Precision, module: nn.Module, values: Tensor
) -> AbstractContextManager[object]:
    """The context in which a module computes something of `values`.

    Trained models always compute as they are, and so do those of other numbers than float32.
    """
    narrow = precision == "bfloat16" or (precision == "auto" and computes_bfloat16(values.device))
    if not (narrow and module.training and values.dtype == torch.float32):
        return nullcontext()
    return torch.autocast(values.device.type, torch.bfloat16)


def computes_bfloat16(device: torch.device) -> bool:
    """Whether a device has instructions for it, and not only a way to imitate them."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and bool(torch.cpu._is_avx512_bf16_supported())


def at_least_single(values: Tensor) -> Tensor:
    """The same in single precision, if they are of narrower numbers."""
    return values if values.dtype.itemsize >= torch.float32.itemsize else values.float()
