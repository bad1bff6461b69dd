"""What a plan costs: multiplications and memory, as numbers and as a graph to draw."""

from collections import Counter
from typing import TYPE_CHECKING

import torch

from nmn.execution.merged import NONE
from nmn.execution.plan import PHASES, Plan
from nmn.memory import free_memory
from nmn.modules.base import Cost, ModuleBank
from nmn.program.ops import OPERATIONS

if TYPE_CHECKING:
    import networkx as nx

_SHARE = 0.8
"""How much of the free memory is counted on; the rest is for what is not estimated."""


def plan_cost(plan: Plan, bank: ModuleBank, cells: int) -> Cost:
    """What all nodes of a plan and its answers take, without the stem."""
    counts: Counter[str] = Counter()
    for group in plan.groups:
        counts[group.operation] += group.end - group.begin
    costs = [(count, bank.cost(name, cells)) for name, count in counts.items()]
    costs.append((len(plan.programs), bank.answer_cost(cells)))
    return Cost(
        sum(count * cost.multiply_adds for count, cost in costs),
        sum(count * cost.elements for count, cost in costs),
    )


def to_networkx(plan: Plan, bank: ModuleBank, cells: int) -> "nx.DiGraph[int]":
    """The merged graph of a plan, with what each node costs.

    Nodes have `label`, `picture`, `group` (the call that computes it), `phase`, `multiply_adds`,
    `elements`, and `answers`: the programs whose answer it is. Edges lead from an input to what
    it feeds. The graph has `calls`, and the totals `multiply_adds` and `elements`, answers
    included.
    """
    total = plan_cost(plan, bank, cells)
    import networkx as nx  # noqa: PLC0415 - slow to load, and few need it

    graph: nx.DiGraph[int] = nx.DiGraph(
        calls=len(plan.groups), multiply_adds=total.multiply_adds, elements=total.elements
    )
    operations = list(OPERATIONS)
    for node in range(len(plan)):
        group = int(plan.group_of[plan.place[node]])
        name = plan.groups[group].operation
        cost = bank.cost(name, cells)
        graph.add_node(
            node,
            label=plan.graph.label(node),
            picture=int(plan.graph.pictures[node]),
            group=group,
            phase=PHASES[operations.index(name)],
            multiply_adds=cost.multiply_adds,
            elements=cost.elements,
            answers=[],
        )
        for source in plan.graph.inputs[node].tolist():
            if source != NONE:
                graph.add_edge(source, node)
    for program, root in enumerate(plan.graph.roots):
        graph.nodes[root]["answers"].append(program)
    return graph


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there is not enough memory, on any device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)


def questions_that_fit(plan: Plan, bank: ModuleBank, cells: int, device: torch.device) -> int:
    """How many of the questions of a plan probably fit into memory; fewer than it has."""
    questions = len(plan.programs)
    size = next(iter(bank.parameters()), torch.empty(0)).element_size()
    each = plan_cost(plan, bank, cells).elements * size / questions
    return max(1, min(questions // 2, int(_SHARE * free_memory_of(device) / max(each, 1))))


def free_memory_of(device: torch.device) -> float:
    """Bytes that can still be had there."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return float(torch.cuda.mem_get_info(device)[0] + unused)
    return free_memory()
