"""How many threads torch uses."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """Let torch use `count` threads on the CPU within the `with`.

    Of a machine whose cores are busy, one thread makes more than two that wait for each other;
    and what is summed on one thread does not depend on the machine's number of them.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
