import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmn.config import build
from nmn.data.clevr import read_questions, read_scenes
from nmn.domain import Domain, load_domain
from nmn.errors import ConfigError
from nmn.generate.sort_of_clevr import FAMILIES, SortOfClevrConfig, sort_of_clevr_shard
from nmn.program.canonical import exact_match
from nmn.program.text import parse_program
from nmn.render.sort_of_clevr import COLORS, SHAPES
from nmn.scene.symbolic import execute

Shard = tuple[list[dict[str, Any]], list[dict[str, Any]], NDArray[np.uint8]]
CONFIG = SortOfClevrConfig()
COUNT = 150


@pytest.fixture(scope="module")
def domain() -> Domain:
    return load_domain("sort_of_clevr")


@pytest.fixture(scope="module")
def shard() -> Shard:
    return sort_of_clevr_shard(CONFIG, 1, "train", range(COUNT))


def centers_of(scene: dict[str, Any]) -> NDArray[np.float64]:
    return np.array([item["pixel_coords"] for item in scene["objects"]])


def test_the_domain_is_what_is_drawn(domain: Domain) -> None:
    assert domain.values_of("color") == tuple(COLORS)
    assert domain.values_of("shape") == SHAPES
    assert set(domain.concepts) < set(domain.answers)


def test_scenes_keep_their_rules(shard: Shard) -> None:
    for scene in shard[0]:
        assert {item["color"] for item in scene["objects"]} == set(COLORS)
        centers = centers_of(scene)
        assert centers.min() >= 6
        assert centers.max() <= 69
        apart = np.abs(centers[:, None] - centers).max(axis=-1)
        assert apart[~np.eye(6, dtype=bool)].min() >= 11
        for item, (x, y) in zip(scene["objects"], centers, strict=True):
            assert item["horizontal"] == ("left" if x < 37.5 else "right")
            assert item["vertical"] == ("top" if y < 37.5 else "bottom")
            assert min(abs(x - 37.5), abs(y - 37.5)) >= 0.5


def test_closest_and_furthest_are_so_without_a_tie(shard: Shard) -> None:
    for scene in shard[0]:
        centers = centers_of(scene)
        for index, center in enumerate(centers):
            distances = np.linalg.norm(centers - center, axis=1)
            order = np.argsort(distances)
            assert scene["relationships"]["closest"][index] == [order[1]]
            assert scene["relationships"]["furthest"][index] == [order[-1]]
            assert distances[order[2]] - distances[order[1]] >= 0.5 - 1e-9
            assert distances[order[-1]] - distances[order[-2]] >= 0.5 - 1e-9


def test_pictures_show_the_scenes(shard: Shard) -> None:
    scenes, _, pictures = shard
    assert pictures.shape == (COUNT, 75, 75, 3)
    for scene, picture in zip(scenes, pictures, strict=True):
        for item in scene["objects"]:
            x, y = item["pixel_coords"]
            assert tuple(picture[int(y), int(x)]) == COLORS[item["color"]]
            corner = tuple(picture[int(y - 3.8), int(x - 3.8)])
            assert (corner == COLORS[item["color"]]) == (item["shape"] == "square")


def test_stored_answers_are_those_of_the_programs(
    shard: Shard, domain: Domain, tmp_path: Path
) -> None:
    scenes, questions, _ = shard
    numbered = [{"question_index": i, **question} for i, question in enumerate(questions)]
    (tmp_path / "scenes.json").write_text(json.dumps({"info": {}, "scenes": scenes}))
    (tmp_path / "questions.json").write_text(json.dumps({"info": {}, "questions": numbered}))
    read = read_scenes(tmp_path / "scenes.json", domain)
    for scene in read.values():
        scene.check(domain)
    count = 0
    for question in read_questions(tmp_path / "questions.json", domain):
        example = question.example
        assert example.program is not None
        assert execute(example.program, read[example.image_index]).answer == example.answer
        count += 1
    assert count == 20 * COUNT


def test_half_the_questions_are_relational_and_none_is_asked_twice(shard: Shard) -> None:
    texts: dict[int, list[str]] = defaultdict(list)
    about: dict[int, list[tuple[int, str]]] = defaultdict(list)
    sorts: dict[int, Counter[str]] = defaultdict(Counter)
    for question in shard[1]:
        index = question["image_index"]
        texts[index].append(question["question"])
        color = question["program"][1]["value_inputs"][0]
        about[index].append((question["question_family_index"], color))
        sorts[index][question["template_filename"]] += 1
    assert set(texts) == set(range(COUNT))
    for index, asked in texts.items():
        assert len(set(asked)) == len(set(about[index])) == 20
        assert sorts[index] == {"non_relational.json": 10, "relational.json": 10}


def test_answers_are_balanced(shard: Shard) -> None:
    answers: dict[int, Counter[str]] = defaultdict(Counter)
    for question in shard[1]:
        answers[question["question_family_index"]][question["answer"]] += 1
    assert set(answers) == set(range(len(FAMILIES)))
    for family in range(5):
        counts = answers[family]
        assert len(counts) == 2
        assert min(counts.values()) > 0.42 * counts.total()
    assert set(answers[5]) == set("012345")
    assert max(answers[5].values()) < 0.4 * answers[5].total()


@pytest.mark.parametrize(
    ("question", "program"),
    [
        ("What shape is the red object?", "query[shape](unique(find[red]))"),
        ("Is the red object on the left?", "exists(filter[left](find[red]))"),
        ("Is the red object at the bottom?", "exists(filter[bottom](find[red]))"),
        (
            "What shape is the object closest to the red object?",
            "query[shape](unique(relate[closest](unique(find[red]))))",
        ),
        (
            "What shape is the object furthest from the red object?",
            "query[shape](unique(relate[furthest](unique(find[red]))))",
        ),
        (
            "How many other objects have the same shape as the red object?",
            "count(same[shape](unique(find[red])))",
        ),
    ],
)
def test_programs_mean_what_is_asked(
    question: str, program: str, shard: Shard, domain: Domain, tmp_path: Path
) -> None:
    record = next(entry for entry in shard[1] if entry["question"] == question)
    path = tmp_path / "questions.json"
    path.write_text(json.dumps({"questions": [record]}))
    stored = next(iter(read_questions(path, domain))).example.program
    assert stored is not None
    assert exact_match(stored, parse_program(program, domain))


def test_a_picture_does_not_depend_on_the_others(shard: Shard) -> None:
    scenes, questions, pictures = sort_of_clevr_shard(CONFIG, 1, "train", [149, 17])
    assert json.dumps(scenes) == json.dumps([shard[0][149], shard[0][17]])
    assert np.array_equal(pictures, shard[2][[149, 17]])
    assert questions == [
        question for index in (149, 17) for question in shard[1][20 * index : 20 * index + 20]
    ]
    others = [
        sort_of_clevr_shard(CONFIG, seed, split, [17])[0][0]["objects"]
        for seed, split in ((2, "train"), (1, "val"))
    ]
    assert scenes[1]["objects"] not in others
    assert [len(part) for part in sort_of_clevr_shard(CONFIG, 1, "train", [])] == [0, 0, 0]


def test_other_sizes() -> None:
    config = SortOfClevrConfig(objects=2, size=40, radius=3.0, non_relational=6, relational=6)
    scenes, questions, pictures = sort_of_clevr_shard(config, 1, "train", range(5))
    assert pictures.shape == (5, 40, 40, 3)
    assert [len(scene["objects"]) for scene in scenes] == [2] * 5
    assert len(questions) == 60


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"objects": 7}, ["objects", "less than or equal to 6"]),
        ({"radius": 16}, ["at most 4 with radius 16 fit", "size 75"]),
        ({"relational": 19}, ["relational is 19", "18 different questions", "6 objects"]),
        ({"questions": 20}, ["unknown key 'questions'"]),
    ],
)
def test_impossible_settings_are_said_in_one_line(
    settings: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(ConfigError) as error:
        build(SortOfClevrConfig, settings, "world.toml")
    assert "\n" not in str(error.value)
    for word in ["world.toml", *words]:
        assert word in str(error.value)


def test_objects_that_do_not_fit_end_in_one_line() -> None:
    config = SortOfClevrConfig(radius=11.8)
    with pytest.raises(ConfigError, match=r"no place for 6 objects with radius 11\.8"):
        sort_of_clevr_shard(config, 1, "train", [0])
