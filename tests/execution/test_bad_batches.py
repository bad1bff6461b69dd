"""What executors refuse, in one line, before any module runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import ReferenceType, ref

import pytest
import torch
from torch import Tensor, nn

from nmn.data.batch import Batch
from nmn.errors import (
    DataError,
    NMNError,
    OutOfMemoryError,
    ProgramTypeError,
    ShapeError,
    UnknownNameError,
)
from nmn.execution import batched
from nmn.execution.base import Executor
from nmn.execution.batched import BatchedExecutor
from nmn.execution.reference import ReferenceExecutor
from nmn.modules.base import ModuleBank
from nmn.nn.features import Features, grid_features
from nmn.program.program import Node, Program, call
from nmn.program.text import parse_program
from tests.execution.engines import CHANNELS, GRIDS, batch_of, configured, engines, small_bank
from tests.strategies import CLEVR, SHAPES

RED = parse_program("exists(find[red])")
EXECUTORS: tuple[Callable[[nn.Module, ModuleBank], Executor], ...] = (
    ReferenceExecutor,
    BatchedExecutor,
)


def forbidden(*_: Any, **__: Any) -> Tensor:
    raise AssertionError("a module was run")


def silent_bank(family: str, domain: Any = CLEVR) -> ModuleBank:
    """A bank none of whose modules may be called."""
    bank = small_bank(family, domain).float()
    bank.run = forbidden  # type: ignore[method-assign]
    bank.prepare = forbidden  # type: ignore[method-assign,assignment]
    bank.log_probabilities = forbidden  # type: ignore[method-assign]
    return bank


class Seen(nn.Module):
    """A stem that gives these features."""

    def __init__(self, values: Tensor) -> None:
        super().__init__()
        self.values = values

    def forward(self, _: Tensor) -> Features:
        return grid_features(self.values)


class Blind(nn.Module):
    """A stem that must not be called."""

    def forward(self, _: Tensor) -> Features:
        raise AssertionError("the stem was run")


@dataclass(frozen=True)
class Case:
    """Something that no executor can do, before it looks at pictures."""

    name: str
    programs: Sequence[Program]
    batch: Batch
    kind: type[NMNError]
    text: str


CASES = (
    Case(
        "no questions", (), batch_of([]), DataError, "batch: wanted at least one program, got none"
    ),
    Case(
        "no programs", (), batch_of([0]), DataError, "batch: wanted at least one program, got none"
    ),
    Case(
        "too few programs",
        (RED,),
        batch_of([0, 0]),
        DataError,
        "batch: wanted a program a question (2), got 1",
    ),
    Case(
        "too many programs",
        (RED, RED),
        batch_of([0]),
        DataError,
        "batch: wanted a program a question (1), got 2",
    ),
    Case(
        "a picture beyond the last",
        (RED, RED),
        batch_of([0, 3], 3),
        DataError,
        "batch, question 1: picture index 3; wanted 0 to 2",
    ),
    Case(
        "a negative picture",
        (RED, RED),
        batch_of([0, -1], 3),
        DataError,
        "batch, question 1: picture index -1; wanted 0 to 2",
    ),
    Case(
        "an unknown operation",
        (RED, Program((Node("scene"), Node("exsits", None, (0,))))),
        batch_of([0, 0]),
        UnknownNameError,
        "unknown operation 'exsits'; nearest: 'exists', 'less_than' or 'relate'",
    ),
    Case(
        "an untyped program",
        (RED, call("count", RED)),
        batch_of([0, 0]),
        ProgramTypeError,
        "count: wanted Mask, got Bool from exists",
    ),
    Case(
        "a mask at the root",
        (call("scene"),),
        batch_of([0]),
        ProgramTypeError,
        "scene: wanted 'Bool', 'Number' or 'Value' at the root, as in exists(...), got Mask",
    ),
)


@pytest.mark.parametrize("make", EXECUTORS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_bad_batch_is_refused_before_pictures_are_looked_at(
    case: Case, make: Callable[[nn.Module, ModuleBank], Executor]
) -> None:
    executor = make(Blind(), silent_bank("attention"))
    with pytest.raises(case.kind) as caught:
        executor.run(case.programs, case.batch)
    assert str(caught.value) == case.text


@pytest.mark.parametrize("make", EXECUTORS)
@pytest.mark.parametrize("place", [2, -1])
def test_a_question_to_trace_that_does_not_exist_is_refused(
    place: int, make: Callable[[nn.Module, ModuleBank], Executor]
) -> None:
    executor = make(Blind(), silent_bank("attention"))
    with pytest.raises(DataError) as caught:
        executor.run([RED, RED], batch_of([0, 0]), traces=[0, place])
    assert str(caught.value) == f"batch: no question {place} to trace; wanted 0 to 1"


@pytest.mark.parametrize("make", EXECUTORS)
def test_an_answer_that_the_domain_lacks_is_refused(
    make: Callable[[nn.Module, ModuleBank], Executor],
) -> None:
    executor = make(Blind(), silent_bank("attention", SHAPES))
    with pytest.raises(ProgramTypeError, match="root: wanted an answer of domain shapes"):
        executor.run([RED, parse_program("count(find[red])")], batch_of([0, 0]))


@pytest.mark.parametrize("make", EXECUTORS)
@pytest.mark.parametrize("family", GRIDS)
@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_features_that_are_no_numbers_are_refused(
    value: float, family: str, make: Callable[[nn.Module, ModuleBank], Executor]
) -> None:
    values = torch.zeros(4, CHANNELS, *GRIDS[family])
    values[2, 1, 0, 1] = value
    executor = make(Seen(values), silent_bank(family))
    with pytest.raises(DataError) as caught:
        executor.run([RED], batch_of([0], 4))
    assert str(caught.value) == "features, picture 2: not all values are finite numbers"


@pytest.mark.parametrize("make", EXECUTORS)
@pytest.mark.parametrize(
    ("family", "size", "text"),
    [
        ("attention", (7, 3, 3), "features: wanted 5 channels, got 7 channels on a grid of 3x3"),
        ("tbd", (7, 3, 4), "features: wanted 5 channels on a grid of 3x4 cells, got 7 channels on"),
        ("residual", (5, 3, 3), "features: wanted 5 channels on a grid of 3x4 cells, got 5 "),
        ("tbd", (5, 4, 3), "features: wanted 5 channels on a grid of 3x4 cells, got 5 channels on"),
    ],
)
def test_features_of_another_size_are_refused(
    family: str,
    size: tuple[int, int, int],
    text: str,
    make: Callable[[nn.Module, ModuleBank], Executor],
) -> None:
    executor = make(Seen(torch.zeros(1, *size)), silent_bank(family))
    with pytest.raises(ShapeError) as caught:
        executor.run([RED], batch_of([0]))
    assert str(caught.value).startswith(text)
    assert "\n" not in str(caught.value)


def greedy(*_: Any, **__: Any) -> Tensor:
    """More than there is anywhere."""
    return torch.empty(1 << 50)


@pytest.mark.parametrize("parts", [None, 4])
@pytest.mark.parametrize("family", GRIDS)
def test_out_of_memory_names_the_split_that_would_fit(family: str, parts: int | None) -> None:
    executor = configured(engines(family, CLEVR, 1)[1], questions_at_once=parts)
    executor.bank.run = greedy  # type: ignore[method-assign]
    with pytest.raises(OutOfMemoryError) as caught:
        executor.run([RED] * 12, batch_of([0] * 12))
    error = caught.value
    assert error.device == "cpu"
    assert error.questions == (parts or 12)
    assert 1 <= error.fits <= error.questions // 2
    assert str(error) == (
        f"out of memory on cpu with {error.questions} questions at once; nearest: "
        f"model.batched.questions_at_once={error.fits}"
    )
    assert isinstance(error.__cause__, RuntimeError)


def test_out_of_memory_in_the_stem_is_named_too() -> None:
    executor = engines("attention", CLEVR, 1)[1]
    executor.stem.forward = greedy
    with pytest.raises(
        OutOfMemoryError, match=r"with 2 questions at once; nearest: training\.batch"
    ):
        executor.run([RED, RED], batch_of([0, 0]))


def test_out_of_memory_with_a_single_question_suggests_nothing() -> None:
    executor = engines("attention", CLEVR, 1)[1]
    executor.bank.run = greedy  # type: ignore[method-assign]
    with pytest.raises(OutOfMemoryError) as caught:
        executor.run([RED], batch_of([0]))
    assert str(caught.value) == "out of memory on cpu with a single question"


def test_other_errors_of_modules_go_through_unchanged() -> None:
    executor = engines("attention", CLEVR, 1)[1]
    problem = RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    def broken(*_: Any) -> Tensor:
        raise problem

    executor.bank.run = broken  # type: ignore[method-assign,assignment]
    with pytest.raises(RuntimeError) as caught:
        executor.run([RED], batch_of([0]))
    assert caught.value is problem
    assert caught.value.__cause__ is None


def test_what_fits_is_asked_when_the_failed_attempt_holds_nothing_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    executor = engines("tbd", CLEVR, 1)[1]
    run = executor.bank.run
    made: list[ReferenceType[Tensor]] = []
    alive: list[int] = []

    def until_full(operation: str, *args: Any) -> Tensor:
        if operation == "exists":
            greedy()
        rows = run(operation, *args)
        made.append(ref(rows))
        return rows

    def fits(*_: Any) -> int:
        alive.append(sum(rows() is not None for rows in made))
        return 1

    executor.bank.run = until_full  # type: ignore[method-assign,assignment]
    monkeypatch.setattr(batched, "questions_that_fit", fits)
    with pytest.raises(OutOfMemoryError):
        executor.run([RED, RED], batch_of([0, 0]))
    assert len(made) == 2
    assert alive == [0]


def test_a_plan_needs_a_picture_for_each_program() -> None:
    executor = engines("attention", CLEVR, 1)[1]
    for programs, pictures in (([], []), ([RED], []), ([RED], [0, 0])):
        with pytest.raises(DataError, match="wanted at least one program, and a picture each"):
            executor.plan(programs, pictures)
    features = executor.stem(torch.zeros(1, 3, 1, 1))
    with pytest.raises(DataError, match="picture index -1; wanted 0 to 0"):
        executor.execute(executor.plan([RED], [-1]), features)


def test_a_plan_for_answers_that_are_alike_needs_such_a_bank() -> None:
    plan = engines("tbd", CLEVR, 1)[1].plan([RED], [0])
    executor = engines("attention", CLEVR, 1)[1]
    with pytest.raises(DataError, match="answers that are alike; those of AttentionBank are not"):
        executor.execute(plan, executor.stem(torch.zeros(1, 3, 1, 1)))


def test_positions_that_are_no_numbers_and_pictures_without_cells_are_refused() -> None:
    bank = silent_bank("attention")
    values, present = torch.zeros(1, 3, CHANNELS), torch.ones(1, 3, dtype=torch.bool)
    with pytest.raises(DataError, match="not all positions are finite"):
        bank.check(Features(values, torch.full((1, 3, 2), torch.nan), present))
    with pytest.raises(ShapeError, match="wanted at least one cell, got none"):
        bank.check(Features(values[:, :0], torch.zeros(1, 0, 2), present[:, :0]))
