"""A domain: what can be said of the things in its pictures, and in which order all is counted.

Everything with an index (module tables, tokens, answer logits) takes it from the tuples here.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from nmn.config import Config, build, read_toml
from nmn.errors import ConfigError, UnknownNameError
from nmn.resources import data_root, dataset_folder


class _DomainFile(Config):
    name: str
    description: str
    relations: list[str]
    answers: list[str]
    attributes: dict[str, list[str]]


@dataclass(frozen=True)
class Attribute:
    """A property with its possible values, e.g. `color` with `red`, `green`, `blue`."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Domain:
    """Attributes with their values (the concepts), relations, and answers, each in order.

    Raises:
        ConfigError: a concept that belongs to two attributes, or a name given twice.
    """

    name: str
    description: str
    attributes: tuple[Attribute, ...]
    relations: tuple[str, ...]
    answers: tuple[str, ...]

    def __post_init__(self) -> None:
        for kind, names in (
            ("concept", self.concepts),
            ("attribute", self.attribute_names),
            ("relation", self.relations),
            ("answer", self.answers),
        ):
            doubles = sorted({name for name in names if names.count(name) > 1})
            if doubles:
                raise ConfigError(f"domain {self.name}", f"{kind} '{doubles[0]}' occurs twice")

    @cached_property
    def concepts(self) -> tuple[str, ...]:
        """All values of all attributes, in order."""
        return tuple(value for attribute in self.attributes for value in attribute.values)

    @cached_property
    def attribute_names(self) -> tuple[str, ...]:
        """The names of the attributes, in order."""
        return tuple(attribute.name for attribute in self.attributes)

    @cached_property
    def _attribute_of(self) -> dict[str, str]:
        return {
            value: attribute.name for attribute in self.attributes for value in attribute.values
        }

    def attribute_of(self, concept: str) -> str:
        """The attribute that has `concept` as a value.

        Raises:
            UnknownNameError: no attribute has it.
        """
        if concept not in self._attribute_of:
            raise UnknownNameError("concept", concept, self.concepts, f"domain {self.name}")
        return self._attribute_of[concept]

    def values_of(self, attribute: str) -> tuple[str, ...]:
        """The values of `attribute`, in order.

        Raises:
            UnknownNameError: there is no such attribute.
        """
        for candidate in self.attributes:
            if candidate.name == attribute:
                return candidate.values
        raise UnknownNameError("attribute", attribute, self.attribute_names, f"domain {self.name}")

    def to_json(self) -> dict[str, object]:
        """The fields of `domain.toml`, for a frozen copy in a checkpoint."""
        return {
            "name": self.name,
            "description": self.description,
            "relations": list(self.relations),
            "answers": list(self.answers),
            "attributes": {a.name: list(a.values) for a in self.attributes},
        }

    @staticmethod
    def from_json(values: object, source: str) -> "Domain":
        """The inverse of `to_json`; `source` is named in errors."""
        file = build(_DomainFile, values, source)
        return Domain(
            name=file.name,
            description=file.description,
            attributes=tuple(Attribute(n, tuple(v)) for n, v in file.attributes.items()),
            relations=tuple(file.relations),
            answers=tuple(file.answers),
        )


def domain_names() -> tuple[str, ...]:
    """The domains that are shipped."""
    return tuple(sorted(p.parent.name for p in (data_root() / "datasets").glob("*/domain.toml")))


@cache
def shipped_domains() -> tuple[Domain, ...]:
    """The domains that are shipped, read once."""
    return tuple(map(load_domain, domain_names()))


def load_domain(name: str) -> Domain:
    """A shipped domain by name, or any other by the path of its `domain.toml`.

    Raises:
        UnknownNameError: neither a shipped domain nor a file.
        ConfigError: the file is not a domain.
    """
    path = Path(name) if name.endswith(".toml") else dataset_folder(name) / "domain.toml"
    if not name.endswith(".toml") and name not in domain_names():
        raise UnknownNameError("domain", name, domain_names())
    return Domain.from_json(read_toml(path), str(path))
