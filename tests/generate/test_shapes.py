from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from nmn.data.shapes import write_shapes
from nmn.domain import Domain
from nmn.errors import ConfigError
from nmn.generate.shapes import (
    CHUNK,
    ShapesWorldConfig,
    Split,
    generate_shapes,
    has_published_form,
    split_of,
)
from nmn.parsing.grammar_parser import GrammarParser
from nmn.program.canonical import canonical, exact_match
from nmn.program.codecs import from_sexpression
from nmn.program.text import parse_program
from nmn.scene.symbolic import execute

DEEP = ShapesWorldConfig(relation_counts=(1, 1, 1, 1, 1))
SPLITS: tuple[Split, ...] = ("train", "val", "test")


@pytest.mark.parametrize("split", SPLITS)
def test_every_answer_is_the_exact_one(split: Split) -> None:
    for example in generate_shapes(DEEP, 1, split, 200):
        assert example.program is not None
        assert example.scene is not None
        assert execute(example.program, example.scene).answer == example.answer


@pytest.mark.parametrize("split", SPLITS)
def test_every_question_parses_back_to_its_program(split: Split, parser: GrammarParser) -> None:
    for example in generate_shapes(DEEP, 2, split, 200):
        assert example.program is not None
        assert exact_match(parser.parse(example.question)[0].program, example.program)


def test_no_composition_is_in_two_splits_whatever_the_seed() -> None:
    made = {
        split: {
            str(canonical(example.program))
            for example in generate_shapes(DEEP, seed, split, 200)
            if example.program is not None
        }
        for seed, split in enumerate(SPLITS)
    }
    assert all(len(compositions) > 20 for compositions in made.values())
    assert not made["train"] & made["val"]
    assert not made["train"] & made["test"]
    assert not made["val"] & made["test"]


def test_questions_of_the_published_form_are_never_in_training(
    shapes: Domain, real_data: Path
) -> None:
    queries = {
        line
        for path in (real_data / "shapes").glob("*.query")
        for line in path.read_text().splitlines()
    }
    assert len(queries) == 228
    for query in queries:
        program = from_sexpression(query, shapes)
        assert has_published_form(program)
        assert split_of(program, ShapesWorldConfig()) == "test"


@pytest.mark.parametrize(
    ("text", "published"),
    [
        ("exists(and(find[red], find[red]))", True),
        ("exists(and(find[red], relate[above](relate[below](find[circle]))))", True),
        ("exists(and(find[red], relate[above](relate[below](relate[above](find[red])))))", False),
        ("exists(and(filter[red](find[circle]), relate[above](find[red])))", False),
        ("exists(and(find[red], relate[above](and(find[red], relate[above](find[red])))))", False),
        ("exists(find[red])", False),
    ],
)
def test_what_has_the_published_form(text: str, published: bool) -> None:
    assert has_published_form(parse_program(text)) is published


def test_answers_are_balanced_for_every_question() -> None:
    config = ShapesWorldConfig(pictures_per_question=4)
    data = generate_shapes(config, 0, "train", 400)
    counts = Counter((example.question, example.answer) for example in data)
    for question in {example.question for example in data}:
        assert counts[question, "yes"] == counts[question, "no"]


def test_the_same_seed_gives_the_same_files_and_another_does_not(tmp_path: Path) -> None:
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        data = generate_shapes(ShapesWorldConfig(), seed, "val", 40)
        write_shapes(tmp_path / name, "val", data.examples)
    first, again, other = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in "abc"
    )
    assert first == again
    assert first["val.input.npy"] != other["val.input.npy"]


def test_more_examples_begin_with_the_same_chunk() -> None:
    small = generate_shapes(ShapesWorldConfig(), 0, "train", CHUNK)
    large = generate_shapes(ShapesWorldConfig(), 0, "train", CHUNK + 50)
    assert len(large) == CHUNK + 50
    for one, other in zip(small, large, strict=False):
        assert one.question == other.question
        assert one.picture is not None
        assert other.picture is not None
        np.testing.assert_array_equal(one.picture, other.picture)


def test_scenes_are_as_empty_as_asked_for() -> None:
    data = generate_shapes(ShapesWorldConfig(empty=0.5), 0, "train", 300)
    present = [item.present for e in data if e.scene is not None for item in e.scene.objects]
    assert np.mean(present) == pytest.approx(0.5, abs=0.05)


def test_depth_is_as_asked_for() -> None:
    data = generate_shapes(ShapesWorldConfig(relation_counts=(0, 0, 0, 0, 0, 1)), 0, "train", 40)
    assert {e.program.count("relate") for e in data if e.program is not None} == {5}


def test_a_world_without_questions_that_can_be_balanced_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nmn.generate.shapes._MAX_IN_VAIN", 50)
    with pytest.raises(ConfigError, match="no question for split val has pictures for both"):
        generate_shapes(ShapesWorldConfig(empty=0.9999), 0, "val", 4)
