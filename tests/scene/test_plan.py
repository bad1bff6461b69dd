from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from nmn.domain import Domain
from nmn.errors import NMNError
from nmn.program.ops import OPERATIONS
from nmn.program.program import Node, Program
from nmn.program.text import parse_program
from nmn.program.tokens import END, START, TokenVocabulary
from nmn.program.typecheck import typecheck
from nmn.scene.plan import Plan, compile_programs, compile_tokens
from nmn.scene.table import SceneTable
from nmn.scene.vectorised import run
from tests.policies.made import VOCABULARIES, padded, some_scenes, walks
from tests.strategies import CLEVR, SHAPES, attempt, programs

FINE = parse_program("exists(and(find[red], relate[above](find[circle])))")


@given(st.data(), st.sampled_from([SHAPES, CLEVR]))
@settings(deadline=None, max_examples=60)
def test_every_node_has_a_place_of_its_own_after_those_of_its_inputs(
    data: st.DataObject, domain: Domain
) -> None:
    batch = data.draw(st.lists(programs(domain), max_size=4))
    plan = compile_programs(batch, domain)
    assert sorted(plan.place) == list(range(sum(map(len, batch))))
    done = 0
    for group in plan.groups:
        assert group.places.start == done
        assert all(places.max() < done for places in group.inputs)
        assert all(len(places) == group.places.stop - done for places in group.inputs)
        done = group.places.stop
    assert done == len(plan.place)
    nodes = [(owner, node) for owner, program in enumerate(batch) for node in program.nodes]
    for index, (owner, node) in enumerate(nodes):
        place = plan.place[index]
        assert plan.owners[place] == owner
        group = next(g for g in plan.groups if g.places.start <= place < g.places.stop)
        inputs = [places[place - group.places.start] for places in group.inputs]
        assert group.operation == node.operation
        assert inputs == [plan.place[plan.begins[owner] + source] for source in node.inputs]


def test_nodes_of_one_operation_and_level_are_one_group(shapes: Domain) -> None:
    plan = compile_programs([FINE, parse_program("exists(find[blue])"), FINE], shapes)
    groups = [(group.operation, group.places) for group in plan.groups]
    assert groups == [
        ("find", slice(0, 5)),
        ("relate", slice(5, 7)),
        ("exists", slice(7, 8)),
        ("and", slice(8, 10)),
        ("exists", slice(10, 12)),
    ]


def test_reachable_is_that_of_each_program(shapes: Domain) -> None:
    nodes = (
        Node("find", "red"),
        Node("unique", None, (0,)),
        Node("relate", "above", (1,)),
        Node("find", "blue"),
        Node("and", None, (3, 3)),
        Node("exists", None, (4,)),
    )
    batch = [FINE, Program(nodes), parse_program("exists(scene)")]
    plan = compile_programs(batch, shapes)
    assert plan.reachable.tolist() == [r for program in batch for r in program.reachable]


def test_no_programs_are_a_plan_of_nothing(shapes: Domain) -> None:
    plan = compile_programs([], shapes)
    assert (len(plan), plan.groups, plan.reachable.size) == (0, (), 0)


@pytest.mark.parametrize(
    "nodes",
    [
        (Node("find", "purple"), Node("exists", None, (0,))),
        (Node("find"), Node("exists", None, (0,))),
        (Node("scene", "red"), Node("exists", None, (0,))),
        (Node("glance"), Node("exists", None, (0,))),
        (Node("scene"), Node("exists")),
        (Node("scene"), Node("exists", None, (0, 0))),
        (Node("scene"), Node("and", None, (0, 0, 0)), Node("exists", None, (1,))),
        (Node("scene"), Node("count", None, (0,)), Node("exists", None, (1,))),
        (
            Node("scene"),
            Node("query", "color", (0,)),
            Node("query", "shape", (0,)),
            Node("equal", "color", (1, 2)),
        ),
        (Node("scene"),),
        (Node("find", "red", (0,)), Node("exists", None, (0,))),
    ],
    ids=[
        "unknown concept",
        "no argument",
        "argument too many",
        "unknown operation",
        "no input",
        "input too many",
        "third input",
        "wrong type",
        "wrong attribute",
        "mask at the root",
        "input of a leaf",
    ],
)
def test_programs_that_do_not_fit_raise_what_the_type_checker_raises(
    nodes: tuple[Node, ...], shapes: Domain
) -> None:
    if nodes[0].inputs:
        nodes = (Node("scene"), *nodes)
    wrong = Program(nodes)
    with pytest.raises(NMNError) as wanted:
        typecheck(wrong, shapes)
    with pytest.raises(type(wanted.value)) as caught:
        compile_programs([FINE, wrong], shapes)
    assert str(caught.value) == str(wanted.value)


def test_of_several_programs_that_do_not_fit_the_first_is_told(shapes: Domain) -> None:
    unknown, mask = Program((Node("glance"),)), Program((Node("scene"),))
    for wrong in (unknown, mask):
        with pytest.raises(NMNError) as wanted:
            typecheck(wrong, shapes)
        with pytest.raises(NMNError) as caught:
            compile_programs([FINE, wrong, unknown, mask], shapes)
        assert str(caught.value) == str(wanted.value)


@st.composite
def node_soups(draw: DrawFn) -> Program:
    """Known operations, anyhow put together; some of them happen to be well-typed."""
    names = ["exists", "count", "scene", "find", "filter", "equal_number", "query", "and"]
    words = st.sampled_from([None, None, "red", "color", "above"])
    count = draw(st.integers(1, 4))
    nodes: list[Node] = []
    for index in range(count):
        name = draw(st.sampled_from(names))
        argument: str | None = {"find": "red", "filter": "red", "query": "color"}.get(name)
        arity = len(OPERATIONS[name].inputs)
        if draw(st.integers(0, 5)) == 0:
            argument, arity = draw(words), draw(st.integers(0, 3))
        sources: Sequence[int] = draw(
            st.lists(st.integers(0, index - 1), min_size=arity, max_size=arity)
            if index
            else st.just([])
        )
        nodes.append(Node(name, argument, tuple(sources)))
    return Program(tuple(nodes))


@given(st.lists(node_soups(), max_size=3))
@settings(deadline=None, max_examples=300)
def test_just_what_type_checks_is_compiled(batch: list[Program]) -> None:
    def check_all() -> None:
        for program in batch:
            typecheck(program, SHAPES)

    wanted = attempt(check_all, NMNError)
    got = attempt(lambda: compile_programs(batch, SHAPES), NMNError)
    assert type(got) is (Plan if wanted is None else type(wanted))
    if wanted is not None:
        assert str(got) == str(wanted)


def test_a_long_program_is_levelled_beside_a_short_one(shapes: Domain) -> None:
    chain = [Node("find", "red"), *(Node("same", "color", (index,)) for index in range(300))]
    plan = compile_programs([FINE, Program((*chain, Node("count", None, (300,))))], shapes)
    assert [group.operation for group in plan.groups].count("same") == 300
    assert plan.groups[-1].operation == "count"


def corrupted(program: tuple[int, ...], random: Random, vocabulary: TokenVocabulary) -> list[int]:
    """A program with a token replaced, put in, or left out; or as it is."""
    tokens, place = [*program, END], random.randrange(len(program) + 1)
    other = random.randrange(-1, len(vocabulary) + 1)
    kind = random.randrange(4)
    if kind == 0:
        tokens[place] = other
    elif kind == 1:
        tokens.insert(place, other)
    elif kind == 2:
        del tokens[place]
    return [*tokens, *(random.randrange(len(vocabulary)) for _ in range(random.randrange(3)))]


@pytest.mark.parametrize("domain", [SHAPES, CLEVR], ids=lambda domain: domain.name)
def test_of_tokens_just_those_are_left_out_that_are_no_well_typed_program(domain: Domain) -> None:
    vocabulary, random = VOCABULARIES[domain.name], Random(0)
    every = [corrupted(program, random, vocabulary) for program in walks(domain, 600, seed=1)]
    width = max(map(len, every))
    tokens = np.array([row + [0] * (width - len(row)) for row in every])

    def known(row: list[int]) -> bool:
        if END not in row or row[0] == START:  # programs as encoded begin with their root
            return False
        got = attempt(lambda: typecheck(vocabulary.decode(row), domain), NMNError)
        return not isinstance(got, NMNError)

    fine = [place for place, row in enumerate(every) if known(row)]
    plan, there = compile_tokens(tokens, domain)
    assert there.tolist() == fine
    assert len(plan) == len(fine)
    assert 150 < len(fine) < 450


@pytest.mark.parametrize("domain", [SHAPES, CLEVR], ids=lambda domain: domain.name)
def test_tokens_give_the_answers_of_their_programs(domain: Domain) -> None:
    every = walks(domain, 400, seed=2)
    table = SceneTable.of(some_scenes(domain.name, 20), domain)
    scenes = np.random.default_rng(0).integers(20, size=400)
    plan, there = compile_tokens(padded(every), domain)
    assert there.tolist() == list(range(400))
    assert plan.programs == ()
    decoded = [VOCABULARIES[domain.name].decode(program) for program in every]
    known = compile_programs(decoded, domain)
    assert plan.begins.tolist() == known.begins.tolist()
    got, wanted = run(plan, table, scenes), run(known, table, scenes)
    assert got.answers.tolist() == wanted.answers.tolist()
    assert got.failed.tolist() == wanted.failed.tolist()
    assert len(set(wanted.answers.tolist())) > 2


@given(st.data(), st.sampled_from([SHAPES, CLEVR]))
@settings(deadline=None, max_examples=40)
def test_a_plan_of_tokens_computes_each_node_after_its_inputs(
    data: st.DataObject, domain: Domain
) -> None:
    batch = data.draw(st.lists(programs(domain), min_size=1, max_size=4))
    vocabulary = VOCABULARIES[domain.name]
    plan, _ = compile_tokens(padded([vocabulary.encode(one)[:-1] for one in batch]), domain)
    assert plan.reachable.all()
    for index, sources in enumerate(plan.inputs[:-1].tolist()):
        step = vocabulary.steps[plan.steps[plan.place[index]]]
        inputs = [source for source in sources if source < len(plan.place)]
        assert len(inputs) == len(OPERATIONS[step.operation].inputs)
        owner = plan.owners[plan.place[index]]
        assert all(plan.begins[owner] <= source < index for source in inputs)
        assert all(plan.place[source] < plan.place[index] for source in inputs)


@pytest.mark.parametrize("count", [0, 2])
def test_where_no_tokens_are_a_program_there_is_a_plan_of_nothing(
    shapes: Domain, count: int
) -> None:
    plan, there = compile_tokens(np.full((count, 3), END), shapes)
    assert (len(plan), plan.groups, there.tolist()) == (0, (), [])
    table = SceneTable.of(some_scenes("shapes", 1), shapes)
    assert run(plan, table, np.zeros(0, dtype=np.intp)).answers.tolist() == []
