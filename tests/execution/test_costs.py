import itertools
from typing import Any

import networkx as nx
import pytest
import torch
from torch import nn

from nmn.domain import Domain
from nmn.execution import costs
from nmn.execution.compiled import Compiler
from nmn.execution.costs import (
    is_out_of_memory,
    plan_cost,
    questions_that_fit,
    to_networkx,
)
from nmn.execution.plan import PHASES, Plan, plan
from nmn.modules.base import Cost, ModuleBank
from nmn.program.ops import OPERATIONS
from nmn.program.program import Node, Program
from nmn.program.text import parse_program
from tests.execution.engines import batch_of, engines, sample_programs, small_bank

FAMILIES = ("attention", "tbd", "residual")
CPU = torch.device("cpu")
TEXTS = (
    "exists(relate[left](unique(find[red])))",
    "equal_number(count(and(find[red], scene)), count(and(find[red], scene)))",
    "exists(relate[left](unique(find[red])))",
)


def plan_for(bank: ModuleBank, *texts: str) -> Plan:
    compiler = Compiler(bank.domain, bank.transparent)
    programs = [compiler.compile(parse_program(text)) for text in texts]
    return plan(programs, [0] * len(programs), bank.domain)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_plan_costs_the_sum_of_its_nodes_and_answers(family: str, clevr: Domain) -> None:
    bank = small_bank(family, clevr)
    nodes = {"scene", "filter", "unique", "relate", "exists", "and", "count", "equal_number"}
    each = [bank.cost(name, 12) for name in nodes - bank.transparent]
    each += [bank.answer_cost(12)] * 3
    assert plan_cost(plan_for(bank, *TEXTS), bank, 12) == Cost(
        sum(cost.multiply_adds for cost in each), sum(cost.elements for cost in each)
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_more_questions_cost_more(family: str, clevr: Domain) -> None:
    bank = small_bank(family, clevr)
    programs = [Compiler(clevr).compile(p) for p in sample_programs(clevr, 20, seed=0)]
    found = [plan_cost(plan(programs[:n], range(n), clevr), bank, 12) for n in range(1, 21)]
    for less, more in itertools.pairwise(found):
        assert less.multiply_adds < more.multiply_adds
        assert less.elements < more.elements


def test_a_plan_is_drawn_with_its_costs(clevr: Domain) -> None:
    bank = small_bank("tbd", clevr)
    made = plan_for(bank, *TEXTS)
    graph = to_networkx(made, bank, 12)
    assert nx.is_directed_acyclic_graph(graph)
    labels = ["scene", "filter[red]", "relate[left]", "exists", "and", "count", "equal_number"]
    assert [graph.nodes[node]["label"] for node in graph] == labels
    assert set(graph.edges) == {(0, 1), (1, 2), (2, 3), (1, 4), (0, 4), (4, 5), (5, 6)}
    assert [graph.nodes[node]["answers"] for node in graph] == [[], [], [], [0, 2], [], [], [1]]
    operations = list(OPERATIONS)
    for node, values in graph.nodes(data=True):
        assert values["picture"] == 0
        name = values["label"].split("[")[0]
        assert values["phase"] == PHASES[operations.index(name)]
        assert made.groups[values["group"]].operation == name
        assert Cost(values["multiply_adds"], values["elements"]) == bank.cost(name, 12)
        assert all(
            graph.nodes[source]["group"] < values["group"] for source, _ in graph.in_edges(node)
        )
    assert graph.graph["calls"] == len(made.groups) == 7
    answers = bank.answer_cost(12)
    for name in ("multiply_adds", "elements"):
        nodes = sum(values[name] for _, values in graph.nodes(data=True))
        assert graph.graph[name] == nodes + 3 * getattr(answers, name)


def test_dead_nodes_that_are_wanted_are_drawn_and_counted(clevr: Domain) -> None:
    bank = small_bank("attention", clevr)
    program = Program((Node("find", "red"), Node("scene"), Node("exists", None, (1,))))
    compiled = Compiler(clevr, bank.transparent).compile(program)
    plain, whole = (plan([compiled], [0], clevr, wanted) for wanted in ((), (0,)))
    assert len(to_networkx(plain, bank, 9)) == 2
    assert len(to_networkx(whole, bank, 9)) == 3
    extra = bank.cost("filter", 9).elements
    assert plan_cost(whole, bank, 9).elements == plan_cost(plain, bank, 9).elements + extra


@pytest.mark.parametrize(
    ("error", "is_it"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("DefaultCPUAllocator"), False),
    ],
)
def test_errors_of_memory_are_told_from_others(error: Exception, is_it: bool) -> None:
    assert is_out_of_memory(error) is is_it


def test_what_fits_follows_from_thefree_memory_of(
    clevr: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = small_bank("tbd", clevr)
    made = plan_for(bank, *TEXTS * 4)
    size = 8 * plan_cost(made, bank, 12).elements / 12
    free = {"bytes": 0.0}
    monkeypatch.setattr(costs, "free_memory_of", lambda device: free["bytes"])
    for questions, fits in ((0, 1), (1, 1), (3, 3), (6, 6), (12, 6), (1e9, 6)):
        free["bytes"] = (questions + 0.5) * size / 0.8
        assert questions_that_fit(made, bank, 12, CPU) == fits
    assert questions_that_fit(plan_for(bank, TEXTS[0]), bank, 12, CPU) == 1


def test_what_fits_can_be_told_of_a_bank_without_parameters(clevr: Domain) -> None:
    bank = small_bank("tbd", clevr)
    made = plan_for(bank, *TEXTS)
    bank.stacks, bank.readouts, bank.head = nn.ModuleDict(), nn.ModuleDict(), nn.Identity()
    bank.cost = lambda operation, cells: Cost(1, 1)  # type: ignore[method-assign]
    bank.answer_cost = lambda cells: Cost(1, 1)  # type: ignore[method-assign]
    assert not list(bank.parameters())
    assert questions_that_fit(made, bank, 12, CPU) == 1


def test_there_is_memory() -> None:
    assert 1e6 < costs.free_memory_of(CPU) < 1e15


@pytest.mark.parametrize("family", FAMILIES)
def test_elements_are_about_what_autograd_keeps(family: str, clevr: Domain) -> None:
    """Within a factor of two: what counts is that the suggested split fits."""
    values: dict[str, Any] = {} if family == "attention" else {"kernel": "separate"}
    executor = engines(family, clevr, 40, **values)[1]
    programs = sample_programs(clevr, 200, seed=1)
    picture = [place % 40 for place in range(200)]
    shared: set[int] = {p.untyped_storage().data_ptr() for p in executor.parameters()}
    seen: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if tensor.is_floating_point() and storage.data_ptr() not in shared:
            seen[storage.data_ptr()] = storage.nbytes() // 8
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = executor.run(programs, batch_of(picture))
    assert result.log_probabilities.requires_grad
    made = executor.plan(programs, picture)
    estimate = plan_cost(made, executor.bank, executor.stem(torch.zeros(1)).values.shape[1])
    assert 0.5 < sum(seen.values()) / estimate.elements < 2
