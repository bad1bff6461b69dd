"""Questions put to all the scenes that a picture may show, and what these say together."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from nmn.data.batch import Batch
from nmn.domain import Domain
from nmn.errors import ExecutionError
from nmn.execution.symbolic import SymbolicExecutor
from nmn.perception.guesses import Guess
from nmn.program.program import Program
from nmn.program.trace import Trace


@dataclass(frozen=True, eq=False)
class Answers:
    """What the scenes say.

    Attributes:
        probabilities: of each answer, those of the scenes that give it; the rest to 1 is that of
            scenes on which the program fails.
        failures: for each question that has no answer why the most probable scene gives none.
        traces: of each question that they were asked for, one a scene.
    """

    probabilities: Float[Tensor, "batch answer"]
    failures: tuple[ExecutionError | None, ...]
    traces: Mapping[int, tuple[Trace, ...]]


def ask(
    domain: Domain,
    batch: Batch,
    programs: Sequence[Program],
    guesses: Sequence[Sequence[Guess]],
    traced: Collection[int] = (),
) -> Answers:
    """Execute the program of each question of a batch on all of its guesses.

    Args:
        guesses: of each question, the most probable first; none for those to pass over.
        traced: the questions to trace.
    """
    owner = [question for question, scenes in enumerate(guesses) for _ in scenes]
    asked = [guess for scenes in guesses for guess in scenes]
    rows = torch.tensor(owner)
    there = rows.to(batch.picture.device)
    many = replace(
        batch,
        questions=tuple(batch.questions[question] for question in owner),
        picture=batch.picture[there],
        tokens=batch.tokens[there],
        programs=tuple(batch.programs[question] for question in owner),
        answers=batch.answers[there],
        scenes=tuple(guess.scene for guess in asked),
    )
    chosen = [row for row, question in enumerate(owner) if question in traced]
    wanted = [programs[question] for question in owner]
    execution = SymbolicExecutor(domain).run(wanted, many, traces=chosen)
    weights = torch.tensor([guess.probability for guess in asked])
    given = execution.log_probabilities.exp() * weights[:, None]
    probabilities = torch.zeros(len(guesses), given.shape[1]).index_add(0, rows, given)
    first = {question: row for row, question in reversed(list(enumerate(owner)))}
    traces: dict[int, tuple[Trace, ...]] = {}
    for row, trace in zip(chosen, execution.traces, strict=True):
        traces[owner[row]] = (*traces.get(owner[row], ()), trace)
    failures = tuple(
        execution.failures[first[question]] if question in first and not answered else None
        for question, answered in enumerate((probabilities > 0).any(1).tolist())
    )
    return Answers(probabilities, failures, traces)
