import numpy as np
import pytest

from nmn.domain import Domain
from nmn.errors import DataError
from nmn.generate.scene_masks import Draws, SceneMasks, bits_of
from nmn.scene.scene import Scene, SceneObject
from tests.generate.clevr_scenes import random_scenes


def test_masks_say_what_the_scene_says(clevr: Domain) -> None:
    for scene in random_scenes(20, clevr):
        masks = SceneMasks(scene, clevr)
        things = list(range(len(scene.objects)))
        assert list(bits_of(masks.everything)) == things
        for place, attribute in enumerate(clevr.attributes):
            for value in attribute.values:
                having = [i for i in things if masks.values[i][place] == value]
                assert list(bits_of(masks.concepts[value])) == having
            for thing in things:
                assert masks.sharing[place][thing] == masks.concepts[masks.values[thing][place]]
        for relation in clevr.relations:
            rows = [bits_of(mask) for mask in masks.relations[relation]]
            assert rows == [tuple(sorted(row)) for row in scene.relations[relation]]


def test_draws_are_those_of_the_generator_and_cover_all() -> None:
    first, second = (Draws(np.random.default_rng(1)) for _ in range(2))
    drawn = [first.below(7) for _ in range(3000)]
    assert drawn == [second.below(7) for _ in range(3000)]
    assert set(drawn) == set(range(7))
    assert 0 <= first.fraction() < 1


def test_a_thing_without_an_attribute_is_named(clevr: Domain) -> None:
    thing = SceneObject({"size": "large"})
    scene = Scene((thing,), dict.fromkeys(clevr.relations, ((),)), name="p1")
    with pytest.raises(DataError, match="p1: an object without color"):
        SceneMasks(scene, clevr)


def test_things_of_the_same_values_are_known_for_each_set_of_attributes(clevr: Domain) -> None:
    (scene,) = random_scenes(1, clevr, sizes=(8, 8))
    masks = SceneMasks(scene, clevr)
    for thing, rows in enumerate(masks.alike):
        assert len(rows) == 1 << len(clevr.attribute_names)
        assert rows[0] == masks.everything
        for code, alike in enumerate(rows):
            expected = masks.everything
            for place in bits_of(code):
                expected &= masks.sharing[place][thing]
            assert alike == expected
    own = masks.values[0]
    assert masks.with_values(own) == masks.alike[0]
