"""From the rows of one execution to its trace."""

from collections.abc import Sequence

from torch import Tensor

from nmn.domain import Domain
from nmn.errors import ExecutionError
from nmn.modules.base import ModuleBank
from nmn.program.program import Program
from nmn.program.trace import Trace, TraceStep
from nmn.program.types import Type
from nmn.scene.scene import Scene
from nmn.scene.symbolic import Result, as_answer, execute


def neural_trace(
    bank: ModuleBank,
    program: Program,
    types: Sequence[Type],
    rows: Sequence[Tensor],
    *,
    question: str,
    grid: tuple[int, int] | None,
    scene: Scene | None,
) -> Trace:
    """The trace of a program whose modules gave `rows` (one a node, without batch dimension)."""
    truths = _truths(program, scene)
    steps = []
    for node, output, row, truth in zip(program.nodes, types, rows, truths, strict=True):
        reading = bank.read(output, row)
        made = (str(output), reading.mask, reading.value, reading.confidence, truth)
        steps.append(TraceStep(node.operation, node.argument, node.inputs, *made))
    probabilities = bank.log_probabilities([types[-1]], rows[-1].detach()[None])[0].exp().tolist()
    return Trace(
        question=question,
        domain=bank.domain.name,
        program=str(program),
        steps=tuple(steps),
        answer=steps[-1].value,
        distribution=dict(zip(bank.domain.answers, probabilities, strict=True)),
        grid=grid,
        truth=truths[-1] if isinstance(truths[-1], str) else None,
    )


def exact_trace(
    domain: Domain,
    program: Program,
    types: Sequence[Type],
    results: Sequence[Result | None],
    *,
    question: str,
    scene: Scene,
    failure: ExecutionError | None,
) -> Trace:
    """The trace of an exact execution; `results` are None where it did not get to."""
    steps = []
    for node, output, result in zip(program.nodes, types, results, strict=True):
        truth = _as_truth(result, len(scene.objects))
        mask = truth if isinstance(truth, tuple) else None
        value = truth if isinstance(truth, str) else None
        sure = None if truth is None else 1.0
        made = (str(output), mask, value, sure, truth)
        steps.append(TraceStep(node.operation, node.argument, node.inputs, *made))
    answer = steps[-1].value
    return Trace(
        question=question,
        domain=domain.name,
        program=str(program),
        steps=tuple(steps),
        answer=answer,
        distribution={name: float(name == answer) for name in domain.answers},
        grid=scene.grid,
        failure=None if failure is None else str(failure),
        truth=answer,
    )


def _as_truth(result: Result | None, cells: int) -> tuple[float, ...] | str | None:
    """An exact result in the form of a trace."""
    if isinstance(result, frozenset):
        return tuple(float(cell in result) for cell in range(cells))
    return None if result is None else as_answer(result)


def _truths(program: Program, scene: Scene | None) -> list[tuple[float, ...] | str | None]:
    if scene is None:
        return [None] * len(program)
    try:
        results = execute(program, scene).results
    except ExecutionError:
        return [None] * len(program)
    return [_as_truth(result, len(scene.objects)) for result in results]
