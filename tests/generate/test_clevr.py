from collections import Counter

import pytest

from nmn.config import build
from nmn.data.clevr import question_from_json, scene_from_json
from nmn.domain import load_domain
from nmn.errors import ConfigError
from nmn.generate.card import family_of
from nmn.generate.clevr import (
    ClevrWorldConfig,
    StatesWorldConfig,
    domain_of,
    make_clevr,
    make_states,
)
from nmn.generate.priors import GOAL, Asked, priors
from nmn.generate.shards import SHARD
from nmn.parsing.grammar_parser import shared_parser
from nmn.program.canonical import exact_match
from nmn.scene.symbolic import execute

SMALL = {"render": {"width": 60, "height": 40}, "questions": {"per_picture": 4}}


def config(**changes: object) -> ClevrWorldConfig:
    return build(ClevrWorldConfig, {**SMALL, **changes}, "test")


def test_a_shard_is_whole() -> None:
    shard = make_clevr(config(), 3, "val", range(10, 16))
    assert [scene["image_index"] for scene in shard.scenes] == list(range(10, 16))
    assert shard.scenes[0]["image_filename"] == "CLEVR_val_000010.png"
    pictures = list(shard.pictures)
    assert [picture.shape for picture in pictures] == [(40, 60, 3)] * 6
    assert len({picture.tobytes() for picture in pictures}) == 6
    assert Counter(question["image_index"] for question in shard.questions) == dict.fromkeys(
        range(10, 16), 4
    )
    domain = load_domain("clevr")
    for place, record in enumerate(shard.questions):
        assert record["image_filename"] == f"CLEVR_val_{record['image_index']:06}.png"
        example = question_from_json({"question_index": place, **record}, domain, "q").example
        scene = scene_from_json(shard.scenes[example.image_index - 10], domain, "s")
        assert example.program is not None
        assert execute(example.program, scene).answer == record["answer"]
        assert exact_match(
            shared_parser(domain).parse(example.question)[0].program, example.program
        )


def test_objects_lie_where_the_picture_has_them() -> None:
    shard = make_clevr(config(), 3, "val", range(2))
    for scene in shard.scenes:
        for item in scene["objects"]:
            x, y, _ = item["pixel_coords"]
            assert 0 <= x <= 60
            assert 0 <= y <= 40


def test_the_same_seed_gives_the_same_shard_and_splits_differ() -> None:
    one, two = (make_clevr(config(), 1, "train", range(3)) for _ in range(2))
    assert (one.scenes, one.questions) == (two.scenes, two.questions)
    for first, second in zip(one.pictures, two.pictures, strict=True):
        assert (first == second).all()
    other = make_states(config(), 1, "val", range(3))
    assert [s["objects"] for s in other.scenes] != [s["objects"] for s in one.scenes]


def test_states_are_the_same_scenes_without_pictures() -> None:
    states = make_states(StatesWorldConfig(), 1, "train", range(2))
    assert list(states.pictures) == []
    pictured = make_clevr(config(), 1, "train", range(2))
    assert [s["relationships"] for s in states.scenes] == [
        s["relationships"] for s in pictured.scenes
    ]


def test_splits_have_rules_of_their_own() -> None:
    rules = {"rules": [{"when": {"shape": "cube"}, "only": {"color": "red"}}]}
    shard = make_states(config(splits={"trainA": rules}), 0, "trainA", range(6))
    things = [item for scene in shard.scenes for item in scene["objects"]]
    assert {item["color"] for item in things if item["shape"] == "cube"} <= {"red"}
    assert len({item["color"] for item in things}) > 3


def test_plain_settings_have_the_domain_of_clevr() -> None:
    assert domain_of(config()) == load_domain("clevr")


def test_own_colours_have_a_domain_of_their_own() -> None:
    look = {"colors": {"orange": (255, 128, 0), "white": (255, 255, 255), "red": (173, 35, 35)}}
    own = config(scenes={"look": look})
    domain = domain_of(own)
    assert domain.values_of("color") == ("orange", "white", "red")
    assert "orange" in domain.answers
    assert "blue" not in domain.answers
    shard = make_clevr(own, 0, "train", range(4))
    assert {i["color"] for s in shard.scenes for i in s["objects"]} <= {"orange", "white", "red"}
    said = " ".join(question["question"] for question in shard.questions)
    assert "orange" in said or "white" in said
    assert len(list(shard.pictures)) == 4


def test_more_objects_have_more_answers() -> None:
    domain = domain_of(config(scenes={"max_objects": 12, "min_visible": 50}))
    assert domain.answers[:15] == ("yes", "no", *map(str, range(13)))


def test_jpeg_is_in_the_names() -> None:
    shard = make_clevr(config(format="jpeg"), 0, "train", range(1))
    assert shard.scenes[0]["image_filename"] == "CLEVR_train_000000.jpg"
    assert shard.questions[0]["image_filename"] == "CLEVR_train_000000.jpg"


IMPOSSIBLE = [
    ({"scenes": {"min_objects": 5, "max_objects": 4}}, "min_objects is 5"),
    ({"scenes": {"look": {"colors": {}}}}, "there is no color"),
    ({"scenes": {"max_objects": 60}}, "at most"),
    ({"render": {"width": 0}}, "render.width"),
    ({"format": "gif"}, "'format'"),
    ({"colour": 1}, "unknown key 'colour'"),
]


@pytest.mark.parametrize(("values", "said"), IMPOSSIBLE)
def test_impossible_settings_are_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build(ClevrWorldConfig, values, "test")


@pytest.mark.slow
def test_questions_alone_do_not_give_their_answers_away() -> None:
    records = make_states(StatesWorldConfig(), 5, "train", range(SHARD)).questions
    asked = [
        Asked(record["image_index"], family_of(record), record["question"], record["answer"])
        for record in records
    ]
    found = priors(asked, 5)
    assert found is not None
    assert found.majority <= GOAL
    assert found.bag_of_words <= GOAL


@pytest.mark.parametrize("changes", [{"min_objects": 5, "max_objects": 5}, {}])
def test_rules_of_a_world_give_no_answer_away(changes: dict[str, int]) -> None:
    """Nobody asks for what there never is, nor where there are always five, how many."""
    cogent = {"rules": [{"when": {"shape": "cylinder"}, "never": {"color": ["gray", "red"]}}]}
    world = {"scenes": changes, "splits": {"train": cogent}}
    config = build(StatesWorldConfig, {**world, "questions": {"families": ["zero_hop"]}}, "test")
    records = make_states(config, 1, "train", range(25)).questions
    assert len(records) > 100
    domain = load_domain("clevr")
    for place, record in enumerate(records):
        numbered = {"question_index": place, **record}
        program = question_from_json(numbered, domain, "q").example.program
        assert program is not None
        stated = {node.argument for node in program.nodes}
        assert not ("cylinder" in stated and stated & {"gray", "red"}), record["question"]
        if changes:
            assert str(program) != "count(scene)"
