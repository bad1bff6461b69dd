"""Exact execution through the executors' common call, on the scenes of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from nmn.data.batch import Batch
from nmn.domain import Domain
from nmn.errors import DataError, ExecutionError
from nmn.execution.base import Execution
from nmn.execution.tracing import as_truth
from nmn.program.program import Program
from nmn.program.trace import Trace, TraceStep
from nmn.program.typecheck import answers_of, typecheck
from nmn.scene.scene import Scene
from nmn.scene.symbolic import Result, execute


@dataclass(frozen=True)
class SymbolicExecutor:
    """Runs programs by rules on scene graphs; certain of every answer."""

    domain: Domain

    def run(self, programs: Sequence[Program], batch: Batch, *, traces: bool = False) -> Execution:
        """See `nmn.execution.base.Executor`.

        Raises:
            DataError: a question without a scene.
        """
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
            failure = answer = None
            try:
                execution = execute(program, scene)
                results, answer = execution.results, execution.answer
                table[row, self.domain.answers.index(answer)] = 0.0
            except ExecutionError as error:
                failure = error
            failures.append(failure)
            if traces:
                made.append(
                    self._trace(batch.questions[row], program, scene, results, answer, failure)
                )
        return Execution(table, tuple(failures), tuple(made))

    def _trace(
        self,
        question: str,
        program: Program,
        scene: Scene,
        results: Sequence[Result | None],
        answer: str | None,
        failure: ExecutionError | None,
    ) -> Trace:
        types = typecheck(program, self.domain)
        steps = []
        for node, output, result in zip(program.nodes, types, results, strict=True):
            truth = as_truth(result, len(scene.objects))
            mask = truth if isinstance(truth, tuple) else None
            value = truth if isinstance(truth, str) else None
            confidence = None if truth is None else 1.0
            steps.append(
                TraceStep(
                    node.operation,
                    node.argument,
                    node.inputs,
                    str(output),
                    mask,
                    value,
                    confidence,
                    truth,
                )
            )
        return Trace(
            question=question,
            domain=self.domain.name,
            program=str(program),
            steps=tuple(steps),
            answer=answer,
            distribution={name: float(name == answer) for name in self.domain.answers},
            grid=scene.grid,
            failure=None if failure is None else str(failure),
            truth=answer,
        )
