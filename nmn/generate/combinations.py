"""Which objects a split may hold: combinations of attributes forbidden or forced.

The compositional test of CLEVR, CoGenT (Johnson et al. 2017, section 4.7), trains on gray, blue,
brown and yellow cubes and on cylinders of the other colours, and tests on the reverse. Here any
such rule is a line of TOML, one list of rules a split:

    [[splits.trainA.rules]]
    when = { shape = "cube" }
    only = { color = ["gray", "blue", "brown", "yellow"] }
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, model_validator

from nmn.config import Config
from nmn.errors import ConfigError, UnknownNameError

Kind = tuple[str, ...]
"""The value of each attribute, in the order of the table that it is of."""

_Names = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda given: (given,) if isinstance(given, str) else given),
    Field(min_length=1),
]
Values = Mapping[str, _Names]
"""Some attributes, each with one or more of its values: the objects that have one of each."""


class Rule(Config):
    """What must be so of the objects that it speaks of.

    Attributes:
        when: the objects that it speaks of; without it, all.
        only: they are so, each of them.
        never: no one of them is so (in all attributes named).
    """

    when: Values = Field(default_factory=dict)
    only: Values = Field(default_factory=dict)
    never: Values = Field(default_factory=dict)

    @model_validator(mode="after")
    def _says_something(self) -> "Rule":
        if not self.only and not self.never:
            raise ValueError("a rule needs 'only' or 'never'")
        return self

    def allows(self, kind: Mapping[str, str]) -> bool:
        """Whether an object with these attributes may be."""
        if not _is(kind, self.when):
            return True
        return _is(kind, self.only) and not (self.never and _is(kind, self.never))


class Combinations(Config):
    """The rules of one split, all of which hold. Without rules, everything may be."""

    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class KindTable:
    """All objects that may be, and how often each is drawn.

    Attributes:
        kinds: the value of each attribute, sorted by them in the order of the attributes.
        chances: the probability of each.
    """

    kinds: tuple[Kind, ...]
    chances: tuple[float, ...]

    @cached_property
    def _upto(self) -> NDArray[np.float64]:
        upto = np.cumsum(self.chances)
        # the sum of the rest may be less than 1 by rounding, and a draw above it
        upto[-1] = 1.0
        return upto

    def draw(self, random: np.random.Generator, count: int) -> NDArray[np.int64]:
        """Indices of `count` independent kinds."""
        return np.searchsorted(self._upto, random.random(count), side="right").astype(np.int64)


def allowed_kinds(
    combinations: Combinations, attributes: Mapping[str, tuple[str, ...]], split: str
) -> KindTable:
    """The objects that `split` may hold.

    They are drawn attribute by attribute, as for CoGenT in the original generator: the first
    value alike among those with which any object may be, the second alike among those that go
    with it, and so on. Without rules all objects are equally frequent.

    Args:
        attributes: the values of each, in the order in which they are drawn.

    Raises:
        ConfigError: a rule with a name that there is not, or rules that leave nothing.
    """
    for number, rule in enumerate(combinations.rules):
        for values in (rule.when, rule.only, rule.never):
            _check_names(values, attributes, f"split {split}, rule {number}")
    kinds = [
        dict(zip(attributes, kind, strict=True))
        for kind in product(*attributes.values())
        if all(rule.allows(dict(zip(attributes, kind, strict=True))) for rule in combinations.rules)
    ]
    if not kinds:
        raise ConfigError(f"split {split}", "the rules leave no object at all")
    for number, rule in enumerate(combinations.rules):
        # who says how things are means that there are some
        if rule.only and not any(_is(kind, rule.when) for kind in kinds):
            problem = f"the rules leave no object of those that rule {number} is about"
            raise ConfigError(f"split {split}", f"{problem} ({_said(rule.when)})")
    names = tuple(tuple(kind.values()) for kind in kinds)
    return KindTable(names, _chances(names))


def _chances(kinds: tuple[Kind, ...]) -> tuple[float, ...]:
    """The probability of each kind when its values are drawn one after the other."""
    choices: dict[Kind, set[str]] = {}
    for kind in kinds:
        for depth, value in enumerate(kind):
            choices.setdefault(kind[:depth], set()).add(value)
    return tuple(
        float(np.prod([1 / len(choices[kind[:depth]]) for depth in range(len(kind))]))
        for kind in kinds
    )


def _is(kind: Mapping[str, str], values: Mapping[str, tuple[str, ...]]) -> bool:
    return all(kind[attribute] in names for attribute, names in values.items())


def _check_names(
    values: Mapping[str, tuple[str, ...]], attributes: Mapping[str, tuple[str, ...]], source: str
) -> None:
    for attribute, names in values.items():
        if attribute not in attributes:
            problem = UnknownNameError("attribute", attribute, tuple(attributes))
            raise ConfigError(source, str(problem))
        for name in names:
            if name not in attributes[attribute]:
                unknown = UnknownNameError(attribute, name, attributes[attribute])
                raise ConfigError(source, str(unknown))


def _said(values: Mapping[str, Any]) -> str:
    """`shape cube and color red or blue`."""
    return " and ".join(f"{name} {' or '.join(given)}" for name, given in values.items())
