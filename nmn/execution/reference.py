"""The reference executor: one program on one picture, a line of Python a node.

It is what the code is read for and what faster executors are compared with.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nmn.data.batch import Batch
from nmn.execution.base import Execution
from nmn.execution.tracing import neural_trace
from nmn.modules.base import ModuleBank
from nmn.nn.features import Features
from nmn.program.program import Program
from nmn.program.typecheck import typecheck


class ReferenceExecutor(nn.Module):
    """Runs programs one by one; only the stem sees all pictures of the batch at once."""

    def __init__(self, stem: nn.Module, bank: ModuleBank) -> None:
        super().__init__()
        self.stem = stem
        self.bank = bank

    def run(self, programs: Sequence[Program], batch: Batch, *, traces: bool = False) -> Execution:
        """See `nmn.execution.base.Executor`."""
        features = self.bank.prepare(self.stem(batch.pictures))
        answers = []
        made = []
        for index, program in enumerate(programs):
            types = typecheck(program, self.bank.domain)
            rows = self._run_one(program, batch.picture[index : index + 1], features)
            answers.append(self.bank.log_probabilities(types[-1], rows[-1]))
            if traces:
                made.append(
                    neural_trace(
                        self.bank,
                        program,
                        types,
                        [row[0] for row in rows],
                        question=batch.questions[index],
                        grid=features.grid,
                        scene=batch.scenes[index],
                    )
                )
        return Execution(torch.cat(answers), (None,) * len(answers), tuple(made))

    def _run_one(self, program: Program, picture: Tensor, features: Features) -> list[Tensor]:
        rows: list[Tensor] = []
        for node in program.nodes:
            index = self.bank.argument_index(node.operation, node.argument)
            inputs = tuple(rows[source] for source in node.inputs)
            argument = torch.full_like(picture, index)
            rows.append(self.bank.run(node.operation, argument, inputs, features, picture))
        return rows
