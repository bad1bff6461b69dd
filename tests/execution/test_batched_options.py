"""Traces, masks, parts and precision: what can be asked of the batched executor besides answers."""

from dataclasses import asdict, replace
from typing import Any
from weakref import ReferenceType, ref

import pytest
import torch
from torch import Tensor

from nmn.domain import Domain
from nmn.execution.base import Execution
from nmn.execution.batched import BatchedConfig, BatchedExecutor, Computed
from nmn.execution.plan import Plan
from nmn.execution.reference import ReferenceExecutor
from nmn.nn.features import Features
from nmn.nn.stem import Stem, StemConfig
from nmn.program.program import Node, Program
from nmn.program.text import parse_program
from nmn.program.trace import Trace
from nmn.program.typecheck import typecheck
from nmn.program.types import MASK
from tests.execution.engines import (
    CHANNELS,
    GRIDS,
    assert_same,
    batch_of,
    configured,
    engines,
    outcome,
    sample_programs,
)
from tests.strategies import CLEVR

FAMILIES = ("attention", "tbd", "residual")
DEAD = Program(
    (
        Node("scene"),
        Node("find", "red"),
        Node("relate", "left", (1,)),
        Node("unique", None, (1,)),
        Node("count", None, (2,)),
        Node("query", "color", (3,)),
        Node("filter", "cube", (0,)),
        Node("unique", None, (6,)),
        Node("same", "size", (7,)),
        Node("exists", None, (8,)),
    )
)
"""The answer does not depend on nodes 1 to 5."""
PROGRAMS = (
    DEAD,
    parse_program("exists(or(scene, find[red]))"),
    parse_program("query[color](unique(filter[large](find[cube])))"),
    *sample_programs(CLEVR, 10, seed=2),
    DEAD,
)
PICTURE = [(7 * place) % 5 for place in range(len(PROGRAMS))]
BATCH = batch_of(PICTURE)


def both_engines(family: str) -> tuple[ReferenceExecutor, BatchedExecutor]:
    """Both executors in single precision."""
    reference, batched = engines(family, CLEVR, 5)
    return reference.float(), batched.float()


def assert_traces_alike(got: tuple[Trace, ...], wanted: tuple[Trace, ...]) -> None:
    assert len(got) == len(wanted)
    for one, other in zip(got, wanted, strict=True):
        assert len(one.steps) == len(other.steps)
        for step, expected in zip(one.steps, other.steps, strict=True):
            assert step.mask == pytest.approx(expected.mask, abs=1e-5)
            assert step.confidence == pytest.approx(expected.confidence, abs=1e-5)
            same: dict[str, Any] = {"mask": None, "confidence": None}
            assert replace(step, **same) == replace(expected, **same)
        assert one.distribution == pytest.approx(other.distribution, abs=1e-5)
        plain: dict[str, Any] = {"steps": (), "distribution": {}}
        assert asdict(replace(one, **plain)) == asdict(replace(other, **plain))


@pytest.mark.parametrize("parts", [None, 4])
@pytest.mark.parametrize("gradient", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_asking_for_traces_or_masks_changes_nothing(
    family: str, gradient: bool, parts: int | None
) -> None:
    executor = configured(both_engines(family)[1], questions_at_once=parts)
    asked: tuple[dict[str, Any], ...] = (
        {"traces": True},
        {"traces": [0, 3]},
        {"masks": True},
        {"traces": [5], "masks": True},
    )
    with torch.set_grad_enabled(gradient):
        plain = executor.run(PROGRAMS, BATCH)
        assert plain.traces == ()
        assert plain.masks is None
        assert plain.failures == (None,) * len(PROGRAMS)
        for options in asked:
            execution = executor.run(PROGRAMS, BATCH, **options)
            assert torch.equal(execution.log_probabilities, plain.log_probabilities)


@pytest.mark.parametrize("family", FAMILIES)
def test_asking_for_traces_or_masks_changes_no_gradient(family: str) -> None:
    executor = engines(family, CLEVR, 5)[1]
    wanted = outcome(executor, PROGRAMS, BATCH)
    assert_same(outcome(executor, PROGRAMS, BATCH, traces=True, masks=True), wanted, 1e-12)


@pytest.mark.parametrize("parts", [None, 1, 3])
@pytest.mark.parametrize("family", FAMILIES)
def test_traces_are_those_of_the_reference(family: str, parts: int | None) -> None:
    reference, batched = both_engines(family)
    batched = configured(batched, questions_at_once=parts)
    wanted = reference.run(PROGRAMS, BATCH, traces=True).traces
    traces = batched.run(PROGRAMS, BATCH, traces=True).traces
    assert [len(trace.steps) for trace in traces] == [len(program) for program in PROGRAMS]
    assert_traces_alike(traces, wanted)
    some = batched.run(PROGRAMS, BATCH, traces=[7, 2, 2, 0]).traces
    assert [trace.question for trace in some] == ["question 0", "question 2", "question 7"]
    assert_traces_alike(some, tuple(wanted[place] for place in (0, 2, 7)))


def assert_masks_of(
    execution: Execution, programs: tuple[Program, ...], traces: tuple[Trace, ...], domain: Domain
) -> None:
    """Each row of the table is the mask that the trace shows; other nodes have none."""
    assert execution.masks is not None
    for program, rows, trace in zip(programs, execution.masks.rows, traces, strict=True):
        for output, row, step in zip(typecheck(program, domain), rows, trace.steps, strict=True):
            assert (row is None) == (output != MASK)
            if row is not None:
                mask = execution.masks.values[row].tolist()
                assert mask == pytest.approx(step.mask, abs=1e-5)


@pytest.mark.parametrize("parts", [None, 3])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_mask_table_has_the_mask_of_every_node(
    family: str, parts: int | None, clevr: Domain
) -> None:
    reference, batched = both_engines(family)
    traces = reference.run(PROGRAMS, BATCH, traces=True).traces
    execution = configured(batched, questions_at_once=parts).run(PROGRAMS, BATCH, masks=True)
    assert_masks_of(execution, PROGRAMS, traces, clevr)


def test_equal_nodes_have_one_row_of_the_mask_table() -> None:
    executor = both_engines("attention")[1]
    masks = executor.run([DEAD, DEAD, DEAD], batch_of([0, 0, 1]), masks=True).masks
    assert masks is not None
    first, second, other = masks.rows
    assert first == second
    assert first[3] == first[1]
    assert not set(first) & set(other) - {None}
    # On each picture the scene, red, left of it, cubes, and what has their size.
    assert len(masks.values) == 2 * 5


def test_masks_have_gradient() -> None:
    executor = engines("attention", CLEVR, 1)[1]
    for parts in (None, 1):
        masks = (
            configured(executor, questions_at_once=parts)
            .run([DEAD, DEAD], batch_of([0, 0]), masks=True)
            .masks
        )
        assert masks is not None
        row = masks.rows[1][2]
        assert row is not None
        table = executor.bank.get_parameter("relations.table")
        (found,) = torch.autograd.grad(masks.values[row].sum(), [table])
        assert found.any()


@pytest.mark.parametrize("parts", [1, 3, 7, 100])
@pytest.mark.parametrize("family", FAMILIES)
def test_parts_give_the_results_and_gradients_of_the_whole(family: str, parts: int) -> None:
    executor = engines(family, CLEVR, 5)[1]
    wanted = outcome(executor, PROGRAMS, BATCH)
    split = configured(executor, questions_at_once=parts)
    assert_same(outcome(split, PROGRAMS, BATCH), wanted)
    assert_same(outcome(split, PROGRAMS, BATCH, traces=[3], masks=True), wanted)
    with torch.no_grad():
        answers = split.run(PROGRAMS, BATCH).log_probabilities
    torch.testing.assert_close(answers, wanted.answers, rtol=0, atol=1e-9)


def test_parts_keep_questions_about_one_picture_together() -> None:
    executor = configured(engines("attention", CLEVR, 2)[1], questions_at_once=2)
    sizes: list[int] = []
    run = executor._run

    def spied(plan: Any, features: Any) -> Any:
        sizes.append(len(plan))
        return run(plan, features)

    executor._run = spied  # type: ignore[method-assign,assignment]
    with torch.no_grad():
        executor.run([PROGRAMS[2]] * 4, batch_of([0, 1, 0, 1]))
    # scene, cube, large, color, once for both questions about a picture
    assert sizes == [4, 4]


def test_parts_keep_nothing_of_their_nodes_for_the_gradient() -> None:
    kept: dict[int | None, int] = {}
    for parts in (None, 2):
        executor = configured(engines("tbd", CLEVR, 5)[1], questions_at_once=parts)
        seen: dict[int, int] = {}

        def keep(tensor: Tensor, seen: dict[int, int] = seen) -> Tensor:
            seen[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            executor.run(PROGRAMS, BATCH)
        kept[parts] = sum(seen.values())
    assert kept[2] < kept[None] / 4


@pytest.mark.parametrize("parts", [None, 7])
@pytest.mark.parametrize("stem", ["a stem", "features in single precision"])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_in_half_precision_answers_are_near_and_gradients_finite(
    family: str, training: bool, stem: str, parts: int | None
) -> None:
    single, batch = both_engines(family)[1], BATCH
    if stem == "a stem":
        height, width = (4 * cells for cells in GRIDS[family])
        layers = ((CHANNELS, 4, 4), (CHANNELS, 1, 1))
        config = StemConfig(height=height, width=width, layers=layers)
        single = BatchedExecutor(Stem(config), single.bank)
        batch = replace(BATCH, pictures=torch.rand(5, 3, height, width))
    half = configured(single, precision="bfloat16", questions_at_once=parts).train(training)
    wanted = outcome(single.train(training), PROGRAMS, batch)
    got = outcome(half, PROGRAMS, batch)
    assert got.answers.dtype == torch.float32
    torch.testing.assert_close(got.answers.exp(), wanted.answers.exp(), rtol=0, atol=0.05)
    for name, parameter in half.named_parameters():
        assert parameter.dtype == got.gradients[name].dtype == torch.float32
        assert got.gradients[name].isfinite().all()
    flat = [torch.cat([g.flatten() for g in each.gradients.values()]) for each in (got, wanted)]
    assert torch.cosine_similarity(flat[0], flat[1], dim=0) > 0.99


def test_options_are_checked() -> None:
    assert BatchedConfig() == BatchedConfig(precision="float32", questions_at_once=None)
    with pytest.raises(ValueError, match="questions_at_once"):
        BatchedConfig(questions_at_once=0)
    with pytest.raises(ValueError, match="precision"):
        BatchedConfig.model_validate({"precision": "float16"})


@pytest.mark.parametrize("family", FAMILIES)
def test_traces_and_masks_in_half_precision_need_no_session(family: str) -> None:
    reference, _ = both_engines(family)
    bank = reference.bank.float()
    executor = BatchedExecutor(
        reference.stem.float(), bank, BatchedConfig(precision="bfloat16", questions_at_once=2)
    )
    programs = [parse_program("exists(find[red])"), parse_program("count(find[cube])")] * 2
    execution = executor.run(programs, batch_of([0, 0, 1, 1]), traces=True, masks=True)
    assert [trace.program for trace in execution.traces] == [str(program) for program in programs]
    assert execution.masks is not None
    assert execution.masks.values.isfinite().all()


def test_without_gradient_parts_keep_none_of_their_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    _, executor = both_engines("attention")
    small = BatchedExecutor(executor.stem, executor.bank, BatchedConfig(questions_at_once=1))
    rows: list[ReferenceType[Tensor]] = []
    alive: list[int] = []
    plainly = BatchedExecutor._run

    def watched(self: BatchedExecutor, plan: Plan, features: Features) -> Computed:
        alive.append(sum(row() is not None for row in rows))
        computed = plainly(self, plan, features)
        rows.extend(ref(row) for row in computed.outputs)
        return computed

    monkeypatch.setattr(BatchedExecutor, "_run", watched)
    with torch.no_grad():
        small.run([parse_program("exists(find[red])")] * 4, batch_of([0, 0, 1, 1]))
    assert len(rows) > 4
    assert alive == [0] * 4
