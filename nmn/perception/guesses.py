"""The scenes that a picture most probably shows, each with its probability."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TypeVar

from nmn.data.clevr_scenes import relations_from_directions
from nmn.domain import Domain
from nmn.perception.detections import Detection
from nmn.scene.scene import Scene, SceneObject

DIRECTIONS = {"left": (-1.0, 0.0), "right": (1.0, 0.0), "front": (0.0, 1.0), "behind": (0.0, -1.0)}
"""What relations mean on the ground, in how far to the right and how far to the front."""

T = TypeVar("T")
Choices = Sequence[tuple[float, T]]
"""Each with its probability."""


@dataclass(frozen=True, eq=False)
class Guess:
    """A scene that a picture may show.

    Attributes:
        probability: that of all guesses at the same picture is 1.
        objects: which detections its objects are.
    """

    scene: Scene
    probability: float
    objects: tuple[int, ...]


def guesses(
    detections: Sequence[Detection],
    domain: Domain,
    size: tuple[int, int],
    most: int,
    least: float,
) -> tuple[Guess, ...]:
    """The most probable scenes, best first, of objects and values that are independent.

    Args:
        size: `(width, height)` of the picture.
        most: how many at most.
        least: how probable each must be in comparison to the best.
    """
    options = [_options(detection, most, least) for detection in detections]
    found = likeliest(options, most, least)
    total = sum(probability for probability, _ in found)
    return tuple(
        _guess(detections, values, probability / total, domain, size)
        for probability, values in found
    )


def likeliest(
    parts: Sequence[Choices[T]], most: int, least: float
) -> list[tuple[float, tuple[T, ...]]]:
    """The most probable ways to choose one of each part, best first.

    They are exact: the best ways to choose from all parts begin with the best from the first ones.
    """
    found: list[tuple[float, tuple[T, ...]]] = [(1.0, ())]
    for choices in parts:
        longer = [(p * q, (*chosen, one)) for p, chosen in found for q, one in choices]
        longer.sort(key=itemgetter(0), reverse=True)
        found = [entry for entry in longer[:most] if entry[0] >= least * longer[0][0]]
    return found


def _options(detection: Detection, most: int, least: float) -> Choices[tuple[int, ...] | None]:
    """What may be so of a detection: the values of its attributes, or None: nothing is there."""
    sure = [
        [(p, place) for place, p in enumerate(values) if p >= least * max(values)]
        for values in detection.attributes
    ]
    there = detection.probability
    options = [(there * p, values) for p, values in likeliest(sure, most, least)]
    return [*options, (1 - there, None)]


def _guess(
    detections: Sequence[Detection],
    values: Sequence[tuple[int, ...] | None],
    probability: float,
    domain: Domain,
    size: tuple[int, int],
) -> Guess:
    there = [(place, chosen) for place, chosen in enumerate(values) if chosen is not None]
    objects = tuple(_object(detections[place], chosen, domain, size) for place, chosen in there)
    directions = {name: DIRECTIONS[name] for name in domain.relations}
    rows = relations_from_directions([item.position for item in objects], directions, 0.0)
    return Guess(Scene(objects, rows), probability, tuple(place for place, _ in there))


def _object(
    detection: Detection, values: Sequence[int], domain: Domain, size: tuple[int, int]
) -> SceneObject:
    left, top, right, bottom = detection.box
    names = {
        attribute.name: attribute.values[value]
        for attribute, value in zip(domain.attributes, values, strict=True)
    }
    pixel = ((left + right) / 2 * size[0], (top + bottom) / 2 * size[1])
    return SceneObject(names, detection.ground, pixel)
