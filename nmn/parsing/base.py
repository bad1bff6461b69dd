"""What every parser gives, whether it is a grammar or learned."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from nmn.program.program import Program, Span


@dataclass(frozen=True)
class Parse:
    """One reading of a question.

    Attributes:
        spans: for each node of the program, the characters `[start, end)` it stands for.
        score: natural logarithm of a probability or preference; higher is better.
        warnings: what the reader should know, e.g. that the question contradicts itself.
    """

    question: str
    program: Program
    spans: tuple[tuple[Span, ...], ...]
    score: float = 0.0
    warnings: tuple[str, ...] = ()


@runtime_checkable
class Parser(Protocol):
    """Turns a question into programs."""

    def parse(self, question: str) -> list[Parse]:
        """The readings of `question`, best first, at least one.

        Raises:
            QuestionError: there is none.
        """
        ...


@runtime_checkable
class BatchParser(Parser, Protocol):
    """A parser that is faster at many questions at once."""

    def parse_all(self, questions: Sequence[str]) -> list[list[Parse]]:
        """The readings of each question, the best first; none of one that cannot be read."""
        ...
