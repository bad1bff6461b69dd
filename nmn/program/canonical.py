"""The canonical form, on which exact match is defined.

Unreachable nodes and sharing disappear; `find[c]` becomes `filter[c](scene)`; chains of filters
and the inputs of commutative operations are put in a fixed order. Nothing is dropped that was
said twice, and nothing is rewritten that only happens to mean the same.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from nmn.program.ops import OPERATIONS
from nmn.program.program import Program, Term, flatten


@dataclass(frozen=True, slots=True)
class _Part:
    """A canonical subtree with its sort key: equal keys, equal subtrees."""

    term: Term
    key: tuple[str, str, bytes]


def canonical(program: Program) -> Program:
    """The canonical form of `program`, a tree in post-order.

    Raises:
        ProgramTypeError: the tree has more than `MAX_TREE_NODES` nodes.
    """
    program.check_tree_size()
    chains = _chains(program)
    parts: dict[int, _Part] = {}
    for index in sorted(chains):
        node, (base, concepts) = program.nodes[index], chains[index]
        if concepts:
            part = _part("scene") if base is None else parts[base]
            for concept in sorted(concepts):
                part = _part("filter", concept, [part])
        else:
            inputs = [parts[source] for source in node.inputs]
            row = OPERATIONS.get(node.operation)
            if row is not None and row.commutative:
                inputs.sort(key=lambda one: one.key)
            part = _part(node.operation, node.argument, inputs)
        parts[index] = part
    return flatten(parts[len(program) - 1].term)[0]


def exact_match(first: Program, second: Program) -> bool:
    """Whether two programs have the same canonical form."""
    return canonical(first) == canonical(second)


def _part(operation: str, argument: str | None = None, inputs: Sequence[_Part] = ()) -> _Part:
    digest = hashlib.blake2b(digest_size=16)
    for one in inputs:
        digest.update(repr(one.key).encode())
    term = Term(operation, argument, tuple(one.term for one in inputs))
    return _Part(term, (operation, argument or "", digest.digest()))


def _chains(program: Program) -> dict[int, tuple[int | None, list[str]]]:
    """The nodes that the form is made of, each with the filters that end in it and their base.

    Filters inside a chain are not among the keys; a base of None is the whole scene.
    """
    chains: dict[int, tuple[int | None, list[str]]] = {}
    wanted = {len(program) - 1}
    for index in range(len(program) - 1, -1, -1):
        if index not in wanted:
            continue
        base: int | None = index
        concepts: list[str] = []
        while base is not None and program.nodes[base].operation in ("filter", "find"):
            concepts.append(program.nodes[base].argument or "")
            base = next(iter(program.nodes[base].inputs), None)
        chains[index] = (base, concepts)
        if not concepts:
            wanted.update(program.nodes[index].inputs)
        elif base is not None:
            wanted.add(base)
    return chains
