from dataclasses import replace

import pytest
import torch

from nmn.data.batch import Batch, collate
from nmn.data.example import ListDataset
from nmn.data.vocabulary import WordVocabulary
from nmn.domain import Domain
from nmn.errors import DataError, ProgramTypeError
from nmn.execution.network import ModuleNetwork, ModuleNetworkConfig
from nmn.execution.symbolic import SymbolicExecutor
from nmn.generate.shapes import ShapesWorldConfig, generate_shapes
from nmn.program.text import parse_program


@pytest.fixture(scope="module")
def data() -> ListDataset:
    return generate_shapes(ShapesWorldConfig(), 0, "train", 24)


@pytest.fixture(scope="module")
def batch(shapes: Domain, data: ListDataset) -> Batch:
    return collate(data.examples, shapes, WordVocabulary(()))


@pytest.fixture
def model(shapes: Domain) -> ModuleNetwork:
    torch.manual_seed(0)
    return ModuleNetwork(shapes, ModuleNetworkConfig())


def test_the_order_of_the_batch_does_not_matter(model: ModuleNetwork, batch: Batch) -> None:
    programs = [program for program in batch.programs if program is not None]
    order = list(reversed(range(len(batch))))
    turned = replace(batch, picture=batch.picture[order], scenes=batch.scenes[::-1])
    straight = model.executor.run(programs, batch).log_probabilities
    backwards = model.executor.run(programs[::-1], turned).log_probabilities
    torch.testing.assert_close(backwards, straight[order])


def test_a_question_does_not_see_its_neighbours(
    model: ModuleNetwork, batch: Batch, data: ListDataset
) -> None:
    programs = [program for program in batch.programs if program is not None]
    together = model.executor.run(programs, batch).log_probabilities
    alone = collate([data[5]], model.domain, WordVocabulary(()))
    single = model.executor.run(programs[5:6], alone).log_probabilities
    torch.testing.assert_close(single[0], together[5])


def test_asking_for_traces_changes_nothing(model: ModuleNetwork, batch: Batch) -> None:
    without = model.predict(batch)
    traced = model.predict(batch, traces=True)
    assert torch.equal(without.log_probabilities, traced.log_probabilities)
    assert without.traces == ()
    assert len(traced.traces) == len(batch)


def test_a_trace_says_what_was_executed(model: ModuleNetwork, batch: Batch) -> None:
    model.eval()
    prediction = model.predict(batch, traces=True)
    rows = zip(prediction.traces, prediction.programs, prediction.log_probabilities, strict=True)
    for trace, program, logarithms in rows:
        assert program is not None
        assert trace.program == str(program)
        assert [step.label for step in trace.steps] == [node.label for node in program.nodes]
        assert trace.answer == model.domain.answers[int(logarithms.argmax())]
        assert trace.probability == pytest.approx(logarithms.exp().max().item())
        assert trace.grid == (3, 3)
        for step in trace.steps:
            assert (step.mask is None) == (step.type != "Mask")
            assert step.truth is not None
            if step.mask is not None:
                assert len(step.mask) == 9
                assert all(0 <= cell <= 1 for cell in step.mask)


def test_maps_that_are_no_masks_are_neither_right_nor_wrong(shapes: Domain, batch: Batch) -> None:
    bank = {"classifier_channels": 4, "hidden": 8}
    model = ModuleNetwork(shapes, ModuleNetworkConfig(family="residual", bank=bank))
    for trace in model.predict(batch, traces=True).traces:
        for step in trace.steps:
            is_map = step.type == "Mask"
            assert (step.mask is not None) == is_map
            assert (step.truth is None) == (step.confidence is None) == is_map


def test_the_loss_is_the_negative_logarithm_of_the_right_answers(
    model: ModuleNetwork, batch: Batch
) -> None:
    logarithms = model.predict(batch).log_probabilities
    expected = -logarithms[torch.arange(len(batch)), batch.answers].mean()
    loss = model.loss(batch, torch.Generator())
    torch.testing.assert_close(loss.total, expected)
    assert loss.parts == {"answer": pytest.approx(expected.item())}


def test_the_loss_reaches_every_parameter(model: ModuleNetwork, batch: Batch) -> None:
    model.train()
    model.loss(batch, torch.Generator()).total.backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_missing_programs_and_answers_are_named(model: ModuleNetwork, batch: Batch) -> None:
    with pytest.raises(DataError, match="question 1: the model executes programs"):
        model.predict(replace(batch, programs=(batch.programs[0], None, *batch.programs[2:])))
    with pytest.raises(DataError, match="answers are needed"):
        model.loss(replace(batch, answers=torch.full_like(batch.answers, -1)), torch.Generator())


def test_a_program_whose_answer_the_domain_lacks_is_refused(
    model: ModuleNetwork, batch: Batch
) -> None:
    programs = [parse_program("count(find[red])")] * len(batch)
    with pytest.raises(ProgramTypeError, match="wanted an answer of domain shapes"):
        model.executor.run(programs, batch)


def test_exact_execution_gives_every_stored_answer(shapes: Domain, batch: Batch) -> None:
    programs = [program for program in batch.programs if program is not None]
    execution = SymbolicExecutor(shapes).run(programs, batch, traces=True)
    assert torch.equal(execution.log_probabilities.argmax(dim=1), batch.answers)
    assert execution.failures == (None,) * len(batch)
    assert all(step.confidence == 1 for trace in execution.traces for step in trace.steps)


def test_exact_execution_reports_failures(clevr: Domain, batch: Batch) -> None:
    programs = [parse_program("query[color](unique(scene))")] * len(batch)
    execution = SymbolicExecutor(clevr).run(programs, batch, traces=True)
    assert torch.isinf(execution.log_probabilities).all()
    assert "unique" in str(execution.failures[0])
    assert execution.traces[0].answer is None
    assert "exactly one" in (execution.traces[0].failure or "")


def test_exact_execution_needs_scenes(shapes: Domain, batch: Batch) -> None:
    with pytest.raises(DataError, match="no scene graph"):
        SymbolicExecutor(shapes).run(
            [parse_program("exists(scene)")] * len(batch),
            replace(batch, scenes=(None,) * len(batch)),
        )
