import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nmn.data.clevr import question_from_json, read_scenes
from nmn.domain import Attribute, Domain
from nmn.errors import ConfigError, NMNError, UnknownNameError
from nmn.generate.always import always
from nmn.generate.families import families_of
from nmn.generate.patterns import Pattern
from nmn.generate.questions import (
    Made,
    QuestionConfig,
    QuestionMaker,
    asked_form,
    is_held_out,
    mirrored,
    structure_of,
)
from nmn.parsing import GrammarParser
from nmn.program.canonical import canonical
from nmn.program.text import parse_program
from nmn.scene.scene import Scene
from nmn.scene.symbolic import execute
from nmn.seeding import fraction, generator
from tests.generate.clevr_scenes import random_scenes

REDS = "count(find[red])"
RED, BALL = "query[size](unique(find[red]))", "query[size](unique(find[sphere]))"
SAME_AFTER_RELATE = "same[any](unique(filter[any](relate[any](unique(scene[any])))))"


def asked(
    scenes: list[Scene], domain: Domain, config: QuestionConfig | None = None, split: str = "train"
) -> list[list[Made]]:
    maker = QuestionMaker(config or QuestionConfig(), domain, split, generator(1, "questions"))
    return [maker.questions(scene) for scene in scenes]


@pytest.fixture(scope="module")
def scenes(clevr: Domain) -> list[Scene]:
    return random_scenes(54, clevr)


@pytest.fixture(scope="module")
def original(scenes: list[Scene], clevr: Domain) -> list[list[Made]]:
    return asked(scenes, clevr)


def check(scenes: list[Scene], made: list[list[Made]], domain: Domain) -> None:
    """What is so of all questions, whatever they were made with."""
    parser = GrammarParser(domain)
    families = {(f.template, f.index): f for f in families_of(("original", "free"), domain)}
    for scene, questions in zip(scenes, made, strict=True):
        for one in questions:
            meaning = canonical(one.program)
            assert canonical(parser.parse(one.question)[0].program) == meaning
            assert execute(one.program, scene).answer == one.answer
            assert one.answer in domain.answers
            assert families[one.template, one.family_index].pattern.fits(one.program)
            assert always(one.program, domain) is None
        assert len({one.question.casefold() for one in questions}) == len(questions)
        assert len({asked_form(one.program) for one in questions}) == len(questions)


def test_every_question_is_read_back_answered_and_asked_once(
    scenes: list[Scene], original: list[list[Made]], clevr: Domain
) -> None:
    assert {len(questions) for questions in original} == {10}
    check(scenes, original, clevr)


def test_families_come_in_equal_shares_and_none_twice_on_a_picture(
    original: list[list[Made]],
) -> None:
    counts = Counter((m.template, m.family_index) for questions in original for m in questions)
    assert len(counts) == 90
    assert set(counts.values()) <= {5, 6, 7}
    for questions in original:
        assert len({(m.template, m.family_index) for m in questions}) == 10


def test_answers_are_balanced_within_each_family(original: list[list[Made]]) -> None:
    answers: defaultdict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    for made in (one for questions in original for one in questions):
        answers[made.template, made.family_index][made.answer] += 1
    most = sum(max(counts.values()) for counts in answers.values())
    assert most < 0.52 * sum(map(len, original))
    assert all(max(c.values()) <= 0.7 * c.total() for c in answers.values())


def test_free_families_are_asked_too(scenes: list[Scene], clevr: Domain) -> None:
    made = asked(scenes[:5], clevr, QuestionConfig(families=("free",), per_picture=16))
    check(scenes[:5], made, clevr)
    assert {len(questions) for questions in made} == {16}


@pytest.mark.slow
def test_the_free_families_can_all_be_asked(scenes: list[Scene], clevr: Domain) -> None:
    made = asked(scenes, clevr, QuestionConfig(families=("free",), per_picture=4))
    check(scenes, made, clevr)
    seen = {(m.template, m.family_index) for questions in made for m in questions}
    assert seen == {(f.template, f.index) for f in families_of(("free",), clevr)}


def test_the_same_stream_gives_the_same_questions(
    scenes: list[Scene], original: list[list[Made]], clevr: Domain
) -> None:
    assert asked(scenes[:12], clevr) == original[:12]


@pytest.mark.slow
def test_questions_do_not_depend_on_the_hashes_of_a_process() -> None:
    code = (
        "from nmn.domain import load_domain; from nmn.generate.questions import *\n"
        "from nmn.seeding import generator; from tests.generate.clevr_scenes import random_scenes\n"
        "domain = load_domain('clevr'); config = QuestionConfig(families=('original', 'free'))\n"
        "maker = QuestionMaker(config, domain, 'train', generator(0))\n"
        "print([maker.questions(scene) for scene in random_scenes(6, domain)])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


@pytest.mark.parametrize("size", [0, 1, 2, 3])
def test_small_scenes_give_what_they_can(clevr: Domain, size: int) -> None:
    scenes = random_scenes(1, clevr, sizes=(size, size))
    made = asked(scenes, clevr)
    check(scenes, made, clevr)
    assert min(map(len, made)) >= {0: 0, 1: 1, 2: 1, 3: 10}[size]


def test_without_synonyms_the_preferred_words_are_said(scenes: list[Scene], clevr: Domain) -> None:
    made = asked(scenes[:10], clevr, QuestionConfig(synonyms=False))
    said = " ".join(one.question.lower() for questions in made for one in questions)
    assert "sphere" in said
    assert not {"ball", "balls", "tiny", "shiny"} & set(said.replace("?", "").split())


def test_a_record_is_that_of_the_published_files(original: list[list[Made]], clevr: Domain) -> None:
    for made in original[0]:
        record = made.to_record(clevr)
        assert set(record) == {
            "question",
            "program",
            "answer",
            "question_family_index",
            "template_filename",
        }
        assert all(set(n) == {"function", "inputs", "value_inputs"} for n in record["program"])
        for place, node in enumerate(record["program"]):
            assert all(source < place for source in node["inputs"])
        read = question_from_json({**record, "image_index": 3}, clevr, "file").example
        assert (read.question, read.answer) == (made.question, made.answer)
        assert read.program == made.program
        assert read.family == f"{made.template} {made.family_index}"


@pytest.mark.parametrize(("split", "only"), [("train", False), ("trainA", True), ("val", True)])
def test_held_out_patterns_are_never_asked_in_train_and_alone_elsewhere(
    scenes: list[Scene], clevr: Domain, split: str, only: bool
) -> None:
    config = QuestionConfig(
        families=("same_hops",), held_out=(SAME_AFTER_RELATE,), held_out_only=only
    )
    made = [m for questions in asked(scenes[:8], clevr, config, split) for m in questions]
    pattern = Pattern(SAME_AFTER_RELATE, clevr, "test")
    assert len(made) > 40
    assert {pattern.is_in(one.program) for one in made} == {split == "val"}


def test_a_share_of_structures_is_held_out_whatever_the_concepts(
    scenes: list[Scene], clevr: Domain
) -> None:
    config = QuestionConfig(held_out_share=0.3)
    train = asked(scenes[:12], clevr, config)
    mixed = asked(scenes[:12], clevr, config, "val")
    for made, expected in ((train, {False}), (mixed, {False, True})):
        programs = (one.program for questions in made for one in questions)
        assert {fraction(structure_of(p, clevr)) < 0.3 for p in programs} == expected
    first, second = (
        parse_program(text, clevr)
        for text in ("count(filter[cube](find[red]))", "count(filter[yellow](find[sphere]))")
    )
    assert structure_of(first, clevr) == structure_of(second, clevr)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (f"greater_than({REDS}, count(scene))", f"less_than(count(scene), {REDS})", True),
        (f"less_than({REDS}, count(scene))", f"less_than(count(scene), {REDS})", False),
        (f"equal_number({REDS}, count(scene))", f"equal_number(count(scene), {REDS})", True),
        (f"equal[size]({RED}, {BALL})", f"equal[size]({BALL}, {RED})", True),
        (REDS, "count(find[blue])", False),
    ],
)  # fmt: skip
def test_a_comparison_the_other_way_round_asks_the_same(
    clevr: Domain, first: str, second: str, *, same: bool
) -> None:
    one, other = parse_program(first, clevr), parse_program(second, clevr)
    assert (asked_form(one) == asked_form(other)) == same
    alike = structure_of(one, clevr) == structure_of(other, clevr)
    assert alike  # sides in any order, any concepts
    assert canonical(mirrored(mirrored(one))) == canonical(one)


def test_the_sides_of_a_held_out_comparison_are_in_any_order(clevr: Domain) -> None:
    pattern = Pattern("greater_than(count(scene[any]), count(filter[red](scene)))", clevr, "test")
    for text, held_out in (
        ("greater_than(count(find[blue]), count(find[red]))", True),
        ("less_than(count(find[red]), count(find[blue]))", True),
        ("less_than(count(find[blue]), count(find[red]))", False),
    ):
        assert is_held_out(parse_program(text, clevr), (pattern,), 0.0, clevr) == held_out


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"families": ("orginal",)}, UnknownNameError),
        ({"held_out": ("same[colour](scene)",)}, ConfigError),
        ({"held_out_only": True}, ConfigError),
    ],
)
def test_impossible_settings_are_one_line(
    clevr: Domain, settings: dict[str, object], error: type[NMNError]
) -> None:
    config = QuestionConfig.model_validate(settings)
    with pytest.raises(error) as caught:
        QuestionMaker(config, clevr, "val", np.random.default_rng(0))
    assert "\n" not in str(caught.value)


def test_a_world_with_other_colors_and_shapes_is_asked_about_in_their_names(clevr: Domain) -> None:
    size, color, material, shape = clevr.attributes
    colors = Attribute("color", ("orange", *color.values[1:3], "dark_green"))
    shapes = Attribute("shape", (*shape.values[:2], "cone"))
    answers = (*clevr.answers[:15], *colors.values, *material.values, *shapes.values)
    domain = replace(clevr, attributes=(size, colors, material, shapes), answers=answers)
    scenes = random_scenes(15, domain)
    made = asked(scenes, domain)
    check(scenes, made, domain)
    assert sum(map(len, made)) == 150
    said = " ".join(one.question for questions in made for one in questions)
    assert "orange" in said
    assert "dark_green" in said
    assert "cones" in said
    assert "gray" not in said


def test_a_world_of_one_color_is_not_asked_for_it(clevr: Domain) -> None:
    size, _, material, shape = clevr.attributes
    domain = replace(clevr, attributes=(size, Attribute("color", ("red",)), material, shape))
    scenes = random_scenes(8, domain)
    made = asked(scenes, domain)
    check(scenes, made, domain)
    assert not any("color" in one.question for questions in made for one in questions)


@pytest.mark.slow
def test_questions_of_real_scenes_hold_what_is_promised(clevr: Domain, real_data: Path) -> None:
    scenes = list(read_scenes(real_data / "clevr" / "CLEVR_train_scenes.json.gz", clevr).values())
    made = asked(scenes[:250], clevr)
    check(scenes[:250:6], made[::6], clevr)
    assert sum(map(len, made)) == 2500
    answers: defaultdict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    for one in (one for questions in made for one in questions):
        answers[one.template, one.family_index][one.answer] += 1
    assert sum(max(counts.values()) for counts in answers.values()) < 0.48 * 2500
