"""A neuro-symbolic reasoning engine: questions become programs, programs are executed and seen.

>>> import nmn
>>> answer = nmn.load("shapes").ask("is there a red shape above a circle", "picture.png")
>>> answer.save("trace.html")
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nmn.engine import Engine

__all__ = ["load"]


def load(checkpoint: "str | Path", parser: "str | Path | None" = None) -> "Engine":
    """The model of a checkpoint, ready to be asked; see `nmn.engine.load`."""
    from nmn.engine import load as load_engine

    return load_engine(checkpoint, parser)
