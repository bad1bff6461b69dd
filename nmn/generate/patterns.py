"""Programs with holes: what a question family is made of, and what may be held out.

A pattern is program text in which `filter[any]`, `filter[not_size_or_color]`, `filter[size]`,
`relate[any]`, `same[any]`, `query[any]` and `equal[any]` are holes, and `scene[any]` is any set.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from nmn.domain import Domain
from nmn.errors import ConfigError, GrammarError, UnknownNameError
from nmn.program.canonical import canonical
from nmn.program.ops import OPERATIONS
from nmn.program.program import Program
from nmn.program.text import parse_program

ANY = "any"
"""The argument that stands for all."""

_NOT, _OR = "not_", "_or_"


@dataclass(frozen=True)
class Hole:
    """What one `filter` of a pattern may become.

    Attributes:
        attributes: those of which a filter may be stated, at most one of each.
        required: whether one must be, and then no other.
        concept: the only one that may be, or empty for any.
    """

    attributes: tuple[str, ...]
    required: bool = False
    concept: str = ""

    def takes(self, concept: str, domain: Domain) -> bool:
        """Whether a filter of `concept` may stand there."""
        if self.concept:
            return concept == self.concept
        return domain.attribute_of(concept) in self.attributes


@dataclass(frozen=True)
class Pattern:
    """A program with holes, or a part of one.

    Attributes:
        source: where it stands, for messages.

    Raises:
        ConfigError: not program text, or an argument that is neither of the domain nor a hole.
    """

    text: str
    domain: Domain
    source: str

    def __post_init__(self) -> None:
        for node in self.program.nodes:
            row = OPERATIONS[node.operation]
            known = tuple(name for name in row.arguments(self.domain) if name is not None)
            if node.operation == "filter":
                self.hole(node.argument or "")
            elif node.argument == ANY and (known or node.operation == "scene"):
                continue
            elif node.argument not in (known or (None,)):
                raise self._unknown(node.label, tuple(f"{row.name}[{name}]" for name in known))

    @cached_property
    def program(self) -> Program:
        """The pattern as a program; its arguments need not be those of the domain."""
        try:
            return parse_program(self.text)
        except GrammarError as error:
            raise ConfigError(self.source, str(error)) from error

    def hole(self, argument: str) -> Hole:
        """What `filter[argument]` stands for.

        Raises:
            ConfigError: neither a concept, an attribute, nor attributes that are left out.
        """
        names = self.domain.attribute_names
        if argument in self.domain.concepts:
            return Hole((self.domain.attribute_of(argument),), True, argument)
        if argument in names:
            return Hole((argument,), True)
        without = argument.removeprefix(_NOT).split(_OR) if argument.startswith(_NOT) else []
        if argument != ANY and (not without or not set(without) <= set(names)):
            known = (*self.domain.concepts, *names, *(f"{_NOT}{name}" for name in names), ANY)
            raise self._unknown(f"filter[{argument}]", tuple(f"filter[{name}]" for name in known))
        return Hole(tuple(name for name in names if name not in without))

    def fits(self, program: Program) -> bool:
        """Whether `program` (up to its canonical form) is the pattern with its holes filled."""
        whole = canonical(program)
        return self._matches(len(self.program) - 1, whole, len(whole) - 1)

    def is_in(self, program: Program) -> bool:
        """Whether a part of `program` (up to its canonical form) is the pattern, likewise."""
        whole, root = canonical(program), len(self.program) - 1
        return any(self._matches(root, whole, index) for index in range(len(whole)))

    def _matches(self, place: int, program: Program, index: int) -> bool:
        wanted, node = self.program.nodes[place], program.nodes[index]
        if wanted.operation == "scene" and wanted.argument == ANY:
            return True
        if wanted.operation == "filter":
            return self._chain_matches(place, program, index)
        if wanted.operation != node.operation or wanted.argument not in (ANY, node.argument):
            return False
        ways: list[Sequence[int]] = [node.inputs]
        if OPERATIONS[node.operation].commutative:
            ways.append(node.inputs[::-1])
        return any(
            all(self._matches(p, program, i) for p, i in zip(wanted.inputs, way, strict=True))
            for way in ways
        )

    def _chain_matches(self, place: int, program: Program, index: int) -> bool:
        """Whether the filters from `index` on are those that the holes from `place` on take."""
        places, base = chain_below(self.program, place)
        indices, found = chain_below(program, index)
        left = [program.nodes[i].argument or "" for i in indices]
        holes = [self.hole(self.program.nodes[p].argument or "") for p in places]
        for hole in (hole for hole in holes if hole.required):
            taken = next((c for c in left if hole.takes(c, self.domain)), None)
            if taken is None:
                return False
            left.remove(taken)
        bottom = self.program.nodes[base]
        if bottom.operation == "scene" and bottom.argument == ANY:
            return True
        optional = [hole for hole in holes if not hole.required]
        attributes = [self.domain.attribute_of(concept) for concept in left]
        return (
            len(set(attributes)) == len(attributes)
            and all(any(hole.takes(c, self.domain) for hole in optional) for c in left)
            and self._matches(base, program, found)
        )

    def _unknown(self, label: str, known: tuple[str, ...]) -> ConfigError:
        error = UnknownNameError("hole or step", label, known, f"'{self.text}'")
        return ConfigError(self.source, str(error))


def chain_below(program: Program, index: int) -> tuple[list[int], int]:
    """The nodes of the chain of filters that ends in `index`, and the one below them."""
    indices: list[int] = []
    while program.nodes[index].operation == "filter":
        indices.append(index)
        (index,) = program.nodes[index].inputs
    return indices, index
