"""The batched executor gives what the reference executor gives, with all gradients, in float64."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from random import Random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from nmn.data.clevr import read_questions
from nmn.domain import Domain
from nmn.execution.batched import BatchedExecutor
from nmn.execution.reference import ReferenceExecutor
from nmn.modules import build_bank
from nmn.nn.features import FeatureSize
from nmn.program.program import Node, Program, call
from nmn.program.text import parse_program
from tests.execution.engines import (
    CHANNELS,
    ObjectSight,
    assert_same,
    batch_of,
    configured,
    engines,
    outcome,
    permuted,
    sample_programs,
    sight,
    small_bank,
    tangles,
)
from tests.strategies import CLEVR, SHAPES

FAMILIES = ("attention", "tbd", "residual")
KERNELS = ("grouped", "separate")
OF_ALL_KINDS = tuple(
    map(
        parse_program,
        (
            "exists(or(scene, find[red]))",
            "exists(or(scene, scene))",
            "count(or(relate[left](unique(find[red])), scene))",
            "query[color](unique(filter[large](filter[cube](scene))))",
            "equal[shape](query[shape](unique(find[red])), query[shape](unique(find[blue])))",
            "equal_number(count(find[red]), count(find[red]))",
            "less_than(count(scene), count(same[size](unique(find[metal]))))",
            "greater_than(count(and(find[red], find[cube])), count(find[gray]))",
        ),
    )
)


def assert_as_reference(
    family: str,
    programs: Sequence[Program],
    picture: Sequence[int],
    domain: Domain = CLEVR,
    seed: int = 0,
) -> None:
    """Both executors agree: softened and hard for attention, with each kernel for others."""
    pictures = max(picture) + 1
    reference, batched = engines(family, domain, pictures, seed)
    batch = batch_of(picture)
    if family == "attention":
        for mode in (True, False):
            wanted = outcome(reference.train(mode), programs, batch)
            assert_same(outcome(batched.train(mode), programs, batch), wanted)
        return
    wanted = outcome(reference, programs, batch)
    for kernel in KERNELS:
        bank = small_bank(family, domain, kernel=kernel)
        bank.load_state_dict(batched.bank.state_dict())
        assert_same(outcome(BatchedExecutor(batched.stem, bank), programs, batch), wanted)


@pytest.mark.parametrize("domain", [CLEVR, SHAPES], ids=lambda domain: domain.name)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_thousand_random_programs_are_executed_as_one_by_one(family: str, domain: Domain) -> None:
    count = 800 if domain is CLEVR else 200
    programs = sample_programs(domain, count, seed=1)
    assert len(set(programs)) > count / 2
    for begin, end in ((0, 1), (1, 10), (10, 100), (100, count)):
        picture = [place % 7 for place in range(end - begin)]
        assert_as_reference(family, programs[begin:end], picture, domain)


@pytest.mark.slow
@pytest.mark.parametrize("domain", [CLEVR, SHAPES], ids=lambda domain: domain.name)
@pytest.mark.parametrize("family", FAMILIES)
def test_many_more_random_programs_are_executed_as_one_by_one(family: str, domain: Domain) -> None:
    for seed in range(4):
        programs = sample_programs(domain, 500, 100 + seed, largest=40)
        assert_as_reference(family, programs, [place % 50 for place in range(500)], domain, seed)


@settings(max_examples=20, deadline=None)
@given(data=st.data(), family=st.sampled_from(FAMILIES), domain=st.sampled_from([CLEVR, SHAPES]))
def test_shared_and_dead_nodes_are_executed_as_one_by_one(
    data: st.DataObject, family: str, domain: Domain
) -> None:
    programs = data.draw(st.lists(tangles(domain), min_size=1, max_size=6))
    picture = data.draw(st.lists(st.integers(0, 2), min_size=len(programs), max_size=len(programs)))
    assert_as_reference(family, programs, picture, domain)


@pytest.mark.parametrize("family", FAMILIES)
def test_real_programs_are_executed_as_one_by_one(
    family: str, real_data: Path, clevr: Domain
) -> None:
    path = real_data / "clevr/CLEVR_train_questions.json.gz"
    chosen = list(islice(read_questions(path, clevr), 150))
    programs = [q.example.program for q in chosen if q.example.program is not None]
    assert len(programs) == len(chosen) == 150
    images = [question.example.image_index for question in chosen]
    numbers = {image: number for number, image in enumerate(dict.fromkeys(images))}
    assert_as_reference(family, programs, [numbers[image] for image in images])


@pytest.mark.parametrize("family", FAMILIES)
def test_every_operation_with_every_argument_is_executed_as_one_by_one(
    family: str, clevr: Domain
) -> None:
    red = call("unique", call("find", argument="red"))
    sets = [
        *(call("find", argument=concept) for concept in clevr.concepts),
        *(call("filter", red, argument=concept) for concept in clevr.concepts),
        *(call("relate", red, argument=relation) for relation in clevr.relations),
        *(call("same", red, argument=attribute) for attribute in clevr.attribute_names),
    ]
    values = [call("query", red, argument=attribute) for attribute in clevr.attribute_names]
    pairs = [call("equal", one, one, argument=one.root.argument) for one in values]
    programs = [*(call("count", each) for each in sets), *values, *pairs, *OF_ALL_KINDS]
    assert_as_reference(family, programs, [place % 3 for place in range(len(programs))])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "picture",
    [[0] * 24, list(range(24)), [0] * 8 + [1] * 8 + [2] * 8],
    ids=["one picture for all", "each on its own", "duplicates"],
)
def test_pictures_and_duplicates_change_nothing(family: str, picture: list[int]) -> None:
    assert_as_reference(family, OF_ALL_KINDS * 3, picture)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("program", OF_ALL_KINDS, ids=str)
def test_a_single_example_is_executed_as_one_by_one(family: str, program: Program) -> None:
    assert_as_reference(family, [program], [0])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_program_of_60_steps_in_a_row_is_executed_as_one_by_one(
    family: str, clevr: Domain
) -> None:
    random = Random(3)
    mask = call("scene")
    for step in range(58):
        relation, attribute = random.choice(clevr.relations), random.choice(clevr.attribute_names)
        if step % 3 == 2:
            mask = call("same", mask, argument=attribute)
        else:
            mask = call("relate", mask, argument=relation)
    deep = call("exists", mask)
    assert deep.depth == 60
    assert_as_reference(family, [deep, *OF_ALL_KINDS[:2]], [0, 0, 1])


def test_a_program_whose_tree_is_exponential_is_executed_by_its_nodes(clevr: Domain) -> None:
    nodes = [Node("find", "red"), Node("relate", "left", (0,))]
    for place in range(1, 26):
        nodes.append(Node("or" if place % 2 else "and", None, (place, place - 1)))
    program = Program((*nodes, Node("count", None, (len(nodes) - 1,))))
    assert program.tree_size > 100_000
    for family in FAMILIES:
        assert_as_reference(family, [program], [0], clevr)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("family", FAMILIES)
def test_the_order_of_the_batch_does_not_matter(family: str, seed: int) -> None:
    programs = [*sample_programs(CLEVR, 20, seed), *OF_ALL_KINDS]
    batch = batch_of([place % 4 for place in range(len(programs))])
    order = list(range(len(programs)))
    Random(seed).shuffle(order)
    turned = [programs[place] for place in order]
    executor = engines(family, CLEVR, 4, seed)[1]
    for options in ({}, {"questions_at_once": 5}):
        other = configured(executor, **options)
        straight = other.run(programs, batch).log_probabilities[order]
        mixed = other.run(turned, permuted(batch, order)).log_probabilities
        torch.testing.assert_close(mixed, straight, rtol=0, atol=1e-12)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("grid", [None, (6, 6)], ids=["objects", "a large grid"])
def test_attention_on_other_cells_is_executed_as_one_by_one(
    training: bool, grid: tuple[int, int] | None
) -> None:
    torch.manual_seed(0)
    if grid is None:
        values = torch.randn(3, 6, CHANNELS, dtype=torch.float64)
        positions = torch.rand(3, 6, 2, dtype=torch.float64) * 2 - 1
        present = torch.tensor([[True] * 6, [True] * 3 + [False] * 3, [True] + [False] * 5])
        stem: nn.Module = ObjectSight(values, positions, present)
    else:
        stem = sight("attention", 3, grid)
    bank = small_bank("attention", CLEVR, grid)
    programs = [*sample_programs(CLEVR, 80, 5), *OF_ALL_KINDS]
    batch = batch_of([place % 3 for place in range(len(programs))])
    wanted = outcome(ReferenceExecutor(stem, bank).train(training), programs, batch)
    assert_same(outcome(BatchedExecutor(stem, bank).train(training), programs, batch), wanted)


def test_what_no_answer_depends_on_gets_no_gradient(clevr: Domain) -> None:
    bank = build_bank("attention", clevr, FeatureSize(CHANNELS, (3, 3)), {}).double()
    nodes = (Node("find", "blue"), Node("relate", "left", (0,)), Node("find", "red"))
    program = Program((*nodes, Node("exists", None, (2,))))
    executor = BatchedExecutor(sight("attention", 1), bank)
    moved = outcome(executor, [program], batch_of([0]), traces=True, masks=True).gradients
    concepts = moved["bank.concepts.weight"].abs().sum(1) > 0
    assert [c for c, found in zip(clevr.concepts, concepts, strict=True) if found] == ["red"]
    assert not moved["bank.relations.table"].any()
