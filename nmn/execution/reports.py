"""Counts of what became of the questions of a file, in all and by question family."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nmn.execution.question_files import Executed, Parsed
from nmn.program.canonical import exact_match

_MAX_EXAMPLES = 20
_MAX_DIGITS = 10
UNKNOWN = "unknown"
"""The family of a question of which the file states neither family nor program."""


@dataclass(eq=False)
class _Tally:
    """Counts of outcomes, in all and by family, with the first errors.

    Attributes:
        names: what is counted beside the total, e.g. `parsed`, `exact_match`.
    """

    names: tuple[str, ...]
    total: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    families: dict[str, dict[str, int]] = field(default_factory=dict)
    errors: int = 0
    error_examples: list[str] = field(default_factory=list)

    def add(self, family: str, outcomes: Mapping[str, bool], problem: str = "") -> None:
        """Count one question."""
        for counts in (self.counts, self.families.setdefault(family or UNKNOWN, {})):
            for name in self.names:
                counts[name] = counts.get(name, 0) + outcomes.get(name, False)
        group = self.families[family or UNKNOWN]
        group["total"] = group.get("total", 0) + 1
        self.total += 1
        if problem:
            self.fault(problem)

    def fault(self, problem: str) -> None:
        """Count an error, of a question that is counted or not."""
        self.errors += 1
        if len(self.error_examples) < _MAX_EXAMPLES:
            self.error_examples.append(problem)

    def to_json(self) -> dict[str, Any]:
        """Counts; families in alphabetical order, with numbers inside of names as numbers."""
        return {
            "total": self.total,
            **{name: self.counts.get(name, 0) for name in self.names},
            "errors": self.errors,
            "error_examples": self.error_examples,
            "by_family": {
                family: {"total": group["total"], **{name: group[name] for name in self.names}}
                for family, group in sorted(self.families.items(), key=lambda item: _rank(item[0]))
            },
        }


@dataclass(eq=False)
class ParseReport:
    """Coverage, and exact match with the stored programs where there are any.

    `compared` counts the questions that have a stored program, `warned` those of which a learned
    parser says that it has never seen some of their words.
    """

    _tally: _Tally = field(default_factory=lambda: _Tally(("parsed", "compared", "exact_match")))
    _warned: int = 0
    _warnings: dict[str, None] = field(default_factory=dict)

    def through(self, parses: Iterable[Parsed]) -> Iterator[Parsed]:
        """The same questions, counted as they pass."""
        for parsed in parses:
            program, stored = parsed.program, parsed.question.example.program
            outcomes = {
                "parsed": program is not None,
                "compared": stored is not None,
                "exact_match": program is not None
                and stored is not None
                and exact_match(program, stored),
            }
            self._tally.add(parsed.question.example.family, outcomes, parsed.problem)
            self._warned += bool(parsed.warnings)
            self._warnings |= dict.fromkeys(parsed.warnings)
            yield parsed

    def to_json(self) -> dict[str, Any]:
        """Counts, in all and by family."""
        warnings = list(self._warnings)[:_MAX_EXAMPLES]
        warned = {"warned": self._warned, "warning_examples": warnings}
        return {**self._tally.to_json(), **(warned if self._warned else {})}


@dataclass(eq=False)
class ExecutionReport:
    """Accuracy against the stored answers, and how many stated results of steps are equal.

    `total` counts questions with a stored answer, `questions` all of them; `accuracy` is None
    without any. `errors` are wrong answers, and questions without one.
    """

    _tally: _Tally = field(default_factory=lambda: _Tally(("correct",)))
    _all: Counter[str] = field(default_factory=Counter)

    def through(self, executed: Iterable[Executed]) -> Iterator[Executed]:
        """The same questions, counted as they pass."""
        for item in executed:
            example = item.question.example
            self._all["questions"] += 1
            self._all["answered"] += item.answer is not None
            self._all["steps"] += item.steps
            self._all["equal_steps"] += item.equal_steps
            if example.answer is not None:
                problem = item.problem
                if not problem and item.answer != example.answer:
                    where = f"question {example.question_index}"
                    problem = f"{where}: wanted {example.answer}, got {item.answer}"
                self._tally.add(example.family, {"correct": item.answer == example.answer}, problem)
            elif item.problem:
                self._tally.fault(item.problem)
            yield item

    def to_json(self) -> dict[str, Any]:
        """Counts, in all and by family, and the accuracy as a fraction."""
        report = self._tally.to_json()
        accuracy = report["correct"] / report["total"] if report["total"] else None
        names = ("questions", "answered", "steps", "equal_steps")
        return {**{name: self._all[name] for name in names}, "accuracy": accuracy, **report}


def _rank(name: str) -> list[tuple[int, str]]:
    """Sorts `one_hop 2` before `one_hop 10`."""
    return [
        (int(word), "") if word.isdecimal() and len(word) < _MAX_DIGITS else (-1, word)
        for word in name.split()
    ]
