"""Legal next tokens from a stack of expected types, for decoding that cannot go wrong.

A program in prefix order is made token by token. The state is the stack of what is still
expected; a token is legal if its type is expected next *and* the smallest completion after it
still fits the room left, so every sequence of legal tokens ends in a well-typed program.
"""

from dataclasses import dataclass
from functools import cached_property

from nmn.errors import ProgramTypeError
from nmn.program.ops import OPERATIONS
from nmn.program.tokens import END, SPECIAL, TokenVocabulary
from nmn.program.typecheck import ROOT_KINDS
from nmn.program.types import Type

Expectation = frozenset[Type]
"""The types of which one must come."""


@dataclass(frozen=True, slots=True)
class State:
    """Where a decoder stands.

    Attributes:
        expected: what is still to come, the next one last.
        room: how many tokens may still be written, `END` not counted.
        ended: whether `END` was written.
    """

    expected: tuple[Expectation, ...]
    room: int
    ended: bool = False


@dataclass(frozen=True)
class Transitions:
    """The transition system of a vocabulary."""

    vocabulary: TokenVocabulary

    @cached_property
    def _types(self) -> tuple[tuple[tuple[Type, ...], Type], ...]:
        """Input types and output type of each step token."""
        rows = ((OPERATIONS[s.operation], s.argument) for s in self.vocabulary.steps)
        return tuple((row.input_types(a), row.output_type(a)) for row, a in rows)

    @cached_property
    def smallest(self) -> dict[Type, int]:
        """The least number of tokens that make something of each type."""
        sizes: dict[Type, int] = {}
        changed = True
        while changed:
            changed = False
            for inputs, output in self._types:
                if all(kind in sizes for kind in inputs):
                    size = 1 + sum(sizes[kind] for kind in inputs)
                    if size < sizes.get(output, size + 1):
                        sizes[output], changed = size, True
        return sizes

    @cached_property
    def _root(self) -> Expectation:
        return frozenset(output for _, output in self._types if output.kind in ROOT_KINDS)

    def _completion(self, expected: tuple[Expectation, ...]) -> int:
        return sum(min(self.smallest[kind] for kind in choice) for choice in expected)

    def start(self, room: int) -> State:
        """The state before the first token.

        Raises:
            ProgramTypeError: no program fits into `room` tokens.
        """
        state = State((self._root,), room)
        least = self._completion(state.expected)
        if least > room:
            raise ProgramTypeError(("start",), f"room for at least {least} tokens", str(room))
        return state

    def legal(self, state: State) -> tuple[int, ...]:
        """The tokens that may come next; only `END` when the program is whole, none after it."""
        if state.ended:
            return ()
        if not state.expected:
            return (END,)
        *rest, top = state.expected
        left = state.room - 1 - self._completion(tuple(rest))
        return tuple(
            token
            for token, (inputs, output) in enumerate(self._types, start=len(SPECIAL))
            if output in top and sum(self.smallest[kind] for kind in inputs) <= left
        )

    def advance(self, state: State, token: int) -> State:
        """The state after `token`.

        Raises:
            ProgramTypeError: `token` is not legal in `state`.
        """
        if token not in self.legal(state):
            known = 0 <= token < len(self.vocabulary)
            got = self.vocabulary.tokens[token] if known else str(token)
            raise ProgramTypeError(("tokens",), "a legal token", got)
        if token == END:
            return State((), state.room, ended=True)
        inputs, _ = self._types[token - len(SPECIAL)]
        pushed = tuple(frozenset((kind,)) for kind in reversed(inputs))
        return State((*state.expected[:-1], *pushed), state.room - 1)
