"""The search for programs that give the right answers, for questions whose programs nobody gives.

It begins with all short programs, and goes on with what the policy holds for probable, and with
changes of that: what was found for short questions teaches the policy to come close to what longer
ones mean.
"""

from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np
import torch
from jaxtyping import Int
from pydantic import Field
from torch import Tensor

from nmn.config import Config
from nmn.data.question_set import NOWHERE, QuestionSet
from nmn.policies.base import Memory, Policy
from nmn.policies.decode import Decoding
from nmn.policies.edits import Edits
from nmn.policies.enumerate import short_programs
from nmn.policies.spoken import program_said
from nmn.program.tokens import END, PAD, Tokens, TokenVocabulary
from nmn.scene.table import SceneTable

_LOOKED_UP = 2000
"""Scenes on which short programs are told apart."""
_FEWEST = 8
"""Scenes of a question from which short programs that are right there are believed."""
_ALTERNATIVES = 4
"""Short programs of a question at most, the shortest."""
_SIMPLEST = 1000
"""Programs of a question at most of which simpler ones are sought at once."""


class SearchConfig(Config):
    """How programs are searched for.

    Attributes:
        short: tokens of the short programs that training begins with, at most; 0 for none.
        short_words: words of the questions for which they are tried, at most.
        questions: questions of a batch without a program that are searched, at most.
        again: questions of a batch with one that are searched for more probable ones, at most.
        scenes: questions that are asked of fewer are not searched for: too much would be right
            there.
        beam: the most probable programs that are tried for each.
        samples: programs drawn besides.
        edits: programs drawn that are one change away from one of these.
        settle: after this share of training the most probable of right programs are believed, no
            longer the simplest, and those of questions that are asked of few scenes, too: what is
            said of one question should be said of others like it.
    """

    short: int = Field(0, ge=0, le=6)
    short_words: int = Field(14, ge=0)
    questions: int = Field(16, ge=0)
    again: int = Field(0, ge=0)
    scenes: int = Field(1, gt=0)
    beam: int = Field(8, gt=0, le=256)
    samples: int = Field(8, ge=0, le=1024)
    edits: int = Field(100, ge=0, le=10_000)
    settle: float = Field(1.0, ge=0, le=1)


class ProgramSearch:
    """Tries programs on the scenes that questions are asked of."""

    def __init__(self, config: SearchConfig, decoding: Decoding, data: QuestionSet) -> None:
        self.config, self.decoding, self.data = config, decoding, data
        self.edits = Edits(data.domain)
        self.trusted = (data.asked != NOWHERE).sum(axis=1) >= config.scenes

    def short(self) -> dict[int, list[Tokens]]:
        """The shortest programs that are right, for short questions that are asked often."""
        data, most = self.data, self.config.short
        if not most:
            return {}
        known = short_programs(SceneTable.of(data.scenes.scenes[:_LOOKED_UP], data.domain), most)
        found: dict[int, list[Tokens]] = {}
        for row in range(len(data)):
            asked = (data.asked[row] != NOWHERE) & (data.asked[row] < _LOOKED_UP)
            if len(data.words(row)) > self.config.short_words or asked.sum() < _FEWEST:
                continue
            right = known.right(data.asked[row, asked], data.answers[row, asked])
            programs = [body(tokens) for tokens in known.tokens[right].tolist()]
            found |= self._right([row] * len(programs), programs)
        short = {row: programs[:_ALTERNATIVES] for row, programs in found.items() if programs}
        return self._simplest(short)

    @torch.no_grad()
    def found(
        self,
        policy: Policy,
        memory: Memory,
        rows: Int[Tensor, " batch"],
        generator: torch.Generator,
    ) -> dict[int, list[Tokens]]:
        """The simplest of the right programs that are found for some questions.

        Tried are the most probable ones, those that are drawn, and what is one change away from
        these.

        Args:
            memory: what `policy` made of these questions.
        """
        config, batch = self.config, len(rows)
        best = self.decoding.beam(policy, memory, config.beam)
        tried = [best.tokens.masked_fill(best.log_probabilities[:, :, None].isinf(), PAD)]
        if config.samples:
            each = torch.arange(batch, device=rows.device).repeat_interleave(config.samples)
            drawn = self.decoding.sample(policy, memory.rows(each), generator).tokens
            tried.append(drawn.view(batch, config.samples, -1))
        rng = np.random.default_rng(int(torch.randint(1 << 62, (), generator=generator)))
        owners: list[int] = []
        programs: list[Tokens] = []
        for row, said in zip(rows.tolist(), torch.cat(tried, 1).tolist(), strict=True):
            own = self._typed(dict.fromkeys(body(tokens) for tokens in said if END in tokens))
            if own and config.edits:
                own += self.edits.draw(own, config.edits, rng)
            owners += [row] * len(own)
            programs += own
        return self._simplest(self._right(owners, programs))

    def _typed(self, programs: Iterable[Tokens]) -> list[Tokens]:
        """Those that are programs; where only legal tokens are said, all are."""
        if self.decoding.legal is not None:
            return list(programs)
        vocabulary = TokenVocabulary(self.data.domain)
        return [tokens for tokens in programs if program_said(tokens, vocabulary) is not None]

    @torch.no_grad()
    def probable(
        self, policy: Policy, memory: Memory, rows: Int[Tensor, " batch"]
    ) -> dict[int, list[Tokens]]:
        """Right programs among the most probable ones of some questions, the best first."""
        best = self.decoding.beam(policy, memory, self.config.beam)
        tried = [
            (row, body(tokens))
            for row, said in zip(rows.tolist(), best.tokens.tolist(), strict=True)
            for tokens in said
            if END in tokens
        ]
        return self._right([row for row, _ in tried], [program for _, program in tried])

    def _simplest(self, found: dict[int, list[Tokens]]) -> dict[int, list[Tokens]]:
        """What is left of right programs without steps that change nothing, the simplest alone.

        Where inputs can be turned round, both ways are kept: which of them English says first is
        for the policy to find out.
        """
        best: dict[int, list[Tokens]] = {}
        while True:
            for row, programs in found.items():
                known = [*best.get(row, ()), *programs]
                costs = {program: self.edits.cost(program) for program in known}
                least = min(costs.values(), default=0)
                simplest = (program for program, cost in costs.items() if cost == least)
                best[row] = list(islice(simplest, _SIMPLEST))
            # The same comes about in many ways: of n steps that change nothing, in n! orders.
            tried = dict.fromkeys(
                (row, shorter)
                for row, programs in found.items()
                for program in dict.fromkeys(programs)
                if program in best[row]
                for shorter in self.edits.shorter(program)
            )
            found = self._right([row for row, _ in tried], [shorter for _, shorter in tried])
            if not any(found.values()):
                break
        return {row: self._both_ways(programs) for row, programs in best.items()}

    def _both_ways(self, programs: Sequence[Tokens]) -> list[Tokens]:
        turned = (self.edits.turned(program) for program in programs)
        return list(dict.fromkeys([*programs, *(program for program in turned if program)]))

    def _right(self, rows: Sequence[int], programs: Sequence[Tokens]) -> dict[int, list[Tokens]]:
        """Those that are right, and short enough to be said, by question."""
        found: dict[int, list[Tokens]] = {row: [] for row in rows}
        width = self.decoding.room + 1
        said = [place for place, tokens in enumerate(programs) if 0 < len(tokens) < width]
        if said:
            padded = np.full((len(said), width), PAD)
            for line, place in zip(padded, said, strict=True):
                line[: len(programs[place]) + 1] = [*programs[place], END]
            right = self.data.right(np.array([rows[place] for place in said]), padded)
            for place in np.array(said)[right].tolist():
                found[rows[place]].append(programs[place])
        return found


def body(tokens: Sequence[int]) -> Tokens:
    """What is said before `END`."""
    return tuple(tokens[: tokens.index(END)])
