"""Exact execution of programs on scene graphs, by the meaning of each operation.

Masks are frozen sets of object indices. `relate` and `same` of a set are the union over its
members (`same` leaves each member itself out); of the empty set, empty. `unique` and `query`
need exactly one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nmn.errors import ExecutionError
from nmn.program.ops import covering
from nmn.program.program import Node, Program
from nmn.scene.scene import Scene

Mask = frozenset[int]
Result = Mask | bool | int | str
"""The value of a step: Mask, Bool, Number or Value."""


@dataclass(frozen=True)
class SymbolicExecution:
    """All intermediate results of one program on one scene.

    Attributes:
        results: one a node; None where the root does not depend on a node and the node means
            nothing, or is fed by such a one.
    """

    program: Program
    results: tuple[Result | None, ...]

    @property
    def answer(self) -> str:
        """The root's value as an answer string."""
        return as_answer(self.results[-1])


def as_answer(value: Result | None) -> str:
    """`yes`, `no`, a number, or the value itself.

    Raises:
        TypeError: a mask is not an answer.
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | str):
        return str(value)
    raise TypeError(f"a mask is not an answer: {value}")


def execute(program: Program, scene: Scene) -> SymbolicExecution:
    """Run a well-typed program on a scene, with the nodes that the root does not depend on.

    Raises:
        ExecutionError: `unique` or `query` of none or several, where the root depends on it, with
            the node named.
    """
    results, failure = attempt(program, scene)
    if failure is not None:
        raise failure
    return SymbolicExecution(program, results)


def attempt(
    program: Program, scene: Scene
) -> tuple[tuple[Result | None, ...], ExecutionError | None]:
    """What `execute` gives, and what it raises; with the latter, the results as far as it got.

    Those of nodes that mean nothing, and of all that they feed, are None.
    """
    results: list[Result | None] = []
    failure: ExecutionError | None = None
    for index, node in enumerate(program.nodes):
        inputs = [results[source] for source in node.inputs]
        try:
            defined = None not in inputs
            results.append(_RULES[node.operation](scene, node, *inputs) if defined else None)
        except _UndefinedError as error:
            if program.reachable[index] and failure is None:
                failure = ExecutionError(node.operation, program.path_to(index), str(error))
            results.append(None)
    return tuple(results), failure


def not_one(count: int) -> str:
    """What is wrong with a set of `count` objects where a single one is needed."""
    return f"needs exactly one object, got {count}"


def without(attribute: str | None) -> str:
    """What is wrong with an object that has no value of `attribute`."""
    return f"of an object without {attribute}"


class _UndefinedError(Exception):
    """An operation that means nothing for its inputs; the text says why."""


def _the_one(mask: Mask) -> int:
    if len(mask) != 1:
        raise _UndefinedError(not_one(len(mask)))
    return next(iter(mask))


def _scene(scene: Scene, _: Node) -> Mask:
    return frozenset(index for index, item in enumerate(scene.objects) if item.present)


def _filter(scene: Scene, node: Node, mask: Mask) -> Mask:
    concept = node.argument
    return frozenset(i for i in mask if concept in scene.objects[i].attributes.values())


def _find(scene: Scene, node: Node) -> Mask:
    return _filter(scene, node, _scene(scene, node))


def _relate(scene: Scene, node: Node, mask: Mask) -> Mask:
    rows = scene.relations[node.argument or ""]
    return frozenset(other for index in mask for other in rows[index])


def _same(scene: Scene, node: Node, mask: Mask) -> Mask:
    attribute = node.argument or ""
    values = [item.attributes.get(attribute) for item in scene.objects]
    return frozenset(
        other
        for index in mask
        for other, value in enumerate(values)
        if other != index and value is not None and value == values[index]
    )


def _unique(_: Scene, __: Node, mask: Mask) -> Mask:
    return frozenset((_the_one(mask),))


def _query(scene: Scene, node: Node, mask: Mask) -> str:
    attributes = scene.objects[_the_one(mask)].attributes
    if node.argument is None or node.argument not in attributes:
        raise _UndefinedError(without(node.argument))
    return attributes[node.argument]


_RULES: Mapping[str, Callable[..., Result]] = covering(
    {
        "scene": _scene,
        "find": _find,
        "filter": _filter,
        "relate": _relate,
        "same": _same,
        "unique": _unique,
        "and": lambda _, __, first, second: first & second,
        "or": lambda _, __, first, second: first | second,
        "exists": lambda _, __, mask: bool(mask),
        "count": lambda _, __, mask: len(mask),
        "query": _query,
        "equal": lambda _, __, first, second: first == second,
        "equal_number": lambda _, __, first, second: first == second,
        "less_than": lambda _, __, first, second: first < second,
        "greater_than": lambda _, __, first, second: first > second,
    },
    "symbolic execution",
)
