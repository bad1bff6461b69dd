from contextlib import suppress
from functools import cache

import numpy as np
import pytest

from nmn.domain import Domain
from nmn.errors import ExecutionError
from nmn.generate.scene_masks import Draws, SceneMasks, bits_of
from nmn.generate.witness import Variant, witness
from nmn.program.program import Program
from nmn.program.text import parse_program
from nmn.scene import SceneTable, compile_programs, run
from nmn.scene.scene import Scene, SceneObject
from nmn.scene.symbolic import execute
from tests.generate.clevr_scenes import random_scenes
from tests.generate.test_always import drawn

SMALL = "unique(find[small])"


def scene_of(variant: Variant) -> Scene:
    """The scene that a variant stands for, as the executor takes it."""
    names = variant.domain.attribute_names
    things = bits_of(variant.everything)
    number = {thing: place for place, thing in enumerate(things)}
    objects = tuple(
        SceneObject(dict(zip(names, variant.values[thing], strict=True))) for thing in things
    )
    relations = {
        name: tuple(
            tuple(number[o] for o in bits_of(rows[thing] & variant.everything)) for thing in things
        )
        for name, rows in variant.relations.items()
    }
    return Scene(objects, relations)


def answer(program: Program, scene: Scene) -> str:
    """The answer of the executor, empty where there is none."""
    with suppress(ExecutionError):
        return execute(program, scene).answer
    return ""


def is_ordered(scene: Scene) -> bool:
    """Whether the things stand in one row from left to right, and one from front to back."""
    count = len(scene.objects)
    for first, second in (("left", "right"), ("front", "behind")):
        places = sorted(len(row) for row in scene.relations[first])
        pairs = zip(scene.relations[first], scene.relations[second], strict=True)
        if places != list(range(count)):
            return False
        if any({*row, *other, i} != set(range(count)) for i, (row, other) in enumerate(pairs)):
            return False
    return True


@pytest.mark.parametrize("group", ["original", "free"])
def test_a_witness_is_a_scene_with_another_answer(clevr: Domain, group: str) -> None:
    draws, found = Draws(np.random.default_rng(0)), 0
    scenes = random_scenes(60, clevr, seed=9)
    masks = [SceneMasks(scene, clevr) for scene in scenes]
    for program in drawn(clevr, group, 150):
        place = next((i for i, scene in enumerate(scenes) if answer(program, scene)), None)
        near = place is not None and witness(program, masks[place], clevr, draws)
        if place is not None and near:
            other = scene_of(near)
            assert is_ordered(other)
            assert 3 <= len(other.objects) <= 10
            assert answer(program, other) not in (answer(program, scenes[place]), "")
            found += 1
    assert found > 20


@pytest.mark.parametrize(
    "text",
    [
        # the thing in the middle is the only one right of the gray thing: what is right of the
        # last is it, or nothing is
        "exists(relate[behind](unique(filter[sphere](relate[left](unique(relate[behind]("
        "unique(find[gray]))))))))",
        f"exists(filter[large](relate[behind](unique(filter[metal](relate[left](unique("
        f"relate[behind]({SMALL}))))))))",
        "equal[material](query[material](unique(filter[brown](relate[right](unique(filter[metal]("
        "find[green])))))), query[material](unique(filter[green](relate[left](unique(filter[metal]("
        "find[brown])))))))",
        "exists(relate[right](unique(same[shape](unique(relate[right](unique(filter[small]("
        "find[cylinder]))))))))",
        f"exists(same[size](unique(relate[right]({SMALL}))))",
        "query[color](unique(filter[cylinder](same[material](unique(filter[cylinder](same[material]("
        "unique(filter[large](find[gray])))))))))",
        "exists(same[material](unique(filter[sphere](and(relate[right](unique(filter[yellow]("
        "find[metal]))), relate[front](unique(filter[rubber](find[cylinder]))))))))",
    ],
)
def test_what_follows_from_the_words_has_no_witness(clevr: Domain, text: str) -> None:
    program = parse_program(text, clevr)
    assert tried(program, clevr, 3) == {False}


@pytest.mark.parametrize(
    "text",
    [
        "count(find[red])",
        "exists(same[size](unique(find[red])))",
        "query[color](unique(filter[cube](relate[left](unique(find[large])))))",
        "equal[color](query[color](unique(find[small])), query[color](unique(find[cube])))",
        "less_than(count(find[red]), count(relate[left](unique(find[cube]))))",
        "exists(relate[behind](unique(relate[left](unique(relate[front](unique(find[red])))))))",
        "query[material](unique(or(relate[left](unique(find[red])), find[blue])))",
    ],
)
def test_what_needs_the_picture_has_one(clevr: Domain, text: str) -> None:
    assert True in tried(parse_program(text, clevr), clevr, 3)


@cache
def many_scenes(domain: Domain) -> tuple[list[Scene], SceneTable]:
    scenes = random_scenes(8_000, domain, seed=4, sizes=(3, 6))
    return scenes, SceneTable.of(scenes, domain)


def tried(program: Program, domain: Domain, times: int) -> set[bool]:
    """Whether there were witnesses, on the first scenes where a question is defined."""
    scenes, table = many_scenes(domain)
    plan = compile_programs([program] * len(scenes), domain)
    answers = run(plan, table, np.arange(len(scenes))).answers
    defined = np.flatnonzero(answers >= 0)[:times]
    assert len(defined)
    draws = Draws(np.random.default_rng(1))
    masks = (SceneMasks(scenes[place], domain) for place in defined.tolist())
    return {witness(program, mask, domain, draws) is not None for mask in masks}


def test_a_question_that_is_undefined_has_no_witness(clevr: Domain) -> None:
    scene = random_scenes(1, clevr, sizes=(4, 4))[0]
    program = parse_program("query[color](unique(scene))", clevr)
    draws = Draws(np.random.default_rng(0))
    assert witness(program, SceneMasks(scene, clevr), clevr, draws) is None


def test_changes_leave_the_scene_alone_and_in_order(clevr: Domain) -> None:
    (scene,) = random_scenes(1, clevr, sizes=(5, 5))
    masks = SceneMasks(scene, clevr)
    variant = Variant(masks, clevr)
    variant.move(0, "left", 3)
    thing = variant.add(2)
    variant.give(thing, 1, "red")
    changed = scene_of(variant)
    assert is_ordered(changed)
    assert len(changed.objects) == 6
    assert 0 in changed.relations["left"][3]
    assert changed.objects[5].attributes == {**scene.objects[2].attributes, "color": "red"}
    variant.everything &= ~1
    assert is_ordered(scene_of(variant))
    assert [len(rows) for rows in masks.relations.values()] == [5] * 4
    assert scene_of(Variant(masks, clevr)).objects == scene.objects
