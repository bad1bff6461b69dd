"""Kinds of questions, for reports."""

from nmn.data.example import Example, question_type
from nmn.generate.shapes import ShapesWorldConfig, split_of
from nmn.generate.sort_of_clevr import SortOfClevrConfig
from nmn.program.canonical import canonical
from nmn.program.program import Program
from nmn.training.preset import TrainPreset

_LENGTHS = 5
"""Program lengths that are one group."""

_ROOTS = {
    "exists": "exist",
    "count": "count",
    "query": "query",
    "equal": "compare attribute",
    "equal_number": "compare numbers",
    "less_than": "compare numbers",
    "greater_than": "compare numbers",
}
"""The kinds of questions in the tables that are published for CLEVR."""


class Groups:
    """Tells in which group of each kind a question is.

    Args:
        preset: of the model that answers.
    """

    def __init__(self, preset: TrainPreset) -> None:
        world = preset.data.world
        self._has_sorts = isinstance(world, SortOfClevrConfig)
        self._shapes = world if isinstance(world, ShapesWorldConfig) else None
        self._known: dict[Program, dict[str, str]] = {}

    def of(self, example: Example, executed: Program | None = None) -> dict[str, str]:
        """By the name of each kind, the group.

        Args:
            executed: what counts as its program where it has none.
        """
        program = example.program or executed
        groups: dict[str, str] = {}
        if program is not None:
            if program not in self._known:
                self._known[program] = self._of_program(program)
            groups |= self._known[program]
        if example.family and example.family != groups.get("type"):
            groups["family"] = example.family
        if example.family and self._has_sorts:  # relational and not, as in the published numbers
            groups["sort"] = example.family.rsplit(maxsplit=1)[0].replace("_", "-")
        if example.scene is not None:
            groups["objects"] = str(sum(thing.present for thing in example.scene.objects))
        return groups

    def _of_program(self, program: Program) -> dict[str, str]:
        begin = (len(canonical(program)) - 1) // _LENGTHS * _LENGTHS + 1
        groups = {
            "type": question_type(program),
            "depth": str(program.depth),
            "length": f"{begin} to {begin + _LENGTHS - 1}",
            "relations": str(_relation_depth(program)),
        }
        if self._shapes is None:
            groups["root"] = _ROOTS[program.root.operation]
        else:
            seen = split_of(program, self._shapes) == "train"
            groups["composition"] = "seen" if seen else "unseen"
        return groups


def _relation_depth(program: Program) -> int:
    """How many relations the answer is away from what it is at most related to."""
    depths: list[int] = []
    for node in program.nodes:
        before = max((depths[source] for source in node.inputs), default=0)
        depths.append(before + (node.operation == "relate"))
    return depths[-1]
