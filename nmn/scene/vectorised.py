"""Exact execution of many programs on many scenes at once.

The meaning is that of `nmn.scene.symbolic`, to the text of the errors, but nothing that a program
does on a scene raises: it is reported. One operation on thousands of nodes is a few array
operations on their masks.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Bool, Int, UInt64

from nmn.domain import Domain
from nmn.errors import DataError, ExecutionError, ShapeError
from nmn.program.ops import OPERATIONS, covering
from nmn.program.tokens import TokenVocabulary
from nmn.program.types import Kind
from nmn.scene.plan import Plan
from nmn.scene.symbolic import Result, as_answer, not_one, without
from nmn.scene.table import MAX_OBJECTS, SceneTable, Words


@dataclass(frozen=True, eq=False, repr=False)
class VectorisedExecution:
    """All intermediate results of the programs of a plan, each on a scene.

    Attributes:
        values: the result at each place of the plan, as a word: a mask, 0 or 1, a number, or the
            place of a concept in `domain.concepts`, from 1. Without meaning where a node fails
            and above it.
        undefined: for each node, whether it fails by itself.
        failed_node: position in each program of the node that `symbolic.execute` would raise an
            error for; -1 where the program has an answer.
        answers: indices into `domain.answers`; -1 where the program failed, and where its answer
            is not among them (a count above the largest number): `answer` knows it even so.
    """

    plan: Plan
    values: UInt64[np.ndarray, " node"]
    undefined: Bool[np.ndarray, " node"]
    failed_node: Int[np.ndarray, " program"]
    answers: Int[np.ndarray, " program"]

    def __len__(self) -> int:
        return len(self.plan)

    @property
    def failed(self) -> Bool[np.ndarray, " program"]:
        """Which programs have no answer."""
        return self.failed_node >= 0

    def answer(self, program: int) -> str:
        """The answer of a program, be it among those of the domain or not.

        Raises:
            ExecutionError: it failed.
        """
        error = self.error(program)
        if error is not None:
            raise error
        return as_answer(self._result(program, len(self.plan.programs[program]) - 1))

    def error(self, program: int) -> ExecutionError | None:
        """What `symbolic.execute` raises for a program, None where it has an answer."""
        position = int(self.failed_node[program])
        if position < 0:
            return None
        node = self.plan.programs[program].nodes[position]
        place = self.plan.place[self.plan.begins[program] + node.inputs[0]]
        count = int(self.values[place]).bit_count()
        problem = not_one(count) if count != 1 else without(node.argument)
        path = self.plan.programs[program].path_to(position)
        return ExecutionError(node.operation, path, problem)

    def results(self, program: int) -> tuple[Result | None, ...]:
        """The result of each node of a program; None where it fails, or is fed by one that does."""
        results: list[Result | None] = []
        begin = self.plan.begins[program]
        for position, node in enumerate(self.plan.programs[program].nodes):
            fed = None not in [results[source] for source in node.inputs]
            defined = fed and not self.undefined[begin + position]
            results.append(self._result(program, position) if defined else None)
        return tuple(results)

    def _result(self, program: int, position: int) -> Result:
        value = int(self.values[self.plan.place[self.plan.begins[program] + position]])
        kind = OPERATIONS[self.plan.programs[program].nodes[position].operation].output
        if kind is Kind.MASK:
            return frozenset(index for index in range(value.bit_length()) if value >> index & 1)
        if kind is Kind.BOOL:
            return bool(value)
        return value if kind is Kind.NUMBER else self.plan.domain.concepts[value - 1]


def run(plan: Plan, scenes: SceneTable, scene: Int[np.ndarray, " program"]) -> VectorisedExecution:
    """Execute each program of `plan` on one of `scenes`.

    Args:
        scene: for each program, the index of its scene.

    Raises:
        DataError: `scenes` are of another domain than the programs, or have no such index.
        ShapeError: there is not one scene for each program.
    """
    _check(plan, scenes, scene)
    rows = (scene.astype(np.intp) * scenes.size)[plan.owners] + scenes.begins[plan.steps]
    values = np.empty(len(plan.place), dtype=np.uint64)
    for group in plan.groups:
        inputs = [values[places] for places in group.inputs]
        values[group.places] = RULES[group.operation](scenes, rows[group.places], *inputs)

    undefined = _undefined(plan, values)
    failed_node = np.full(len(plan), -1)
    if undefined.any():
        raised = np.flatnonzero(undefined & plan.reachable)[::-1]
        programs = plan.owners[plan.place[raised]]
        failed_node[programs] = raised - plan.begins[programs]  # the first of several comes last
    roots = plan.place[plan.roots]
    answers = answer_table(plan.domain)[plan.steps[roots], values[roots].astype(np.intp)]
    answers[failed_node >= 0] = -1
    return VectorisedExecution(plan, values, undefined, failed_node, answers)


def _check(plan: Plan, scenes: SceneTable, scene: Int[np.ndarray, " index"]) -> None:
    if plan.domain != scenes.domain:
        problem = f"of domain {scenes.domain.name}, but the programs of {plan.domain.name}"
        raise DataError("scenes", problem)
    if len(scene) != len(plan):
        raise ShapeError("scenes of a plan", f"{len(plan)}, one a program", str(len(scene)))
    wrong = np.flatnonzero((scene < 0) | (scene >= len(scenes.scenes)))
    if wrong.size:
        problem = f"no scene {scene[wrong[0]]} among {len(scenes.scenes)}"
        raise DataError("scenes", problem, f"program {wrong[0]}")


def _undefined(plan: Plan, values: Words) -> Bool[np.ndarray, " node"]:
    """Whether each node is given none or several where it needs one, or one without a value."""
    undefined = np.zeros(len(values), dtype=bool)
    given = values[plan.place[plan.inputs[plan.fallible, 0]]]
    found = values[plan.place[plan.fallible]]
    undefined[plan.fallible] = (np.bitwise_count(given) != 1) | (found == 0)
    return undefined


@cache
def answer_table(domain: Domain) -> Int[np.ndarray, "step value"]:
    """For each step at the root and each value of it, the index of the answer, or -1."""
    strings: Mapping[Kind, list[str]] = {
        Kind.MASK: [],
        Kind.BOOL: ["no", "yes"],
        Kind.NUMBER: [str(number) for number in range(MAX_OBJECTS + 1)],
        Kind.VALUE: ["", *domain.concepts],
    }
    index = {answer: place for place, answer in enumerate(domain.answers)}
    steps = TokenVocabulary(domain).steps
    table = np.full((len(steps), max(map(len, strings.values()))), -1)
    for line, step in zip(table, steps, strict=True):
        found = [index.get(string, -1) for string in strings[OPERATIONS[step.operation].output]]
        line[: len(found)] = found
    return table


RULES: Mapping[str, Callable[..., Words | Bool[np.ndarray, "..."]]] = covering(
    {
        "scene": SceneTable.single,
        "find": SceneTable.single,
        "filter": lambda scenes, rows, mask: mask & scenes.single(rows),
        "relate": SceneTable.of_all,
        "same": SceneTable.of_all,
        "unique": lambda _, __, mask: mask,
        "and": lambda _, __, first, second: first & second,
        "or": lambda _, __, first, second: first | second,
        "exists": lambda _, __, mask: mask != 0,
        "count": lambda _, __, mask: np.bitwise_count(mask),
        "query": SceneTable.of_first,
        "equal": lambda _, __, first, second: first == second,
        "equal_number": lambda _, __, first, second: first == second,
        "less_than": lambda _, __, first, second: first < second,
        "greater_than": lambda _, __, first, second: first > second,
    },
    "vectorised execution",
)
"""The rules of `symbolic`, for the table, the rows and the inputs of many nodes."""
