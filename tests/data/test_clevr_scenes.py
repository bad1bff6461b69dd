import gzip
import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmn.data.clevr_scenes import (
    image_indices,
    image_name,
    read_scenes,
    relations_from_directions,
    scene_from_json,
)
from nmn.domain import Domain
from nmn.errors import DataError, NMNError
from tests.strategies import CLEVR, attempt

RECORD: dict[str, Any] = {
    "image_index": 12,
    "image_filename": "CLEVR_val_000012.png",
    "objects": [
        {
            "color": "red",
            "shape": "cube",
            "size": "large",
            "material": "metal",
            "rotation": 3.5,
            "3d_coords": [0.0, 1.5, 0.7],
            "pixel_coords": [100, 80, 9.5],
        },
        {
            "color": "blue",
            "shape": "sphere",
            "size": "small",
            "material": "rubber",
            "3d_coords": [2, -1.0, 0.35],
            "pixel_coords": [200, 120, 8.5],
        },
    ],
    "relationships": {
        "left": [[], [0]],
        "right": [[1], []],
        "front": [[1], []],
        "behind": [[], [0]],
        "above": "not looked at",
    },
    "directions": {
        "left": [-1, 0, 0],
        "right": [1, 0, 0],
        "front": [0, -1, 0],
        "behind": [0, 1, 0],
        "above": [0, 0, 1],
    },
}


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    record = deepcopy(RECORD)
    change(record)
    return record


def write(path: Path, *records: Any) -> Path:
    path.write_text(json.dumps({"info": {}, "scenes": list(records)}))
    return path


def test_a_scene_as_stored(clevr: Domain) -> None:
    scene = scene_from_json(RECORD, clevr, "file")
    scene.check(clevr)
    cube, sphere = scene.objects
    assert cube.attributes == {
        "size": "large",
        "color": "red",
        "material": "metal",
        "shape": "cube",
    }
    assert (cube.position, cube.pixel) == ((0.0, 1.5, 0.7), (100.0, 80.0))
    assert sphere.position == (2.0, -1.0, 0.35)
    assert scene.relations == {
        "left": ((), (0,)),
        "right": ((1,), ()),
        "front": ((1,), ()),
        "behind": ((), (0,)),
    }
    assert scene.name == "CLEVR_val_000012.png"


def test_relations_that_follow_from_directions(clevr: Domain) -> None:
    record = changed(lambda r: r.pop("relationships"))
    scene = scene_from_json(record, clevr, "file", relations="directions")
    assert scene.relations == scene_from_json(RECORD, clevr, "file").relations


def test_an_object_is_left_of_another_if_it_is_more_than_the_threshold() -> None:
    places = [(0.0, 0.0), (0.1, 5.0), (0.5, 0.0)]
    right = {"right": (1.0, 0.0)}
    assert relations_from_directions(places, right) == {"right": ((2,), (2,), ())}
    assert relations_from_directions(places, right, 0.05) == {"right": ((1, 2), (2,), ())}
    assert relations_from_directions([], right) == {"right": ()}


def test_positions_may_be_missing_where_they_are_not_needed(clevr: Domain) -> None:
    record = changed(lambda r: [r["objects"][0].pop(k) for k in ("3d_coords", "pixel_coords")])
    scene = scene_from_json(record, clevr, "file")
    assert (scene.objects[0].position, scene.objects[0].pixel) == ((), ())


def test_a_scene_without_objects(clevr: Domain) -> None:
    relationships: dict[str, list[Any]] = {name: [] for name in clevr.relations}
    empty = {"image_index": 0, "objects": [], "relationships": relationships}
    assert scene_from_json(empty, clevr, "file").objects == ()
    assert scene_from_json(empty, clevr, "file").name == "image 0"


FAULTS: list[tuple[str, Callable[[dict[str, Any]], object], str]] = [
    (
        "no relationships",
        lambda r: r.pop("relationships"),
        "'relationships' is missing; --relations directions takes them from 'directions' and",
    ),
    (
        "a relation missing",
        lambda r: r["relationships"].pop("left"),
        "relation 'left' is missing; there are 'above', 'behind', 'front' and 'right'",
    ),
    ("relationships of text", lambda r: r.update(relationships="x"), "wanted an object as 'rela"),
    (
        "a relation of text",
        lambda r: r["relationships"].update(left="x"),
        "wanted a list as relation 'left', got 'x'",
    ),
    (
        "rows too few",
        lambda r: r["relationships"]["left"].pop(),
        "relation 'left' has 1 rows for 2 objects",
    ),
    (
        "a row of a number",
        lambda r: r["relationships"].update(left=[0, []]),
        "object 0: wanted a list of objects that are 'left' of it, got 0",
    ),
    (
        "an object that is not there",
        lambda r: r["relationships"].update(left=[[], [2]]),
        "object 1: wanted objects of 0 to 1 that are 'left' of it, got 2",
    ),
    (
        "an object left of itself",
        lambda r: r["relationships"].update(left=[[], [1]]),
        "object 1: wanted others that are 'left' of it, got itself",
    ),
    (
        "an object named twice",
        lambda r: r["relationships"].update(left=[[1, 1], []]),
        "object 0: wanted others that are 'left' of it, got one of them twice",
    ),
    ("a negative one", lambda r: r["relationships"].update(left=[[-1], []]), "of it, got -1"),
    ("a boolean one", lambda r: r["relationships"].update(left=[[True], []]), "of it, got true"),
    ("no objects", lambda r: r.pop("objects"), "wanted a list as 'objects', got null"),
    ("objects of text", lambda r: r.update(objects="x"), "wanted a list as 'objects', got 'x'"),
    ("an object of text", lambda r: r.update(objects=["x"]), "object 0: wanted an object, got 'x'"),
    (
        "an object without colour",
        lambda r: r["objects"][1].pop("color"),
        "object 1: wanted a color ('gray', 'red' or 'blue'), got none",
    ),
    (
        "an unknown colour",
        lambda r: r["objects"][0].update(color="rad"),
        "object 0: wanted a color ('red', 'gray' or 'cyan'), got 'rad'",
    ),
    ("a colour of a list", lambda r: r["objects"][0].update(color=["red"]), "got a list"),
    (
        "a place in words",
        lambda r: r["objects"][0].update({"3d_coords": "here"}),
        "object 0: wanted a list of numbers as '3d_coords', got 'here'",
    ),
    (
        "a place that is not a number",
        lambda r: r["objects"][0].update({"3d_coords": [0, None, 1]}),
        "object 0: wanted numbers in '3d_coords', got null",
    ),
    (
        "an endless place",
        lambda r: r["objects"][0].update({"3d_coords": [0, float("inf"), 1]}),
        "object 0: wanted numbers in '3d_coords', got inf",
    ),
    (
        "a place of NaN",
        lambda r: r["objects"][0].update({"pixel_coords": [float("nan")]}),
        "object 0: wanted numbers in 'pixel_coords', got nan",
    ),
    (
        "a huge place",
        lambda r: r["objects"][0].update({"pixel_coords": [10**400]}),
        "object 0: wanted numbers in 'pixel_coords', got a number of more than 18 digits",
    ),
]


@pytest.mark.parametrize(
    ("change", "said"), [pytest.param(change, said, id=label) for label, change, said in FAULTS]
)
def test_faults_are_one_line_with_the_scene(
    change: Callable[[dict[str, Any]], object], said: str, clevr: Domain
) -> None:
    with pytest.raises(DataError) as caught:
        scene_from_json(changed(change), clevr, "file", 7)
    assert str(caught.value).startswith("file, scene 7 (image 12)")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


DIRECTION_FAULTS: list[tuple[str, Callable[[dict[str, Any]], object], str]] = [
    ("none", lambda r: r.pop("directions"), "wanted an object as 'directions', got null"),
    (
        "one missing",
        lambda r: r["directions"].pop("front"),
        "direction 'front' is missing; there are 'above', 'behind', 'left' and 'right'",
    ),
    ("text", lambda r: r["directions"].update(left="x"), "directions: wanted a list of numbers"),
    (
        "no place",
        lambda r: r["objects"][1].pop("3d_coords"),
        "object 1: wanted 3 numbers in '3d_coords', got 0",
    ),
    ("flat", lambda r: r["directions"].update(right=[1, 0]), "wanted 2 numbers in '3d_coords'"),
]


@pytest.mark.parametrize(
    ("change", "said"),
    [pytest.param(change, said, id=label) for label, change, said in DIRECTION_FAULTS],
)
def test_faults_of_directions(
    change: Callable[[dict[str, Any]], object], said: str, clevr: Domain
) -> None:
    with pytest.raises(DataError) as caught:
        scene_from_json(changed(change), clevr, "file", 7, relations="directions")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "wanted 'image_index' or 'image_filename', got neither"),
        ({"image_index": "12"}, "wanted a number from 0 as 'image_index', got '12'"),
        ({"image_index": -1}, "wanted a number from 0 as 'image_index', got -1"),
        ({"image_index": True}, "wanted a number from 0 as 'image_index', got true"),
        ({"image_index": 1.0}, "wanted a number from 0 as 'image_index', got 1.0"),
        ({"image_filename": 3}, "wanted text as 'image_filename', got 3"),
        ({"image_filename": "cat.png"}, "a picture whose name ends in a number, got 'cat'"),
    ],
)
def test_scenes_without_an_index(fields: dict[str, Any], said: str, clevr: Domain) -> None:
    record = changed(lambda r: [r.pop("image_index"), r.pop("image_filename"), r.update(fields)])
    with pytest.raises(DataError) as caught:
        scene_from_json(record, clevr, "file", 3)
    assert str(caught.value).startswith("file, scene 3: ")
    assert said in str(caught.value)


def test_the_index_may_be_that_of_the_name(tmp_path: Path, clevr: Domain) -> None:
    path = write(tmp_path / "s.json", changed(lambda r: r.pop("image_index")))
    assert list(read_scenes(path, clevr)) == [12]


@pytest.mark.parametrize(
    ("file", "name"),
    [("a_01.png", "a_01"), ("a_01.JPEG", "a_01"), ("a_01", "a_01"), ("a.b_1", "a.b_1")],
)
def test_picture_names(file: str, name: str) -> None:
    assert image_name(file) == name


def test_a_file_of_scenes(tmp_path: Path, clevr: Domain) -> None:
    other = changed(lambda r: r.update(image_index=3, image_filename="CLEVR_val_000003.jpg"))
    path = write(tmp_path / "s.json", RECORD, other)
    packed = tmp_path / "s.json.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    scenes = read_scenes(path, clevr)
    assert list(scenes) == [12, 3]
    assert read_scenes(packed, clevr) == scenes
    assert image_indices(scenes) == {"CLEVR_val_000012": 12, "CLEVR_val_000003": 3}
    assert scenes[12].objects[0].attributes is scenes[3].objects[0].attributes
    assert scenes[12].relations["right"][0] is scenes[3].relations["right"][0]


def test_bad_scenes_are_told_and_passed_over(tmp_path: Path, clevr: Domain) -> None:
    bad = changed(lambda r: r.update(image_index=5, objects=None))
    last = changed(lambda r: r.update(image_index=6))
    path = write(tmp_path / "s.json", RECORD, bad, RECORD, "x", last)
    with pytest.raises(DataError, match=r"s\.json, scene 1 \(image 5\): wanted a list"):
        read_scenes(path, clevr)
    errors: list[DataError] = []
    assert list(read_scenes(path, clevr, errors.append)) == [12, 6]
    assert [str(error).removeprefix(f"{path}, ") for error in errors] == [
        "scene 1 (image 5): wanted a list as 'objects', got null",
        "scene 2 (image 12): image index 12 occurs twice",
        "scene 3: wanted an object, got 'x'",
    ]
    path.write_text(path.read_text()[:-40])
    with pytest.raises(DataError, match="wanted a list as 'objects'"):
        read_scenes(path, clevr)
    assert list(read_scenes(path, clevr, errors.append)) == [12]
    assert errors[-1].problem == "the JSON breaks off"


def test_a_file_of_questions_is_no_file_of_scenes(tmp_path: Path, clevr: Domain) -> None:
    (tmp_path / "q.json").write_text('{"info": {}, "questions": []}')
    with pytest.raises(DataError, match="a list 'scenes', got one with 'info' and 'questions'"):
        read_scenes(tmp_path / "q.json", clevr, print)


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-1, 3), st.floats(), st.just("red")),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("left"), inner),
    max_leaves=4,
)


@given(st.data(), st.sampled_from(["stored", "directions"]))
@settings(deadline=None, max_examples=150)
def test_whatever_is_changed_only_errors_of_ours_come_out(data: st.DataObject, how: Any) -> None:
    record = deepcopy(RECORD)
    place: Any = record
    while isinstance(place, dict | list) and place:
        choices = sorted(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(choices))
        if not isinstance(place[key], dict | list) or data.draw(st.integers(0, 3)) == 0:
            place[key] = data.draw(VALUES)
            break
        place = place[key]
    scene = attempt(lambda: scene_from_json(record, CLEVR, "file", relations=how), NMNError)
    if isinstance(scene, NMNError):
        assert "\n" not in str(scene)
    else:
        scene.check(CLEVR)


def test_published_scenes_and_their_directions_agree(real_data: Path, clevr: Domain) -> None:
    path = real_data / "clevr" / "CLEVR_train_scenes.json.gz"
    stored = read_scenes(path, clevr)
    assert list(stored) == list(range(1000))
    directed = read_scenes(path, clevr, relations="directions")
    assert stored == directed
    assert image_indices(stored)["CLEVR_train_000417"] == 417
    for scene in stored.values():
        scene.check(clevr)
