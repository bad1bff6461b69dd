"""Layers that draw by chance, and cannot be told from which generator."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def drawing_from(generator: torch.Generator, device: torch.device) -> Iterator[None]:
    """What torch draws by itself, as dropout does, comes from `generator`.

    So a training that was interrupted goes on as it would have; the numbers that torch draws
    elsewhere are not touched.
    """
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
