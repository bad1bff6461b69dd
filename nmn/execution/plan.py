"""From programs and their pictures to a plan: what to compute together, in which order.

All programs become one graph (`nmn.execution.merged`), and its nodes groups that are one call each.
A plan is pure data and says nothing of tensors; `nmn.execution.batched` runs it.

The order is an agenda: of all operations that have ready nodes the one goes next of whose nodes
still to come the largest share is ready, so that groups grow large. Masks come first, then what is
read off them, then comparisons: no mask waits for a later phase.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np
from jaxtyping import Int

from nmn.domain import Domain
from nmn.errors import ProgramTypeError
from nmn.execution.compiled import CompiledProgram
from nmn.execution.merged import NONE, MergedGraph, check, merge
from nmn.program.ops import OPERATIONS
from nmn.program.steps import step_table
from nmn.program.types import Kind, Type

_NAMES = tuple(OPERATIONS)


def _phase(name: str) -> int:
    row = OPERATIONS[name]
    return 0 if row.output is Kind.MASK else 1 if row.inputs == (Kind.MASK,) else 2


PHASES = tuple(_phase(name) for name in _NAMES)
"""For each operation 0 if it gives a mask, 1 if it reads one, 2 if it compares what was read."""


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
        answers_alike: whether answers of all kinds are read off together.
    """

    graph: MergedGraph
    groups: tuple[Group, ...]
    place: Int[np.ndarray, " node"]
    index: Int[np.ndarray, "4 node"]
    answers: tuple[AnswerGroup, ...]
    answer_index: Int[np.ndarray, " program"]
    programs: tuple[int, ...]
    answers_alike: bool = False

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
    arguments = table.arguments[ordered].tolist()
    groups: list[Group] = []
    for begin, end in bounds:
        operation = table.steps[ordered[begin]].operation
        arity = len(OPERATIONS[operation].inputs)
        inputs = tuple(picker.pick(places, begin, end) for places in (first, second)[:arity])
        runs = groupby(arguments[begin:end])
        lengths = tuple((argument, sum(1 for _ in run)) for argument, run in runs)
        groups.append(Group(operation, begin, end, lengths, inputs))
    index = np.array([arguments, graph.pictures[order], first, second])
    answers, programs, answer_index = _answers(graph, place, picker, answers_alike)
    return Plan(graph, tuple(groups), place, index, answers, answer_index, programs, answers_alike)


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
            node = _in_a_cycle(graph, next(n for n in range(begin, end) if waiting[n]), waiting)
            path = (f"node {node}", graph.label(node))
            raise ProgramTypeError(path, "inputs that do not depend on it", "a cycle")


def _in_a_cycle(graph: MergedGraph, node: int, waiting: list[int]) -> int:
    """A node of the cycle that `node`, which waits, depends on."""
    seen: set[int] = set()
    while node not in seen:
        seen.add(node)
        node = next(s for s in graph.inputs[node].tolist() if s != NONE and waiting[s])
    return node


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
