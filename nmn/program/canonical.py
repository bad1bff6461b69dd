"""The canonical form, on which exact match is defined.

Unreachable nodes and sharing disappear; `find[c]` becomes `filter[c](scene)`; chains of filters
and the inputs of commutative operations are put in a fixed order. Nothing is dropped that was
said twice, and nothing is rewritten that only happens to mean the same.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from nmn.program.ops import OPERATIONS
from nmn.program.program import Node, Program, node_of

_COMMUTATIVE = frozenset(row.name for row in OPERATIONS.values() if row.commutative)
_FILTERS = frozenset(("find", "filter"))


class _Part(NamedTuple):
    """A canonical subtree; `argument` is empty where there is none."""

    operation: str
    argument: str
    inputs: "tuple[_Part, ...]"


_SCENE = _Part("scene", "", ())


def canonical(program: Program) -> Program:
    """The canonical form of `program`, a tree in post-order.

    Raises:
        ProgramTypeError: the tree has more than `MAX_TREE_NODES` nodes.
    """
    program.check_tree_size()
    nodes = program.nodes
    parts: dict[int, _Part] = {}
    digests: dict[int, bytes] = {}
    for index, (base, concepts) in reversed(_chains(nodes).items()):
        if concepts:
            part = _SCENE if base is None else parts[base]
            for concept in sorted(concepts):
                part = _Part("filter", concept, (part,))
        else:
            node = nodes[index]
            inputs: Sequence[_Part] = [parts[source] for source in node.inputs]
            if len(inputs) > 1 and node.operation in _COMMUTATIVE:
                inputs = _sorted(inputs, digests)
            part = _Part(node.operation, node.argument or "", tuple(inputs))
        parts[index] = part
    return _flattened(parts[len(nodes) - 1])


def exact_match(first: Program, second: Program) -> bool:
    """Whether two programs have the same canonical form."""
    return canonical(first) == canonical(second)


def _chains(nodes: tuple[Node, ...]) -> dict[int, tuple[int | None, list[str]]]:
    """The nodes that the form is made of, each with the filters that end in it and their base.

    The root comes first. Filters inside a chain are not among the keys; a base of None is the
    whole scene.
    """
    chains: dict[int, tuple[int | None, list[str]]] = {}
    wanted = {len(nodes) - 1}
    for index in range(len(nodes) - 1, -1, -1):
        if index not in wanted:
            continue
        node = nodes[index]
        base: int | None = index
        concepts: list[str] = []
        while base is not None and node.operation in _FILTERS:
            concepts.append(node.argument or "")
            base = node.inputs[0] if node.inputs else None
            node = nodes[base or 0]
        chains[index] = (base, concepts)
        if not concepts:
            wanted.update(node.inputs)
        elif base is not None:
            wanted.add(base)
    return chains


def _sorted(parts: Sequence[_Part], digests: dict[int, bytes]) -> list[_Part]:
    """`parts` in the order of operation and argument, and where those are equal, of digests."""
    if len({(part.operation, part.argument) for part in parts}) == len(parts):
        return sorted(parts, key=lambda part: (part.operation, part.argument))
    return sorted(parts, key=lambda part: _key(part, digests))


def _key(part: _Part, digests: dict[int, bytes]) -> tuple[str, str, bytes]:
    """What a part is sorted by: equal keys, equal subtrees. `digests` are those known, by id."""
    stack = [part]
    while stack:
        current = stack[-1]
        missing = [one for one in current.inputs if id(one) not in digests]
        if missing:
            stack.extend(missing)
            continue
        stack.pop()
        digest = hashlib.blake2b(digest_size=16)
        for one in current.inputs:
            digest.update(repr((one.operation, one.argument, digests[id(one)])).encode())
        digests[id(current)] = digest.digest()
    return part.operation, part.argument, digests[id(part)]


def _flattened(root: _Part) -> Program:
    """The program of `root`, a tree in post-order even where parts are shared."""
    order: list[_Part] = []
    stack = [root]
    while stack:
        part = stack.pop()
        order.append(part)
        stack.extend(part.inputs)
    nodes: list[Node] = []
    done: list[int] = []
    for index, (operation, argument, inputs) in enumerate(reversed(order)):
        sources = tuple(done[-len(inputs) :]) if inputs else ()
        if inputs:
            del done[-len(inputs) :]
        done.append(index)
        nodes.append(node_of(operation, argument or None, sources))
    return Program(tuple(nodes))
