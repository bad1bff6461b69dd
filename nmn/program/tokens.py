"""Programs as token sequences: one token per (operation, argument), in prefix order."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from nmn.domain import Domain
from nmn.errors import ProgramTypeError, UnknownNameError
from nmn.program.ops import OPERATIONS
from nmn.program.program import Node, Program

PAD, START, END = 0, 1, 2
"""Indices of the tokens that are not steps."""
SPECIAL = ("<pad>", "<start>", "<end>")

Tokens = tuple[int, ...]
"""Those of a program in prefix order, without `END`."""


@dataclass(frozen=True)
class TokenVocabulary:
    """All tokens of a domain; the index of a token is its place in `tokens`."""

    domain: Domain

    @cached_property
    def steps(self) -> tuple[Node, ...]:
        """The nodes, without inputs, that tokens stand for; the first has index `len(SPECIAL)`."""
        return tuple(
            Node(row.name, argument)
            for row in OPERATIONS.values()
            for argument in row.arguments(self.domain)
        )

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """All tokens as text, the special ones first."""
        return (*SPECIAL, *(step.label for step in self.steps))

    @cached_property
    def _index(self) -> dict[str, int]:
        return {token: index for index, token in enumerate(self.tokens)}

    def __len__(self) -> int:
        return len(self.tokens)

    def step(self, token: int) -> Node:
        """The operation and argument of a token that is not special."""
        return self.steps[token - len(SPECIAL)]

    def encode(self, program: Program) -> list[int]:
        """The tokens of `program` in prefix order, `END` last; sharing is written out.

        Raises:
            UnknownNameError: a step that the domain does not have.
        """
        labels = [node.label for node in program.preorder()]
        for label in labels:
            if label not in self._index:
                raise UnknownNameError("token", label, self.tokens, f"domain {self.domain.name}")
        return [*(self._index[label] for label in labels), END]

    def decode(self, tokens: Sequence[int]) -> Program:
        """The inverse of `encode`; `START` before and anything after `END` is passed over.

        Raises:
            ProgramTypeError: the tokens are not the prefix form of exactly one program.
        """
        body = list(tokens[1:] if tokens and tokens[0] == START else tokens)
        body = body[: body.index(END)] if END in body else body
        nodes: list[Node] = []
        done: list[int] = []
        for token in reversed(body):
            if not len(SPECIAL) <= token < len(self):
                raise ProgramTypeError(("tokens",), f"tokens of {self.domain.name}", str(token))
            step = self.step(token)
            arity = len(OPERATIONS[step.operation].inputs)
            if arity > len(done):
                raise ProgramTypeError((step.label,), f"{arity} inputs", str(len(done)))
            inputs = tuple(done.pop() for _ in range(arity))
            done.append(len(nodes))
            nodes.append(Node(step.operation, step.argument, inputs))
        if len(done) != 1:
            raise ProgramTypeError(("tokens",), "one program", f"{len(done)} side by side")
        return _postorder(nodes)


def _postorder(nodes: list[Node]) -> Program:
    """The same tree with each node after its inputs, first input first."""
    order: list[int] = []
    stack = [len(nodes) - 1]
    while stack:
        index = stack.pop()
        order.append(index)
        stack.extend(nodes[index].inputs)
    order.reverse()
    place = {index: position for position, index in enumerate(order)}
    return Program(
        tuple(
            Node(nodes[i].operation, nodes[i].argument, tuple(place[s] for s in nodes[i].inputs))
            for i in order
        )
    )
