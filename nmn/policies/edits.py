"""Programs that differ by one change from others: what to try where none of those is right.

A change is drawn among all that leave a program well-typed: a step replaced by one with the same
inputs, put in, or left out; a part taken from another program, in place of a part or joined to it.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import numpy as np

from nmn.domain import Domain
from nmn.program.ops import OPERATIONS
from nmn.program.steps import NO_TYPE, step_table
from nmn.program.tokens import SPECIAL, Tokens

_SPECIAL = len(SPECIAL)
_MIRRORED = {"less_than": "greater_than", "greater_than": "less_than"}


class Edits:
    """The changes of programs of a domain."""

    def __init__(self, domain: Domain) -> None:
        self.table = step_table(domain)

    def draw(
        self, programs: Sequence[Tokens], count: int, rng: np.random.Generator
    ) -> list[Tokens]:
        """Some different programs, each one change away from one of `programs`; none of these.

        Args:
            count: how many are drawn; as many as are new are returned.
        """
        known = set(programs)
        found: dict[Tokens, None] = {}
        kinds = list(self._kinds)
        for kind, one, other in zip(
            rng.integers(len(kinds), size=count).tolist(),
            rng.integers(len(programs), size=count).tolist(),
            rng.integers(len(programs), size=count).tolist(),
            strict=True,
        ):
            edited = kinds[kind](programs[one], programs[other], rng)
            if edited is not None and edited not in known:
                found[edited] = None
        return list(found)

    def shorter(self, program: Tokens) -> list[Tokens]:
        """All that are left when a step goes with all of its inputs but one."""
        found: dict[Tokens, None] = {}
        for place, token in enumerate(program):
            kind, after = self._output(token), program[_end(program, place, self._arity) :]
            for begin in _children(program, place, self._arity):
                inside = program[begin]
                if self._output(inside) == kind or (place == 0 and self._answers(inside)):
                    part = program[begin : _end(program, begin, self._arity)]
                    found[(*program[:place], *part, *after)] = None
        return list(found)

    def cost(self, program: Tokens) -> int:
        """How much there is to a program: its tokens, and once more those that it says again.

        Parts of several tokens that come twice count twice the second time: a question does not
        describe the same thing with the same words again.
        """
        seen: set[Tokens] = set()
        cost, place = len(program), 0
        while place < len(program):
            part = program[place : _end(program, place, self._arity)]
            if len(part) > 1 and part in seen:
                cost += len(part)
                place += len(part)
            else:
                seen.add(part)
                place += 1
        return cost

    def turned(self, program: Tokens) -> Tokens | None:
        """The same with the inputs of its first step of two inputs the other way round.

        It means the same; None where there is no such step.
        """
        for place, token in enumerate(program):
            mirrored = self._mirrored.get(token)
            if mirrored is not None:
                second = _children(program, place, self._arity)[1]
                end = _end(program, place, self._arity)
                inputs = (*program[second:end], *program[place + 1 : second])
                return (*program[:place], mirrored, *inputs, *program[end:])
        return None

    @cached_property
    def _mirrored(self) -> Mapping[int, int]:
        """For tokens of two inputs the one that means the same of these turned round."""
        index = {step.label: token for token, step in enumerate(self.table.steps, _SPECIAL)}
        mirrored = {}
        for token, step in enumerate(self.table.steps, _SPECIAL):
            name = _MIRRORED.get(step.operation)
            if OPERATIONS[step.operation].commutative:
                mirrored[token] = token
            elif name is not None:
                mirrored[token] = index[name]
        return mirrored

    @cached_property
    def _kinds(self) -> tuple[Callable[[Tokens, Tokens, np.random.Generator], Tokens | None], ...]:
        return self._replaced, self._put_in, self._left_out, self._grafted, self._joined

    @cached_property
    def _alike(self) -> Mapping[tuple[tuple[int, ...], int], list[int]]:
        """The tokens with given inputs and output; all that answer have one output, -2."""
        groups: dict[tuple[tuple[int, ...], int], list[int]] = {}
        for step, inputs in enumerate(self.table.inputs.tolist()):
            outputs = [int(self.table.outputs[step])] + [-2] * bool(self.table.answerable[step])
            for output in outputs:
                groups.setdefault((tuple(inputs), output), []).append(step + _SPECIAL)
        return groups

    def _signature(self, token: int, root: bool) -> tuple[tuple[int, ...], int]:
        step = token - _SPECIAL
        output = -2 if root else int(self.table.outputs[step])
        return tuple(self.table.inputs[step].tolist()), output

    def _replaced(self, program: Tokens, _: Tokens, rng: np.random.Generator) -> Tokens | None:
        place = int(rng.integers(len(program)))
        others = self._alike[self._signature(program[place], place == 0)]
        token = others[int(rng.integers(len(others)))]
        return (*program[:place], token, *program[place + 1 :])

    def _put_in(self, program: Tokens, _: Tokens, rng: np.random.Generator) -> Tokens | None:
        place = int(rng.integers(len(program)))
        kind = self._output(program[place])
        new = self._alike.get((self._inputs_of(kind), kind))
        if not new:
            return None
        return (*program[:place], new[int(rng.integers(len(new)))], *program[place:])

    def _left_out(self, program: Tokens, _: Tokens, rng: np.random.Generator) -> Tokens | None:
        shorter = self.shorter(program)
        return shorter[int(rng.integers(len(shorter)))] if shorter else None

    def _grafted(self, program: Tokens, other: Tokens, rng: np.random.Generator) -> Tokens | None:
        """A part of another program in place of one."""
        place = int(rng.integers(len(program)))
        part = self._part(other, self._output(program[place]), place == 0, rng)
        if part is None:
            return None
        return (*program[:place], *part, *program[_end(program, place, self._arity) :])

    def _joined(self, program: Tokens, other: Tokens, rng: np.random.Generator) -> Tokens | None:
        """A part of another program joined to one."""
        place = int(rng.integers(len(program)))
        kind = self._output(program[place])
        part = self._part(other, kind, False, rng)
        joins = self._alike.get(((kind, kind), -2 if place == 0 else kind))
        if part is None or not joins:
            return None
        end = _end(program, place, self._arity)
        mine = program[place:end]
        first, second = (mine, part) if rng.integers(2) else (part, mine)
        join = joins[int(rng.integers(len(joins)))]
        return (*program[:place], join, *first, *second, *program[end:])

    def _part(
        self, program: Tokens, kind: int, root: bool, rng: np.random.Generator
    ) -> Tokens | None:
        """A part of a program that yields such a type, or as a root any answer."""
        places = [
            place
            for place, token in enumerate(program)
            if self._output(token) == kind or (root and self._answers(token))
        ]
        if not places:
            return None
        begin = places[int(rng.integers(len(places)))]
        return program[begin : _end(program, begin, self._arity)]

    def _answers(self, token: int) -> bool:
        return bool(self.table.answerable[token - _SPECIAL])

    def _output(self, token: int) -> int:
        return int(self.table.outputs[token - _SPECIAL])

    def _inputs_of(self, kind: int) -> tuple[int, ...]:
        return (kind, *[NO_TYPE] * (self.table.inputs.shape[1] - 1))

    @cached_property
    def _arity(self) -> list[int]:
        arity: list[int] = (self.table.inputs != NO_TYPE).sum(axis=1).tolist()
        return [0] * _SPECIAL + arity


def _end(program: Tokens, place: int, arity: Sequence[int]) -> int:
    """Where the part ends that begins at `place`."""
    open_ = 1
    while open_:
        open_ += arity[program[place]] - 1
        place += 1
    return place


def _children(program: Tokens, place: int, arity: Sequence[int]) -> list[int]:
    """Where the inputs of a step begin."""
    begins, begin = [], place + 1
    for _ in range(arity[program[place]]):
        begins.append(begin)
        begin = _end(program, begin, arity)
    return begins
