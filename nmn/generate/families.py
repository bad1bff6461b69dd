"""Question families: patterns in groups, read from `datasets/<domain>/families.toml`.

There is no English in the file: the realiser says what a pattern was filled with.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from nmn.config import Config, build, read_toml
from nmn.domain import Domain
from nmn.errors import UnknownNameError
from nmn.generate.patterns import Pattern
from nmn.resources import dataset_folder

ORIGINAL, FREE = "original", "free"
"""The names of all groups of CLEVR v1.0, and of all that it does not have."""


class _Group(Config):
    programs: tuple[str, ...]


class _FamiliesFile(Config):
    original: dict[str, _Group]
    free: dict[str, _Group]


@dataclass(frozen=True, order=True)
class Family:
    """One kind of question.

    Attributes:
        template: its group, for those of CLEVR the name of the template file without `.json`.
        index: its place in the group, CLEVR's `question_family_index`.
    """

    template: str
    index: int
    pattern: Pattern = field(compare=False)

    @property
    def name(self) -> str:
        """`one_hop 3`."""
        return f"{self.template} {self.index}"


def families_of(names: Sequence[str], domain: Domain) -> tuple[Family, ...]:
    """The families of some groups, each once, in the order of the file.

    Args:
        names: of groups; `original` and `free` stand for many.

    Raises:
        UnknownNameError: there is no such group.
        ConfigError: a pattern that does not fit `domain`.
    """
    kinds = _groups(domain)
    known = {ORIGINAL: set(kinds[ORIGINAL]), FREE: set(kinds[FREE])}
    known |= {template: {template} for groups in kinds.values() for template in groups}
    for name in names:
        if name not in known:
            raise UnknownNameError("question family", name, tuple(known))
    wanted = set[str]().union(*(known[name] for name in names))
    return tuple(
        family
        for groups in kinds.values()
        for template, families in groups.items()
        if template in wanted
        for family in families
    )


@cache
def _groups(domain: Domain) -> dict[str, dict[str, tuple[Family, ...]]]:
    path = dataset_folder(domain.name) / "families.toml"
    file = build(_FamiliesFile, read_toml(path), str(path))
    return {
        kind: {
            template: tuple(
                Family(template, index, Pattern(text, domain, f"{path}, {template} {index}"))
                for index, text in enumerate(group.programs)
            )
            for template, group in groups.items()
        }
        for kind, groups in ((ORIGINAL, file.original), (FREE, file.free))
    }
