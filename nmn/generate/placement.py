"""Places for the objects of random scenes: tried until they keep their distances.

Many scenes are drawn side by side, each from a random stream of its own, so that a scene does not
depend on which others are made with it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nmn.errors import ConfigError
from nmn.generate.combinations import KindTable
from nmn.generate.scene_config import AXES, SceneConfig
from nmn.render.camera import BASE, LAMPS
from nmn.seeding import generator

_TRIES = 50
_TOGETHER, _ALONE = 100, 5_000
_DECIMALS = 6


@dataclass(eq=False)
class Draft:
    """A scene while it is drawn, and its random stream.

    Attributes:
        kinds: what each object is, in the table of kinds.
        reached: the most objects that found a place at once.
    """

    index: int
    random: np.random.Generator
    count: int
    camera: NDArray[np.float64]
    lamps: NDArray[np.float64]
    reached: int = 0
    kinds: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    places: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))
    rotations: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))


def draft_of(config: SceneConfig, seed: int, split: str, index: int) -> Draft:
    """A scene with its number of objects, camera and lamps, and no objects yet."""
    random = generator(seed, "clevr", split, "scene", index)
    count = int(random.integers(config.min_objects, config.max_objects + 1))
    camera, *lamps = random.uniform(-1, 1, (1 + len(LAMPS), 3))
    return Draft(
        index,
        random,
        count,
        rounded(np.array(BASE) + config.camera_jitter * camera),
        rounded(np.array(list(LAMPS.values())) + config.lamp_jitter * np.stack(lamps)),
    )


def repeat(
    drafts: list[Draft],
    attempt: Callable[[list[Draft]], list[Draft]],
    together: int,
    alone: int,
) -> Draft | None:
    """Attempt all until none fails; in the end one by one, so that what is hopeless ends soon.

    Args:
        attempt: returns those that failed.

    Returns:
        One that failed each time, if there is one.
    """
    pending = drafts
    for _ in range(together):
        if not pending:
            return None
        pending = attempt(pending)
    for draft in pending:
        if all(attempt([draft]) for _ in range(alone)):
            return draft
    return None


def place_all(drafts: list[Draft], config: SceneConfig, table: KindTable) -> None:
    """Draw all objects of each scene anew, until they fit.

    Raises:
        ConfigError: they do not.
    """
    halves = half_heights(config, table)

    def attempt(pending: list[Draft]) -> list[Draft]:
        return _attempt(pending, config, table, halves)

    crowded = repeat(drafts, attempt, _TOGETHER, _ALONE)
    if crowded is not None:
        problem = (
            f"{crowded.count} objects do not fit: in {_TOGETHER + _ALONE} attempts "
            f"at most {crowded.reached} found a place; nearest: max_objects={crowded.reached}, "
            "or a larger area, or a smaller min_margin or min_distance"
        )
        raise ConfigError("scenes", problem)


def _attempt(
    drafts: list[Draft], config: SceneConfig, table: KindTable, halves: NDArray[np.float64]
) -> list[Draft]:
    """Draw the objects of each scene once; returns those where one found no place."""
    most = max(draft.count for draft in drafts)
    tries = np.zeros((len(drafts), most, _TRIES, 2))
    radii = np.zeros((len(drafts), most))
    for row, draft in enumerate(drafts):
        draft.kinds = table.draw(draft.random, draft.count)
        draft.rotations = rounded(draft.random.uniform(0, 360, draft.count)) % 360
        tries[row, : draft.count] = draft.random.random((draft.count, _TRIES, 2))
        radii[row, : draft.count] = halves[draft.kinds]
    tries = rounded((2 * tries - 1) * config.area)
    counts = np.array([draft.count for draft in drafts])
    places = np.zeros((len(drafts), most, 2))
    reached = np.zeros(len(drafts), np.int64)
    for number in range(most):
        rows = np.flatnonzero((reached == number) & (counts > number))
        candidates = tries[rows, number]
        gaps = radii[rows, number, None] + radii[rows, :number] + config.min_distance
        free = _free(candidates, places[rows, :number], gaps, config.min_margin)
        found = free.any(axis=1)
        places[rows[found], number] = candidates[found, free[found].argmax(axis=1)]
        reached[rows[found]] += 1
    failed: list[Draft] = []
    for draft, place, done in zip(drafts, places, reached.tolist(), strict=True):
        draft.places = place[: draft.count]
        draft.reached = max(draft.reached, done)
        if done < draft.count:
            failed.append(draft)
    return failed


def _free(
    candidates: NDArray[np.float64],
    others: NDArray[np.float64],
    gaps: NDArray[np.float64],
    margin: float,
) -> NDArray[np.bool_]:
    """Whether each candidate keeps its distances to the objects that already stand.

    Args:
        candidates: `(N, tries, 2)`.
        others: `(N, objects, 2)`.
        gaps: the least distance to each of them, `(N, objects)`.

    Returns:
        `(N, tries)`.
    """
    apart = candidates[:, :, None] - others[:, None]
    x, y = apart[..., 0], apart[..., 1]
    far = x * x + y * y >= gaps[:, None] ** 2
    # no matrix product: its rounding may depend on how many scenes there are
    (left_x, left_y), (front_x, front_y) = AXES
    clear = np.abs(left_x * x + left_y * y) >= margin
    clear &= np.abs(front_x * x + front_y * y) >= margin
    result: NDArray[np.bool_] = (far & clear).all(axis=-1)
    return result


def half_heights(config: SceneConfig, table: KindTable) -> NDArray[np.float64]:
    """Half the height of each kind, which is its radius on the ground too."""
    return np.array([config.look.sizes[size] for *_, size in table.kinds])


def rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """As many decimals as any use needs, so that files stay small."""
    return np.round(values, _DECIMALS)
