"""A program: a frozen sequence of nodes in topological order, the root last.

Nodes may be shared (two nodes with the same input) and unreachable, as in published CLEVR files.
As text a program is a tree: `exists(and(find[red], relate[above](find[circle])))`. No function
here recurses, so that depth is bounded by memory and not by Python's stack.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from nmn.errors import ProgramTypeError

MAX_TREE_NODES = 100_000
"""Programs that share nodes can be exponentially larger as trees; above this we refuse."""

Span = tuple[int, int]
"""Characters `[start, end)` of a question."""


@dataclass(frozen=True, slots=True)
class Node:
    """One step: an operation, its argument, and the indices of the nodes that feed it."""

    operation: str
    argument: str | None = None
    inputs: tuple[int, ...] = ()

    @property
    def label(self) -> str:
        """`relate[above]`, `exists`."""
        return self.operation if self.argument is None else f"{self.operation}[{self.argument}]"


@lru_cache(maxsize=1 << 16)
def node_of(operation: str, argument: str | None = None, inputs: tuple[int, ...] = ()) -> Node:
    """`Node(...)`, the same object for the same step while it is in use often.

    Most nodes of a file of programs are equal to one seen before, and finding it takes a tenth
    of the time of making it.
    """
    return Node(operation, argument, inputs)


@dataclass(frozen=True, eq=False, slots=True)
class Term:
    """A program while it is being made: a node that holds its inputs, with its words.

    Attributes:
        spans: the pieces of the question that this node (not its inputs) stands for.
    """

    operation: str
    argument: str | None = None
    inputs: "tuple[Term, ...]" = ()
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Program:
    """Nodes in topological order, the root last.

    Raises:
        ProgramTypeError: no nodes, or a node that takes its input from itself or a later one.
    """

    nodes: tuple[Node, ...]

    def __post_init__(self) -> None:
        if not self.nodes:
            raise ProgramTypeError(("program",), "at least one node", "none")
        for index, node in enumerate(self.nodes):
            for source in node.inputs:
                if not 0 <= source < index:
                    raise ProgramTypeError(
                        (f"node {index}", node.label), "inputs from earlier nodes", f"{source}"
                    )

    @property
    def root(self) -> Node:
        """The node whose value is the answer."""
        return self.nodes[-1]

    def __len__(self) -> int:
        return len(self.nodes)

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash(self.nodes)

    def __reduce__(self) -> tuple[type["Program"], tuple[tuple[Node, ...]]]:
        # Without what is cached: hashes of texts differ from process to process.
        return Program, (self.nodes,)

    @cached_property
    def reachable(self) -> tuple[bool, ...]:
        """For each node, whether the root depends on it."""
        needed = [False] * len(self.nodes)
        needed[-1] = True
        for index in range(len(self.nodes) - 1, -1, -1):
            if needed[index]:
                for source in self.nodes[index].inputs:
                    needed[source] = True
        return tuple(needed)

    @cached_property
    def depth(self) -> int:
        """Nodes on the longest way from the root to a leaf."""
        depths: list[int] = []
        for node in self.nodes:
            depths.append(1 + max((depths[source] for source in node.inputs), default=0))
        return depths[-1]

    @cached_property
    def tree_size(self) -> int:
        """Nodes of the tree that this program is when nothing is shared."""
        sizes: list[int] = []
        for node in self.nodes:
            size = 1
            for source in node.inputs:
                size += sizes[source]
            sizes.append(size)
        return sizes[-1]

    def count(self, operation: str) -> int:
        """How many reachable nodes have `operation`."""
        pairs = zip(self.nodes, self.reachable, strict=True)
        return sum(needed and node.operation == operation for node, needed in pairs)

    def walk(self) -> Iterator[tuple[int, bool]]:
        """The tree: each node's index with True before its inputs and with False after them.

        A node that feeds several others comes as often as it is used.

        Raises:
            ProgramTypeError: the tree has more than `MAX_TREE_NODES` nodes.
        """
        self.check_tree_size()
        stack = [(len(self.nodes) - 1, True)]
        while stack:
            index, entering = stack.pop()
            yield index, entering
            if entering:
                stack.append((index, False))
                stack.extend((source, True) for source in reversed(self.nodes[index].inputs))

    def preorder(self) -> Iterator[Node]:
        """The nodes of the tree, each before its inputs."""
        return (self.nodes[index] for index, entering in self.walk() if entering)

    def postorder(self) -> Iterator[Node]:
        """The nodes of the tree, each after its inputs."""
        return (self.nodes[index] for index, entering in self.walk() if not entering)

    def check_tree_size(self) -> None:
        """Raises ProgramTypeError where the tree is larger than `MAX_TREE_NODES`."""
        if self.tree_size > MAX_TREE_NODES:
            wanted = f"a tree of at most {MAX_TREE_NODES} nodes"
            raise ProgramTypeError((self.root.label,), wanted, str(self.tree_size))

    def path_to(self, index: int) -> tuple[str, ...]:
        """Labels from the root down to node `index`, one way of possibly several."""
        consumer = {s: i for i, node in enumerate(self.nodes) for s in node.inputs}
        path = [self.nodes[index].label]
        while index in consumer:
            index = consumer[index]
            path.append(self.nodes[index].label)
        return tuple(reversed(path))

    def __str__(self) -> str:
        pieces: list[str] = []
        for index, entering in self.walk():
            node = self.nodes[index]
            if entering:
                if pieces and pieces[-1] != "(":
                    pieces.append(", ")
                pieces.append(node.label)
            if node.inputs:
                pieces.append("(" if entering else ")")
        return "".join(pieces)


def flatten(
    term: Term, limit: int = MAX_TREE_NODES
) -> tuple[Program, tuple[tuple[Span, ...], ...]]:
    """The program of `term`, a tree in post-order even where terms are shared, and its spans.

    Raises:
        ProgramTypeError: more than `limit` nodes.
    """
    nodes: list[Node] = []
    spans: list[tuple[Span, ...]] = []
    done: list[int] = []
    stack: list[tuple[Term, bool]] = [(term, False)]
    while stack:
        current, ready = stack.pop()
        if not ready:
            stack.append((current, True))
            stack.extend((child, False) for child in reversed(current.inputs))
            continue
        arity = len(current.inputs)
        inputs = tuple(done[len(done) - arity :])
        del done[len(done) - arity :]
        done.append(len(nodes))
        nodes.append(Node(current.operation, current.argument, inputs))
        spans.append(current.spans)
        if len(nodes) > limit:
            wanted = f"a tree of at most {limit} nodes"
            raise ProgramTypeError((term.operation,), wanted, "more")
    return Program(tuple(nodes)), tuple(spans)


def call(operation: str, *inputs: Program, argument: str | None = None) -> Program:
    """The program that applies `operation[argument]` to the results of `inputs`."""
    nodes: list[Node] = []
    roots: list[int] = []
    for program in inputs:
        offset = len(nodes)
        nodes.extend(
            Node(node.operation, node.argument, tuple(source + offset for source in node.inputs))
            for node in program.nodes
        )
        roots.append(len(nodes) - 1)
    return Program((*nodes, Node(operation, argument, tuple(roots))))
