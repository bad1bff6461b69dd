"""Find questions whose answer is the same whatever the picture, without looking at one.

"Are there more large cubes than cubes", "is there a ball right of the cube left of the ball",
"what color is the red thing": whoever knows the language can answer them, and a model that is
trained on them learns the wrong thing. The rules are those of sets and order in `facts`; they are
sound (what is found is so) and not complete: what they leave, `witness` finds.
"""

from collections.abc import Callable, Mapping, Sequence

from nmn.domain import Domain
from nmn.generate.facts import AXES, Atom, Description, Facts
from nmn.program.program import Program

_MANY = 1_000_000
_ALL: Description = frozenset((frozenset[Atom](),))


def always(program: Program, domain: Domain) -> str | None:
    """Why the question of `program` needs no picture, or why a part of it says nothing.

    Args:
        program: `relate` and `same` of one thing only (after `unique`).
    """
    analysis = _Analysis(program, domain)
    if analysis.facts.contradictory:
        return "there cannot be such things"
    if any(one & (one - 1) for one in analysis.facts.equal):
        return "one thing is described twice"
    if analysis.whole:
        return "the sides of an 'or' are all things"
    return analysis.problem()


class _Analysis:
    def __init__(self, program: Program, domain: Domain) -> None:
        self.program, self.domain = program, domain
        self.sets: list[Description] = []
        self.things: dict[Description, int] = {}
        self.whole = False
        self.values = tuple((1 << len(a.values)) - 1 for a in domain.attributes)
        for node in program.nodes:
            inputs = [self.sets[source] for source in node.inputs]
            self.sets.append(self._described(node.operation, node.argument or "", inputs))
        self.facts = Facts.of(tuple(self.things), self.values)
        if any(len(alternatives) > 1 for alternatives in self.things):
            self.facts = Facts.of(tuple(map(self._possible, self.things)), self.values)

    def _described(self, operation: str, argument: str, inputs: list[Description]) -> Description:
        """What is said of the members of a set; of other nodes what their first input is."""
        if operation in ("scene", "find", "filter"):
            first = inputs[0] if inputs else _ALL
            atoms = {self._value(argument)} if argument else set[Atom]()
            return frozenset(known | atoms for known in first)
        if operation in ("relate", "same"):
            attribute = -1
            if operation == "same":
                attribute = self.domain.attribute_names.index(argument)
            kind = "same" if operation == "same" else argument
            return frozenset((frozenset((Atom(kind, attribute, self.things[inputs[0]]),)),))
        if operation == "and":
            return frozenset(first | second for first in inputs[0] for second in inputs[1])
        if operation == "or":
            joined = inputs[0] | inputs[1]
            self.whole = self.whole or self._is_whole(joined)
            return joined
        if operation == "unique":
            self.things.setdefault(inputs[0], len(self.things))
        return inputs[0]

    def _value(self, concept: str) -> Atom:
        names = self.domain.attribute_names
        attribute = names.index(self.domain.attribute_of(concept))
        return Atom("is", attribute, self.domain.attributes[attribute].values.index(concept))

    def _is_whole(self, description: Description) -> bool:
        """Whether the words alone name all things: "metal or rubber", or all others than one."""
        single = {atom for atoms in description if len(atoms) == 1 for atom in atoms}
        stated = [0] * len(self.values)
        for atom in single:
            if atom.kind == "is":
                stated[atom.attribute] |= 1 << atom.other
        opposite = any(
            Atom(kind, -1, atom.other) in single
            for atom in single
            for kind in AXES
            if atom.kind in AXES and AXES[kind] == (AXES[atom.kind][0], not AXES[atom.kind][1])
        )
        return opposite or any(map(int.__eq__, stated, self.values))

    def problem(self) -> str | None:
        root = self.program.root
        asked = [self.sets[source] for source in root.inputs]
        if root.operation in ("query", "equal"):
            things = [self.things[one] for one in asked]
            attribute = self.domain.attribute_names.index(root.argument or "")
            return (self._query if root.operation == "query" else self._equal)(attribute, *things)
        members = [self._members(one) for one in asked]
        if not all(members):
            return "there cannot be such things" if len(asked) == 1 else "one number is 0 for sure"
        if len(asked) > 1 and _ALL in asked:
            return "all things are compared with some of them"
        if root.operation == "exists":
            return "there is one for sure" if self._fewest(asked[0]) else None
        if root.operation == "count":
            known = self._most(members[0]) <= self._fewest(asked[0])
            return "there are so many for sure" if known else None
        return _COMPARISONS[root.operation](self, asked, members)

    def _query(self, attribute: int, thing: int) -> str | None:
        values = self.facts.possible[attribute][thing]
        if values.bit_count() == 2 and len(self.things) > 1:
            cases = (
                self.facts.supposing(thing, (Atom("is", attribute, place),))
                for place in range(values.bit_length())
                if values >> place & 1
            )
            values = 0 if any(case.contradictory for case in cases) else values
        if values & (values - 1) == 0:
            return "the value is stated or follows"
        if self.facts.alike[attribute][thing] != 1 << thing:
            return "the value is that of another thing"
        return None

    def _equal(self, attribute: int, first: int, second: int) -> str | None:
        if self.facts.are_alike(attribute, first, second):
            return "they are the same for sure"
        return "they differ for sure" if self.facts.are_unlike(attribute, first, second) else None

    def _possible(self, description: Description) -> Description:
        """A description without the alternatives that cannot be."""
        if len(description) == 1 or self.facts.contradictory:
            return description
        kept = {a for a in description if not self.facts.with_one(a, self.values).contradictory}
        return frozenset(kept)

    def _members(self, description: Description) -> list[Facts]:
        """For each alternative that can be, what is sure of a thing like that, the last one."""
        found: list[Facts] = []
        for atoms in description:
            facts = self.facts.with_one(atoms, self.values)
            if len(self.things) > 1:
                facts = self._by_cases(facts)
            if not facts.contradictory:
                found.append(facts)
        return found

    def _by_cases(self, facts: Facts) -> Facts:
        """What is more of the last thing, since in one of two cases nothing could be so."""
        last = len(self.things)
        for attribute, values in enumerate(self.values):
            left = facts.possible[attribute][last]
            if values.bit_count() == 2 and left == values and not facts.contradictory:
                cases = [
                    facts.supposing(last, (Atom("is", attribute, place),)) for place in range(2)
                ]
                possible = [case for case in cases if not case.contradictory]
                facts = facts if len(possible) == 2 else (possible or cases)[0]
        for thing in range(last):
            if not (facts.contradictory or facts.differ(last, thing)):
                case = facts.supposing_different(last, thing)
                facts = facts.supposing_equal(last, thing) if case.contradictory else facts
        return facts

    def _fewest(self, description: Description, facts: Facts | None = None) -> int:
        """How many things are among those described for sure."""
        facts = facts or self.facts
        sure: list[int] = []
        for thing in range(len(self.things)):
            if facts.fits(thing, description) and all(facts.differ(thing, one) for one in sure):
                sure.append(thing)
        return len(sure)

    def _most(self, members: list[Facts]) -> int:
        """How many things there can be at most."""
        known = [facts.equal[-1] & ~(1 << len(self.things)) for facts in members]
        return len(set(known)) if all(known) else _MANY

    def _is_within(self, members: list[Facts], other: Description) -> bool:
        return all(facts.fits(len(self.things), other) for facts in members)

    def _has_more(self, description: Description, other: Description) -> bool:
        """Whether some thing is described, and surely not so by `other`."""
        return any(
            self.facts.fits(thing, description) and self._is_without(thing, other)
            for thing in range(len(self.things))
        )

    def _is_without(self, thing: int, description: Description) -> bool:
        """Whether a thing is surely not among those described."""
        return all(self.facts.supposing(thing, atoms).contradictory for atoms in description)

    def _is_rest(self, rest: Description, other: Description, members: list[Facts]) -> bool:
        """Whether `rest` is all but one of a kind, and `other` is surely not all of that kind."""
        if len(rest) != 1 or len(next(iter(rest))) != 1:
            return False
        ((atom,),) = rest
        if atom.kind != "same":
            return False
        attribute, thing, last = atom.attribute, atom.other, len(self.things)
        return all(facts.are_alike(attribute, last, thing) for facts in members) and any(
            self.facts.are_alike(attribute, one, thing) and self._is_without(one, other)
            for one in range(last)
        )

    def _are_places(self, first: Description, second: Description) -> bool:
        """Whether these are all on the same side of two things, so that they cannot be as many."""
        if any(len(one) != 1 or len(next(iter(one))) != 1 for one in (first, second)):
            return False
        ((one,),), ((other,),) = first, second
        placed = one.kind == other.kind and one.kind in AXES
        return placed and self.facts.differ(one.other, other.other)

    def _order(self, asked: Sequence[Description], members: Sequence[list[Facts]]) -> set[str]:
        """Of two numbers, which of `<`, `=` and `>` may hold of them."""
        (first, second), (ones, others) = asked, members
        ways = {"<", "=", ">"}
        if self._is_within(ones, second):
            ways -= {">", "="} if self._has_more(second, first) else {">"}
        if self._is_within(others, first):
            ways -= {"<", "="} if self._has_more(first, second) else {"<"}
        for few, many, more in ((0, 1, ">"), (1, 0, "<")):
            most, fewest = self._most(members[few]), self._fewest(asked[many])
            if most < fewest:
                ways -= {more, "="}
            elif all(most <= self._fewest(asked[many], facts) for facts in members[few]):
                ways -= {more}
        if self._are_places(first, second):
            ways -= {"="}
        ways -= {">"} if self._is_rest(second, first, ones) else set()
        ways -= {"<"} if self._is_rest(first, second, others) else set()
        return ways


_Comparison = Callable[[_Analysis, Sequence[Description], Sequence[list[Facts]]], str | None]


def _comparison(sign: str) -> _Comparison:
    def compare(
        analysis: _Analysis, asked: Sequence[Description], members: Sequence[list[Facts]]
    ) -> str | None:
        ways = analysis._order(asked, members)
        return None if sign in ways and len(ways) > 1 else "the numbers are so for sure"

    return compare


_COMPARISONS: Mapping[str, _Comparison] = {
    "equal_number": _comparison("="),
    "less_than": _comparison("<"),
    "greater_than": _comparison(">"),
}
