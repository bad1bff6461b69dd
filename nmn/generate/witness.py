"""Prove that a question needs its picture: find a scene like it that has another answer.

A few things are changed, moved, added or taken away, at random and so that all that is asked
about stays defined. A scene with another answer is a proof; where none is found in so many steps,
the answer very likely follows from the words alone, in a way that `always` has no rule for.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from nmn.domain import Domain
from nmn.generate.facts import AXES
from nmn.generate.scene_masks import Draws, SceneMasks, bits_of
from nmn.program.program import Program

_STEPS = 60
"""How many scenes are looked at before a question is given up; most need two or three."""

_RELATIONS = tuple(AXES)
_BACKWARDS = {
    relation: next(o for o in AXES if o != relation and AXES[o][0] == axis)
    for relation, (axis, _) in AXES.items()
}


@dataclass(frozen=True)
class Possible:
    """Which scenes there can be.

    Attributes:
        kinds: the values that a thing can have, in the order of the attributes; None for any.
        fewest, most: how many things; those of CLEVR.
    """

    kinds: frozenset[tuple[str, ...]] | None = None
    fewest: int = 3
    most: int = 10

    def holds(self, scene: "Variant") -> bool:
        """Whether the things of a scene can be."""
        if self.kinds is None:
            return True
        return all(scene.values[thing] in self.kinds for thing in bits_of(scene.everything))


class Variant:
    """A scene that can be changed, as bit masks; what is taken away keeps its place.

    Attributes:
        everything: the things that are there.
        concepts: the things of each concept, of those taken away too.
        values: for each thing its concepts, in the order of the attributes.
        relations: for each relation and thing, those so placed to it.
    """

    __slots__ = ("concepts", "domain", "everything", "relations", "values")

    everything: int
    concepts: dict[str, int]
    values: list[tuple[str, ...]]
    relations: dict[str, list[int]]

    def __init__(self, scene: "SceneMasks | Variant", domain: Domain) -> None:
        self.domain = domain
        self.everything = scene.everything
        self.concepts = scene.concepts.copy()
        self.values = scene.values.copy()
        self.relations = {name: rows.copy() for name, rows in scene.relations.items()}

    def run(self, program: Program) -> list[int] | None:
        """What each node is: a mask, a number, the number of a value, 0 or 1 for no or yes.

        Returns:
            None where something is said to be the only one and is not.
        """
        everything, concepts = self.everything, self.concepts
        results: list[int] = []
        for node in program.nodes:
            operation, argument, inputs = node.operation, node.argument or "", node.inputs
            result = results[inputs[0]] if inputs else everything
            if operation in ("filter", "find"):
                result &= concepts[argument]
            elif operation == "unique":
                if not result or result & (result - 1):
                    return None
            elif operation == "relate":
                result = self.relations[argument][result.bit_length() - 1] & everything
            elif operation == "same":
                result = concepts[self._value(result, argument)] & everything & ~result
            elif operation == "query":
                result = self.domain.concepts.index(self._value(result, argument))
            elif operation == "count":
                result = result.bit_count()
            elif operation == "exists":
                result = int(result > 0)
            elif operation != "scene":
                result = int(_JOINED[operation](result, results[inputs[1]]))
            results.append(result)
        return results

    def _value(self, one: int, attribute: str) -> str:
        """The value that the only thing of a mask has."""
        return self.values[one.bit_length() - 1][self.domain.attribute_names.index(attribute)]

    def give(self, thing: int, place: int, value: str) -> None:
        """Give a thing another value of one attribute."""
        own = self.values[thing]
        self.concepts[own[place]] &= ~(1 << thing)
        self.concepts[value] |= 1 << thing
        self.values[thing] = (*own[:place], value, *own[place + 1 :])

    def move(self, thing: int, relation: str, other: int) -> None:
        """Put a thing next to another one, so that it is `relation` of it."""
        ahead, behind = self.relations[relation], self.relations[_BACKWARDS[relation]]
        own = 1 << thing
        further = ahead[other] & ~own
        ahead[thing], behind[thing] = further, ((1 << len(ahead)) - 1) & ~own & ~further
        for one in range(len(ahead)):
            if one == thing:
                continue
            if further >> one & 1:
                ahead[one] &= ~own
                behind[one] |= own
            else:
                ahead[one] |= own
                behind[one] &= ~own

    def add(self, like: int) -> int:
        """Add a thing like another one and next to it; its number."""
        thing = len(self.values)
        self.everything |= 1 << thing
        self.values.append(self.values[like])
        for value in self.values[like]:
            self.concepts[value] |= 1 << thing
        for rows in self.relations.values():
            rows.append(0)
        for relation, (_, first) in AXES.items():
            if first:
                self.move(thing, relation, like)
        return thing


_ANY_SCENE = Possible()
_TAKEN = ("query", "count")
_JOINED: Mapping[str, Callable[[int, int], int]] = {
    "and": int.__and__,
    "or": int.__or__,
    "less_than": int.__lt__,
    "greater_than": int.__gt__,
    "equal_number": int.__eq__,
    "equal": int.__eq__,
}


def witness(
    program: Program,
    scene: SceneMasks,
    domain: Domain,
    draws: Draws,
    possible: Possible = _ANY_SCENE,
) -> Variant | None:
    """A scene like `scene` on which a question has another answer; None where none was found.

    Args:
        program: of CLEVR's four relations, and defined on `scene`.
        possible: what the scene may be.
    """
    start = Variant(scene, domain)
    results = start.run(program)
    if results is None:
        return None
    for near in _aimed(program, results, start, possible):
        found = near.run(program) if possible.holds(near) else None
        if found is not None and found[-1] != results[-1]:
            return near
    current = start
    for _ in range(_STEPS):
        near = Variant(current, domain)
        for _ in range(1 + draws.below(3)):
            _change(near, draws, possible)
        found = near.run(program) if possible.holds(near) else None
        if found is not None:
            if found[-1] != results[-1]:
                return near
            current = near
    return None


def _aimed(
    program: Program, results: list[int], start: Variant, possible: Possible
) -> Iterator[Variant]:
    """Scenes where one change to what is asked about may change the answer."""
    nodes, root = program.nodes, program.root
    for source in root.inputs:
        inner = nodes[source].inputs[0] if nodes[source].operation in _TAKEN else source
        if root.operation in ("query", "equal"):
            yield from _revalued(start, bits_of(results[inner])[0], root.argument or "")
        else:
            yield from _resized(start, results[inner], program, inner, possible)


def _revalued(start: Variant, thing: int, attribute: str) -> Iterator[Variant]:
    """`start` with each other value of one thing."""
    place = start.domain.attribute_names.index(attribute)
    for value in start.domain.values_of(attribute):
        if value != start.values[thing][place]:
            near = Variant(start, start.domain)
            near.give(thing, place, value)
            yield near


def _resized(
    start: Variant, mask: int, program: Program, source: int, possible: Possible
) -> Iterator[Variant]:
    """`start` without the things of a set, all or one; of an empty one with more things in it."""
    most = start.everything.bit_count() - possible.fewest
    removed = [mask, *(1 << thing for thing in bits_of(mask))]
    for some in removed if mask else ():
        if some.bit_count() <= most:
            near = Variant(start, start.domain)
            near.everything &= ~some
            yield near
    for thing in () if mask else bits_of(start.everything):
        near = Variant(start, start.domain)
        _fit(near, thing, program, source)
        yield near


def _fit(near: Variant, thing: int, program: Program, source: int) -> None:
    """Give a thing the values that the outermost filters of a set ask for."""
    node = program.nodes[source]
    while node.operation in ("filter", "find") and node.argument:
        attribute = near.domain.attribute_of(node.argument)
        near.give(thing, near.domain.attribute_names.index(attribute), node.argument)
        if not node.inputs:
            return
        node = program.nodes[node.inputs[0]]


def _change(near: Variant, draws: Draws, possible: Possible) -> None:
    """One change at random: a value, a place, a thing more or less, or a swap of values.

    Swaps are needed where something is the only one of its kind: of "the metal thing" none can be
    made or unmade alone.
    """
    things = bits_of(near.everything)
    thing, other = things[draws.below(len(things))], things[draws.below(len(things))]
    attributes, kind = near.domain.attributes, draws.fraction()
    place = draws.below(len(attributes))
    if kind < 0.1:
        if len(things) > possible.fewest:
            near.everything &= ~(1 << thing)
    elif kind < 0.2:
        if len(things) < possible.most:
            near.add(thing)
    elif kind < 0.45:
        if thing != other:
            near.move(thing, _RELATIONS[draws.below(len(_RELATIONS))], other)
    elif kind < 0.65:
        one, two = near.values[thing][place], near.values[other][place]
        near.give(thing, place, two)
        near.give(other, place, one)
    else:
        values = attributes[place].values
        near.give(thing, place, values[draws.below(len(values))])
