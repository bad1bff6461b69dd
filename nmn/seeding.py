"""Named children of one seed, so that drawing more of one thing never changes another.

`generator(7, "scene")` and `generator(7, "question")` are independent streams, the same on every
machine and in every process.
"""

import hashlib

import numpy as np


def child_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed for the child of `seed` called by `names`."""
    text = repr((seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """A numpy generator for the child of `seed` called by `names`."""
    return np.random.Generator(np.random.PCG64(child_seed(seed, *names)))


def fraction(text: str) -> float:
    """A number in [0, 1) that depends on nothing but `text`: for splits that hold for ever."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big") / 2**56
