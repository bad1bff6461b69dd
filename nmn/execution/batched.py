"""The batched executor: many programs over many pictures as one graph, a few calls for all.

It gives what the reference executor gives, with gradients, to rounding. Programs are planned once
(`nmn.execution.plan`); here a plan is run with any bank of modules.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from traceback import clear_frames
from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from nmn.config import Config
from nmn.data.batch import Batch
from nmn.errors import DataError, OutOfMemoryError
from nmn.execution.base import (
    Chosen,
    Execution,
    MaskTable,
    chosen_questions,
    pictures_of,
)
from nmn.execution.compiled import CompiledProgram, Compiler
from nmn.execution.costs import is_out_of_memory, questions_that_fit
from nmn.execution.plan import Plan, Source, plan
from nmn.execution.tracing import neural_trace
from nmn.modules.base import ModuleBank, Nodes
from nmn.nn.features import Features
from nmn.nn.trainable import BATCH_SIZE
from nmn.program.ops import OPERATIONS
from nmn.program.program import Program
from nmn.program.trace import Trace
from nmn.program.types import MASK, Kind


class BatchedConfig(Config):
    """How to execute.

    Attributes:
        precision: `bfloat16` computes matrix products and convolutions in it (mixed precision).
        questions_at_once: at most so many questions are one plan. Larger batches are executed in
            parts, and each part once more for its gradient, so that memory is bounded by a part
            (with what traces and masks that are asked for take). Weights and mode must not change
            before `backward`. Parts of less than some 16 questions save nothing more.
    """

    precision: Literal["float32", "bfloat16"] = "float32"
    questions_at_once: int | None = Field(None, gt=0)


@dataclass(frozen=True, eq=False)
class Computed:
    """What a plan gave.

    Attributes:
        outputs: the rows of each group; none where they were not kept.
        log_probabilities: of the answers, in the order of the plan's programs.
    """

    plan: Plan
    outputs: tuple[Tensor, ...]
    log_probabilities: Float[Tensor, "batch answer"]

    def row(self, place: int) -> Tensor:
        """The row at a place of the plan."""
        group = int(self.plan.group_of[place])
        return self.outputs[group][place - self.plan.groups[group].begin]


@dataclass(frozen=True, eq=False)
class _Part:
    """Some questions of a batch.

    Attributes:
        questions: their places in the batch.
        traced: those of them to trace, as places in `questions`.
    """

    questions: tuple[int, ...]
    programs: tuple[CompiledProgram, ...]
    plan: Plan
    traced: tuple[int, ...]


class BatchedExecutor(nn.Module):
    """Runs all programs of a batch together.

    Args:
        stem: gives the features of pictures; each picture of a batch is looked at once.
    """

    def __init__(
        self, stem: nn.Module, bank: ModuleBank, config: BatchedConfig | None = None
    ) -> None:
        super().__init__()
        self.stem = stem
        self.bank = bank
        self.config = config or BatchedConfig()
        self.compiler = Compiler(bank.domain, bank.transparent)

    def run(
        self,
        programs: Sequence[Program],
        batch: Batch,
        *,
        traces: Chosen = False,
        masks: bool = False,
    ) -> Execution:
        """See `nmn.execution.base.Executor`.

        Args:
            masks: also give the masks of all nodes, as one table.

        Raises:
            OutOfMemoryError: with the number of questions at once that would fit.
        """
        pictures = pictures_of(programs, batch)
        chosen = set(chosen_questions(traces, batch))
        parts = self._parts(programs, pictures, chosen, masks=masks)
        cells = 0
        try:
            with self._precision(batch.pictures.device):
                features = self.bank.see(batch, self.stem)
                cells = features.values.shape[1]
                self.bank.check(features)
                features = self.bank.prepare(features)
                results = [self._compute(part, features, len(parts) > 1, masks) for part in parts]
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            # Else what was computed until then counts as memory that is not free.
            clear_frames(error.__traceback__)
            device, largest = batch.pictures.device, parts[0]
            if not cells:  # the stem has all pictures at once, however the plan is split
                half = max(1, len(programs) // 2)
                raise OutOfMemoryError(device.type, len(programs), half, BATCH_SIZE) from error
            fits = questions_that_fit(largest.plan, self.bank, cells, device)
            raise OutOfMemoryError(device.type, len(largest.questions), fits) from error
        order = [question for part in parts for question in part.questions]
        answers = torch.cat([result.log_probabilities for result in results])
        with self._precision(batch.pictures.device):
            return Execution(
                _in_order(answers, order),
                (None,) * len(programs),
                tuple(self._traces(parts, results, batch, features.grid)),
                self._mask_table(parts, results) if masks else None,
                features,
            )

    @contextmanager
    def session(self) -> Iterator[None]:
        """For many batches without gradient: weights are brought into low precision only once.

        They must not change within it.
        """
        device = next((weight.device for weight in self.bank.parameters()), torch.device("cpu"))
        with torch.no_grad(), self._precision(device):
            yield

    def plan(self, programs: Sequence[Program], pictures: Sequence[int]) -> Plan:
        """How `programs` are executed, the i-th on picture `pictures[i]`.

        Raises:
            ProgramTypeError, UnknownNameError: a program that cannot be executed.
            DataError: no programs, or not a picture for each.
        """
        if not programs or len(programs) != len(pictures):
            got = f"{len(programs)} programs and {len(pictures)} pictures"
            raise DataError("batch", f"wanted at least one program, and a picture each; got {got}")
        return self._plan([self.compiler.compile(program) for program in programs], pictures, ())

    def execute(self, wanted: Plan, features: Features) -> Computed:
        """Run a plan from anywhere (`nmn.execution.plan.schedule`) on features as they are.

        Raises:
            DataError: a plan of another domain, a picture index out of range, or features that are
                not finite numbers.
            ShapeError: features of another size than the bank was built for.
        """
        if wanted.graph.domain != self.bank.domain:
            names = f"{wanted.graph.domain.name}; wanted {self.bank.domain.name}"
            raise DataError("graph", f"a plan of domain {names}")
        self.bank.check(features)
        for picture in (wanted.graph.pictures.min(initial=0), wanted.graph.pictures.max(initial=0)):
            if not 0 <= picture < len(features.values):
                problem = f"picture index {picture}; wanted 0 to {len(features.values) - 1}"
                raise DataError("graph", problem)
        if wanted.answers_alike and not self.bank.answers_alike:
            problem = (
                f"a plan for answers that are alike; those of {type(self.bank).__name__} are not"
            )
            raise DataError("graph", problem)
        with self._precision(features.values.device):
            return self._run(wanted, self.bank.prepare(features))

    def _plan(
        self, programs: Sequence[CompiledProgram], pictures: Sequence[int], whole: Collection[int]
    ) -> Plan:
        alike = self.bank.answers_alike
        return plan(programs, pictures, self.bank.domain, whole, answers_alike=alike)

    def _parts(
        self,
        programs: Sequence[Program],
        pictures: Sequence[int],
        chosen: Collection[int],
        *,
        masks: bool,
    ) -> list[_Part]:
        """The batch in parts, of which none has too many questions."""
        compiled = [self.compiler.compile(program) for program in programs]
        most = self.config.questions_at_once or len(programs)
        order = list(range(len(programs)))
        if len(order) > most:  # questions about one picture stay together: they share nodes
            order.sort(key=pictures.__getitem__)
        parts = []
        for begin in range(0, len(order), most):
            questions = tuple(order[begin : begin + most])
            traced = tuple(p for p, question in enumerate(questions) if question in chosen)
            chunk = tuple(compiled[question] for question in questions)
            seen = [pictures[question] for question in questions]
            whole = range(len(questions)) if masks else traced
            made = self._plan(chunk, seen, whole)
            parts.append(_Part(questions, chunk, made, traced))
        return parts

    def _precision(self, device: torch.device) -> AbstractContextManager[object]:
        if self.config.precision == "float32":
            return nullcontext()
        return torch.autocast(device.type, torch.bfloat16)

    def _compute(self, part: _Part, features: Features, again: bool, masks: bool) -> Computed:
        def run() -> tuple[Tensor, tuple[Tensor, ...]]:
            computed = self._run(part.plan, features)
            # What is not asked for must not stay in memory until the last part is done.
            kept = computed.outputs if masks or part.traced else ()
            return computed.log_probabilities, kept

        if again and torch.is_grad_enabled():
            answers, outputs = checkpoint(run, use_reentrant=False, preserve_rng_state=False)
        else:
            answers, outputs = run()
        return Computed(part.plan, outputs, answers)

    def _run(self, wanted: Plan, features: Features) -> Computed:
        """Run a plan on prepared features: a few tensor calls a group."""
        device = features.values.device
        index = torch.from_numpy(wanted.index).to(device)
        seen = self._look(wanted, index, features)
        outputs: list[Tensor] = []
        for number, group in enumerate(wanted.groups):
            place = slice(group.begin, group.end)
            nodes = Nodes(index[0, place], index[1, place], group.runs, seen.get(number))
            inputs = tuple(
                _take(outputs, source, index[2 + position, place])
                for position, source in enumerate(group.inputs)
            )
            outputs.append(self.bank.run(group.operation, nodes, inputs, features))
        rows = torch.from_numpy(wanted.answer_index).to(device)
        answers = [
            self.bank.log_probabilities(
                group.types, _take(outputs, group.source, rows[group.begin : group.end])
            )
            for group in wanted.answers
        ]
        found = _in_order(torch.cat(answers), wanted.programs)
        return Computed(wanted, tuple(outputs), found)

    def _look(self, wanted: Plan, index: Tensor, features: Features) -> dict[int, Tensor]:
        """What the bank sees for each group, looked up once for all groups of an operation."""
        found: dict[int, Tensor] = {}
        for operation, numbers in wanted.groups_of.items():
            groups = [wanted.groups[number] for number in numbers]
            parts = [index[:2, group.begin : group.end] for group in groups]
            argument, picture = parts[0] if len(parts) == 1 else torch.cat(parts, 1)
            rows = self.bank.look(operation, argument, picture, features)
            if rows is not None:
                sizes = [group.end - group.begin for group in groups]
                found.update(zip(numbers, torch.split(rows, sizes), strict=True))
        return found

    def _traces(
        self,
        parts: Sequence[_Part],
        results: Sequence[Computed],
        batch: Batch,
        grid: tuple[int, int] | None,
    ) -> list[Trace]:
        made: dict[int, Trace] = {}
        for part, computed in zip(parts, results, strict=True):
            for traced in part.traced:
                question, compiled = part.questions[traced], part.programs[traced]
                places = part.plan.places_of(traced)
                made[question] = neural_trace(
                    self.bank,
                    compiled.program,
                    compiled.types,
                    [computed.row(places[row]) for row in compiled.row_of],
                    batch,
                    question,
                    grid,
                )
        return [made[question] for question in sorted(made)]

    def _mask_table(self, parts: Sequence[_Part], results: Sequence[Computed]) -> MaskTable:
        tables: list[Tensor] = []
        rows: dict[int, tuple[int | None, ...]] = {}
        count = 0
        for part, computed in zip(parts, results, strict=True):
            row_at: dict[int, int] = {}
            for group, output in zip(part.plan.groups, computed.outputs, strict=True):
                if OPERATIONS[group.operation].output is Kind.MASK:
                    places = range(group.begin, group.end)
                    row_at.update(zip(places, range(count, count + len(places)), strict=True))
                    tables.append(self.bank.mask_probabilities(output))
                    count += len(places)
            for at, (question, compiled) in enumerate(
                zip(part.questions, part.programs, strict=True)
            ):
                places_of = part.plan.places_of(at)
                rows[question] = tuple(
                    row_at[places_of[row]] if output == MASK else None
                    for row, output in zip(compiled.row_of, compiled.types, strict=True)
                )
        ordered = tuple(rows[question] for question in sorted(rows))
        return MaskTable(torch.cat(tables), ordered)


def _take(outputs: Sequence[Tensor], source: Source, rows: Tensor) -> Tensor:
    """Rows of earlier groups."""
    parts = [outputs[group] for group in source.groups]
    together = parts[0] if len(parts) == 1 else torch.cat(parts)
    return together if source.whole else together.index_select(0, rows)


def _in_order(rows: Tensor, places: Sequence[int]) -> Tensor:
    """The rows in the order of their places."""
    inverse = [0] * len(places)
    for row, place in enumerate(places):
        inverse[place] = row
    if inverse == list(range(len(inverse))):
        return rows
    return rows.index_select(0, torch.tensor(inverse, device=rows.device))
