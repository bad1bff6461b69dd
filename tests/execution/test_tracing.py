"""What is true, in traces."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from nmn.data.batch import Batch
from nmn.data.sight import Sight
from nmn.domain import Domain
from nmn.execution.network import ModuleNetwork, ModuleNetworkConfig
from nmn.execution.symbolic import SymbolicExecutor
from nmn.nn.residual_stem import ResidualStemConfig
from nmn.program.text import parse_program
from nmn.program.trace import Trace
from nmn.scene.scene import Scene, SceneObject

CELLS = ((0, 0, -1), (1, -1, 2))
FOUND = parse_program("count(filter[red](scene))")
FAILED = parse_program("query[shape](unique(filter[red](scene)))")
SCENE = Scene(
    tuple(SceneObject({"color": c, "shape": "cube"}) for c in ("red", "blue", "red")),
    dict.fromkeys(("left", "right", "front", "behind"), ((), (), ())),
)


def batch(sight: Sight | None, scene: Scene | None = SCENE) -> Batch:
    return Batch(
        questions=("?", "?"),
        pictures=torch.zeros(1, 3, 16, 24),
        picture=torch.tensor([0, 0]),
        tokens=torch.zeros(2, 1, dtype=torch.long),
        programs=(FOUND, FAILED),
        answers=torch.zeros(2, dtype=torch.long),
        scenes=(scene, scene),
        sights=(sight,),
    )


def seen(cells: tuple[tuple[int, ...], ...] = CELLS) -> Sight:
    return Sight(np.array(cells, np.int16), np.zeros((3, 2), np.float32))


@pytest.fixture
def network(clevr: Domain, request: pytest.FixtureRequest) -> ModuleNetwork:
    stem = ResidualStemConfig(height=16, width=24, patch=8, levels=((4, 0),))
    config = ModuleNetworkConfig(stem=stem, executor=request.param)
    return ModuleNetwork(clevr, config).eval()


def traces(network: ModuleNetwork, batch: Batch) -> tuple[Trace, ...]:
    return network.predict(batch, traces=True).traces


BOTH = pytest.mark.parametrize("network", ["batched", "reference"], indirect=True)


@BOTH
def test_the_truth_of_a_mask_is_of_the_cells_that_show_what_it_should_mean(
    network: ModuleNetwork,
) -> None:
    trace = traces(network, batch(seen()))[0]
    assert trace.grid == (2, 3)
    assert trace.shown == (0, 0, -1, 1, -1, 2)
    assert [step.truth for step in trace.steps] == [
        (1.0, 1.0, 0.0, 1.0, 0.0, 1.0),
        (1.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        "2",
    ]
    assert trace.truth == "2"
    assert all(len(s.mask) == 6 for s in trace.steps if s.mask is not None)


@BOTH
@pytest.mark.parametrize("sight", [None, seen(((0, 1, 2),))])
def test_without_a_fitting_sight_the_truth_of_masks_is_not_known(
    network: ModuleNetwork, sight: Sight | None
) -> None:
    trace = traces(network, batch(sight))[0]
    assert [step.truth for step in trace.steps] == [None, None, "2"]
    assert trace.shown is None
    bare = traces(network, batch(seen(), None))[0]
    assert {step.truth for step in bare.steps} == {None}


@BOTH
def test_the_truth_goes_as_far_as_the_program_means_something(network: ModuleNetwork) -> None:
    trace = traces(network, batch(seen()))[1]
    assert [step.truth is None for step in trace.steps] == [False, False, True, True]
    assert trace.truth is None


def test_a_failed_execution_shows_how_far_it_got(clevr: Domain) -> None:
    whole = batch(None)
    execution = SymbolicExecutor(clevr).run([FOUND, FAILED], whole, traces=True)
    found, failed = execution.traces
    assert (found.answer, failed.answer) == ("2", None)
    assert [step.mask for step in failed.steps] == [(1.0, 1.0, 1.0), (1.0, 0.0, 1.0), None, None]
    assert failed.failure == str(execution.failures[1])
    assert "unique needs exactly one object, got 2" in failed.failure


def test_a_count_above_all_answers_is_none(clevr: Domain) -> None:
    thing = SceneObject({"color": "red", "shape": "cube"})
    many = replace(SCENE, objects=(thing,) * 12, relations={})
    execution = SymbolicExecutor(clevr).run([FOUND, FOUND], batch(None, many), traces=True)
    assert execution.traces[0].answer is None
    assert "12" in str(execution.failures[0])
    assert execution.log_probabilities.max() == -torch.inf
