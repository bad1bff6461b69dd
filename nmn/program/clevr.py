"""The node lists of CLEVR's question files (Johnson et al. 2017), both ways.

A node is `{"function": "filter_color", "inputs": [3], "value_inputs": ["red"]}`. The published
files of v1.0 are written so; the generator's own write the function under `type`, others the
values under `side_inputs`, which may be left out where there are none. All of them are read. Each
node of a file becomes one node of the program: a filter of `scene` stays that, shared and
unreachable nodes stay too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Any

from nmn.domain import Domain
from nmn.errors import ConfigError, ProgramTypeError, UnknownNameError, listing, nearest, shortened
from nmn.program.ops import OPERATIONS, covering, operation
from nmn.program.program import Node, Program, node_of
from nmn.program.typecheck import ROOT_KINDS, Misfit, check, per_domain
from nmn.program.types import ArgumentKind

Step = tuple[str, str | None]
"""An operation and its argument."""
Spelling = tuple[str, str | None]
"""A function of CLEVR and its value, `("filter_color", "red")`."""

_LARGEST_SHOWN = 10**18


@dataclass(frozen=True)
class Dialect:
    """The keys under which a file has functions and their values."""

    function: str = "function"
    values: str = "value_inputs"


V1 = Dialect()
"""CLEVR v1.0 as published."""
GENERATOR = Dialect(function="type")
"""What the generator writes."""
SIDE_INPUTS = Dialect(function="type", values="side_inputs")
"""What the generator works with, and some write."""

_CLEVR_NAMES = covering(
    {
        "scene": "scene",
        "find": "filter",
        "filter": "filter",
        "relate": "relate",
        "same": "same",
        "unique": "unique",
        "and": "intersect",
        "or": "union",
        "exists": "exist",
        "count": "count",
        "query": "query",
        "equal": "equal",
        "equal_number": "equal_integer",
        "less_than": "less_than",
        "greater_than": "greater_than",
    },
    "names in CLEVR",
)


def from_clevr(nodes: Any, domain: Domain) -> Program:
    """The program of a node list in any dialect, type-checked.

    Args:
        nodes: what JSON gave; other keys of a node (`_output`) are passed over.

    Raises:
        ProgramTypeError: it is not a list of nodes, or does not type-check; the node is named.
    """
    return decode_clevr(nodes, domain)[0]


def decode_clevr(nodes: Any, domain: Domain) -> tuple[Program, tuple[int, ...]]:
    """`from_clevr`, and for each node of the file the index of what it became.

    Where every input stands before its consumer, the order is kept and the last node is the
    root, as it is for the generator. Else the root is the last node that no other has as input
    and that yields an answer, and the nodes are put in the topological order nearest to the
    file's.
    """
    if not isinstance(nodes, list) or not nodes:
        got = "none" if nodes == [] else json_word(nodes)
        raise ProgramTypeError(("nodes",), "a list of at least one node", got)
    known = steps_of(domain)
    made: list[Node] = []
    count, ordered = len(nodes), True
    for index, entry in enumerate(nodes):
        if not isinstance(entry, dict):
            raise _error(nodes, index, "an object with 'function' and 'inputs'", json_word(entry))
        function, values = entry.get("function"), entry.get("value_inputs")
        if function is None:
            function = entry.get("type")
        if not values and "side_inputs" in entry:
            values = entry["side_inputs"]
        inputs = entry.get("inputs")
        if not isinstance(function, str) or not isinstance(inputs, list):
            raise _incomplete(nodes, index, function, inputs)
        value = None if values is None else _value(nodes, index, values)
        for source in inputs:
            if type(source) is not int or not 0 <= source < count:
                wanted = f"numbers from 0 to {count - 1} as 'inputs'"
                raise _error(nodes, index, wanted, json_word(source))
            ordered = ordered and source < index
        step = known.get((function, value))
        if step is None:
            raise _unknown(nodes, index, function, value, domain)
        made.append(node_of(*step, tuple(inputs)))
    order: tuple[int, ...] = tuple(range(count))
    places = order
    if not ordered:
        order = _topological(nodes, made)
        places = _inverse(order)
        made = [
            node_of(made[i].operation, made[i].argument, tuple(places[s] for s in made[i].inputs))
            for i in order
        ]
    program = Program(tuple(made))
    types = check(program, domain)
    if isinstance(types, Misfit):
        raise _error(nodes, order[types.node], types.wanted, types.got)
    return program, places


def to_clevr(program: Program, domain: Domain, dialect: Dialect = V1) -> list[dict[str, Any]]:
    """The node list of `program` in a CLEVR question file.

    `find[red]` becomes `scene` and `filter_color`. Programs of other domains are written with
    the same rules.

    Raises:
        UnknownNameError: a concept, attribute or relation that the domain does not have.
    """
    spellings = spellings_of(domain)
    nodes: list[dict[str, Any]] = []
    place: list[int] = []
    for node in program.nodes:
        spelling = spellings.get((node.operation, node.argument))
        if spelling is None:
            raise unknown_step(node, domain)
        inputs = [place[source] for source in node.inputs]
        if node.operation == "find":
            inputs = [len(nodes)]
            scene: dict[str, Any] = {"inputs": [], dialect.function: _CLEVR_NAMES["scene"]}
            nodes.append({**scene, dialect.values: []})
        function, value = spelling
        place.append(len(nodes))
        values = [] if value is None else [value]
        nodes.append({"inputs": inputs, dialect.function: function, dialect.values: values})
    return nodes


@per_domain
def spellings_of(domain: Domain) -> Mapping[Step, Spelling]:
    """How CLEVR writes each step of `domain`; of `find` without its `scene`."""
    table: dict[Step, Spelling] = {}
    for row in OPERATIONS.values():
        name = _CLEVR_NAMES[row.name]
        for argument in row.arguments(domain):
            if argument is None:
                spelling: Spelling = name, None
            elif row.argument is ArgumentKind.CONCEPT:
                spelling = f"{name}_{domain.attribute_of(argument)}", argument
            elif row.argument is ArgumentKind.RELATION:
                spelling = name, argument
            else:
                spelling = f"{name}_{argument}", None
            table[row.name, argument] = spelling
    return table


@per_domain
def steps_of(domain: Domain) -> Mapping[Spelling, Step]:
    """The inverse of `spellings_of`; a filter is `filter` and never `find`.

    Raises:
        ConfigError: two steps of `domain` are written alike (an attribute called `integer`).
    """
    table: dict[Spelling, Step] = {}
    for step, spelling in spellings_of(domain).items():
        if step[0] == "find":
            continue
        if spelling in table:
            problem = f"'{spelling[0]}' of CLEVR would have two meanings"
            raise ConfigError(f"domain {domain.name}", problem)
        table[spelling] = step
    return table


def unknown_step(node: Node, domain: Domain) -> UnknownNameError:
    """The error of a node whose argument `domain` does not have."""
    row = operation(node.operation)
    known = tuple(name for name in row.arguments(domain) if name is not None)
    kind = row.argument if known else f"argument of {row.name}"
    return UnknownNameError(kind, node.argument or "", known, f"domain {domain.name}")


def json_word(value: Any) -> str:
    """A value out of JSON in a few words, for messages."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return repr(shortened(value, 40))
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    if isinstance(value, int) and abs(value) >= _LARGEST_SHOWN:
        return "a number of more than 18 digits"
    return shortened(str(value), 40)


def _value(nodes: list[Any], index: int, values: Any) -> str | None:
    """The only one of a node's values, or None where it has none."""
    if isinstance(values, list):
        if not values:
            return None
        if len(values) == 1 and isinstance(values[0], str):
            return values[0]
    got = json_word(values)
    if isinstance(values, list):
        got = f"{len(values)} values" if len(values) > 1 else json_word(values[0])
    raise _error(nodes, index, "a list of at most one name as 'value_inputs'", got)


def _topological(nodes: list[Any], made: list[Node]) -> tuple[int, ...]:
    """The nodes with inputs before consumers, else in the file's order, and the root last."""
    consumers: list[list[int]] = [[] for _ in made]
    for index, node in enumerate(made):
        for source in node.inputs:
            consumers[source].append(index)
    waiting = [len(node.inputs) for node in made]
    ready = [index for index, inputs in enumerate(waiting) if not inputs]
    heapify(ready)
    order: list[int] = []
    while ready:
        order.append(heappop(ready))
        for index in consumers[order[-1]]:
            waiting[index] -= 1
            if not waiting[index]:
                heappush(ready, index)
    if len(order) < len(made):
        raise _cycle(nodes, made, waiting)
    ends = [index for index, users in enumerate(consumers) if not users]
    answers = [index for index in ends if OPERATIONS[made[index].operation].output in ROOT_KINDS]
    root = (answers or ends)[-1]
    return (*(index for index in order if index != root), root)


def _inverse(order: tuple[int, ...]) -> tuple[int, ...]:
    places = [0] * len(order)
    for place, index in enumerate(order):
        places[index] = place
    return tuple(places)


def _cycle(nodes: list[Any], made: list[Node], waiting: list[int]) -> ProgramTypeError:
    """The error of nodes that wait for each other; `waiting` is nonzero for those and after."""
    way: dict[int, int] = {}
    index = next(index for index, inputs in enumerate(waiting) if inputs)
    while index not in way:
        way[index] = len(way)
        index = next(source for source in made[index].inputs if waiting[source])
    circle = sorted(list(way)[way[index] :])
    got = f"a cycle of {len(circle)} nodes" if len(circle) > 1 else "itself"
    return _error(nodes, circle[0], "inputs that do not depend on it", got)


def _incomplete(nodes: list[Any], index: int, function: Any, inputs: Any) -> ProgramTypeError:
    if not isinstance(function, str):
        wanted, got = "the name of a function as 'function' or 'type'", function
    else:
        wanted, got = "a list of node numbers as 'inputs'", inputs
    return _error(nodes, index, wanted, "none" if got is None else json_word(got))


def _unknown(
    nodes: list[Any], index: int, function: str, value: str | None, domain: Domain
) -> ProgramTypeError:
    """The error of a function with a value that is not of the table."""
    known = steps_of(domain)
    values = [one for name, one in known if name == function and one is not None]
    if values:
        choices = nearest(value or "", values) if value else values[:3]
        wanted, got = f"a value of it ({listing(choices)})", "none"
        if value is not None:
            owner = next((name for name, one in known if one == value), None)
            got = json_word(value) + (f", which is of '{owner}'" if owner else "")
    elif any(name == function for name, _ in known):
        wanted, got = "no value", json_word(value)
    else:
        choices = nearest(function, {name for name, _ in known})
        wanted, got = f"a function of CLEVR (nearest: {listing(choices)})", json_word(function)
    return _error(nodes, index, wanted, got)


def _error(nodes: list[Any], index: int, wanted: str, got: str) -> ProgramTypeError:
    """An error at node `index` of a file, with its function where it has one."""
    entry = nodes[index]
    function = entry.get("function", entry.get("type")) if isinstance(entry, dict) else None
    named = f", {shortened(function, 40)}" if isinstance(function, str) else ""
    named = named if named.isprintable() else ""
    return ProgramTypeError((f"node {index}{named}",), wanted, got)
