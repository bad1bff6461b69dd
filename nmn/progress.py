"""How long work tells how far it is."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Stage(Protocol):
    """Told what is done, how much of it, of how much where that is known, and how well it goes."""

    def __call__(self, what: str, done: int, total: int | None, note: str = "") -> None:
        """Called now and then."""
        ...


def silent(what: str, done: int, total: int | None, note: str = "") -> None:
    """A `Stage` that tells nobody."""
