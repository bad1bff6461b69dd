"""What is sure of the things that a program speaks of, whatever the picture.

A set of things is known by what is said of them: alternatives (`or`), each a set of atoms: a thing
has a value, shares an attribute with another thing, or stands in a relation to one. From the
atoms, and from there being no other thing like each one that is called *the*, follows more: "the
cube left of the large thing" is small, since the large thing is the only one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from nmn.generate.scene_masks import bits_of

AXES = {"left": (0, True), "right": (0, False), "front": (1, True), "behind": (1, False)}
"""For each relation of CLEVR its axis, and whether the thing that is so placed comes first there.

Along each axis the things of a picture are in strict order, as CLEVR keeps a margin.
"""


class Atom(NamedTuple):
    """One thing that is said of a thing.

    Attributes:
        kind: `is` (of a value), `same` (attribute as another thing), or the name of a relation.
        attribute: its index in the domain; of relations -1.
        other: of `is` the place of the value among those of the attribute, else the number of
            the other thing.
    """

    kind: str
    attribute: int
    other: int


Description = frozenset[frozenset[Atom]]
"""Alternatives; one without atoms means all things, and no alternatives mean none."""


@dataclass(slots=True)
class Facts:
    """What is known of some numbered things; each described one is the only one so.

    Where two things turn out to be the same one, whatever is known of one is of the other too.
    Sets of things or values are integers, a bit each.

    Attributes:
        described: what is said of each thing called *the*; those are the first ones.
        possible: for each attribute and thing, the values it may have.
        alike: for each attribute and thing, those that share it, itself too.
        unlike: for each attribute and thing, those that surely do not.
        after: for each axis and thing, those that come after it.
        equal: for each thing, the numbers under which it is known.
        contradictory: whether there cannot be such things.
    """

    described: tuple[Description, ...]
    possible: list[list[int]]
    alike: list[list[int]]
    unlike: list[list[int]]
    after: list[list[int]]
    equal: list[int]
    different: list[int]
    contradictory: bool = False
    _changed: bool = False

    @staticmethod
    def of(described: tuple[Description, ...], values: tuple[int, ...]) -> "Facts":
        """What is sure of the things that are described so.

        Args:
            values: for each attribute all its values.
        """
        count = len(described)
        facts = Facts(
            described=described,
            possible=[[known] * count for known in values],
            alike=[[1 << thing for thing in range(count)] for _ in values],
            unlike=[[0] * count for _ in values],
            after=[[0] * count, [0] * count],
            equal=[1 << thing for thing in range(count)],
            different=[0] * count,
        )
        for thing, description in enumerate(described):
            if description:
                facts.tell(thing, frozenset.intersection(*description))
        facts.conclude()
        return facts

    def with_one(self, atoms: Iterable[Atom], values: tuple[int, ...]) -> "Facts":
        """These facts and one more thing, the last one, of which `atoms` are so."""
        more = self._copy()
        own = 1 << len(more.equal)
        for row, known in zip(more.possible, values, strict=True):
            row.append(known)
        for row in more.alike:
            row.append(own)
        for row in (*more.unlike, *more.after, more.different):
            row.append(0)
        more.equal.append(own)
        more.tell(len(more.equal) - 1, atoms)
        more.conclude()
        return more

    def supposing(self, thing: int, atoms: Iterable[Atom]) -> "Facts":
        """These facts, and that `atoms` are so of a thing."""
        more = self._copy()
        more.tell(thing, atoms)
        more.conclude()
        return more

    def supposing_different(self, thing: int, other: int) -> "Facts":
        """These facts, and that two are not the same thing."""
        more = self._copy()
        more._tell_different(thing, other)
        more.conclude()
        return more

    def supposing_equal(self, thing: int, other: int) -> "Facts":
        """These facts, and that two are the same thing."""
        more = self._copy()
        more._tell_equal(thing, other)
        more.conclude()
        return more

    def _copy(self) -> "Facts":
        return Facts(
            self.described,
            [row.copy() for row in self.possible],
            [row.copy() for row in self.alike],
            [row.copy() for row in self.unlike],
            [row.copy() for row in self.after],
            self.equal.copy(),
            self.different.copy(),
            self.contradictory,
        )

    def fits(self, thing: int, description: Description) -> bool:
        """Whether a thing is surely one of those described."""
        return any(all(self.holds(thing, atom) for atom in atoms) for atoms in description)

    def holds(self, thing: int, atom: Atom) -> bool:
        """Whether `atom` is surely so of a thing."""
        kind, attribute, other = atom
        if kind == "is":
            return self.possible[attribute][thing] == 1 << other
        if kind == "same":
            return self.are_alike(attribute, thing, other) and self.differ(thing, other)
        axis, first = AXES[kind]
        return bool(
            self.after[axis][thing] >> other & 1 if first else self.after[axis][other] >> thing & 1
        )

    def are_alike(self, attribute: int, thing: int, other: int) -> bool:
        """Whether two things surely have the same value of an attribute."""
        row = self.possible[attribute]
        if self.alike[attribute][thing] >> other & 1:
            return True
        return row[thing] == row[other] and row[thing] & (row[thing] - 1) == 0

    def are_unlike(self, attribute: int, thing: int, other: int) -> bool:
        """Whether two things surely have different values of an attribute."""
        row = self.possible[attribute]
        return not row[thing] & row[other] or bool(self.unlike[attribute][thing] >> other & 1)

    def differ(self, thing: int, other: int) -> bool:
        """Whether two are surely not the same thing."""
        if self.different[thing] >> other & 1:
            return True
        return any(
            self.are_unlike(attribute, thing, other) for attribute in range(len(self.possible))
        )

    def tell(self, thing: int, atoms: Iterable[Atom]) -> None:
        """Add what is so of a thing."""
        for kind, attribute, other in atoms:
            if kind == "is":
                self._restrict(attribute, thing, 1 << other)
            elif kind == "same":
                self._tell_different(thing, other)
                self._tell_alike(attribute, thing, other)
            else:
                axis, first = AXES[kind]
                self._tell_after(axis, *((thing, other) if first else (other, thing)))

    def conclude(self) -> None:
        """Add what follows, until nothing does."""
        self._changed = True
        while self._changed and not self.contradictory:
            self._changed = False
            for attribute, rows in enumerate(self.unlike):
                for thing, others in enumerate(rows):
                    if others:
                        self._keep_apart(attribute, thing, others)
            for thing in range(len(self.equal)):
                for one, description in enumerate(self.described):
                    if not self.equal[one] >> thing & 1:
                        self._compare(thing, one, description)
                    elif thing != one and self.differ(thing, one):
                        self.contradictory = True

    def _compare(self, thing: int, one: int, description: Description) -> None:
        """Conclude from `one` being the only thing of its description."""
        differ = self.differ(thing, one)
        for atoms in description:
            missing = [atom for atom in atoms if not self.holds(thing, atom)]
            if not missing:
                self._tell_equal(thing, one)
            elif differ and len(missing) == 1:
                self._tell_not(thing, missing[0])

    def _tell_not(self, thing: int, atom: Atom) -> None:
        kind, attribute, other = atom
        if kind == "is":
            self._restrict(attribute, thing, ~(1 << other))
        elif not self.differ(thing, other):
            return
        elif kind == "same":
            for first, second in ((thing, other), (other, thing)):
                known = self.unlike[attribute][first]
                self._changed |= not known >> second & 1
                self.unlike[attribute][first] = known | 1 << second
        else:
            axis, first_there = AXES[kind]
            self._tell_after(axis, *((other, thing) if first_there else (thing, other)))

    def _keep_apart(self, attribute: int, thing: int, others: int) -> None:
        if self.alike[attribute][thing] & others:
            self.contradictory = True
        row = self.possible[attribute]
        for other in bits_of(others):
            if row[other] & (row[other] - 1) == 0:
                self._restrict(attribute, thing, ~row[other])

    def _restrict(self, attribute: int, thing: int, values: int) -> None:
        row = self.possible[attribute]
        left = row[thing] & values
        if left != row[thing]:
            self._changed = True
            self.contradictory |= not left
            for other in bits_of(self.alike[attribute][thing]):
                row[other] = left

    def _tell_alike(self, attribute: int, thing: int, other: int) -> None:
        alike, row = self.alike[attribute], self.possible[attribute]
        if alike[thing] >> other & 1:
            return
        self._changed = True
        group, left = alike[thing] | alike[other], row[thing] & row[other]
        self.contradictory |= not left
        for member in bits_of(group):
            alike[member], row[member] = group, left

    def _tell_different(self, thing: int, other: int) -> None:
        if self.equal[thing] >> other & 1:
            self.contradictory = True
        elif not self.different[thing] >> other & 1:
            self._changed = True
            for first, second in ((thing, other), (other, thing)):
                for member in bits_of(self.equal[first]):
                    self.different[member] |= self.equal[second]

    def _tell_after(self, axis: int, thing: int, other: int) -> None:
        rows = self.after[axis]
        if rows[thing] >> other & 1:
            return
        self._changed = True
        later = rows[other] | self.equal[other]
        for member, known in enumerate(rows):
            if known >> thing & 1 or self.equal[thing] >> member & 1:
                rows[member] = known | later
                self.contradictory |= bool(later >> member & 1)
                for second in bits_of(later & ~known):
                    self._tell_different(member, second)

    def _tell_equal(self, thing: int, other: int) -> None:
        if self.differ(thing, other):
            self.contradictory = True
            return
        self._changed = True
        group = self.equal[thing] | self.equal[other]
        for rows in self.after:
            later = rows[thing] | rows[other]
            for member, known in enumerate(rows):
                if group >> member & 1:
                    rows[member] = later
                elif known & group:
                    rows[member] = known | later | group
        different = self.different[thing] | self.different[other]
        for member in range(len(self.equal)):
            if group >> member & 1:
                self.equal[member], self.different[member] = group, different
            elif different >> member & 1:
                self.different[member] |= group
        for attribute in range(len(self.alike)):
            self._tell_alike(attribute, thing, other)
