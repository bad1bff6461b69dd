"""What operations look up in scenes, as one array of bit masks."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, UInt64

from nmn.domain import Domain
from nmn.errors import DataError
from nmn.program.ops import covering
from nmn.program.tokens import TokenVocabulary
from nmn.scene.scene import Scene

MAX_OBJECTS = 64
"""Objects of a scene that a mask has room for."""

Words = UInt64[np.ndarray, "..."]
"""Masks, a bit an object, or other values of as many bits."""
Indices = Int[np.ndarray, "..."]


@dataclass(frozen=True, eq=False, repr=False)
class SceneTable:
    """Rows of words: in each scene one of each step (operation and argument) of the domain.

    The row of `scene`, `find` and `filter` is one mask. Those of `relate` and `same` have a mask
    for each object and an empty one for no object; that of `query` likewise the place of a
    concept in `domain.concepts`, counted from 1, or 0 for none. Other steps look nothing up.

    Attributes:
        words: the rows of all scenes, one after the other.
        begins: where the row of each step of `TokenVocabulary` begins within a scene.
        size: words of one scene.
        largest: objects of the largest scene.
    """

    domain: Domain
    scenes: tuple[Scene, ...]
    words: UInt64[np.ndarray, " word"]
    begins: Int[np.ndarray, " step"]
    size: int
    largest: int

    @staticmethod
    def of(scenes: Sequence[Scene], domain: Domain) -> "SceneTable":
        """The table of `scenes`.

        Raises:
            DataError: a scene that does not fit `domain`, or of more than `MAX_OBJECTS` objects.
        """
        for index, scene in enumerate(scenes):
            scene.check(domain)
            if len(scene.objects) > MAX_OBJECTS:
                problem = f"wanted at most {MAX_OBJECTS} objects, got {len(scene.objects)}"
                raise DataError(scene.name, problem, f"scene {index}")
        largest = max((len(scene.objects) for scene in scenes), default=0)
        steps = TokenVocabulary(domain).steps
        widths = np.array([_WIDTHS[step.operation](largest) for step in steps])
        begins, size = np.cumsum(widths) - widths, int(widths.sum())
        places = {(s.operation, s.argument): int(b) for s, b in zip(steps, begins, strict=True)}
        words = np.zeros((len(scenes), size), dtype=np.uint64)
        for line, scene in zip(words, scenes, strict=True):
            for operation, argument, row in _rows(scene, domain):
                place = places[operation, argument]
                line[place : place + len(row)] = row
        return SceneTable(domain, tuple(scenes), words.reshape(-1), begins, size, largest)

    def single(self, rows: Indices) -> Words:
        """The words of rows of one word."""
        found: Words = self.words[rows]
        return found

    def of_first(self, rows: Indices, masks: Words) -> Words:
        """The words for the first object of each mask, or for none where it is empty."""
        below = ~masks & (masks - 1)  # all bits below the lowest; of the empty mask, all
        everything = np.uint64((1 << self.largest) - 1)
        found: Words = self.words[rows + np.bitwise_count(below & everything)]
        return found

    def of_all(self, rows: Indices, masks: Words) -> Words:
        """The union of the words for all objects of each mask."""
        union = self.of_first(rows, masks)
        rest = masks & (masks - 1)  # without the lowest bit
        while (more := np.flatnonzero(rest)).size:
            union[more] |= self.of_first(rows[more], rest[more])
            rest &= rest - 1
        return union


_WIDTHS: Mapping[str, Callable[[int], int]] = covering(
    {
        **dict.fromkeys(("scene", "find", "filter"), lambda largest: 1),
        **dict.fromkeys(("relate", "same", "query"), lambda largest: largest + 1),
        **dict.fromkeys(("unique", "and", "or", "exists", "count", "equal"), lambda largest: 0),
        **dict.fromkeys(("equal_number", "less_than", "greater_than"), lambda largest: 0),
    },
    "rows of a scene table",
)
"""Words of the row of a step, by the number of objects of the largest scene."""


def _rows(scene: Scene, domain: Domain) -> Iterator[tuple[str, str | None, list[int]]]:
    """Operation, argument and row of each step that has one, without the word for no object."""
    items = list(enumerate(item.attributes for item in scene.objects))
    yield "scene", None, [_mask(index for index, attributes in items if attributes)]
    for concept in domain.concepts:
        mask = _mask(index for index, attributes in items if concept in attributes.values())
        yield "find", concept, [mask]
        yield "filter", concept, [mask]
    for relation in domain.relations:
        yield "relate", relation, [_mask(row) for row in scene.relations[relation]]
    places = {concept: place for place, concept in enumerate(domain.concepts, start=1)}
    for attribute in domain.attribute_names:
        values = [places.get(attributes.get(attribute, ""), 0) for _, attributes in items]
        yield "query", attribute, values
        sharing = {value: _mask(i for i, v in enumerate(values) if v == value) for value in values}
        masks = [sharing[v] & ~(1 << index) if v else 0 for index, v in enumerate(values)]
        yield "same", attribute, masks


def _mask(indices: Iterable[int]) -> int:
    mask = 0
    for index in indices:
        mask |= 1 << index
    return mask
