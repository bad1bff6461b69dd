"""Programs as one graph, in which equal nodes (same step, picture and inputs) are one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from nmn.domain import Domain
from nmn.errors import DataError, ProgramTypeError
from nmn.execution.compiled import CompiledProgram
from nmn.program.steps import NO_TYPE, step_table
from nmn.program.typecheck import answers_of

NONE = -1
"""In place of an input that a node does not have."""


@dataclass(frozen=True, eq=False)
class MergedGraph:
    """All nodes of a batch of programs, equal ones once.

    Attributes:
        steps: for each node its place in `StepTable.steps`.
        pictures: for each node the index of its picture.
        inputs: the nodes that feed it, or `NONE`.
        roots: for each program the node of its answer.
        needed: the first so many nodes are those that answers depend on.
        rows: for each program the nodes of its compiled rows, as far as they are in the graph.
    """

    domain: Domain
    steps: Int[np.ndarray, " node"]
    pictures: Int[np.ndarray, " node"]
    inputs: Int[np.ndarray, "node 2"]
    roots: tuple[int, ...]
    needed: int
    rows: tuple[tuple[int, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.steps)

    def label(self, node: int) -> str:
        """`filter[red]`."""
        return step_table(self.domain).steps[int(self.steps[node])].label


def merge(
    programs: Sequence[CompiledProgram],
    pictures: Sequence[int],
    domain: Domain,
    whole: Collection[int] = (),
) -> MergedGraph:
    """One graph of all programs, the i-th on picture `pictures[i]`.

    Args:
        whole: programs of which also those nodes are wanted that the answer does not depend on.
    """
    known: dict[tuple[int, int, int, int], int] = {}
    number = known.setdefault
    rows: list[list[int]] = []
    for compiled, picture in zip(programs, pictures, strict=True):
        nodes = [NONE]
        for step, first, second in compiled.needed:
            nodes.append(number((step, picture, nodes[first], nodes[second]), len(known)))
        rows.append(nodes)
    needed = len(known)
    for program in whole:
        nodes, picture = rows[program], pictures[program]
        for step, first, second in programs[program].unneeded:
            nodes.append(number((step, picture, nodes[first], nodes[second]), len(known)))
    columns = np.array(list(known), dtype=np.intp).reshape(-1, 4)
    return MergedGraph(
        domain,
        columns[:, 0],
        columns[:, 1],
        columns[:, 2:],
        tuple(
            nodes[1 + compiled.row_of[-1]] for nodes, compiled in zip(rows, programs, strict=True)
        ),
        needed,
        tuple(tuple(nodes[1:]) for nodes in rows),
    )


def check(graph: MergedGraph) -> None:
    """Refuse a graph from anywhere that cannot be computed; cycles are found by scheduling it.

    Raises:
        ProgramTypeError: inputs that do not fit, or a root that is no answer.
        DataError: no programs, a number out of range, or columns of different lengths.
    """
    table = step_table(graph.domain)
    if not graph.roots:
        raise DataError("batch", "wanted at least one program, got none")
    columns = {"steps": graph.steps, "pictures": graph.pictures, "inputs": graph.inputs}
    for name, column in columns.items():
        if not (isinstance(column, np.ndarray) and np.issubdtype(column.dtype, np.integer)):
            got = getattr(column, "dtype", type(column).__name__)
            raise DataError("graph", f"{name}: wanted an array of integers, got {got}")
    if not all(isinstance(root, int | np.integer) for root in graph.roots):
        raise DataError("graph", f"roots: wanted integers, got {graph.roots}")
    if graph.steps.ndim != 1:
        raise DataError("graph", f"steps: wanted one for each node, got shape {graph.steps.shape}")
    count = len(graph)
    shapes = tuple(column.shape for column in (graph.steps, graph.pictures, graph.inputs))
    if shapes != ((count,), (count,), (count, 2)):
        raise DataError(
            "graph", f"wanted as many pictures and pairs of inputs as steps, got {shapes}"
        )
    first = graph.inputs[: max(graph.needed, 0)]
    for name, values, begin, end, of in (
        ("step", graph.steps, 0, len(table.steps), "node"),
        ("picture", graph.pictures, 0, None, "node"),
        ("needed", np.array([graph.needed]), 0, count + 1, ""),
        ("input", first, NONE, graph.needed, "node"),
        ("input", graph.inputs, NONE, count, "node"),
        ("root", np.array(graph.roots), 0, count, "program"),
    ):
        wrong = values < begin if end is None else (values < begin) | (values >= end)
        if wrong.any():
            bounds = f"at least {begin}" if end is None else f"{begin} to {end - 1}"
            where = f"{of} {np.argwhere(wrong)[0][0]}" if of else ""
            raise DataError("graph", f"{name} {values[wrong][0]}; wanted {bounds}", where)
    outputs = np.append(table.outputs[graph.steps], NO_TYPE)
    misfits = (outputs[graph.inputs] != table.inputs[graph.steps]).any(axis=1)
    if misfits.any():
        node = int(misfits.argmax())
        wanted, got = (
            ", ".join(str(table.types[t]) for t in types if t != NO_TYPE) or "no inputs"
            for types in (table.inputs[graph.steps[node]], outputs[graph.inputs[node]])
        )
        raise ProgramTypeError((f"node {node}", graph.label(node)), wanted, got)
    for root in graph.roots:
        if not table.answers[graph.steps[root]]:
            path = (f"node {root}", graph.label(root))
            got = str(table.types[outputs[root]])
            raise ProgramTypeError(path, "Bool, Number or Value at the root", got)
    for output in set(outputs[list(graph.roots)].tolist()):
        answers_of(table.types[output], graph.domain)
