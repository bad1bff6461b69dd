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
from nmn.scene.symbolic import as_answer, attempt


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
            results, failure = attempt(program, scene)
            if failure is None:
                answer = as_answer(results[-1])
                failure = self._problem(program, answer)
                if failure is None:
                    table[row, self.domain.answers.index(answer)] = 0.0
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

    def _problem(self, program: Program, answer: str) -> ExecutionError | None:
        """A count can be above the largest number of the domain."""
        if answer in self.domain.answers:
            return None
        path = program.path_to(len(program) - 1)
        problem = f"gives {answer}, which is no answer of domain {self.domain.name}"
        return ExecutionError(program.root.operation, path, problem)
