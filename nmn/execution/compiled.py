"""Programs in the form that plans are made of: checked, and as rows of numbers."""

from collections import OrderedDict
from dataclasses import dataclass

from nmn.domain import Domain
from nmn.program.program import Program
from nmn.program.steps import step_table
from nmn.program.typecheck import answers_of, typecheck
from nmn.program.types import Type

Row = tuple[int, int, int]
"""A step (a place in `StepTable.steps`) and its inputs: 0 for none, else 1 + the row."""

CACHED = 1 << 14
"""Programs that a compiler remembers."""


@dataclass(frozen=True, slots=True)
class CompiledProgram:
    """A program as rows, those that the answer depends on first; each row after its inputs.

    `find` is written out as a filter of the scene, so that it is shared with one, and operations
    that hand on their input are left out.

    Attributes:
        types: of each node of the program.
        row_of: for each node of the program its row, counted from 0.
        needed: the rows that the answer depends on.
        unneeded: all others.
    """

    program: Program
    types: tuple[Type, ...]
    row_of: tuple[int, ...]
    needed: tuple[Row, ...]
    unneeded: tuple[Row, ...]


class Compiler:
    """Compiles programs of a domain, and remembers those that come again.

    A program is only remembered when it comes the second time: those that are sampled in training
    and never return leave no trace, but for a bounded list of hashes.

    Args:
        transparent: operations that hand on their input; see `ModuleBank`.
        most: programs to remember; beyond, those go that were not used for longest.
    """

    def __init__(
        self, domain: Domain, transparent: frozenset[str] = frozenset(), most: int = CACHED
    ) -> None:
        self.domain = domain
        self.transparent = transparent
        self.most = most
        self._compiled: OrderedDict[Program, CompiledProgram] = OrderedDict()
        self._seen: set[int] = set()

    def __len__(self) -> int:
        """Programs that are remembered."""
        return len(self._compiled)

    def compile(self, program: Program) -> CompiledProgram:
        """The rows of `program`.

        Raises:
            ProgramTypeError, UnknownNameError: what `typecheck` raises, or the domain has no such
                answer.
        """
        known = self._compiled.get(program)
        if known is not None:
            self._compiled.move_to_end(program)
            return known
        made = self._compile(program)
        mark = hash(program)
        if mark in self._seen:
            self._compiled[program] = made
            if len(self._compiled) > self.most:
                self._compiled.popitem(last=False)
        else:
            if len(self._seen) >= 4 * self.most:
                self._seen.clear()
            self._seen.add(mark)
        return made

    def _compile(self, program: Program) -> CompiledProgram:
        types = typecheck(program, self.domain)
        answers_of(types[-1], self.domain)
        index = step_table(self.domain).index
        rows: list[Row] = []
        row_of = [0] * len(program)
        needed = program.reachable
        count = 0
        for wanted in (True, False):
            for place, node in enumerate(program.nodes):
                if needed[place] is not wanted:
                    continue
                inputs = [1 + row_of[source] for source in node.inputs]
                if node.operation in self.transparent:
                    row_of[place] = inputs[0] - 1
                    continue
                operation = node.operation
                if operation == "find":
                    rows.append((index["scene", None], 0, 0))
                    operation, inputs = "filter", [len(rows)]
                first, second = (*inputs, 0, 0)[:2]
                row_of[place] = len(rows)
                rows.append((index[operation, node.argument], first, second))
            if wanted:
                count = len(rows)
        return CompiledProgram(
            program, types, tuple(row_of), tuple(rows[:count]), tuple(rows[count:])
        )
