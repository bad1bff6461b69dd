"""Fill the holes of a pattern so that the program is valid and nothing in it is idle on a scene.

Every `unique` is of one thing, and every filter, `relate`, `same` and side of an `and` or `or`
changes the set that is described: without it, other things would be meant. What a set would be
without each of its parts is carried along ("looser" sets), so that one comparison decides. A
relation or `same` is replaced by all other things than the one it starts from. The sides of an
`or` describe sets of their own, of which none holds the other.

Masks are integers, a bit an object. Nothing is executed again: drawing a set gives its mask, and
with it the answer.
"""

from bisect import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from nmn.generate.patterns import ANY, Pattern
from nmn.generate.scene_masks import Draws, SceneMasks, bits_of
from nmn.program.ops import OPERATIONS, covering
from nmn.program.program import Node, Program, node_of
from nmn.program.types import Kind

_HOPS = ("relate", "same")
_AGAIN = 4
"""How many steps back are made within one draw."""
_SPARED = 2
"""How many of them are not made only to say more of a thing."""
_THINGS = 3
"""How many things of a set are tried, until one can be described."""
_LENGTHS = (0.086, 0.327, 0.712, 0.953)
"""Share of the descriptions with at most 0, 1, 2 and 3 filters in CLEVR v1.0.

So many are wanted; a thing is often known by fewer, and more would be idle.
"""
_NEAR_MISS = 0.15
"""How often a set within an `and`, `or` or comparison is empty on purpose."""


class _Set(NamedTuple):
    """What a node means on the scene.

    Attributes:
        mask: the things; of a value or number the things it is of.
        looser: what would be meant without each of the parts.
        said: what its holes were filled with.
        value: a number, value or answer as text.
    """

    mask: int
    looser: tuple[int, ...] = ()
    said: tuple[str | None, ...] = (None,)
    value: str = ""


@dataclass(frozen=True)
class _Step:
    """One node of a pattern, ready to fill.

    Attributes:
        back: the last step before it that draws a relation or attribute, to which to go back
            where nothing fits; -1 for none.
        codes: of a filter, the sets of attributes that may be stated, a bit an attribute: for
            each wanted number those of that number, of fewer, and then of more.
        bits: of a filter, those of the attributes in `codes`.
        concept: the only filter there is, or empty.
        use: of a filter, the operation that takes the set.
        asked: of a filter, whether the question is of the set alone.
        near_misses: of a filter, how often the set shall be empty where that is open.
        at_scene: of a filter, whether all of the scene is filtered.
    """

    operation: str
    argument: str | None
    inputs: tuple[int, ...]
    back: int
    codes: tuple[tuple[tuple[int, ...], ...], ...] = ()
    bits: tuple[int, ...] = ()
    concept: str = ""
    use: str = ""
    asked: bool = False
    near_misses: float = 0.0
    at_scene: bool = False


@dataclass(frozen=True, eq=False)
class Filled:
    """A program of a pattern on one scene, and its answer there."""

    answer: str
    _steps: tuple[_Step, ...] = field(repr=False)
    _sets: tuple[_Set, ...] = field(repr=False)

    @cached_property
    def program(self) -> Program:
        """The program; made when it is asked for, as most draws are refused for their answer."""
        nodes: list[Node] = []
        places: list[int] = []
        for step, found in zip(self._steps, self._sets, strict=True):
            inputs = tuple([places[source] for source in step.inputs])
            for argument in found.said:
                nodes.append(node_of(step.operation, argument, inputs))
                inputs = (len(nodes) - 1,)
            places.append(inputs[0] if step.operation == "filter" else len(nodes) - 1)
        return Program(tuple(nodes))


class Filler:
    """Fills one pattern on any scenes of its domain.

    Args:
        attribute: what a `query[any]` asks for and `equal[any]` compares; it is not stated of
            the things that are asked about.
    """

    def __init__(self, pattern: Pattern, attribute: str | None = None) -> None:
        self.domain = pattern.domain
        self.pattern = pattern
        self.attribute = attribute
        self._bits = {name: 1 << place for place, name in enumerate(self.domain.attribute_names)}
        self._steps = tuple(self._step(index) for index in range(len(pattern.program)))

    @cached_property
    def answers(self) -> tuple[str, ...]:
        """The answers of the domain that its questions can have."""
        root = self._steps[-1]
        known = self.domain.answers
        kinds: Mapping[Kind, Callable[[str], bool]] = {
            Kind.BOOL: ("yes", "no").__contains__,
            Kind.NUMBER: str.isdecimal,
            Kind.VALUE: lambda answer: answer in self.domain.values_of(root.argument or ""),
        }
        return tuple(filter(kinds[OPERATIONS[root.operation].output], known))

    @property
    def may_be_empty(self) -> bool:
        """Whether its questions are of one set, and of how many or whether any are in it."""
        return any(step.asked for step in self._steps)

    def fill(self, scene: SceneMasks, draws: Draws, *, empty: bool = False) -> Filled | None:
        """A program of the pattern on `scene`; None where this draw came to nothing.

        Args:
            empty: whether the set that `exists` or `count` is asked of shall be empty.
        """
        attempt = _Attempt(self, scene, draws, empty)
        sets: list[_Set] = []
        while len(sets) < len(self._steps):
            step = self._steps[len(sets)]
            found = _RULES[step.operation](attempt, step, *[sets[place] for place in step.inputs])
            if found is not None:
                sets.append(found)
            elif attempt.again and step.back >= 0:
                attempt.again -= 1
                del sets[step.back :]
            else:
                return None
        return Filled(sets[-1].value, self._steps, tuple(sets))

    def _step(self, index: int) -> _Step:
        nodes = self.pattern.program.nodes
        node = nodes[index]
        argument = node.argument
        if node.operation in ("query", "equal") and argument == ANY:
            argument = self.attribute
        free = [
            i for i, n in enumerate(nodes[:index]) if n.argument == ANY and n.operation in _HOPS
        ]
        back = free[-1] if free else -1
        if node.operation != "filter":
            return _Step(node.operation, argument, node.inputs, back)
        hole = self.pattern.hole(node.argument or "")
        use, after = self._consumer(index)
        asked = nodes[self._consumer(after)[1]].operation if use == "unique" else ""
        stated = [a for a in hole.attributes if asked != "query" or a != self.attribute]
        bits = tuple(self._bits[name] for name in stated)
        allowed = sum(bits)
        codes = [code for code in range(allowed + 1) if code & ~allowed == 0]
        if hole.required:
            codes = [allowed]
        elif use == "exists" and nodes[node.inputs[0]].operation in ("scene", "or"):
            codes.remove(0)  # there always is something, as no side of an "or" is idle
        return _Step(
            operation="filter",
            argument=None,
            inputs=node.inputs,
            back=back,
            codes=_by_length(codes),
            bits=bits,
            concept=hole.concept,
            use=use,
            asked=use in ("exists", "count") and after == len(nodes) - 1,
            near_misses=0.0 if use == "unique" else _NEAR_MISS,
            at_scene=nodes[node.inputs[0]].operation == "scene",
        )

    def _consumer(self, index: int) -> tuple[str, int]:
        nodes = self.pattern.program.nodes
        return next((n.operation, i) for i, n in enumerate(nodes) if index in n.inputs)


def _by_length(codes: Sequence[int]) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """For each wanted number of bits the codes of so many, then those of fewer, then of more."""
    most = len(_LENGTHS)
    groups = [tuple(c for c in codes if min(c.bit_count(), most) == n) for n in range(most + 1)]
    return tuple(
        tuple(filter(None, (*groups[wanted::-1], *groups[wanted + 1 :])))
        for wanted in range(len(groups))
    )


class _Attempt:
    """A rule for each operation: what it means on the scene, its holes filled; None for nothing."""

    def __init__(self, filler: Filler, scene: SceneMasks, draws: Draws, empty: bool) -> None:
        self.domain, self.scene, self.draws = filler.domain, scene, draws
        self.empty, self.again = empty, _AGAIN

    def everything(self, _: _Step) -> _Set:
        return _Set(self.scene.everything)

    def found(self, step: _Step) -> _Set:
        mask = self.scene.concepts[step.argument or ""]
        return _Set(mask, (self.scene.everything,), (step.argument,))

    def filtered(self, step: _Step, base: _Set) -> _Set | None:
        concepts = self._concepts(step, base)
        if concepts is None:
            return None
        mask, looser = base.mask, base.looser
        for concept in concepts:
            own = self.scene.concepts[concept]
            looser = (*[other & own for other in looser], mask)
            mask &= own
        return _Set(mask, looser, concepts)

    def related(self, step: _Step, anchor: _Set) -> _Set:
        relation = step.argument
        if relation == ANY or relation is None:
            names = self.domain.relations
            relation = names[self.draws.below(len(names))]
        mask = self.scene.relations[relation][anchor.mask.bit_length() - 1]
        return _Set(mask, (self.scene.everything & ~anchor.mask,), (relation,))

    def sharing(self, step: _Step, anchor: _Set) -> _Set:
        names = self.domain.attribute_names
        drawn = step.argument == ANY or step.argument is None
        place = self.draws.below(len(names)) if drawn else names.index(step.argument or "")
        others = self.scene.everything & ~anchor.mask
        mask = self.scene.sharing[place][anchor.mask.bit_length() - 1] & others
        return _Set(mask, (others,), (names[place],))

    def unique(self, _: _Step, things: _Set) -> _Set | None:
        if things.mask.bit_count() != 1 or things.mask in things.looser:
            return None
        return _Set(things.mask)

    def both(self, _: _Step, first: _Set, second: _Set) -> _Set | None:
        looser = [other & second.mask for other in first.looser]
        looser += [other & first.mask for other in second.looser]
        looser += [first.mask, second.mask]
        mask = first.mask & second.mask
        return None if mask in looser else _Set(mask, tuple(looser))

    def either(self, _: _Step, first: _Set, second: _Set) -> _Set | None:
        mask = first.mask | second.mask
        if mask in (first.mask, second.mask):
            return None
        if first.mask in first.looser or second.mask in second.looser:
            return None
        return _Set(mask)

    def exists(self, _: _Step, things: _Set) -> _Set | None:
        if things.mask in things.looser:
            return None
        return _Set(things.mask, value="yes" if things.mask else "no")

    def count(self, _: _Step, things: _Set) -> _Set | None:
        if things.mask in things.looser:
            return None
        return _Set(things.mask, value=str(things.mask.bit_count()))

    def query(self, step: _Step, one: _Set) -> _Set:
        place = self.domain.attribute_names.index(step.argument or "")
        value = self.scene.values[one.mask.bit_length() - 1][place]
        return _Set(one.mask, said=(step.argument,), value=value)

    def equal(self, step: _Step, first: _Set, second: _Set) -> _Set | None:
        if first.mask == second.mask:  # of the same thing
            return None
        return _Set(0, said=(step.argument,), value=_yes(first.value == second.value))

    def equal_number(self, _: _Step, first: _Set, second: _Set) -> _Set:
        return _Set(0, value=_yes(first.mask.bit_count() == second.mask.bit_count()))

    def less_than(self, _: _Step, first: _Set, second: _Set) -> _Set:
        return _Set(0, value=_yes(first.mask.bit_count() < second.mask.bit_count()))

    def greater_than(self, _: _Step, first: _Set, second: _Set) -> _Set:
        return _Set(0, value=_yes(first.mask.bit_count() > second.mask.bit_count()))

    def _concepts(self, step: _Step, base: _Set) -> tuple[str, ...] | None:
        """What is stated of some of `base`; None where it would be idle or nothing fits.

        A thing is drawn and what describes it: one of `base`, or for a set that shall be empty
        one that is not, and of the whole scene a thing that there is not.
        """
        scene = self.scene
        if step.concept:
            return (step.concept,)
        empty = self.empty if step.asked else self.draws.fraction() < step.near_misses
        things = bits_of(
            scene.everything & ~base.mask if empty and not step.at_scene else base.mask
        )
        wanted = bisect(_LENGTHS, self.draws.fraction())
        best: tuple[str, ...] | None = None
        for _ in range(min(_THINGS, len(things))):
            thing = things[self.draws.below(len(things))]
            own, alike, changed = scene.values[thing], scene.alike[thing], 0
            if empty and step.at_scene:
                place = self.draws.below(len(own))
                values = self.domain.attributes[place].values
                value = values[self.draws.below(len(values))]
                own, changed = (*own[:place], value, *own[place + 1 :]), 1 << place
                alike = scene.with_values(own)
            meant = 1 << thing if step.use == "unique" else 0 if empty else None
            code = self._busy(step, base, alike, changed, meant, wanted)
            if code is None:
                continue
            concepts = tuple([c for place, c in enumerate(own) if code >> place & 1])
            if len(concepts) >= min(wanted, 2):
                return concepts
            if best is None or len(concepts) > len(best):
                best = concepts
        if not best and wanted and step.back >= 0 and self.again > _SPARED:
            return None  # another relation may leave more to say
        return best

    def _busy(
        self,
        step: _Step,
        base: _Set,
        alike: list[int],
        changed: int,
        meant: int | None,
        wanted: int,
    ) -> int | None:
        """Attributes of a thing whose values describe `meant`, none being idle; a bit each.

        Args:
            alike: for each set of attributes the things that have the same values.
            changed: attributes that are to be among them.
            meant: None for any things.
            wanted: how many attributes; else the next fewer, and only then more.
        """
        start, whole = self.draws.fraction(), base.mask
        for codes in step.codes[wanted]:
            first = int(start * len(codes))
            for code in (*codes[first:], *codes[:first]):
                rest = alike[code]
                mask = whole & rest
                if (meant is None or mask == meant) and code & changed == changed:
                    for other in base.looser:
                        if other & rest == mask:
                            break
                    else:
                        for bit in step.bits:
                            if code & bit and whole & alike[code ^ bit] == mask:
                                break
                        else:
                            return code
        return None


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"


_RULES: Mapping[str, Callable[..., _Set | None]] = covering(
    {
        "scene": _Attempt.everything,
        "find": _Attempt.found,
        "filter": _Attempt.filtered,
        "relate": _Attempt.related,
        "same": _Attempt.sharing,
        "unique": _Attempt.unique,
        "and": _Attempt.both,
        "or": _Attempt.either,
        "exists": _Attempt.exists,
        "count": _Attempt.count,
        "query": _Attempt.query,
        "equal": _Attempt.equal,
        "equal_number": _Attempt.equal_number,
        "less_than": _Attempt.less_than,
        "greater_than": _Attempt.greater_than,
    },
    "filling patterns",
)
