"""Presets whose questions with programs are recombined."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nmn.data.question_set import NOWHERE, QuestionSet
from nmn.data.words import words_of
from nmn.generate.patterns import Pattern
from nmn.generate.questions import is_held_out
from nmn.generate.shapes import ShapesWorldConfig, split_of
from nmn.parsing.grammar_parser import shared_parser
from nmn.policies.learner import given_programs
from nmn.policies.spoken import Spoken
from nmn.program.canonical import exact_match
from nmn.program.program import Program
from nmn.program.text import parse_program
from nmn.program.tokens import PAD, TokenVocabulary
from nmn.training.parser_preset import ParserPreset, build_preset
from nmn.training.parser_run import HowToRun, train_parser
from nmn.training.question_data import training_questions, with_recombined
from tests.training.tiny_parsers import (
    KINDS,
    mini_preset,
    shapes_preset,
    weights_of,
)

HELD_OUT = ("relate[any](unique(filter[cube](scene[any])))", "same[size](scene[any])")
MARGINAL = (
    "learning.estimator=marginal",
    "learning.memory=2",
    "learning.search.questions=4",
    "learning.search.edits=20",
)
ORDER = (("left", "cube"), ("behind", "sphere"))
SHAPES = ("data.generated.examples=64", "data.generated.programs=all")


def recombined(preset: ParserPreset) -> tuple[QuestionSet, list[tuple[str, Program]]]:
    """The questions of a preset, and those that are made of them."""
    questions = training_questions(preset)
    whole = with_recombined(preset, questions)
    count = len(questions)
    assert whole.questions[:count] == questions.questions
    for known, before in zip(whole.programs[:count], questions.programs, strict=True):
        assert (known is None) == (before is None)
        assert known is None or before is None or exact_match(known, before)
    assert set(whole.families[count:]) <= {"recombined"}
    assert (whole.asked[count:] == NOWHERE).all()
    np.testing.assert_array_equal(whole.answers[:count], questions.answers)
    made = []
    for question, program in zip(whole.questions[count:], whole.programs[count:], strict=True):
        assert program is not None
        made.append((question, program))
    return questions, made


def holding_out(**asked: object) -> ParserPreset:
    """A preset with the questions of the mini folder, in place of generated ones of a world."""
    preset = mini_preset("data.recombined=40")
    data = preset.data.model_dump()
    generated = {"scenes": 1, "world": {"questions": asked}}
    values = {**preset.model_dump(), "data": {**data, "generated": generated}}
    built = build_preset(values, "a test")
    assert isinstance(built, ParserPreset)
    return built


def made_of_mini(preset: ParserPreset) -> list[Program]:
    """What a preset makes of the questions of the mini folder."""
    questions = training_questions(mini_preset())
    return [p for p in with_recombined(preset, questions).programs[len(questions) :] if p]


@pytest.mark.parametrize(
    "preset",
    [mini_preset("data.recombined=40"), shapes_preset(*SHAPES, "data.recombined=40")],
    ids=["clevr", "shapes"],
)
def test_more_questions_are_read_by_the_grammar_to_their_programs(preset: ParserPreset) -> None:
    questions, made = recombined(preset)
    assert len(made) == 40
    asked = [question for question, _ in made]
    assert len({*questions.questions, *asked}) == len({*questions.questions}) + 40
    assert max(map(len, asked)) <= max(map(len, questions.questions))
    for question, program in made:
        assert shared_parser(questions.domain).parse(question)[0].program == program


def test_only_questions_with_programs_are_recombined() -> None:
    few = "data.programs=4"
    questions, made = recombined(mini_preset(few, "data.recombined=30"))
    taught = [
        question
        for question, program in zip(questions.questions, questions.programs, strict=True)
        if program is not None
    ]
    known = {word for question in taught for word in words_of(question)}
    assert len(taught) == 4
    assert made
    assert all(set(words_of(question)) <= known for question, _ in made)
    assert recombined(mini_preset("data.programs=0", "data.recombined=30"))[1] == []


def test_without_the_setting_nothing_is_added() -> None:
    questions = training_questions(mini_preset())
    assert with_recombined(mini_preset(), questions) is questions


def test_the_same_seed_adds_the_same_questions() -> None:
    first, again, other = (
        recombined(mini_preset("data.recombined=15", f"seed={seed}"))[1] for seed in (2, 2, 3)
    )
    assert first == again
    assert first != other


def test_no_composition_is_made_that_is_held_out() -> None:
    domain = training_questions(mini_preset()).domain
    free = made_of_mini(holding_out())
    for text in HELD_OUT:
        patterns = [Pattern(text, domain, "held_out")]
        assert any(is_held_out(program, patterns, 0.0, domain) for program in free)
        held = made_of_mini(holding_out(held_out=[text]))
        assert held
        assert not any(is_held_out(program, patterns, 0.0, domain) for program in held)


@pytest.mark.usefixtures("tiny_home")
def test_no_composition_of_a_folder_is_learned_that_is_held_out() -> None:
    every = training_questions(mini_preset())
    text = HELD_OUT[0]
    patterns = [Pattern(text, every.domain, "held_out")]
    held = {
        question
        for question, program in zip(every.questions, every.programs, strict=True)
        if program is not None and is_held_out(program, patterns, 0.0, every.domain)
    }
    assert held
    learned = training_questions(holding_out(held_out=[text])).questions
    assert set(every.questions) - held <= set(learned)
    assert not held & set(learned)


def test_no_structure_is_made_that_is_held_out() -> None:
    domain = training_questions(mini_preset()).domain
    share = 0.5
    assert any(is_held_out(program, (), share, domain) for program in made_of_mini(holding_out()))
    made = made_of_mini(holding_out(held_out_share=share))
    assert made
    assert not any(is_held_out(program, (), share, domain) for program in made)


def test_no_composition_of_shapes_is_made_that_belongs_to_another_split() -> None:
    _, made = recombined(shapes_preset(*SHAPES, "data.recombined=60"))
    assert len(made) == 60
    assert {split_of(program, ShapesWorldConfig()) for _, program in made} == {"train"}


@pytest.mark.parametrize(("room", "unique"), [(7, "true"), (9, "false")])
def test_nothing_is_made_that_is_too_long_to_be_said(room: int, unique: str) -> None:
    settings = (f"decoding.unique={unique}", "data.recombined=40")
    questions, made = recombined(shapes_preset(*SHAPES, f"decoding.room={room}", *settings))
    spoken = Spoken(TokenVocabulary(questions.domain), unique=unique == "true")
    lengths = {len(spoken.of(program)) for _, program in made}
    assert max(lengths) == room
    more = QuestionSet.joined([questions]).rows(np.array([0])).with_more(made, "recombined")
    assert bool((given_programs(more, spoken, 12) != PAD).any(1).all())


def test_questions_without_programs_are_learned_beside_more_questions(tmp_path: Path) -> None:
    settings = ("data.generated.programs=9", "data.recombined=12", "training.steps=2")
    preset = shapes_preset(*settings, *MARGINAL)
    made = train_parser(preset, HowToRun(tmp_path)).made
    count = len(training_questions(preset))
    assert (made["examples"], made["programs"]) == (count + 12, 9 + 12)
    assert 0 < made["solved"] < 1  # of the questions without program


def test_what_is_kept_from_training_is_not_recombined(tmp_path: Path) -> None:
    kept = ("training.evaluate_every=1", "training.evaluate_questions=4")
    preset = mini_preset(KINDS["retrieval"], "data.recombined=20", *kept)
    made = train_parser(preset, HowToRun(tmp_path)).made
    assert (made["examples"], made["programs"]) == (15 - 4 + 20, 15 - 4 + 20)
    assert len(weights_of(tmp_path)["questions"]) == 15 - 4 + 20


def test_inputs_are_given_in_the_order_of_the_words() -> None:
    question = "How many things are left of the cube and behind the ball?"
    left, behind = (f"relate[{r}](unique(filter[{c}](scene)))" for r, c in ORDER)
    preset = mini_preset("data.recombined=1")
    questions = training_questions(preset)
    for inputs in (f"{left}, {behind}", f"{behind}, {left}"):
        program = parse_program(f"count(and({inputs}))")
        one = replace(questions.rows(np.array([0])), questions=(question,), programs=(program,))
        assert str(with_recombined(preset, one).programs[0]) == f"count(and({left}, {behind}))"
