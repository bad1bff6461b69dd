"""All questions of a file: parse them, and execute their programs on scene graphs.

Questions come and go as streams, so that a file may be larger than memory. Nothing here raises for
what a question says: its outcome says so. `reports.py` counts outcomes.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from nmn.data.clevr import Question
from nmn.data.json_records import OnError
from nmn.domain import Domain
from nmn.errors import DataError, ExecutionError, QuestionError, listing
from nmn.parsing.base import BatchParser, Parser
from nmn.program.clevr import json_word
from nmn.program.program import Program
from nmn.scene.plan import compile_programs
from nmn.scene.scene import Scene
from nmn.scene.symbolic import Result
from nmn.scene.table import MAX_OBJECTS, SceneTable
from nmn.scene.vectorised import VectorisedExecution, run

_PARSED_AT_ONCE = 256
BATCH_SIZE = 2_000
"""Programs that are executed at once; more than this is hardly faster."""


@dataclass(frozen=True, eq=False)
class Parsed:
    """A question with the program that its English means, or why it has none.

    Attributes:
        warnings: of learned parsers, see `Parse`.
    """

    question: Question
    program: Program | None
    problem: str = ""
    warnings: tuple[str, ...] = ()


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


def parse_all(questions: Iterable[Question], parser: Parser) -> Iterator[Parsed]:
    """The preferred reading of each question."""
    if isinstance(parser, BatchParser):
        yield from _parse_batches(questions, parser)
        return
    for question in questions:
        try:
            yield Parsed(question, parser.parse(question.example.question)[0].program)
        except QuestionError as error:
            yield Parsed(question, None, _named(question, error))


def _parse_batches(questions: Iterable[Question], parser: BatchParser) -> Iterator[Parsed]:
    stream = iter(questions)
    while batch := list(islice(stream, _PARSED_AT_ONCE)):
        found = parser.parse_all([question.example.question for question in batch])
        for question, readings in zip(batch, found, strict=True):
            if readings:
                yield Parsed(question, readings[0].program, "", readings[0].warnings)
            else:
                yield Parsed(question, None, _named(question, "no program comes out of it"))


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
        steps, equal = len(stated), sum(same_result(*pair) for pair in stated)
    try:
        answer = execution.answer(place)
    except ExecutionError as error:
        return Executed(question, program, None, _named(question, error), steps, equal)
    return Executed(question, program, answer, "", steps, equal)


def same_result(stated: Any, result: Result | None) -> bool:
    """Whether a result is what a file states: a list of objects, one object, or a plain value."""
    if isinstance(result, frozenset):
        objects = stated if isinstance(stated, list) else [stated]
        return all(type(one) is int for one in objects) and sorted(objects) == sorted(result)
    return type(stated) is type(result) and stated == result


def _named(question: Question, error: Exception | str) -> str:
    return f"question {question.example.question_index}: {error}"


def _near(image: int, scenes: Mapping[int, Scene]) -> str:
    close = sorted(scenes, key=lambda index: abs(index - image))[:2]
    return f" (nearest: {listing(map(str, sorted(close)))})" if close else ""
