"""Exact execution through the executors' common call, on the scenes of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from nmn.data.batch import Batch
from nmn.domain import Domain
from nmn.errors import DataError, ExecutionError
from nmn.execution.base import Chosen, Execution, chosen_questions, pictures_of
from nmn.execution.tracing import exact_trace
from nmn.program.program import Program
from nmn.program.trace import Trace
from nmn.program.typecheck import answers_of, typecheck
from nmn.scene.symbolic import Result, execute


@dataclass(frozen=True)
class SymbolicExecutor:
    """Runs programs by rules on scene graphs; certain of every answer."""

    domain: Domain

    def run(
        self, programs: Sequence[Program], batch: Batch, *, traces: Chosen = False
    ) -> Execution:
        """See `nmn.execution.base.Executor`.

        Raises:
            DataError: a question without a scene.
        """
        pictures_of(programs, batch)
        chosen = chosen_questions(traces, batch)
        table = torch.full((len(programs), len(self.domain.answers)), -torch.inf)
        failures: list[ExecutionError | None] = []
        made: list[Trace] = []
        for row, program in enumerate(programs):
            scene = batch.scenes[row]
            if scene is None:
                raise DataError("batch", "the question has no scene graph", f"question {row}")
            types = typecheck(program, self.domain)
            answers_of(types[-1], self.domain)
            results: tuple[Result | None, ...] = (None,) * len(program)
            failure = None
            try:
                execution = execute(program, scene)
                results = execution.results
                table[row, self.domain.answers.index(execution.answer)] = 0.0
            except ExecutionError as error:
                failure = error
            failures.append(failure)
            if row in chosen:
                made.append(
                    exact_trace(
                        self.domain,
                        program,
                        types,
                        results,
                        question=batch.questions[row],
                        scene=scene,
                        failure=failure,
                    )
                )
        return Execution(table, tuple(failures), tuple(made))
