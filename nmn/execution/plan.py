"""From programs and their pictures to a plan: what to compute together, in which order.

Three steps: `merge` makes one graph of all programs, in which equal nodes (same step, picture and
inputs) are one; `schedule` puts its nodes into groups that are one call each; `plan` does both. A
plan is pure data and says nothing of tensors; `nmn.execution.batched` runs it.

The order is an agenda: of all operations that have ready nodes the one goes next of whose nodes
still to come the largest share is ready, so that groups grow large. Masks come first, then what is
read off them, then comparisons: no mask waits for a later phase.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int

from nmn.domain import Domain
from nmn.errors import DataError, ProgramTypeError
from nmn.execution.compiled import CompiledProgram
from nmn.program.ops import OPERATIONS
from nmn.program.steps import NO_TYPE, step_table
from nmn.program.typecheck import answers_of
from nmn.program.types import Kind, Type

NONE = -1
"""In place of an input that a node does not have."""

_NAMES = tuple(OPERATIONS)


def _phase(name: str) -> int:
    row = OPERATIONS[name]
    return 0 if row.output is Kind.MASK else 1 if row.inputs == (Kind.MASK,) else 2


PHASES = tuple(_phase(name) for name in _NAMES)
"""For each operation 0 if it gives a mask, 1 if it reads one, 2 if it compares what was read."""


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


@dataclass(frozen=True, slots=True)
class Source:
    """Where rows come from: some of the rows of earlier groups, one after the other.

    Attributes:
        groups: the earlier groups.
        whole: whether it is all their rows in order, so that nothing has to be picked.
    """

    groups: tuple[int, ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Nodes that are computed by one call.

    Attributes:
        begin, end: their places in the order of computation.
        runs: their arguments, as `(argument, how many nodes)`.
        inputs: where the rows of each input come from.
    """

    operation: str
    begin: int
    end: int
    runs: tuple[tuple[int, int], ...]
    inputs: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class AnswerGroup:
    """Roots whose answers are read off together.

    Attributes:
        begin, end: their places in `Plan.answer_index`.
        types: the type of each.
    """

    begin: int
    end: int
    types: tuple[Type, ...]
    source: Source


@dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """What to compute, in order.

    Attributes:
        place: for each node of the graph its place in the order of computation.
        index: for each place a column of numbers: argument, picture, and for both inputs the row
            among those of its `Source`.
        answers: the roots, by kind or all together.
        answer_index: for each root, in the order of `answers`, the row among those of its source.
        programs: for each root, in the same order, its program.
    """

    graph: MergedGraph
    groups: tuple[Group, ...]
    place: Int[np.ndarray, " node"]
    index: Int[np.ndarray, "4 node"]
    answers: tuple[AnswerGroup, ...]
    answer_index: Int[np.ndarray, " program"]
    programs: tuple[int, ...]

    def __len__(self) -> int:
        """Nodes to compute."""
        return len(self.graph)

    @cached_property
    def group_of(self) -> Int[np.ndarray, " node"]:
        """For each place its group."""
        sizes = [group.end - group.begin for group in self.groups]
        return np.repeat(np.arange(len(sizes)), sizes)

    @cached_property
    def groups_of(self) -> dict[str, list[int]]:
        """For each operation its groups."""
        found: dict[str, list[int]] = {}
        for number, group in enumerate(self.groups):
            found.setdefault(group.operation, []).append(number)
        return found

    def places_of(self, program: int) -> list[int]:
        """The places of a program's rows, as far as they are computed; see `CompiledProgram`."""
        return [int(self.place[node]) for node in self.graph.rows[program]]

    def __repr__(self) -> str:
        calls = f"{len(self.groups)} calls for {len(self)} nodes"
        return f"<Plan: {calls} of {len(self.programs)} programs>"


def plan(
    programs: Sequence[CompiledProgram],
    pictures: Sequence[int],
    domain: Domain,
    whole: Collection[int] = (),
    *,
    answers_alike: bool = False,
) -> Plan:
    """How to compute the answers of all programs, the i-th on picture `pictures[i]`.

    Args:
        whole: see `merge`.
        answers_alike: see `ModuleBank`.
    """
    return _schedule(merge(programs, pictures, domain, whole), answers_alike)


def schedule(graph: MergedGraph, *, answers_alike: bool = False) -> Plan:
    """A plan for a graph from anywhere.

    Args:
        answers_alike: see `ModuleBank`.

    Raises:
        ProgramTypeError: inputs that do not fit, a cycle, or a root that is no answer.
        DataError: no programs, a number out of range, or columns of different lengths.
    """
    check(graph)
    return _schedule(graph, answers_alike)


def check(graph: MergedGraph) -> None:
    """Refuse a graph that cannot be computed; see `schedule` (which finds the cycles)."""
    table = step_table(graph.domain)
    if not graph.roots:
        raise DataError("batch", "wanted at least one program, got none")
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


def _schedule(graph: MergedGraph, answers_alike: bool) -> Plan:
    table = step_table(graph.domain)
    steps = graph.steps.tolist()
    order: list[int] = []
    bounds: list[tuple[int, int]] = []
    for nodes in _agenda(graph, table.operations[graph.steps].tolist()):
        nodes.sort(key=steps.__getitem__)
        bounds.append((len(order), len(order) + len(nodes)))
        order += nodes
    place = np.empty(len(order), dtype=np.intp)
    place[order] = np.arange(len(order))
    ordered = graph.steps[order]
    sources = np.append(place, NONE)[graph.inputs[order]].T
    picker = _Picker(bounds)
    first, second = sources.tolist()
    arguments = table.arguments[ordered]
    changes = np.flatnonzero(np.diff(ordered, prepend=-1)).tolist()
    groups: list[Group] = []
    run = 0
    for begin, end in bounds:
        step = table.steps[ordered[begin]]
        arity = len(OPERATIONS[step.operation].inputs)
        inputs = tuple(picker.pick(places, begin, end) for places in (first, second)[:arity])
        runs = []
        at = begin
        while at < end:
            run = run + 1 if run < len(changes) and changes[run] <= at else run
            until = min(end, changes[run] if run < len(changes) else end)
            runs.append((int(arguments[at]), until - at))
            at = until
        groups.append(Group(step.operation, begin, end, tuple(runs), inputs))
    index = np.array([arguments, graph.pictures[order], first, second])
    answers, programs, answer_index = _answers(graph, place, picker, answers_alike)
    return Plan(graph, tuple(groups), place, index, answers, answer_index, programs)


def _agenda(graph: MergedGraph, operations: list[int]) -> Iterator[list[int]]:
    """The nodes of each group.

    Raises:
        ProgramTypeError: nodes that need each other.
    """
    consumers: list[list[int]] = [[] for _ in operations]
    waiting = [0] * len(operations)
    for node, (first, second) in enumerate(graph.inputs.tolist()):
        if first != NONE:
            consumers[first].append(node)
            waiting[node] += 1
        if second != NONE:
            consumers[second].append(node)
            waiting[node] += 1
    for begin, end in ((0, graph.needed), (graph.needed, len(operations))):
        to_come = [0] * len(_NAMES)
        ready: dict[int, list[int]] = {}
        for node in range(begin, end):
            to_come[operations[node]] += 1
            if not waiting[node]:
                ready.setdefault(operations[node], []).append(node)
        left = end - begin
        while ready:
            best = min(ready, key=lambda op: (PHASES[op], -len(ready[op]) / to_come[op]))
            nodes = ready.pop(best)
            to_come[best] -= len(nodes)
            left -= len(nodes)
            for node in nodes:
                for consumer in consumers[node]:
                    waiting[consumer] -= 1
                    if not waiting[consumer] and consumer < end:
                        ready.setdefault(operations[consumer], []).append(consumer)
            yield nodes
        if left:
            node = next(n for n in range(begin, end) if waiting[n])
            path = (f"node {node}", graph.label(node))
            raise ProgramTypeError(path, "inputs that do not depend on it", "a cycle")


class _Picker:
    """Turns places into rows of the groups where they are."""

    def __init__(self, bounds: list[tuple[int, int]]) -> None:
        self.bounds = bounds
        self.group_of = [
            group for group, (begin, end) in enumerate(bounds) for _ in range(begin, end)
        ]

    def pick(self, places: list[int], begin: int, end: int) -> Source:
        """The source of `places[begin:end]`, which are replaced by rows of it."""
        wanted = places[begin:end]
        group_of = self.group_of
        used = sorted({group_of[place] for place in wanted})
        shift, size = {}, 0
        for group in used:
            first, last = self.bounds[group]
            shift[group] = size - first
            size += last - first
        rows = [place + shift[group_of[place]] for place in wanted]
        places[begin:end] = rows
        return Source(tuple(used), rows == list(range(size)))


def _answers(
    graph: MergedGraph, place: Int[np.ndarray, " node"], picker: _Picker, alike: bool
) -> tuple[tuple[AnswerGroup, ...], tuple[int, ...], Int[np.ndarray, " program"]]:
    """The groups of answers, their programs, and their rows."""
    table = step_table(graph.domain)
    outputs = [table.types[output] for output in table.outputs[graph.steps[list(graph.roots)]]]
    together: dict[Kind | None, list[int]] = {}
    for program, output in enumerate(outputs):
        together.setdefault(None if alike else output.kind, []).append(program)
    programs = [program for each in together.values() for program in each]
    rows = place[[graph.roots[program] for program in programs]].tolist()
    groups = []
    begin = 0
    for each in together.values():
        end = begin + len(each)
        types = tuple(outputs[program] for program in each)
        groups.append(AnswerGroup(begin, end, types, picker.pick(rows, begin, end)))
        begin = end
    return tuple(groups), tuple(programs), np.array(rows)
