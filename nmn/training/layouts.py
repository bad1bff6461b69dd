"""How the layouts that a model induced differ from those that people gave."""

from collections.abc import Iterable
from typing import Any

from nmn.program.differences import KINDS, difference
from nmn.program.program import Program
from nmn.program.renaming import best_renaming, renamed
from nmn.training.evaluate import Answered

_EXAMPLES = 5
"""Of each kind of difference."""


def layout_report(answers: Iterable[Answered]) -> dict[str, Any] | None:
    """By kind of difference how many layouts there are, up to a renaming of their arguments.

    Each question counts once, however many pictures it is asked of.

    Returns:
        None where no layouts are given.
    """
    known: dict[str, tuple[Program, Program]] = {}
    for answer in answers:
        said, given = answer.program, answer.example.program
        if said is not None and given is not None:
            known.setdefault(answer.example.question, (said, given))
    if not known:
        return None
    names = best_renaming(known.values())
    kinds: dict[str, dict[str, Any]] = {}
    for question, (said, given) in known.items():
        name = difference(renamed(said, names), given)
        kind = kinds.setdefault(name, {"count": 0, "examples": []})
        kind["count"] += 1
        if len(kind["examples"]) < _EXAMPLES:
            texts = {"said": str(said), "given": str(given)}
            kind["examples"].append({"question": question, **texts})
    return {
        "questions": len(known),
        "renaming": names,
        "differences": {name: kinds[name] for name in KINDS if name in kinds},
    }
