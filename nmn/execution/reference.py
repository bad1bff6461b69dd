"""The reference executor: one program on one picture, a line of Python a node.

It is what the code is read for and what faster executors are compared with.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager

import torch
from jaxtyping import Float
from torch import Tensor, nn

from nmn.data.batch import Batch
from nmn.execution.base import Chosen, Execution, chosen_questions, pictures_of
from nmn.execution.tracing import neural_trace
from nmn.modules.base import ModuleBank, Nodes
from nmn.nn.features import Features
from nmn.program.program import Program
from nmn.program.typecheck import answers_of, typecheck
from nmn.program.types import Kind, Type


class ReferenceExecutor(nn.Module):
    """Runs programs one by one.

    Only the stem sees all pictures of the batch at once, and answers are read off together, as
    in the code bases that this stands for.
    """

    def __init__(self, stem: nn.Module, bank: ModuleBank) -> None:
        super().__init__()
        self.stem = stem
        self.bank = bank

    def run(
        self, programs: Sequence[Program], batch: Batch, *, traces: Chosen = False
    ) -> Execution:
        """See `nmn.execution.base.Executor`."""
        pictures_of(programs, batch)
        chosen = chosen_questions(traces, batch)
        types = [typecheck(program, self.bank.domain) for program in programs]
        for each in types:
            answers_of(each[-1], self.bank.domain)
        features = self.bank.see(batch, self.stem)
        self.bank.check(features)
        features = self.bank.prepare(features)
        roots = []
        made = []
        for place, program in enumerate(programs):
            rows = self._run_one(program, batch.picture[place : place + 1], features)
            roots.append(rows[-1])
            if place in chosen:
                made.append(
                    neural_trace(
                        self.bank,
                        program,
                        types[place],
                        [row[0] for row in rows],
                        batch,
                        place,
                        features.grid,
                    )
                )
        answers = self._answers([each[-1] for each in types], roots)
        return Execution(answers, (None,) * len(programs), tuple(made))

    def session(self) -> AbstractContextManager[None]:
        """As of the batched executor; here only without gradient."""
        return torch.no_grad()

    def _run_one(self, program: Program, picture: Tensor, features: Features) -> list[Tensor]:
        rows: list[Tensor] = []
        for node in program.nodes:
            index = self.bank.argument_index(node.operation, node.argument)
            argument = torch.full_like(picture, index)
            seen = self.bank.look(node.operation, argument, picture, features)
            nodes = Nodes(argument, picture, ((index, 1),), seen)
            inputs = tuple(rows[source] for source in node.inputs)
            rows.append(self.bank.run(node.operation, nodes, inputs, features))
        return rows

    def _answers(self, types: list[Type], roots: list[Tensor]) -> Float[Tensor, "batch answer"]:
        """The answers of all programs; those of one kind are read off together."""
        together: dict[Kind | None, list[int]] = {}
        for place, output in enumerate(types):
            kind = None if self.bank.answers_alike else output.kind
            together.setdefault(kind, []).append(place)
        found: dict[int, Tensor] = {}
        for places in together.values():
            rows = torch.cat([roots[place] for place in places])
            answers = self.bank.log_probabilities([types[place] for place in places], rows)
            found.update(zip(places, answers, strict=True))
        return torch.stack([found[place] for place in range(len(roots))])
