"""The table of operations: the one place that says what the program language holds.

Everything that treats operations (type checker, executors, module banks, tokens, codecs,
inspector) looks them up here and is checked with `covering` to leave none out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from nmn.domain import Domain
from nmn.errors import UnknownNameError
from nmn.program.types import ArgumentKind, Kind, Type


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the table.

    Attributes:
        argument: what stands in the brackets.
        inputs: the kinds of its inputs; a `VALUE` is one of the attribute in the brackets.
        output: the kind of its result, likewise.
        meaning: what it does, on a scene.
        commutative: whether the order of its inputs is without meaning.
    """

    name: str
    argument: ArgumentKind
    inputs: tuple[Kind, ...]
    output: Kind
    meaning: str
    commutative: bool = False

    def input_types(self, argument: str | None) -> tuple[Type, ...]:
        """The types of the inputs of `name[argument]`."""
        return tuple(_typed(kind, argument) for kind in self.inputs)

    def output_type(self, argument: str | None) -> Type:
        """The type of `name[argument](...)`."""
        return _typed(self.output, argument)

    def arguments(self, domain: Domain) -> tuple[str | None, ...]:
        """All that may stand in the brackets in `domain`, in the domain's order."""
        return arguments_of(self.argument, domain)


def arguments_of(kind: ArgumentKind, domain: Domain) -> tuple[str | None, ...]:
    """The names of one argument kind in `domain`; `(None,)` where there is no argument."""
    tables: dict[ArgumentKind, tuple[str | None, ...]] = {
        ArgumentKind.NONE: (None,),
        ArgumentKind.CONCEPT: domain.concepts,
        ArgumentKind.ATTRIBUTE: domain.attribute_names,
        ArgumentKind.RELATION: domain.relations,
    }
    return tables[kind]


def _typed(kind: Kind, argument: str | None) -> Type:
    return Type(kind, argument) if kind is Kind.VALUE else Type(kind)


_NONE, _CONCEPT = ArgumentKind.NONE, ArgumentKind.CONCEPT
_ATTRIBUTE, _RELATION = ArgumentKind.ATTRIBUTE, ArgumentKind.RELATION
_MASK, _BOOL, _NUMBER, _VALUE = Kind.MASK, Kind.BOOL, Kind.NUMBER, Kind.VALUE
_TWO_MASKS, _TWO_NUMBERS, _TWO_VALUES = (_MASK, _MASK), (_NUMBER, _NUMBER), (_VALUE, _VALUE)

OPERATIONS: Mapping[str, Operation] = {
    operation.name: operation
    for operation in (
        Operation("scene", _NONE, (), _MASK, "all things"),
        Operation("find", _CONCEPT, (), _MASK, "the things that are so"),
        Operation("filter", _CONCEPT, (_MASK,), _MASK, "those of them that are so"),
        Operation("relate", _RELATION, (_MASK,), _MASK, "what is so placed to any of them"),
        Operation("same", _ATTRIBUTE, (_MASK,), _MASK, "others that share it with any of them"),
        Operation("unique", _NONE, (_MASK,), _MASK, "the only one of them"),
        Operation("and", _NONE, _TWO_MASKS, _MASK, "what is in both", commutative=True),
        Operation("or", _NONE, _TWO_MASKS, _MASK, "what is in either", commutative=True),
        Operation("exists", _NONE, (_MASK,), _BOOL, "whether there is any"),
        Operation("count", _NONE, (_MASK,), _NUMBER, "how many there are"),
        Operation("query", _ATTRIBUTE, (_MASK,), _VALUE, "the value that the only one has"),
        Operation("equal", _ATTRIBUTE, _TWO_VALUES, _BOOL, "whether both are the same", True),
        Operation("equal_number", _NONE, _TWO_NUMBERS, _BOOL, "whether as many", True),
        Operation("less_than", _NONE, _TWO_NUMBERS, _BOOL, "whether the first is smaller"),
        Operation("greater_than", _NONE, _TWO_NUMBERS, _BOOL, "whether the first is larger"),
    )
}


def operation(name: str) -> Operation:
    """The row of `name`.

    Raises:
        UnknownNameError: with the nearest names.
    """
    if name not in OPERATIONS:
        raise UnknownNameError("operation", name, tuple(OPERATIONS))
    return OPERATIONS[name]


T = TypeVar("T")


def covering(table: Mapping[str, T], owner: str) -> Mapping[str, T]:
    """`table`, after a check that its keys are exactly the operations.

    Raises:
        ValueError: an operation is missing or one is not in the language; a mistake of the
            programmer of `owner`, found when it is constructed.
    """
    missing = [name for name in OPERATIONS if name not in table]
    extra = [name for name in table if name not in OPERATIONS]
    if missing or extra:
        raise ValueError(f"{owner}: missing operations {missing}, unknown operations {extra}")
    return table
