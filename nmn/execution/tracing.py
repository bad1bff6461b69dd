"""From the rows of one execution to its trace."""

from collections.abc import Sequence

from torch import Tensor

from nmn.data.batch import Batch
from nmn.data.sight import NOTHING, Sight
from nmn.domain import Domain
from nmn.errors import ExecutionError
from nmn.modules.base import ModuleBank
from nmn.program.program import Program
from nmn.program.trace import Trace, TraceStep
from nmn.program.types import Type
from nmn.scene.scene import Scene
from nmn.scene.symbolic import Result, as_answer, attempt


def neural_trace(
    bank: ModuleBank,
    program: Program,
    types: Sequence[Type],
    rows: Sequence[Tensor],
    batch: Batch,
    question: int,
    grid: tuple[int, int] | None,
) -> Trace:
    """The trace of a program whose modules gave `rows` (one a node, without batch dimension).

    It has the truth where the batch has the scene. That of masks over the cells of a picture is
    known only with the sight of it.

    Args:
        question: the place in `batch` of the question that it answers.
    """
    scene, sight = batch.scenes[question], batch.sight(question)
    if sight is not None and sight.cells.shape != grid:
        sight = None
    truths = _truths(program, scene, sight, grid)
    steps = []
    for node, output, row, truth in zip(program.nodes, types, rows, truths, strict=True):
        reading = bank.read(output, row)
        stated = reading.value is not None or (reading.mask is not None and bank.has_masks)
        known = truth if stated else None
        made = (str(output), reading.mask, reading.value, reading.confidence, known)
        steps.append(TraceStep(node.operation, node.argument, node.inputs, *made))
    probabilities = bank.log_probabilities([types[-1]], rows[-1].detach()[None])[0].exp().tolist()
    return Trace(
        question=batch.questions[question],
        domain=bank.domain.name,
        program=str(program),
        steps=tuple(steps),
        answer=steps[-1].value,
        distribution=dict(zip(bank.domain.answers, probabilities, strict=True)),
        grid=grid,
        shown=None if sight is None else tuple(sight.cells.flatten().tolist()),
        truth=truths[-1] if isinstance(truths[-1], str) else None,
        has_masks=bank.has_masks,
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
    answer = None if failure is not None else steps[-1].value
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


Truth = tuple[float, ...] | str | None


def _as_truth(result: Result | None, objects: int) -> Truth:
    """An exact result in the form of a trace, a mask by object."""
    if isinstance(result, frozenset):
        return tuple(float(index in result) for index in range(objects))
    return None if result is None else as_answer(result)


def _truths(
    program: Program, scene: Scene | None, sight: Sight | None, grid: tuple[int, int] | None
) -> list[Truth]:
    """The exact result of each node, where it is known; masks over what the modules look at."""
    if scene is None:
        return [None] * len(program)
    results, _ = attempt(program, scene)
    truths = [_as_truth(result, len(scene.objects)) for result in results]
    if scene.grid == grid:  # each cell is an object, or there are no cells
        return truths
    return [_over_cells(truth, sight) if isinstance(truth, tuple) else truth for truth in truths]


def _over_cells(objects: tuple[float, ...], sight: Sight | None) -> Truth:
    if sight is None:
        return None
    cells = sight.cells.flatten().tolist()
    return tuple(0.0 if index == NOTHING else objects[index] for index in cells)
