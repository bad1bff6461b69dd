"""Answering a whole data set: predictions, and their accuracy by kind of question."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

from nmn.data.batch import collate
from nmn.data.example import Dataset, Example, question_type
from nmn.errors import DataError, QuestionError
from nmn.generate.shapes import split_of
from nmn.parsing.base import Parser
from nmn.program.program import Program
from nmn.program.typecheck import typecheck
from nmn.training.checkpoint import Checkpoint
from nmn.training.metrics import Outcome, report

Programs = Literal["parsed", "stored"]
"""Where programs come from: the checkpoint's parser, or the data."""

BATCH_SIZE = 256


@dataclass(frozen=True)
class Answered:
    """One question with what the model said.

    Attributes:
        answer: None where the question could not be parsed.
        problem: why there is no answer.
    """

    example: Example
    program: Program | None
    answer: str | None
    probability: float | None
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """A line of a predictions file."""
        return {
            "question_index": self.example.question_index,
            "answer": self.answer,
            "program": None if self.program is None else str(self.program),
            "probability": self.probability,
            **({"problem": self.problem} if self.problem else {}),
        }


def answer_all(
    checkpoint: Checkpoint,
    data: Dataset,
    parser: Parser,
    programs: Programs = "parsed",
    progress: Callable[[int], None] = lambda done: None,
) -> Iterator[Answered]:
    """The model's answers to `data`, in order. Only questions and pictures are looked at.

    Raises:
        DataError: stored programs are asked for and there are none, or no pictures.
        ShapeError: pictures of another size than the model was trained on.
    """
    if data.domain.name != checkpoint.domain.name:
        problem = f"data of domain {data.domain.name} for a model of {checkpoint.domain.name}"
        raise DataError(data.name, problem)
    parsed: dict[str, Program | QuestionError] = {}
    done = 0
    for examples in _chunks(data, BATCH_SIZE):
        found = [_program(example, checkpoint, parser, programs, parsed) for example in examples]
        yield from _answer(checkpoint, examples, found)
        done += len(examples)
        progress(done)


def evaluation(checkpoint: Checkpoint, answers: Iterable[Answered]) -> dict[str, Any]:
    """Accuracy with intervals, in all, by type and depth of the question, and by novelty.

    `by_composition` tells compositions that the training data can have held from new ones.
    """
    outcomes = []
    for item in answers:
        groups: dict[str, str] = {}
        if item.program is not None:
            seen = split_of(item.program, checkpoint.preset.data.world) == "train"
            groups = {
                "type": question_type(item.program),
                "depth": str(item.program.depth),
                "composition": "seen" if seen else "unseen",
            }
        truth = item.example.answer
        correct = None if truth is None else item.answer == truth
        outcomes.append(Outcome(correct, item.example.question, groups))
    return report(outcomes)


def _chunks(data: Dataset, size: int) -> Iterator[list[Example]]:
    examples = iter(data)
    while chunk := list(islice(examples, size)):
        yield chunk


def _program(
    example: Example,
    checkpoint: Checkpoint,
    parser: Parser,
    programs: Programs,
    parsed: dict[str, Program | QuestionError],
) -> Program | QuestionError:
    if programs == "stored":
        if example.program is None:
            problem = "no stored programs; wanted them for --programs stored"
            raise DataError("data", problem, f"question {example.question_index}")
        typecheck(example.program, checkpoint.domain)
        return example.program
    if example.question not in parsed:
        try:
            parsed[example.question] = parser.parse(example.question)[0].program
        except QuestionError as error:
            parsed[example.question] = error
    return parsed[example.question]


def _answer(
    checkpoint: Checkpoint, examples: list[Example], found: list[Program | QuestionError]
) -> Iterator[Answered]:
    ready = [
        replace(example, program=program)
        for example, program in zip(examples, found, strict=True)
        if isinstance(program, Program)
    ]
    rows = iter(())  # type: Iterator[list[float]]
    if ready:
        batch = collate(ready, checkpoint.domain, checkpoint.vocabulary)
        rows = iter(checkpoint.model.predict(batch).log_probabilities.exp().tolist())
    for example, program in zip(examples, found, strict=True):
        if not isinstance(program, Program):
            yield Answered(example, None, None, None, str(program))
            continue
        probabilities = next(rows)
        best = max(range(len(probabilities)), key=probabilities.__getitem__)
        yield Answered(example, program, checkpoint.domain.answers[best], probabilities[best])
