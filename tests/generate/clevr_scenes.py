"""Random scenes of CLEVR without pictures, for tests of questions."""

import numpy as np

from nmn.domain import Domain
from nmn.scene.scene import Scene, SceneObject

AXES = (("right", "left"), ("front", "behind"))


def random_scenes(
    count: int, domain: Domain, seed: int = 0, sizes: tuple[int, int] = (3, 10)
) -> list[Scene]:
    """Scenes of things with any values, in any order from left to right and front to back."""
    random = np.random.default_rng(seed)
    return [
        random_scene(int(random.integers(sizes[0], sizes[1] + 1)), domain, random)
        for _ in range(count)
    ]


def random_scene(size: int, domain: Domain, random: np.random.Generator) -> Scene:
    things = tuple(
        SceneObject({a.name: a.values[random.integers(len(a.values))] for a in domain.attributes})
        for _ in range(size)
    )
    relations = {}
    for higher, lower in AXES:
        ranks = random.permutation(size)
        relations[higher] = tuple(tuple(np.flatnonzero(ranks > r).tolist()) for r in ranks)
        relations[lower] = tuple(tuple(np.flatnonzero(ranks < r).tolist()) for r in ranks)
    return Scene(things, relations)
