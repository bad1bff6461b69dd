"""Graphs that do not come from programs: `schedule` takes the good ones and names what is wrong."""

from typing import Any

import numpy as np
import pytest
import torch

from nmn.domain import Domain
from nmn.errors import DataError, NMNError, ProgramTypeError
from nmn.execution.compiled import Compiler
from nmn.execution.merged import NONE, MergedGraph, merge
from nmn.execution.plan import schedule
from nmn.program.steps import step_table
from nmn.program.text import parse_program
from tests.execution.engines import batch_of, engines, sample_programs
from tests.strategies import CLEVR, SHAPES

INDEX = step_table(CLEVR).index
SCENE, RED, LEFT = INDEX["scene", None], INDEX["filter", "red"], INDEX["relate", "left"]
BOTH, EXISTS, COUNT = INDEX["and", None], INDEX["exists", None], INDEX["count", None]
FIND = INDEX["find", "red"]


def graph(
    *nodes: tuple[int, int, int], roots: tuple[int, ...] | None = None, **values: Any
) -> MergedGraph:
    """A graph on one picture, whose last node is the root; nodes are `(step, input, input)`."""
    columns = np.array(nodes, dtype=np.intp).reshape(-1, 3)
    fields: dict[str, Any] = {
        "domain": CLEVR,
        "steps": columns[:, 0],
        "pictures": np.zeros(len(nodes), dtype=np.intp),
        "inputs": columns[:, 1:],
        "roots": (len(nodes) - 1,) if roots is None else roots,
        "needed": len(nodes),
    }
    return MergedGraph(**{**fields, **values})


LEAF = (SCENE, NONE, NONE)
GOOD = (LEAF, (RED, 0, NONE), (EXISTS, 1, NONE))
ROWS = np.zeros(2, dtype=np.intp)


def test_a_graph_in_any_order_is_scheduled() -> None:
    made = schedule(graph((EXISTS, 2, NONE), LEAF, (RED, 1, NONE), roots=(0, 0)))
    assert [group.operation for group in made.groups] == ["scene", "filter", "exists"]
    assert made.place.tolist() == [2, 0, 1]


def test_a_graph_in_any_order_is_executed() -> None:
    executor = engines("attention", CLEVR, 3)[1]
    programs = sample_programs(CLEVR, 30, seed=8)
    picture = [place % 3 for place in range(30)]
    compiler = Compiler(CLEVR)
    straight = merge([compiler.compile(program) for program in programs], picture, CLEVR)
    order = np.random.default_rng(0).permutation(len(straight))
    inverse = np.append(np.argsort(order), NONE)
    mixed = MergedGraph(
        CLEVR,
        straight.steps[order],
        straight.pictures[order],
        inverse[straight.inputs[order]],
        tuple(int(inverse[root]) for root in straight.roots),
        len(straight),
    )
    features = executor.stem(torch.zeros(3, 3, 1, 1))
    found = executor.execute(schedule(mixed), features).log_probabilities
    wanted = executor.run(programs, batch_of(picture)).log_probabilities
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("bad", "kind", "text"),
    [
        (graph(roots=()), DataError, "batch: wanted at least one program, got none"),
        (graph(*GOOD, roots=()), DataError, "batch: wanted at least one program, got none"),
        (
            graph(LEAF, (RED, 1, NONE), (EXISTS, 1, NONE)),
            ProgramTypeError,
            "node 1 > filter[red]: wanted inputs that do not depend on it, got a cycle",
        ),
        (
            graph(LEAF, (RED, 2, NONE), (LEFT, 1, NONE), (BOTH, 0, 2), (EXISTS, 3, NONE)),
            ProgramTypeError,
            "node 1 > filter[red]: wanted inputs that do not depend on it, got a cycle",
        ),
        (
            graph((SCENE, NONE, NONE), (EXISTS, 0, NONE), (COUNT, 1, NONE)),
            ProgramTypeError,
            "node 2 > count: wanted Mask, got Bool",
        ),
        (
            graph(LEAF, (BOTH, 0, NONE), (EXISTS, 1, NONE)),
            ProgramTypeError,
            "node 1 > and: wanted Mask, Mask, got Mask",
        ),
        (
            graph((EXISTS, NONE, NONE)),
            ProgramTypeError,
            "node 0 > exists: wanted Mask, got no inputs",
        ),
        (
            graph(LEAF, (FIND, 0, NONE), (EXISTS, 1, NONE)),
            ProgramTypeError,
            "node 1 > find[red]: wanted no inputs, got Mask",
        ),
        (
            graph(LEAF, (RED, 0, NONE)),
            ProgramTypeError,
            "node 1 > filter[red]: wanted Bool, Number or Value at the root, got Mask",
        ),
        (
            graph(LEAF, (RED, 3, NONE), (EXISTS, 1, NONE)),
            DataError,
            "graph, node 1: input 3; wanted -1 to 2",
        ),
        (
            graph(LEAF, (RED, -2, NONE), (EXISTS, 1, NONE)),
            DataError,
            "graph, node 1: input -2; wanted -1 to 2",
        ),
        (
            graph(LEAF, (999, 0, NONE), (EXISTS, 1, NONE)),
            DataError,
            f"graph, node 1: step 999; wanted 0 to {len(step_table(CLEVR).steps) - 1}",
        ),
        (
            graph(*GOOD, pictures=np.array([0, -1, 0])),
            DataError,
            "graph, node 1: picture -1; wanted at least 0",
        ),
        (graph(*GOOD, roots=(2, 3)), DataError, "graph, program 1: root 3; wanted 0 to 2"),
        (graph(*GOOD, roots=(-1,)), DataError, "graph, program 0: root -1; wanted 0 to 2"),
        (graph(*GOOD, needed=4), DataError, "graph: needed 4; wanted 0 to 3"),
        (graph(*GOOD, needed=-1), DataError, "graph: needed -1; wanted 0 to 3"),
        (
            graph((EXISTS, 1, NONE), LEAF, roots=(0,), needed=1),
            DataError,
            "graph, node 0: input 1; wanted -1 to 0",
        ),
        (
            graph((INDEX["count", None], 0, NONE), roots=(0,)),
            ProgramTypeError,
            "node 0 > count: wanted Mask, got Number",
        ),
    ],
)
def test_a_graph_that_cannot_be_computed_is_refused(
    bad: MergedGraph, kind: type[NMNError], text: str
) -> None:
    with pytest.raises(kind) as caught:
        schedule(bad)
    assert str(caught.value) == text


def test_columns_of_different_lengths_are_refused() -> None:
    good = graph(*GOOD)
    object.__setattr__(good, "pictures", np.zeros(2, dtype=np.intp))
    with pytest.raises(
        DataError, match=r"graph: wanted as many .* got \(\(3,\), \(2,\), \(3, 2\)\)"
    ):
        schedule(good)


def test_a_root_that_the_domain_cannot_answer_is_refused(shapes: Domain) -> None:
    index = step_table(shapes).index
    nodes = (index["scene", None], NONE, NONE), (index["count", None], 0, NONE)
    with pytest.raises(ProgramTypeError, match="wanted an answer of domain shapes"):
        schedule(graph(*nodes, domain=shapes))


def test_a_plan_of_other_features_or_another_domain_is_refused() -> None:
    executor = engines("attention", CLEVR, 2)[1]
    features = executor.stem(torch.zeros(2, 3, 1, 1))
    far = schedule(graph(*GOOD, pictures=np.array([0, 2, 0])))
    with pytest.raises(DataError, match="graph: picture index 2; wanted 0 to 1"):
        executor.execute(far, features)
    other = engines("attention", SHAPES, 2)[1]
    with pytest.raises(DataError, match="graph: a plan of domain clevr; wanted shapes"):
        other.execute(schedule(graph(*GOOD)), features)


def test_an_input_on_another_picture_is_looked_at_there() -> None:
    executor = engines("attention", CLEVR, 2)[1]
    features = executor.stem(torch.zeros(2, 3, 1, 1))
    mixed = schedule(graph(*GOOD, pictures=np.array([0, 1, 1])))
    (both,) = executor.execute(mixed, features).log_probabilities
    plain = executor.execute(
        executor.plan([parse_program("exists(find[red])")], [1]), features
    ).log_probabilities[0]
    assert not torch.equal(both, plain)


def test_the_cycle_is_named_and_not_what_waits_for_it() -> None:
    with pytest.raises(ProgramTypeError, match=r"node [12] > filter\[red\]: wanted inputs"):
        schedule(graph((EXISTS, 1, NONE), (RED, 2, NONE), (RED, 1, NONE), roots=(0,)))


@pytest.mark.parametrize("name", ["steps", "pictures", "inputs"])
def test_columns_that_are_no_integers_are_refused(name: str) -> None:
    wrong = graph(*GOOD)
    # Tests check types on construction; without them nothing does.
    object.__setattr__(wrong, name, getattr(wrong, name).astype(float))
    with pytest.raises(DataError, match=f"{name}: wanted an array of integers, got float64"):
        schedule(wrong)
