"""All questions of a file: parse them, execute their programs on scene graphs, and count.

Questions come and go as streams, so that a file may be larger than memory. Nothing here raises for
what a question says: it is counted, by question family, with the first reasons.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from nmn.data.clevr import Question
from nmn.data.json_records import OnError
from nmn.domain import Domain
from nmn.errors import DataError, ExecutionError, QuestionError, listing
from nmn.parsing.base import Parser
from nmn.program.canonical import exact_match
from nmn.program.clevr import json_word
from nmn.program.program import Program
from nmn.scene.plan import compile_programs
from nmn.scene.scene import Scene
from nmn.scene.symbolic import Result
from nmn.scene.table import MAX_OBJECTS, SceneTable
from nmn.scene.vectorised import VectorisedExecution, run

BATCH_SIZE = 2_000
"""Programs that are executed at once; more than this is hardly faster."""
_MAX_EXAMPLES = 20
_MAX_DIGITS = 10
UNKNOWN = "unknown"
"""The family of a question of which the file states neither family nor program."""


@dataclass(frozen=True, eq=False)
class Parsed:
    """A question with the program that its English means, or why it has none."""

    question: Question
    program: Program | None
    problem: str = ""


@dataclass(frozen=True, eq=False)
class Executed:
    """A question with its answer, or why it has none.

    Attributes:
        steps, equal_steps: how many results of steps the file states, and how many of them are
            as computed; of stored programs only.
    """

    question: Question
    program: Program | None
    answer: str | None
    problem: str = ""
    steps: int = 0
    equal_steps: int = 0

    def to_json(self) -> dict[str, Any]:
        """One line of a predictions file."""
        line: dict[str, Any] = {
            "question_index": self.question.example.question_index,
            "answer": self.answer,
            "program": None if self.program is None else str(self.program),
        }
        return {**line, "problem": self.problem} if self.problem else line


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

    `compared` counts the questions that have a stored program.
    """

    _tally: _Tally = field(default_factory=lambda: _Tally(("parsed", "compared", "exact_match")))

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
            yield parsed

    def to_json(self) -> dict[str, Any]:
        """Counts, in all and by family."""
        return self._tally.to_json()


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


def parse_all(questions: Iterable[Question], parser: Parser) -> Iterator[Parsed]:
    """The preferred reading of each question."""
    for question in questions:
        try:
            yield Parsed(question, parser.parse(question.example.question)[0].program)
        except QuestionError as error:
            yield Parsed(question, None, _named(question, error))


def execute_all(
    questions: Iterable[Question],
    scenes: Mapping[int, Scene],
    domain: Domain,
    parser: Parser | None = None,
) -> Iterator[Executed]:
    """The answer of each question by rules on the scene of its picture.

    Args:
        questions: those of `with_scenes`.
        scenes: by image index.
        parser: executes what the English means; without, the stored programs are executed.

    Raises:
        DataError: a scene does not fit the domain, or has more than 64 objects.
    """
    places = {index: place for place, index in enumerate(scenes)}
    table = SceneTable.of(list(scenes.values()), domain)
    stream = iter(questions)
    while batch := list(islice(stream, BATCH_SIZE)):
        yield from _executed(batch, table, places, domain, parser)


def executable_scenes(
    scenes: Mapping[int, Scene], source: str, on_error: OnError | None = None
) -> dict[int, Scene]:
    """The scenes that are not too large to be executed on.

    Args:
        scenes: by image index.
        source: the file of the scenes, for messages.
        on_error: called with the error of each scene that is, which then is passed over.

    Raises:
        DataError: a scene of more than `MAX_OBJECTS` objects, and no `on_error`.
    """
    fitting: dict[int, Scene] = {}
    for index, scene in scenes.items():
        if len(scene.objects) <= MAX_OBJECTS:
            fitting[index] = scene
            continue
        problem = f"wanted at most {MAX_OBJECTS} objects, got {len(scene.objects)}"
        error = DataError(source, problem, f"scene of image {index}")
        if on_error is None:
            raise error
        on_error(error)
    return fitting


def with_scenes(
    questions: Iterable[Question],
    scenes: Mapping[int, Scene],
    source: str,
    on_error: OnError | None = None,
    *,
    programs: bool,
) -> Iterator[Question]:
    """The questions that can be executed.

    Args:
        source: the file of the questions, for messages.
        on_error: called with the error of each question that cannot, which then is passed over.
        programs: whether stored programs are needed.

    Raises:
        DataError: a question of an image that has no scene, or without a stored program where
            one is needed, and no `on_error`.
    """
    for question in questions:
        example = question.example
        problem = ""
        if example.image_index not in scenes:
            name = f" ({json_word(question.image)})" if question.image else ""
            near = _near(example.image_index, scenes)
            problem = f"wanted an image of the scenes{near}, got image {example.image_index}{name}"
        elif programs and example.program is None:
            problem = "no program is stored; --parse executes what the English means"
        if not problem:
            yield question
            continue
        error = DataError(source, problem, f"question {example.question_index}")
        if on_error is None:
            raise error
        on_error(error)


def _executed(
    batch: list[Question],
    table: SceneTable,
    places: Mapping[int, int],
    domain: Domain,
    parser: Parser | None,
) -> Iterator[Executed]:
    if parser is None:
        parses = [Parsed(question, question.example.program) for question in batch]
    else:
        parses = list(parse_all(batch, parser))
    ready = [parsed for parsed in parses if parsed.program is not None]
    plan = compile_programs([p.program for p in ready if p.program is not None], domain)
    scene = np.array([places[p.question.example.image_index] for p in ready], dtype=np.intp)
    execution = run(plan, table, scene)
    index = {id(parsed): place for place, parsed in enumerate(ready)}
    for parsed in parses:
        if parsed.program is None:
            yield Executed(parsed.question, None, None, parsed.problem)
        else:
            yield _outcome(parsed, execution, index[id(parsed)], compare=parser is None)


def _outcome(
    parsed: Parsed, execution: VectorisedExecution, place: int, *, compare: bool
) -> Executed:
    question, program = parsed.question, parsed.program
    steps = equal = 0
    if compare and question.outputs is not None:
        results = execution.results(place)
        stated = [
            pair for pair in zip(question.outputs, results, strict=True) if pair[0] is not None
        ]
        steps, equal = len(stated), sum(_same_result(*pair) for pair in stated)
    try:
        answer = execution.answer(place)
    except ExecutionError as error:
        return Executed(question, program, None, _named(question, error), steps, equal)
    return Executed(question, program, answer, "", steps, equal)


def _same_result(stated: Any, result: Result | None) -> bool:
    """Whether a result is what a file states: a list of objects, one object, or a plain value."""
    if isinstance(result, frozenset):
        objects = stated if isinstance(stated, list) else [stated]
        return all(type(one) is int for one in objects) and sorted(objects) == sorted(result)
    return type(stated) is type(result) and stated == result


def _named(question: Question, error: Exception) -> str:
    return f"question {question.example.question_index}: {error}"


def _near(image: int, scenes: Mapping[int, Scene]) -> str:
    close = sorted(scenes, key=lambda index: abs(index - image))[:2]
    return f" (nearest: {listing(map(str, sorted(close)))})" if close else ""


def _rank(name: str) -> list[tuple[int, str]]:
    """Sorts `one_hop 2` before `one_hop 10`."""
    return [
        (int(word), "") if word.isdecimal() and len(word) < _MAX_DIGITS else (-1, word)
        for word in name.split()
    ]
