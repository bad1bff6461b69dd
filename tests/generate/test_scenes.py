import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from jaxtyping import Int
from torch import Tensor

from nmn.config import build
from nmn.data.clevr_scenes import relations_from_directions, scene_from_json
from nmn.domain import Domain
from nmn.errors import ConfigError
from nmn.generate.combinations import Combinations
from nmn.generate.scene_config import SceneConfig
from nmn.generate.scenes import RELATIONS, sample_scenes
from nmn.render.camera import BASE, DIRECTIONS, LAMPS, project
from nmn.render.scenes import Scenes, scenes_of

CONFIG = SceneConfig()


def clearly(scenes: Scenes) -> Int[Tensor, "picture object"]:
    """All is seen."""
    return torch.full(scenes.shapes.shape, 1_000)


def half(scenes: Scenes) -> Int[Tensor, "picture object"]:
    """A scene is seen or not by where its first object is."""
    pixels = torch.where(scenes.places[:, :1, 0] > 0, 200, 199).expand(scenes.shapes.shape)
    return torch.where(scenes.shapes < 0, 0, pixels)


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    return sample_scenes(CONFIG, 3, "train", range(300), clearly)


def objects_of(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [item for record in records for item in record["objects"]]


def test_objects_keep_their_distances_and_margins(records: list[dict[str, Any]]) -> None:
    for record in records:
        places = np.array([item["3d_coords"] for item in record["objects"]])
        radii = np.array([CONFIG.look.sizes[item["size"]] for item in record["objects"]])
        apart = places[:, None] - places
        pairs = ~np.eye(len(places), dtype=bool)
        gaps = np.linalg.norm(apart[..., :2], axis=-1) - radii - radii[:, None]
        assert gaps[pairs].min() >= 0.25 - 1e-9
        for name in RELATIONS:
            assert np.abs(apart @ DIRECTIONS[name])[pairs].min() >= 0.4 - 1e-9


def test_numbers_are_in_their_ranges(records: list[dict[str, Any]]) -> None:
    places = np.array([item["3d_coords"][:2] for item in objects_of(records)])
    assert 2.95 < np.abs(places).max() <= 3
    rotations = np.array([item["rotation"] for item in objects_of(records)])
    assert 0 <= rotations.min() < 3
    assert 357 < rotations.max() < 360
    jitter = np.array([record["camera"] for record in records]) - BASE
    assert 0.49 < np.abs(jitter).max() <= 0.5 + 1e-6
    assert (np.abs(jitter.mean(axis=0)) < 0.06).all()
    for name, place in LAMPS.items():
        jitter = np.array([record["lamps"][name] for record in records]) - place
        assert 0.98 < np.abs(jitter).max() <= 1 + 1e-6
    counts = Counter(len(record["objects"]) for record in records)
    assert set(counts) == set(range(3, 11))
    assert min(counts.values()) > 15


def test_all_values_of_attributes_are_as_frequent(records: list[dict[str, Any]]) -> None:
    for attribute, values in CONFIG.attributes.items():
        counts = Counter(item[attribute] for item in objects_of(records))
        expected = len(objects_of(records)) / len(values)
        assert set(counts) == set(values)
        assert all(0.75 * expected < count < 1.25 * expected for count in counts.values())


def test_records_are_of_the_published_format(
    records: list[dict[str, Any]], real_data: Path, clevr: Domain
) -> None:
    with gzip.open(real_data / "clevr" / "CLEVR_train_scenes.json.gz", "rt") as stream:
        published = json.load(stream)["scenes"][0]
    ours = json.loads(json.dumps(records[0]))
    assert list(ours) == [*published, "camera", "lamps"]
    assert list(ours["objects"][0]) == list(published["objects"][0])
    assert list(ours["relationships"]) == list(published["relationships"])
    assert ours["directions"] == published["directions"]
    assert list(map(type, ours["objects"][0]["pixel_coords"])) == [int, int, float]
    assert ours["image_filename"] == "CLEVR_train_000000.png"
    for record in records:
        scene_from_json(record, clevr, "records").check(clevr)


def test_pixels_and_relations_are_those_of_the_coordinates(records: list[dict[str, Any]]) -> None:
    for record in records[:50]:
        places = [item["3d_coords"] for item in record["objects"]]
        relations = relations_from_directions(places, {n: DIRECTIONS[n] for n in RELATIONS})
        assert record["relationships"] == {n: list(map(list, r)) for n, r in relations.items()}
        camera = torch.tensor([record["camera"]], dtype=torch.float64)
        seen = project(torch.tensor([places], dtype=torch.float64), camera, 480, 320)[0]
        pixels = torch.tensor(
            [item["pixel_coords"] for item in record["objects"]], dtype=torch.float64
        )
        torch.testing.assert_close(pixels[:, 2], seen[:, 2], atol=1e-6, rtol=0)
        torch.testing.assert_close(pixels[:, :2], seen[:, :2], atol=0.51, rtol=0)


def test_pixels_are_counted_in_the_size_of_the_pictures(records: list[dict[str, Any]]) -> None:
    small = sample_scenes(CONFIG, 3, "train", range(5), clearly, width=240, height=160)
    for whole, item in zip(objects_of(records[:5]), objects_of(small), strict=True):
        difference = np.array(whole["pixel_coords"]) - 2 * np.array(item["pixel_coords"])
        assert (np.abs(difference[:2]) <= 2).all()
        assert whole["3d_coords"] == item["3d_coords"]


def test_what_is_looked_at_is_what_is_recorded() -> None:
    looked: list[Scenes] = []

    def visible(scenes: Scenes) -> Int[Tensor, "picture object"]:
        looked.append(scenes)
        return clearly(scenes)

    records = sample_scenes(CONFIG, 5, "val", range(20), visible)
    stored = scenes_of(records, CONFIG.look)
    for name in ("shapes", "places", "sizes", "rotations", "colors", "metal", "camera", "lamps"):
        torch.testing.assert_close(getattr(looked[0], name), getattr(stored, name))


@pytest.mark.parametrize("visible", [clearly, half])
def test_a_scene_does_not_depend_on_the_others(visible: Any) -> None:
    together = sample_scenes(CONFIG, 7, "train", range(40), visible)
    apart = sample_scenes(CONFIG, 7, "train", [31], visible)
    some = sample_scenes(CONFIG, 7, "train", [39, 4], visible)
    assert json.dumps([together[31]]) == json.dumps(apart)
    assert json.dumps([together[39], together[4]]) == json.dumps(some)
    assert sample_scenes(CONFIG, 8, "train", [31], visible)[0]["camera"] != apart[0]["camera"]
    assert sample_scenes(CONFIG, 7, "val", [31], visible)[0]["camera"] != apart[0]["camera"]
    assert sample_scenes(CONFIG, 7, "val", [], visible) == []


def test_what_is_not_seen_is_drawn_anew_but_keeps_count_camera_and_lamps() -> None:
    first = sample_scenes(CONFIG, 9, "train", range(40), clearly)
    second = sample_scenes(CONFIG, 9, "train", range(40), half)
    hidden = 0
    for one, other in zip(first, second, strict=True):
        assert other["objects"][0]["3d_coords"][0] > 0
        assert len(one["objects"]) == len(other["objects"])
        assert (one["camera"], one["lamps"]) == (other["camera"], other["lamps"])
        seen = one["objects"][0]["3d_coords"][0] > 0
        assert (one["objects"] == other["objects"]) == seen
        hidden += not seen
    assert 10 < hidden < 30


def test_combinations_hold_in_the_scenes() -> None:
    rules = [{"when": {"shape": "cube"}, "only": {"color": ["red"], "size": ["large"]}}]
    combinations = build(Combinations, {"rules": rules}, "test")
    scenes = sample_scenes(CONFIG, 1, "train", range(30), clearly, combinations)
    cubes = [item for item in objects_of(scenes) if item["shape"] == "cube"]
    assert len(cubes) > 30
    assert {(item["color"], item["size"]) for item in cubes} == {("red", "large")}


def test_own_attributes() -> None:
    look = {
        "shapes": {"ball": "sphere", "box": "cube"},
        "colors": {"pink": [255, 150, 150]},
        "sizes": {"tiny": 0.2, "huge": 1.0},
        "materials": {"wood": "rubber"},
    }
    config = build(SceneConfig, {"min_objects": 1, "max_objects": 3, "look": look}, "world.toml")
    items = objects_of(sample_scenes(config, 1, "train", range(20), clearly))
    assert {item["shape"] for item in items} == {"ball", "box"}
    assert {(item["size"], item["3d_coords"][2]) for item in items} == {("tiny", 0.2), ("huge", 1)}
    assert {(item["color"], item["material"]) for item in items} == {("pink", "wood")}


def test_objects_that_are_never_seen_end_in_one_line() -> None:
    def hidden(scenes: Scenes) -> Int[Tensor, "picture object"]:
        return torch.zeros(scenes.shapes.shape, dtype=torch.int64)

    with pytest.raises(ConfigError, match="seen by 200 pixels; lower min_visible"):
        sample_scenes(SceneConfig(max_objects=4), 1, "train", range(3), hidden)
