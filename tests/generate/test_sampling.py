from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from nmn.domain import Domain
from nmn.generate.families import families_of
from nmn.generate.patterns import Pattern
from nmn.generate.sampling import Filled, Filler
from nmn.generate.scene_masks import Draws, SceneMasks
from nmn.program.program import Node, Program
from nmn.scene.scene import Scene
from nmn.scene.symbolic import Mask, execute
from tests.generate.clevr_scenes import random_scenes

ENDS = ("unique", "exists", "count", "or")


def filled(domain: Domain, group: str, tries: int) -> list[tuple[Filled, Scene]]:
    scenes = random_scenes(100, domain, seed=5)
    masks = [SceneMasks(scene, domain) for scene in scenes]
    draws = Draws(np.random.default_rng(6))
    found = []
    for family in families_of((group,), domain):
        fillers = [Filler(family.pattern, attribute) for attribute in domain.attribute_names]
        for number in range(tries):
            place = number % len(scenes)
            one = fillers[number % 4].fill(masks[place], draws, empty=number % 2 == 0)
            if one is not None:
                assert family.pattern.fits(one.program)
                found.append((one, scenes[place]))
    return found


@pytest.mark.parametrize("group", ["original", "free"])
def test_what_is_filled_in_is_valid_and_answered_as_by_the_executor(
    clevr: Domain, group: str
) -> None:
    found = filled(clevr, group, 12)
    assert len(found) > 400
    for one, scene in found:
        assert execute(one.program, scene).answer == one.answer


@pytest.mark.parametrize("group", ["original", "free"])
def test_nothing_that_is_said_is_idle(clevr: Domain, group: str) -> None:
    """Each filter, relation and `same` is taken out, and the set is another one then."""
    for one, scene in filled(clevr, group, 6):
        for index, node in enumerate(one.program.nodes):
            if node.operation in ("filter", "relate", "same"):
                assert without(one.program, index, scene) != described(one.program, index, scene), (
                    f"{node.label} is idle in {one.program}"
                )


def end_of(program: Program, index: int) -> int:
    """The last node of the set that `index` is part of."""
    following = next(i for i, node in enumerate(program.nodes) if index in node.inputs)
    return index if program.nodes[following].operation in ENDS else end_of(program, following)


def described(program: Program, index: int, scene: Scene) -> Mask:
    return mask_of(program.nodes, end_of(program, index), scene)


def without(program: Program, index: int, scene: Scene) -> Mask:
    """What would be meant without a filter, or with all others in the place of a relation."""
    node, end = program.nodes[index], end_of(program, index)
    nodes = list(program.nodes)
    if node.operation == "filter":
        for later in range(index + 1, len(nodes)):
            inputs = tuple(node.inputs[0] if i == index else i for i in nodes[later].inputs)
            nodes[later] = Node(nodes[later].operation, nodes[later].argument, inputs)
        return mask_of(nodes, node.inputs[0] if end == index else end, scene)
    (anchor,) = mask_of(nodes, node.inputs[0], scene)
    others = tuple(other for other in range(len(scene.objects)) if other != anchor)
    rows = tuple(others if thing == anchor else () for thing in range(len(scene.objects)))
    nodes[index] = Node("relate", "beside", node.inputs)
    return mask_of(nodes, end, Scene(scene.objects, {**scene.relations, "beside": rows}))


def mask_of(nodes: Sequence[Node], index: int, scene: Scene) -> Mask:
    result = execute(Program(tuple(nodes[: index + 1])), scene).results[-1]
    assert isinstance(result, frozenset)
    return result


def test_filters_stand_in_the_order_of_the_original(clevr: Domain) -> None:
    order = clevr.attribute_names
    for one, _ in filled(clevr, "zero_hop", 40):
        stated = [
            clevr.attribute_of(n.argument or "")
            for n in one.program.nodes
            if n.operation == "filter"
        ]
        assert stated == sorted(stated, key=order.index)


def test_what_is_asked_for_is_not_stated(clevr: Domain) -> None:
    pattern = Pattern("query[any](unique(filter[any](scene)))", clevr, "here")
    draws = Draws(np.random.default_rng(0))
    filler = Filler(pattern, "color")
    assert filler.answers == clevr.values_of("color")
    for scene in random_scenes(30, clevr):
        one = filler.fill(SceneMasks(scene, clevr), draws)
        if one is not None:
            assert not {n.argument for n in one.program.nodes} & set(clevr.values_of("color"))
            assert one.program.root.label == "query[color]"


def test_empty_sets_are_near_misses(clevr: Domain) -> None:
    pattern = Pattern("count(filter[any](scene))", clevr, "here")
    filler, draws = Filler(pattern), Draws(np.random.default_rng(0))
    masks = [SceneMasks(scene, clevr) for scene in random_scenes(50, clevr)]
    found = [filler.fill(mask, draws, empty=True) for mask in masks]
    assert sum(one is not None for one in found) > 40
    assert {one.answer for one in found if one is not None} == {"0"}
    assert filler.may_be_empty


def test_things_are_described_at_length_where_there_is_more_to_say(clevr: Domain) -> None:
    pattern = Pattern("query[any](unique(filter[any](scene)))", clevr, "here")
    filler, draws = Filler(pattern, "size"), Draws(np.random.default_rng(0))
    masks = [SceneMasks(scene, clevr) for scene in random_scenes(60, clevr, sizes=(8, 10))]
    found = [filler.fill(mask, draws) for mask in masks for _ in range(20)]
    lengths = Counter(len(one.program) - 3 for one in found if one is not None)
    assert set(lengths) == {1, 2, 3}
    assert lengths[2] + lengths[3] > lengths[1]


def test_a_scene_of_nothing_or_one_thing_gives_what_it_can(clevr: Domain) -> None:
    draws = Draws(np.random.default_rng(0))
    for size in (0, 1):
        (scene,) = random_scenes(1, clevr, sizes=(size, size))
        masks = SceneMasks(scene, clevr)
        for family in families_of(("original",), clevr):
            one = Filler(family.pattern).fill(masks, draws)
            assert one is None or execute(one.program, scene).answer == one.answer
