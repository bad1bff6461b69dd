"""In which way a program differs from another one that was meant for the same question."""

from collections import Counter

from nmn.program.canonical import canonical
from nmn.program.program import Node, Program

EQUAL = "equal"
KINDS = (
    EQUAL,
    "without unique",
    "turned round",
    "other arrangement",
    "steps left out",
    "steps put in",
    "other arguments",
    "other operations",
)
"""From the least difference to the greatest; the first that applies."""

_TURNED = {"greater_than": "less_than"}


def difference(said: Program, given: Program) -> str:
    """The kind of difference, one of `KINDS`.

    - `without unique`: equal but for steps `unique`, which only check.
    - `turned round`: besides, `greater_than` stands for `less_than` of the same turned round.
    - `other arrangement`: the same steps, put on each other in another way.
    - `steps left out`, `steps put in`: one has the steps of the other and more, but for `unique`.
    - `other arguments`: the same operations, as often, with other concepts or relations.
    """
    if canonical(said) == canonical(given):
        return EQUAL
    said, given = without_unique(said), without_unique(given)
    ours, theirs = _labels(said), _labels(given)
    applies = (
        canonical(said) == canonical(given),
        canonical(_one_way(said)) == canonical(_one_way(given)),
        ours == theirs,
        ours < theirs,
        ours > theirs,
        _operations(said) == _operations(given),
        True,
    )
    return KINDS[1 + applies.index(True)]


def without_unique(program: Program) -> Program:
    """The same program without its steps `unique`."""
    place: dict[int, int] = {}
    nodes: list[Node] = []
    for index, node in enumerate(program.nodes):
        if node.operation == "unique":
            place[index] = place[node.inputs[0]]
        else:
            place[index] = len(nodes)
            inputs = tuple(place[source] for source in node.inputs)
            nodes.append(Node(node.operation, node.argument, inputs))
    return Program(tuple(nodes))


def _one_way(program: Program) -> Program:
    """The same with `less_than` in place of `greater_than`."""
    nodes = []
    for node in program.nodes:
        turned = _TURNED.get(node.operation)
        inputs = node.inputs[::-1] if turned else node.inputs
        nodes.append(Node(turned or node.operation, node.argument, inputs))
    return Program(tuple(nodes))


def _labels(program: Program) -> Counter[str]:
    return Counter(node.label for node in canonical(program).nodes)


def _operations(program: Program) -> Counter[str]:
    return Counter(node.operation for node in canonical(program).nodes)
