"""The states of objects, for models that look at no pixels (Santoro et al. 2017, section 4.2).

Their matrix of a scene has a row for each object: its 3D coordinates, its colour, and its shape,
material and size. Ours differs in that colours are one-hot too, not RGB, so that the columns
follow from the domain.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

from nmn.domain import Domain
from nmn.errors import DataError
from nmn.scene.scene import Scene, SceneObject

_AXES = ("x", "y", "z")


@dataclass(frozen=True, eq=False)
class States:
    """The objects of some scenes, as the `Features` of a model has its cells.

    Attributes:
        values: the columns are named by `state_channels`.
        positions: where each object is in the picture, x and y in [-1, 1], from left to right and
            top to bottom.
        present: which objects there are; scenes with fewer than others are padded with zeros.
    """

    values: Float32[np.ndarray, "picture object channel"]
    positions: Float32[np.ndarray, "picture object 2"]
    present: Bool[np.ndarray, "picture object"]


def state_channels(domain: Domain) -> tuple[str, ...]:
    """The columns of `States.values`: coordinates in scene units, then a 1 for what is so."""
    return (*_AXES, *domain.concepts)


def object_states(
    scenes: Sequence[Scene], domain: Domain, size: tuple[int, int] = (480, 320)
) -> States:
    """The states of the objects of `scenes`, in the order of each scene.

    Args:
        size: `(width, height)` of the pictures that the pixel coordinates are of.

    Raises:
        DataError: an object without coordinates in space or picture, or of another domain.
    """
    most = max((len(scene.objects) for scene in scenes), default=0)
    most = max(1, most)  # a model has a place to look at, even where nothing is
    channels = {name: place for place, name in enumerate(state_channels(domain))}
    values = np.zeros((len(scenes), most, len(channels)), dtype=np.float32)
    positions = np.zeros((len(scenes), most, 2), dtype=np.float32)
    present = np.zeros((len(scenes), most), dtype=np.bool_)
    for row, scene in enumerate(scenes):
        for place, item in enumerate(scene.objects):
            _check(scene, place, item, domain)
            values[row, place, : len(_AXES)] = item.position
            for concept in item.attributes.values():
                values[row, place, channels[concept]] = 1
            centre = zip(item.pixel, size, strict=True)
            positions[row, place] = [2 * pixel / length - 1 for pixel, length in centre]
            present[row, place] = True
    return States(values, positions, present)


def _check(scene: Scene, place: int, item: SceneObject, domain: Domain) -> None:
    where = f"object {place}"
    for numbers, name, wanted in (
        (item.position, "3d_coords", len(_AXES)),
        (item.pixel, "pixel_coords", 2),
    ):
        if len(numbers) != wanted:
            problem = f"wanted {wanted} numbers in '{name}', got {len(numbers)}"
            raise DataError(scene.name, problem, where)
    unknown = set(item.attributes.values()) - set(domain.concepts)
    if unknown:
        problem = f"'{min(unknown)}' is no concept of domain {domain.name}"
        raise DataError(scene.name, problem, where)
