"""Learned parsers, with ranked readings like the grammar's."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nmn.data.vocabulary import WordVocabulary
from nmn.data.words import placed_words
from nmn.errors import QuestionError
from nmn.parsing.base import BatchParser, Parse
from nmn.policies.base import Policy, shifted
from nmn.policies.decode import Decoding
from nmn.policies.retrieval import Retrieval
from nmn.policies.spoken import program_said
from nmn.program.program import Program, Span

_COUNTS = 0.2
"""A word that a token looks at at least so much is one that it stands for."""
_LEAST = 1e-6
"""Questions are taken to be at least so much alike, so that there is a logarithm."""


@dataclass(frozen=True, eq=False)
class LearnedParser:
    """A trained policy.

    Attributes:
        width: of the beam; so many readings at most.
    """

    policy: Policy
    decoding: Decoding
    width: int = 4

    def parse(self, question: str) -> list[Parse]:
        """See `nmn.parsing.base.Parser`.

        Raises:
            QuestionError: no words, or what is said is no program (only where any token may come).
        """
        return _readings(self, question)

    @torch.no_grad()
    def parse_all(self, questions: Sequence[str]) -> list[list[Parse]]:
        """See `BatchParser`; what is no well-typed program is left out."""
        self.policy.eval()
        words = [placed_words(question) for question in questions]
        if not any(words):
            return [[] for _ in questions]
        memory = self.policy.encode(_encoded(words, self.policy.words))
        found = self.decoding.beam(self.policy, memory, self.width)
        width = found.tokens.shape[1]
        each = torch.arange(len(questions)).repeat_interleave(width)
        tokens = found.tokens.flatten(0, 1)
        said = self.policy.teacher_forced(memory.rows(each), shifted(tokens))
        looked = said.attention
        if looked is not None:
            looked = looked.view(len(questions), width, *looked.shape[1:])
        parses: list[list[Parse]] = []
        for row, question in enumerate(questions):
            warnings = self.policy.words.unknown(word for word, _ in words[row])
            readings = []
            for rank in range(width) if words[row] else ():
                score = float(found.log_probabilities[row, rank])
                if score == -torch.inf:
                    continue
                program = program_said(found.tokens[row, rank].tolist(), self.policy.tokens)
                if program is not None:
                    attention = None if looked is None else looked[row, rank]
                    spans = _spans(program, [span for _, span in words[row]], attention)
                    readings.append(Parse(question, program, spans, score, warnings))
            parses.append(readings)
        return parses


@dataclass(frozen=True, eq=False)
class RetrievalParser:
    """The programs of the nearest training questions; how alike they are is the score.

    Attributes:
        width: so many readings at most.
    """

    model: Retrieval
    width: int = 4

    def parse(self, question: str) -> list[Parse]:
        """See `nmn.parsing.base.Parser`.

        Raises:
            QuestionError: no words.
        """
        return _readings(self, question)

    def parse_all(self, questions: Sequence[str]) -> list[list[Parse]]:
        """See `BatchParser`."""
        words = [placed_words(question) for question in questions]
        if not any(words):
            return [[] for _ in questions]
        nearest, alike = self.model.nearest(_encoded(words, self.model.words), self.width)
        parses: list[list[Parse]] = []
        for row, question in enumerate(questions):
            warnings = self.model.words.unknown(word for word, _ in words[row])
            known: dict[Program, Parse] = {}
            for place, score in zip(nearest[row].tolist(), alike[row].tolist(), strict=True):
                program = program_said(self.model.programs[place].tolist(), self.model.tokens)
                if program is not None and program not in known and words[row]:
                    spans: tuple[tuple[Span, ...], ...] = ((),) * len(program)
                    likely = math.log(max(score, _LEAST))
                    known[program] = Parse(question, program, spans, likely, warnings)
            parses.append(list(known.values()))
        return parses


def _readings(parser: BatchParser, question: str) -> list[Parse]:
    (parses,) = parser.parse_all([question])
    if not parses:
        problem = "no words" if not placed_words(question) else "no program comes out of it"
        raise QuestionError(question, 1, 1, problem)
    return parses


def _encoded(words: Sequence[Sequence[tuple[str, Span]]], vocabulary: WordVocabulary) -> Tensor:
    return vocabulary.encode([[word for word, _ in row] for row in words])


def _spans(
    program: Program, words: Sequence[Span], attention: Tensor | None
) -> tuple[tuple[Span, ...], ...]:
    """For each node the words that its token looked at."""
    if attention is None:
        return ((),) * len(program)
    spans: list[tuple[Span, ...]] = [()] * len(program)
    stack, token = [len(program) - 1], 0
    while stack:
        node = stack.pop()
        looked = attention[token, : len(words)].tolist()
        spans[node] = tuple(
            span for span, share in zip(words, looked, strict=True) if share >= _COUNTS
        )
        stack.extend(reversed(program.nodes[node].inputs))
        token += 1
    return tuple(spans)
