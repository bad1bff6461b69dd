"""Sets of questions, with the exact execution of one program on one scene as the oracle."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from nmn.data.example import Example
from nmn.data.question_set import NOWHERE, QuestionSet
from nmn.domain import Domain
from nmn.errors import DataError, NMNError
from nmn.program.text import parse_program
from nmn.program.tokens import END, PAD
from nmn.program.typecheck import typecheck
from nmn.scene.scene import Scene
from tests.policies.made import (
    TAUGHT,
    answer_of,
    examples_of,
    padded,
    program_of,
    question_set,
    some_scenes,
    tokens_of,
    walks,
)

QUERIES = {
    "what color is the cube": "query[color](unique(filter[cube](scene)))",
    "how many things are there": "count(scene)",
    "are there more cubes than spheres": "greater_than(count(find[cube]), count(find[sphere]))",
}


def scenes_of(data: QuestionSet, row: int) -> list[Scene]:
    return [data.scenes.scenes[scene] for scene in data.asked[row] if scene != NOWHERE]


def test_each_example_is_a_question_of_its_scene(shapes: Domain) -> None:
    scenes = some_scenes("shapes", 3)
    examples = examples_of(TAUGHT, shapes, scenes)
    data = QuestionSet.of(examples, shapes)
    assert len(data) == len(examples) == 15
    assert data.questions == tuple(example.question for example in examples)
    assert data.families == tuple(example.family for example in examples)
    assert data.programs == tuple(example.program for example in examples)
    assert data.asked.shape == data.answers.shape == (15, 1)
    for row, example in enumerate(examples):
        assert scenes_of(data, row) == [example.scene]
        assert shapes.answers[data.answers[row, 0]] == example.answer
    assert len(data.scenes.scenes) == 3
    assert data.words(0) == ("is", "there", "a", "red", "circle")


def test_the_same_words_can_be_one_question_of_several_scenes(clevr: Domain) -> None:
    scenes = some_scenes("clevr", 12)
    examples = examples_of(QUERIES, clevr, scenes)
    data = QuestionSet.of(examples, clevr, together=True)
    assert data.questions == tuple(QUERIES)
    for row, question in enumerate(data.questions):
        these = [example for example in examples if example.question == question]
        assert scenes_of(data, row) == [example.scene for example in these]
        answers = [clevr.answers[answer] for answer in data.answers[row, : len(these)]]
        assert answers == [example.answer for example in these]
        assert (data.asked[row, len(these) :] == NOWHERE).all()
    counts = Counter(example.question for example in examples)
    assert data.asked.shape == (3, 12)
    assert min(counts.values()) < 12  # so that there is room behind the last


@pytest.mark.parametrize(
    ("change", "missing"), [({"scene": None}, "scene"), ({"answer": "9"}, "answer")]
)
def test_an_example_must_have_a_scene_and_an_answer(
    shapes: Domain, change: dict[str, str | None], missing: str
) -> None:
    examples: list[Example] = examples_of(TAUGHT, shapes, some_scenes("shapes", 2))
    examples[3] = replace(examples[3], **change)  # type: ignore[arg-type]
    with pytest.raises(DataError) as caught:
        QuestionSet.of(examples, shapes)
    assert str(caught.value) == f"questions, question 3: wanted a {missing} to learn from"


def test_there_must_be_a_question(shapes: Domain) -> None:
    with pytest.raises(DataError, match="wanted at least one to learn from, got none"):
        QuestionSet.of([], shapes)


def test_joined_sets_are_asked_what_each_was_asked(shapes: Domain, clevr: Domain) -> None:
    many, few = (
        question_set(),
        QuestionSet.of(examples_of(TAUGHT, shapes, some_scenes("shapes", 2, seed=1)), shapes),
    )
    joined = QuestionSet.joined([few, many, few])
    parts = [(part, row) for part in (few, many, few) for row in range(len(part))]
    assert len(joined) == len(parts)
    for row, (part, place) in enumerate(parts):
        assert joined.questions[row] == part.questions[place]
        assert joined.families[row] == part.families[place]
        assert joined.programs[row] == part.programs[place]
        assert scenes_of(joined, row) == scenes_of(part, place)
        there = joined.asked[row] != NOWHERE
        assert joined.answers[row, there].tolist() == part.answers[place].tolist()
        assert (joined.answers[row, ~there] == NOWHERE).all()
    assert QuestionSet.joined([many]) is many
    with pytest.raises(DataError, match="different domains cannot be joined"):
        QuestionSet.joined([many, question_set(QUERIES, clevr)])


def test_rows_are_in_the_order_asked_for() -> None:
    data = question_set()
    some = data.rows(np.array([3, 1]))
    assert some.questions == (data.questions[3], data.questions[1])
    assert some.families == (data.families[3], data.families[1])
    assert some.programs == (data.programs[3], data.programs[1])
    assert some.asked.tolist() == data.asked[[3, 1]].tolist()
    assert some.answers.tolist() == data.answers[[3, 1]].tolist()


def test_programs_can_be_taken_away() -> None:
    data = question_set()
    without = data.without_programs(np.array([0, 4]))
    assert without.programs == (None, *data.programs[1:4], None)
    assert data.programs[0] is not None
    assert (without.questions, without.families) == (data.questions, data.families)


@pytest.mark.parametrize("most", [1, 4, 40])
def test_other_scenes_are_those_where_the_program_has_its_answer(clevr: Domain, most: int) -> None:
    scenes = some_scenes("clevr", 40)
    data = QuestionSet.of(examples_of(QUERIES, clevr, scenes), clevr, together=True)
    asked = data.asked_of(most, np.random.default_rng(0))
    assert asked.questions == data.questions
    assert asked.asked.shape == (3, most)
    for row, program in enumerate(data.programs):
        assert program is not None
        possible = [answer_of(program, scene, clevr) for scene in asked.scenes.scenes]
        chosen = asked.asked[row][asked.asked[row] != NOWHERE].tolist()
        assert len(set(chosen)) == len(chosen) == min(most, sum(a >= 0 for a in possible))
        assert asked.answers[row, : len(chosen)].tolist() == [possible[s] for s in chosen]
        assert (asked.asked[row, len(chosen) :] == NOWHERE).all()
        assert (asked.answers[row, len(chosen) :] == NOWHERE).all()


def test_no_answer_comes_oftener_than_others_if_it_can_be_helped(clevr: Domain) -> None:
    scenes, most = some_scenes("clevr", 40), 21  # so many that all scenes are looked at
    data = QuestionSet.of(examples_of(QUERIES, clevr, scenes), clevr, together=True)
    asked = data.asked_of(most, np.random.default_rng(1))
    for row, program in enumerate(data.programs):
        assert program is not None
        possible = Counter(answer_of(program, scene, clevr) for scene in data.scenes.scenes)
        del possible[-1]
        chosen = Counter(asked.answers[row][asked.asked[row] != NOWHERE].tolist())
        top = max(chosen.values())
        for answer, count in possible.items():
            assert chosen[answer] >= min(count, top - 1)


def test_the_same_generator_asks_the_same() -> None:
    first, again, other = (question_set().asked_of(3, np.random.default_rng(s)) for s in (5, 5, 6))
    assert first.asked.tolist() == again.asked.tolist()
    assert first.answers.tolist() == again.answers.tolist()
    assert first.asked.tolist() != other.asked.tolist()


def test_a_question_without_a_scene_is_left_out(shapes: Domain) -> None:
    data = question_set()
    never = parse_program("exists(unique(filter[red](filter[blue](scene))))", shapes)
    spoilt = replace(data, programs=(data.programs[0], never, *data.programs[2:]))
    asked = spoilt.asked_of(2, np.random.default_rng(0))
    assert asked.questions == (data.questions[0], *data.questions[2:])
    with pytest.raises(DataError, match="only those with programs"):
        data.without_programs(np.array([2])).asked_of(2, np.random.default_rng(0))


@pytest.mark.parametrize("name", ["shapes", "clevr"])
def test_right_is_what_answers_rightly_wherever_the_question_is_asked(
    name: str, shapes: Domain, clevr: Domain
) -> None:
    domain, questions = (shapes, TAUGHT) if name == "shapes" else (clevr, QUERIES)
    data = question_set(questions, domain, 9)
    few = replace(data, asked=data.asked.copy(), answers=data.answers.copy())
    few.asked[0, 1:] = few.answers[0, 1:] = NOWHERE  # asked once: more is right there
    few.asked[1, 6:] = few.answers[1, 6:] = NOWHERE
    own = [tokens_of(text, domain) for text in questions.values()]
    programs = [*own, *walks(domain, 60, seed=2, most=6)]
    rows, every = np.divmod(np.arange(len(few) * len(programs)), len(programs))
    tokens = padded(programs)[every]
    wanted = [
        all(
            answer_of(program_of(programs[place], domain), few.scenes.scenes[scene], domain)
            == answer
            for scene, answer in zip(few.asked[row], few.answers[row], strict=True)
            if scene != NOWHERE
        )
        for row, place in zip(rows, every, strict=True)
    ]
    assert few.right(rows, tokens).tolist() == wanted
    assert any(wanted[len(own) : len(programs)])
    assert not all(wanted)
    assert few.right(rows[:0], tokens[:0]).tolist() == []


@pytest.mark.parametrize("name", ["shapes", "clevr"])
def test_right_on_is_right_on_one_scene(name: str, shapes: Domain, clevr: Domain) -> None:
    domain, questions = (shapes, TAUGHT) if name == "shapes" else (clevr, QUERIES)
    data = question_set(questions, domain, 9)
    rng = np.random.default_rng(0)
    programs = [*(tokens_of(text, domain) for text in questions.values()), *walks(domain, 60, 3)]
    rows = rng.integers(len(data), size=300)
    places, every = rng.integers(9, size=300), rng.integers(len(programs), size=300)
    wanted = []
    for row, place, program in zip(rows, places, every, strict=True):
        scene = int(data.asked[row, place])
        answer = -2
        if scene != NOWHERE:
            said = program_of(programs[program], domain)
            answer = answer_of(said, data.scenes.scenes[scene], domain)
        wanted.append(answer == data.answers[row, place])
    assert data.right_on(rows, padded(programs)[every], places).tolist() == wanted
    assert 0 < sum(wanted) < 300


def test_what_is_no_program_is_never_right(shapes: Domain) -> None:
    data = question_set({"is there anything": "exists(scene)"}, shapes, 3)
    exists, scene, count = (
        tokens_of("exists(scene)", shapes)[0],
        tokens_of("exists(scene)", shapes)[1],
        tokens_of("count(scene)", shapes)[0],
    )
    assert data.answers.tolist() == [[0, 0, 0]]
    right = [[exists, scene, END, PAD], [exists, scene, END, scene]]
    wrong = [
        [exists, scene, PAD, PAD],  # no end
        [exists, END, scene, PAD],
        [END, PAD, PAD, PAD],
        [PAD, PAD, PAD, PAD],
        [exists, scene, scene, END],
        [exists, exists, scene, END],
        [scene, END, PAD, PAD],
        [count, scene, END, PAD],  # its answer is none of the domain
        [exists, 10_000, END, PAD],
        [exists, -1, END, PAD],
    ]
    for tokens in wrong[:7]:
        with pytest.raises(NMNError):
            typecheck(
                program_of(tokens, shapes) if END in tokens else program_of([], shapes), shapes
            )
    every = np.array([*right, *wrong])
    rows = np.zeros(len(every), dtype=np.intp)
    wanted = [True] * len(right) + [False] * len(wrong)
    assert data.right(rows, every).tolist() == wanted
    assert data.right_on(rows, every, rows).tolist() == wanted
