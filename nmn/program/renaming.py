"""Which names of one program language stand for which of another, where nobody says so.

Modules that are learned together with layouts have concepts and relations whose names mean
nothing by themselves. Programs that were meant for the same questions tell which stands for which.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

import networkx

from nmn.program.canonical import canonical
from nmn.program.program import Program

_RELATE = "relate"
_Role = tuple[bool, str]
"""Whether a name stands for a relation, and the name."""


def best_renaming(pairs: Iterable[tuple[Program, Program]]) -> dict[str, str]:
    """The one-to-one renaming of arguments that most pairs of programs speak for.

    Relations are named `relate[left]` in it, as a name may stand for a relation and for something
    else, which are renamed apart.

    Each pair counts for every two relations, and every two other arguments, of which one stands in
    the first program and the other in the second; the less, the oftener either occurs elsewhere.
    The best assignment of all is taken (maximum weight matching).

    Args:
        pairs: programs said, and programs given, for the same questions.
    """
    together: Counter[tuple[_Role, _Role]] = Counter()
    said_often: Counter[_Role] = Counter()
    given_often: Counter[_Role] = Counter()
    for said, given in pairs:
        ours, theirs = _arguments(said), _arguments(given)
        said_often.update(ours)
        given_often.update(theirs)
        together.update((one, other) for one in ours for other in theirs if one[0] == other[0])
    graph = networkx.Graph()
    for (one, other), count in sorted(together.items()):
        # Dice's coefficient: 1 where both always come together.
        weight = 2 * count / (said_often[one] + given_often[other])
        graph.add_edge(("said", *one), ("given", *other), weight=weight)
    found = {}
    for edge in networkx.max_weight_matching(graph):
        (_, _, given_name), (_, *role) = sorted(edge)
        found[_key(*role)] = given_name
    return dict(sorted(found.items()))


def renamed(program: Program, names: Mapping[str, str]) -> Program:
    """The program with other arguments, those of `best_renaming`; what has none keeps its own."""
    nodes = []
    for node in program.nodes:
        argument = node.argument
        if argument is not None:
            argument = names.get(_key(node.operation == _RELATE, argument), argument)
        nodes.append(replace(node, argument=argument))
    return Program(tuple(nodes))


def _key(is_relation: bool, name: str) -> str:
    return f"{_RELATE}[{name}]" if is_relation else name


def _arguments(program: Program) -> set[_Role]:
    return {
        (node.operation == _RELATE, node.argument)
        for node in canonical(program).nodes
        if node.argument is not None
    }
