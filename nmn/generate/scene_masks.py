"""A scene as bit masks, a bit a thing, and quick random choices: what questions are drawn with."""

from functools import lru_cache

from numpy.random import Generator

from nmn.domain import Domain
from nmn.errors import DataError
from nmn.scene.scene import Scene

_BLOCK = 1024


class Draws:
    """Random choices from one generator, drawn in blocks: a tenth of the time of single ones."""

    def __init__(self, random: Generator) -> None:
        self._random = random
        self._left: list[float] = []

    def fraction(self) -> float:
        """A number in [0, 1)."""
        if not self._left:
            self._left = self._random.random(_BLOCK).tolist()
        return self._left.pop()

    def below(self, count: int) -> int:
        """A whole number from 0 to `count - 1`."""
        return int(self.fraction() * count)


class SceneMasks:
    """What is so of the things of a scene.

    Attributes:
        everything: all things.
        concepts: the things of each concept.
        relations: for each relation and thing, those so placed to it.
        sharing: for each attribute and thing, those that have the same value, itself too.
        values: for each thing its concepts, in the order of the attributes.
        alike: for each thing and set of attributes, a bit an attribute, those with the same values.

    Raises:
        DataError: an empty place, or a thing without one of the attributes.
    """

    def __init__(self, scene: Scene, domain: Domain) -> None:
        names = domain.attribute_names
        try:
            self.values = [tuple(item.attributes[name] for name in names) for item in scene.objects]
        except KeyError as error:
            raise DataError(scene.name, f"an object without {error.args[0]}") from error
        self.everything = (1 << len(scene.objects)) - 1
        self.concepts = dict.fromkeys(domain.concepts, 0)
        for index, values in enumerate(self.values):
            for value in values:
                self.concepts[value] |= 1 << index
        self.relations = {
            relation: [sum(1 << other for other in row) for row in scene.relations[relation]]
            for relation in domain.relations
        }
        self.sharing = [
            [self.concepts[values[place]] for values in self.values] for place in range(len(names))
        ]
        self.alike = [self.with_values(values) for values in self.values]

    def with_values(self, values: tuple[str, ...]) -> list[int]:
        """For each set of attributes, a bit an attribute, the things that have those `values`."""
        found = [self.everything]
        for value in values:
            mask = self.concepts[value]
            found += [other & mask for other in found]
        return found


@lru_cache(1 << 14)
def bits_of(mask: int) -> tuple[int, ...]:
    """The things of a mask."""
    return tuple(index for index in range(mask.bit_length()) if mask >> index & 1)
