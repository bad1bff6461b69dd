"""All short programs that differ in what they do, and which of them are right.

They are built from the leaves up, a token more at a time, and of those with the same results on
all scenes only the first is kept: observational equivalence (Albarghouthi et al. 2013; Udupa et
al. 2013). So the number of programs grows with what can be said, not with the ways to say it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from jaxtyping import Bool, Int, Int8, UInt64

from nmn.program.ops import OPERATIONS
from nmn.program.steps import NO_TYPE, step_table
from nmn.program.tokens import END, PAD, SPECIAL, Tokens
from nmn.program.types import MASK
from nmn.scene.plan import NEEDS_ONE
from nmn.scene.table import Indices, SceneTable
from nmn.scene.vectorised import RULES, answer_table

_FAILED = np.uint64(2**64 - 1)
"""The result of what fails."""
_AT_ONCE = 4096
"""Expressions computed together."""


@dataclass(frozen=True, eq=False)
class ShortPrograms:
    """Programs with their answers on some scenes.

    Attributes:
        tokens: in prefix order, with `END` and `PAD` after it, the shortest first.
        answers: indices into the answers of the domain; -1 for none.
    """

    tokens: Int[np.ndarray, "program token"]
    answers: Int8[np.ndarray, "scene program"]

    def __len__(self) -> int:
        return len(self.tokens)

    def right(self, scenes: Indices, answers: Indices) -> Indices:
        """The programs with these answers on these scenes, the shortest first."""
        kept = np.arange(len(self))
        for scene, answer in zip(scenes, answers, strict=True):
            kept = kept[self.answers[scene, kept] == answer]
        return kept


@dataclass(frozen=True, eq=False)
class _Expressions:
    """Expressions of one type and length.

    Attributes:
        values: the result of each on each scene, see `nmn.scene.vectorised`.
    """

    tokens: list[Tokens]
    values: UInt64[np.ndarray, "expression scene"]


def short_programs(table: SceneTable, most: int) -> ShortPrograms:
    """All programs of up to `most` tokens that differ on some of the scenes.

    Those that compare two values or numbers may have a token more.

    `unique` is left out, which changes nothing where it does not fail.
    """
    return _Search(table).programs(most)


class _Search:
    def __init__(self, table: SceneTable) -> None:
        self.table, self.steps = table, step_table(table.domain)
        self.seen: set[tuple[int, bytes]] = set()
        self.found: dict[tuple[int, int], _Expressions] = {}

    def programs(self, most: int) -> ShortPrograms:
        tokens: list[Tokens] = []
        answers = []
        for length in range(1, most + 2):
            for kind in range(len(self.steps.types)):
                root = self._answers(kind)
                # What nothing can be put on any more is only of use as a root.
                if length >= most and not root:
                    continue
                steps = np.flatnonzero(self.steps.outputs == kind)
                if length > most:
                    steps = steps[self._compares[steps]]
                made = self._expressions(kind, length, steps.tolist())
                self.found[kind, length] = made
                if root:
                    tokens.extend(made.tokens)
                    answers.append(self._as_answers(made))
        width = most + 2
        padded = np.full((len(tokens), width), PAD)
        for row, program in enumerate(tokens):
            padded[row, : len(program) + 1] = [*program, END]
        joined = np.concatenate(answers) if answers else np.zeros((0, len(self.table.scenes)))
        return ShortPrograms(padded, np.ascontiguousarray(joined.T.astype(np.int8)))

    @cached_property
    def _compares(self) -> Bool[np.ndarray, " step"]:
        """Which steps have two inputs that are answers themselves."""
        inputs = self.steps.inputs
        masks = [self.steps.types.index(MASK)]
        compares: Bool[np.ndarray, " step"] = (inputs != NO_TYPE).all(axis=1)
        return compares & ~np.isin(inputs, masks).any(axis=1)

    def _answers(self, kind: int) -> bool:
        return bool(self.steps.answerable[self.steps.outputs == kind].any())

    def _as_answers(self, made: _Expressions) -> Int[np.ndarray, "expression scene"]:
        roots = np.array([tokens[0] - len(SPECIAL) for tokens in made.tokens], dtype=np.intp)
        failed = made.values == _FAILED
        values = np.where(failed, 0, made.values).astype(np.intp)
        answers = answer_table(self.table.domain)[roots[:, None], values]
        return np.where(failed, -1, answers)

    def _expressions(self, kind: int, length: int, steps: list[int]) -> _Expressions:
        """The new ones that begin with one of `steps`, whose results no earlier one has."""
        tokens: list[Tokens] = []
        values: list[UInt64[np.ndarray, " scene"]] = []
        mask = self.steps.types[kind] == MASK  # masks never fail without `unique`
        for step in steps:
            operation = OPERATIONS[self.steps.steps[step].operation]
            if operation.name == "unique":
                continue
            for inputs in self._inputs(step, length - 1):
                results = self._results(step, [part.values for part in inputs])
                places = np.ndindex(*(len(part.tokens) for part in inputs))
                for place, result in zip(places, results, strict=True):
                    known = (kind, result.tobytes())
                    if known not in self.seen and (mask or not (result == _FAILED).all()):
                        self.seen.add(known)
                        parts = (p.tokens[i] for p, i in zip(inputs, place, strict=True))
                        tokens.append((step + len(SPECIAL), *(t for part in parts for t in part)))
                        values.append(result)
        shape = (0, len(self.table.scenes))
        return _Expressions(tokens, np.stack(values) if values else np.zeros(shape, np.uint64))

    def _inputs(self, step: int, length: int) -> Iterator[tuple[_Expressions, ...]]:
        """All that a step can be put on, of so many tokens together."""
        kinds = [kind for kind in self.steps.inputs[step].tolist() if kind != NO_TYPE]
        for lengths in product(range(1, length + 1), repeat=len(kinds)):
            if sum(lengths) != length:
                continue
            parts = tuple(self.found.get(key) for key in zip(kinds, lengths, strict=True))
            if all(part is not None and part.tokens for part in parts):
                yield parts  # type: ignore[misc]

    def _results(
        self, step: int, inputs: list[UInt64[np.ndarray, "_ scene"]]
    ) -> Iterator[UInt64[np.ndarray, " scene"]]:
        """The results of a step on all combinations of inputs."""
        scenes = len(self.table.scenes)
        rows = np.arange(scenes) * self.table.size + self.table.begins[step]
        name = self.steps.steps[step].operation
        counts = [len(part) for part in inputs]
        total = int(np.prod(counts, dtype=np.intp))
        for begin in range(0, total, _AT_ONCE):
            count = min(begin + _AT_ONCE, total) - begin
            places = np.unravel_index(np.arange(begin, begin + count), counts or (1,))
            chosen = [part[place] for part, place in zip(inputs, places, strict=False)]
            failed = np.zeros((count, scenes), dtype=bool)
            for kind, part in zip(self.steps.inputs[step], chosen, strict=False):
                if self.steps.types[kind] != MASK:
                    failed |= part == _FAILED
            given = [np.where(failed, 0, part).reshape(-1) for part in chosen]
            every = np.broadcast_to(rows, (count, scenes)).reshape(-1)
            result = np.asarray(RULES[name](self.table, every, *given)).astype(np.uint64)
            result = result.reshape(count, scenes)
            if name in NEEDS_ONE:
                failed |= (np.bitwise_count(given[0]) != 1).reshape(count, scenes)
                failed |= result == 0
            yield from np.where(failed, _FAILED, result)
