"""Answering a whole data set: predictions, and their accuracy by kind of question."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

import torch

from nmn.data.batch import Batch, collate
from nmn.data.example import Dataset, Example
from nmn.errors import (
    DataError,
    ExecutionError,
    NMNError,
    ProgramTypeError,
    QuestionError,
    UnknownNameError,
)
from nmn.execution.base import Model
from nmn.execution.network import ModuleNetwork
from nmn.parsing.base import BatchParser, Parse, Parser
from nmn.program.program import Program
from nmn.program.trace import Trace
from nmn.program.typecheck import typecheck
from nmn.training.calibration import calibration
from nmn.training.checkpoint import Checkpoint
from nmn.training.faithfulness import (
    CheckedAnswer,
    CheckedMask,
    check_masks,
    faithfulness,
    masks_of,
)
from nmn.training.groups import Groups
from nmn.training.metrics import Outcome, report

Programs = Literal["parsed", "stored"]
"""Where programs come from: the checkpoint's parser, or the data."""

BATCH_SIZE = 256
_TRACED_AT_ONCE = 16


@dataclass(frozen=True)
class Answered:
    """One question with what the model said.

    Attributes:
        example: without its picture.
        parse: None where the question could not be understood.
        answer: None where there is none.
        problem: why there is no answer.
        steps: those with masks compared with the truth, where that was asked for.
    """

    example: Example
    parse: Parse | None
    answer: str | None
    probability: float | None
    problem: str = ""
    steps: tuple[CheckedMask, ...] | None = None

    @property
    def program(self) -> Program | None:
        """What was executed."""
        return None if self.parse is None else self.parse.program

    @property
    def correct(self) -> bool | None:
        """Whether the answer is right; None where the right one is not known."""
        return None if self.example.answer is None else self.answer == self.example.answer

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
    parser: Parser | None,
    programs: Programs = "parsed",
    progress: Callable[[int], None] = lambda done: None,
    *,
    steps: bool = False,
) -> list[Answered]:
    """The model's answers to `data`, in order. The model sees only questions and pictures.

    It is fast where questions about one picture come one after the other.

    Args:
        parser: None for models that read the words of questions.
        steps: also compare the masks of all steps with the scenes of the data.

    Raises:
        DataError: stored programs are asked for and there are none, or no pictures; or steps are
            and there are no scenes.
        ConfigError: steps are asked for of a model without masks.
        ShapeError: pictures of another size than the model was trained on.
    """
    if data.domain.name != checkpoint.domain.name:
        problem = f"data of domain {data.domain.name} for a model of {checkpoint.domain.name}"
        raise DataError(data.name, problem)
    known: dict[str, Parse | NMNError] = {}
    answers: list[Answered] = []
    with _session(checkpoint.model):
        for examples in _chunks(data, BATCH_SIZE):
            if programs == "parsed" and isinstance(parser, BatchParser):
                _parse_together(examples, parser, known)
            found: list[Parse | NMNError | None] = [None] * len(examples)
            if parser is not None:
                found = [_parse(each, checkpoint, parser, programs, known) for each in examples]
            answers += _answer(checkpoint, examples, found, steps)
            progress(len(answers))
    return answers


def evaluation(checkpoint: Checkpoint, answers: Iterable[Answered]) -> dict[str, Any]:
    """Accuracy with intervals, in all and by kind of question, and how well it is calibrated.

    Intervals are over clusters of questions that are not independent: those about one picture, or
    with one text, whichever are fewer. `by_composition` (of SHAPES) tells compositions that the
    training data can have held from new ones. With `steps` there is `faithfulness` too.
    """
    known = list(answers)
    images = {str(item.example.image_index) for item in known}
    by_text = len({item.example.question for item in known}) < len(images)
    groups = Groups(checkpoint.preset)
    outcomes = [
        Outcome(
            item.correct,
            item.example.question if by_text else str(item.example.image_index),
            groups.of(item.example, item.program),
        )
        for item in known
    ]
    sure = [
        (item.probability, item.correct)
        for item in known
        if item.probability is not None and item.correct is not None
    ]
    checked = [
        CheckedAnswer(item.example.image_index, item.correct, item.steps)
        for item in known
        if item.steps is not None
    ]
    return {
        **report(outcomes),
        "calibration": calibration([given for given, _ in sure], [right for _, right in sure]),
        **({"faithfulness": faithfulness(checked)} if checked else {}),
    }


def traces_of(
    checkpoint: Checkpoint, data: Dataset, answers: Sequence[tuple[int, Answered]]
) -> Iterator[Trace | None]:
    """The trace of each of these answers; None where the question could not be understood.

    They say what is true where the data has scenes, and what is seen where; of models that read
    words in place of programs, what was looked at.

    Args:
        answers: with the place of each in `data`.
    """
    reads_words = not checkpoint.model.reads_programs
    pending = iter(answers)
    while some := list(islice(pending, _TRACED_AT_ONCE)):
        examples = [
            replace(data[place], program=item.program, answer=None)
            for place, item in some
            if reads_words or item.program is not None
        ]
        traces: Iterator[Trace] = iter(())
        if examples:
            batch = _batch(checkpoint, examples)
            traces = iter(checkpoint.model.predict(batch, traces=True).traces)
        for _, item in some:
            if item.parse is not None:
                trace = next(traces).with_spans(item.parse.question, item.parse.spans)
            elif reads_words:
                trace = next(traces)
            else:
                yield None
                continue
            yield replace(trace, truth=item.example.answer or trace.truth)


def _session(model: Model) -> AbstractContextManager[None]:
    return model.executor.session() if isinstance(model, ModuleNetwork) else torch.no_grad()


def _chunks(data: Dataset, size: int) -> Iterator[list[Example]]:
    examples = iter(data)
    while chunk := list(islice(examples, size)):
        yield chunk


def _parse(
    example: Example,
    checkpoint: Checkpoint,
    parser: Parser,
    programs: Programs,
    known: dict[str, Parse | NMNError],
) -> Parse | NMNError:
    """The program of a question, or why the model cannot execute any."""
    if programs == "stored":
        if example.program is None:
            problem = "no stored programs; wanted them for --programs stored"
            raise DataError("data", problem, f"question {example.question_index}")
        try:
            typecheck(example.program, checkpoint.domain)
        except (ProgramTypeError, UnknownNameError) as error:
            return error
        return Parse(example.question, example.program, ((),) * len(example.program))
    if example.question not in known:
        try:
            known[example.question] = parser.parse(example.question)[0]
        except QuestionError as error:
            known[example.question] = error
    return known[example.question]


def _parse_together(
    examples: Sequence[Example], parser: BatchParser, known: dict[str, Parse | NMNError]
) -> None:
    """Let a parser that is faster at many questions read those that are new."""
    new = list(dict.fromkeys(e.question for e in examples if e.question not in known))
    for question, parses in zip(new, parser.parse_all(new), strict=True):
        if parses:
            known[question] = parses[0]


def _batch(checkpoint: Checkpoint, examples: Sequence[Example]) -> Batch:
    device = next(checkpoint.model.parameters()).device
    pictures = checkpoint.model.sees_pictures
    return collate(examples, checkpoint.domain, checkpoint.vocabulary, pictures=pictures).to(device)


def _answer(
    checkpoint: Checkpoint,
    examples: Sequence[Example],
    found: Sequence[Parse | NMNError | None],
    steps: bool,
) -> Iterator[Answered]:
    ready = [
        replace(example, program=None if parse is None else parse.program, answer=None)
        for example, parse in zip(examples, found, strict=True)
        if not isinstance(parse, NMNError)
    ]
    said: Iterator[tuple[list[float], ExecutionError | None, tuple[CheckedMask, ...] | None]] = (
        iter(())
    )
    if ready:
        batch = _batch(checkpoint, ready)
        blind = batch
        if checkpoint.model.sees_pictures:
            blind = replace(batch, scenes=(None,) * len(batch), sights=())
        prediction = checkpoint.model.predict(blind)
        checked: list[tuple[CheckedMask, ...] | None] = [None] * len(batch)
        if steps:
            chosen = [parse.program for parse in found if isinstance(parse, Parse)]
            masks = masks_of(checkpoint.model).run(chosen, blind, masks=True).masks
            assert masks is not None
            checked = check_masks(masks, chosen, batch)
        probabilities = prediction.log_probabilities.exp().tolist()
        failures = prediction.failures or (None,) * len(ready)
        said = zip(probabilities, failures, checked, strict=True)
    for example, parse in zip(examples, found, strict=True):
        bare = replace(example, picture=None, sight=None)
        if isinstance(parse, NMNError):
            yield Answered(bare, None, None, None, str(parse))
            continue
        row, failure, seen = next(said)
        if failure is not None:
            yield Answered(bare, parse, None, None, str(failure))
            continue
        best = max(range(len(row)), key=row.__getitem__)
        answer = checkpoint.domain.answers[best]
        yield Answered(bare, parse, answer, row[best], steps=seen)
