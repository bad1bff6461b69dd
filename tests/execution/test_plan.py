from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmn.domain import Domain
from nmn.execution.compiled import Compiler
from nmn.execution.merged import NONE, MergedGraph, merge
from nmn.execution.plan import PHASES, Plan, plan
from nmn.program.ops import OPERATIONS
from nmn.program.program import Node, Program
from nmn.program.steps import step_table
from nmn.program.text import parse_program
from tests.execution.engines import sample_programs, tangles
from tests.strategies import CLEVR

UNIQUE = frozenset({"unique"})
PHASE = dict(zip(OPERATIONS, PHASES, strict=True))


def merged(*texts: str, pictures: Sequence[int] = (), domain: Domain = CLEVR) -> MergedGraph:
    compiler = Compiler(domain, UNIQUE)
    programs = [compiler.compile(parse_program(text)) for text in texts]
    return merge(programs, pictures or [0] * len(programs), domain)


def planned(
    programs: Sequence[Program], pictures: Sequence[int], whole: Sequence[int] = ()
) -> Plan:
    compiler = Compiler(CLEVR, UNIQUE)
    return plan([compiler.compile(program) for program in programs], pictures, CLEVR, whole)


def plan_of(*texts: str) -> Plan:
    return planned([parse_program(text) for text in texts], [0] * len(texts))


def calls(made: Plan) -> list[tuple[str, int]]:
    """The operation of each group and how many nodes it has."""
    return [(group.operation, group.end - group.begin) for group in made.groups]


def level_by_level(graph: MergedGraph) -> int:
    """Calls when all nodes of an operation at the same distance from the leaves are one call."""
    level: list[int] = []
    for sources in graph.inputs.tolist():
        level.append(1 + max((level[source] for source in sources if source != NONE), default=-1))
    operations = step_table(graph.domain).operations[graph.steps].tolist()
    return len(set(zip(level, operations, strict=True)))


def test_equal_nodes_are_one() -> None:
    assert len(merged("exists(find[red])", "exists(find[red])")) == 3
    assert len(merged("exists(find[red])", "exists(filter[red](scene))")) == 3
    assert len(merged("exists(find[red])", "count(find[red])", "exists(find[blue])")) == 6
    assert len(merged("exists(and(find[red], find[red]))")) == 4


def test_unique_is_its_input() -> None:
    graph = merged("query[color](unique(find[cube]))", "exists(find[cube])")
    assert [graph.label(node) for node in range(len(graph))] == [
        *("scene", "filter[cube]", "query[color]", "exists"),
    ]
    assert graph.inputs.tolist() == [[NONE, NONE], [0, NONE], [1, NONE], [1, NONE]]
    assert graph.roots == (2, 3)


def test_inputs_in_another_order_are_another_node() -> None:
    one, other = "and(find[red], find[cube])", "and(find[cube], find[red])"
    assert len(merged(f"exists({one})", f"exists({other})")) == 3 + 2 + 2


def test_different_pictures_share_nothing() -> None:
    graph = merged(*["exists(find[red])"] * 3, pictures=[4, 2, 4])
    assert len(graph) == 6
    assert graph.pictures.tolist() == [4, 4, 4, 2, 2, 2]
    assert graph.roots == (2, 5, 2)


def test_dead_nodes_are_only_planned_where_they_are_wanted() -> None:
    program = Program((Node("find", "red"), Node("scene"), Node("exists", None, (1,))))
    assert len(planned([program, program], [0, 1])) == 4
    made = planned([program, program], [0, 1], whole=[1])
    assert len(made) == 5
    assert made.graph.needed == 4
    # The scene below the dead node is that which the answer depends on.
    assert calls(made) == [("scene", 2), ("exists", 2), ("filter", 1)]
    assert len(made.places_of(0)) == 2
    assert len(made.places_of(1)) == 4
    assert made.places_of(1)[2] == made.places_of(1)[0]


def test_what_is_dead_in_one_program_and_needed_by_another_is_one_node() -> None:
    program = Program((Node("find", "red"), Node("scene"), Node("exists", None, (1,))))
    both = [program, parse_program("count(find[red])")]
    assert len(planned(both, [0, 0], whole=[0, 1])) == 4


def test_operations_wait_for_each_other_so_that_groups_grow() -> None:
    made = plan_of(
        "exists(relate[left](unique(find[red])))",
        "exists(relate[left](unique(find[cube])))",
        "count(relate[left](unique(filter[small](find[red]))))",
    )
    # The third filter goes first: all that are still to come are ready, of relations two of three.
    assert calls(made) == [
        ("scene", 1),
        ("filter", 2),
        ("filter", 1),
        ("relate", 3),
        ("exists", 2),
        ("count", 1),
    ]


@pytest.mark.parametrize(
    ("texts", "levels", "needed"),
    [
        (
            [
                "exists(relate[left](unique(find[red])))",
                "exists(relate[left](unique(filter[small](find[red]))))",
            ],
            7,
            5,
        ),
        (["exists(scene)", "exists(find[red])", "exists(filter[small](find[red]))"], 6, 4),
        (
            [
                "equal_number(count(find[red]), count(scene))",
                "equal_number(count(find[red]), count(filter[small](find[red])))",
            ],
            8,
            5,
        ),
    ],
)
def test_the_agenda_takes_fewer_calls_than_going_level_by_level(
    texts: list[str], levels: int, needed: int
) -> None:
    made = plan_of(*texts)
    assert level_by_level(made.graph) == levels
    assert len(made.groups) == needed


@pytest.mark.parametrize("seed", range(20))
def test_the_agenda_never_takes_more_calls_than_going_level_by_level(seed: int) -> None:
    made = planned(sample_programs(CLEVR, 64, seed, largest=30), [p // 8 for p in range(64)])
    assert len(made.groups) <= level_by_level(made.graph)


def test_runs_are_the_arguments_in_order() -> None:
    made = plan_of(*(f"exists(find[{name}])" for name in ("red", "small", "red", "cyan")))
    scene, found, exists = made.groups
    assert scene.runs == ((0, 1),)
    names = [(CLEVR.concepts[argument], count) for argument, count in found.runs]
    assert names == sorted(names, key=lambda run: CLEVR.concepts.index(run[0]))
    assert dict(names) == {"red": 1, "small": 1, "cyan": 1}
    assert exists.runs == ((0, 3),)
    assert made.groups_of == {"scene": [0], "filter": [1], "exists": [2]}


def test_answers_are_grouped_by_kind() -> None:
    made = plan_of(
        "exists(scene)",
        "query[color](unique(scene))",
        "count(scene)",
        "exists(find[red])",
        "query[shape](unique(scene))",
    )
    assert [[str(each) for each in group.types] for group in made.answers] == [
        ["Bool", "Bool"],
        ["Value[color]", "Value[shape]"],
        ["Number"],
    ]
    assert made.programs == (0, 3, 1, 4, 2)
    assert repr(made) == "<Plan: 5 calls for 7 nodes of 5 programs>"


def rows_of(made: Plan, groups: Sequence[int]) -> list[int]:
    """The places in the rows of some groups, one after the other."""
    return [
        place
        for group in groups
        for place in range(made.groups[group].begin, made.groups[group].end)
    ]


def test_answers_that_are_alike_are_one_group() -> None:
    texts = ("exists(find[red])", "count(find[red])", "query[color](unique(find[cube]))")
    compiler = Compiler(CLEVR, UNIQUE)
    compiled = [compiler.compile(parse_program(text)) for text in texts]
    made = plan(compiled, [0, 0, 0], CLEVR, answers_alike=True)
    (group,) = made.answers
    assert [str(each) for each in group.types] == ["Bool", "Number", "Value[color]"]
    assert made.programs == (0, 1, 2)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_every_plan_computes_each_node_once_and_after_its_inputs(data: st.DataObject) -> None:
    programs = data.draw(st.lists(tangles(CLEVR), min_size=1, max_size=6))
    indices = st.integers(0, len(programs) - 1)
    pictures = data.draw(st.lists(indices, min_size=len(programs), max_size=len(programs)))
    whole = data.draw(st.sets(indices))
    made = planned(programs, pictures, sorted(whole))
    graph = made.graph
    assert_is_plan_of(made, graph)
    for program, root in enumerate(graph.roots):
        assert graph.pictures[root] == pictures[program]
        assert graph.label(root) == programs[program].root.label
    keys = [tuple(row) for row in np.c_[graph.steps, graph.pictures, graph.inputs].tolist()]
    assert len(set(keys)) == len(keys)


def assert_is_plan_of(made: Plan, graph: MergedGraph) -> None:
    """All that holds of every plan."""
    count = len(graph)
    assert sorted(made.place.tolist()) == list(range(count))
    assert [group.begin for group in made.groups] == [0, *(g.end for g in made.groups[:-1])]
    assert made.groups[-1].end == count
    assert made.group_of.tolist() == [
        number for number, group in enumerate(made.groups) for _ in range(group.begin, group.end)
    ]
    # Phases follow each other, once for what is needed and once for the rest.
    halves = [
        [g for g in made.groups if (g.begin < graph.needed) is half] for half in (True, False)
    ]
    for half in halves:
        phases = [PHASE[group.operation] for group in half]
        assert phases == sorted(phases)
    table = step_table(graph.domain)
    node_at = np.argsort(made.place)
    arguments, pictures, *rows = made.index
    assert pictures.tolist() == graph.pictures[node_at].tolist()
    for number, group in enumerate(made.groups):
        places = range(group.begin, group.end)
        steps = [table.steps[graph.steps[node_at[place]]] for place in places]
        assert {step.operation for step in steps} == {group.operation}
        known = table.arguments[graph.steps[node_at[group.begin : group.end]]].tolist()
        assert known == sorted(known) == arguments[group.begin : group.end].tolist()
        assert known == [argument for argument, length in group.runs for _ in range(length)]
        assert len({argument for argument, _ in group.runs}) == len(group.runs)
        assert len(group.inputs) == len(OPERATIONS[group.operation].inputs)
        for position, source in enumerate(group.inputs):
            assert all(earlier < number for earlier in source.groups)
            available = rows_of(made, source.groups)
            taken = rows[position][group.begin : group.end].tolist()
            wanted = [made.place[graph.inputs[node_at[place], position]] for place in places]
            assert [available[row] for row in taken] == wanted
            assert source.whole == (taken == list(range(len(available))))
    assert sorted(made.programs) == list(range(len(graph.roots)))
    for answers in made.answers:
        available = rows_of(made, answers.source.groups)
        programs = made.programs[answers.begin : answers.end]
        found = [available[row] for row in made.answer_index[answers.begin : answers.end]]
        assert found == [made.place[graph.roots[program]] for program in programs]
        kinds = [table.types[table.outputs[graph.steps[graph.roots[p]]]] for p in programs]
        assert kinds == list(answers.types)
        assert len({each.kind for each in kinds}) == 1
