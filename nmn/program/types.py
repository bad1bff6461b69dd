"""The four types of the program language."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a step yields."""

    MASK = "Mask"
    BOOL = "Bool"
    NUMBER = "Number"
    VALUE = "Value"


class ArgumentKind(StrEnum):
    """What may stand in the brackets of an operation."""

    NONE = "none"
    CONCEPT = "concept"
    ATTRIBUTE = "attribute"
    RELATION = "relation"


@dataclass(frozen=True, slots=True)
class Type:
    """A kind, and for values the attribute they are of: `Mask`, `Value[color]`."""

    kind: Kind
    attribute: str | None = None

    def __str__(self) -> str:
        return self.kind.value if self.attribute is None else f"{self.kind}[{self.attribute}]"


MASK = Type(Kind.MASK)
BOOL = Type(Kind.BOOL)
NUMBER = Type(Kind.NUMBER)


def value_of(attribute: str) -> Type:
    """`Value[attribute]`."""
    return Type(Kind.VALUE, attribute)
