"""Pictures of sets of questions, and questions that are asked of none."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from nmn.data.example import Example, Picture
from nmn.data.question_set import NOWHERE, QuestionSet
from nmn.domain import Domain
from nmn.errors import DataError
from nmn.program.text import parse_program
from tests.policies.made import TAUGHT, examples_of, question_set, some_scenes

FAMILY = "recombined"


def picture_of(image: int, seed: int = 0) -> Picture:
    """One that no other image has."""
    return np.full((2, 3, 3), 100 * seed + image, dtype=np.uint8)


def shown(domain: Domain, count: int = 4, seed: int = 0) -> list[Example]:
    """Questions of some scenes, the last scene first, with pictures."""
    examples = examples_of(TAUGHT, domain, some_scenes("shapes", count, seed))
    return [replace(e, picture=picture_of(e.image_index, seed)) for e in reversed(examples)]


def with_pictures(domain: Domain, count: int = 4, seed: int = 0) -> QuestionSet:
    return QuestionSet.of(shown(domain, count, seed), domain, together=True, pictures=True)


def check_pictures(data: QuestionSet, examples: Sequence[Example]) -> None:
    """Of each scene that a question is asked of there is the picture that shows it."""
    assert data.pictures is not None
    assert len(data.pictures) == len(data.scenes.scenes)
    for row, question in enumerate(data.questions):
        wanted = [(e.scene, e.picture) for e in examples if e.question == question]
        places = data.asked[row][data.asked[row] != NOWHERE]
        assert len(places) == len(wanted) > 0
        for place, (scene, picture) in zip(places, wanted, strict=True):
            assert data.scenes.scenes[place] == scene
            np.testing.assert_array_equal(data.pictures[place], picture)


def test_each_scene_has_its_picture(shapes: Domain) -> None:
    examples = shown(shapes)
    check_pictures(QuestionSet.of(examples, shapes, together=True, pictures=True), examples)
    assert QuestionSet.of(examples, shapes, together=True).pictures is None


def test_some_questions_keep_their_pictures(shapes: Domain) -> None:
    rows = np.array([3, 0])
    some = with_pictures(shapes).rows(rows)
    assert len(some) == 2
    check_pictures(some, shown(shapes))
    check_pictures(some.without_programs(np.array([0])), shown(shapes))


def test_joined_sets_keep_their_pictures(shapes: Domain) -> None:
    sizes = ((4, 0), (2, 1))
    first, second = (with_pictures(shapes, *size) for size in sizes)
    joined = QuestionSet.joined([first, second])
    check_pictures(joined.rows(np.arange(5)), shown(shapes, 4, 0))
    # Those of the other set come behind the first.
    assert joined.pictures is not None
    other = joined.rows(np.arange(5, 10))
    for row in range(5):
        there = other.asked[row][other.asked[row] != NOWHERE]
        own = [e.picture for e in shown(shapes, 2, 1) if e.question == other.questions[row]]
        for place, picture in zip(there, own, strict=True):
            np.testing.assert_array_equal(joined.pictures[place], picture)


def test_sets_of_which_one_has_no_pictures_have_none_together(shapes: Domain) -> None:
    pair = [with_pictures(shapes), question_set(count=3)]
    assert QuestionSet.joined(pair).pictures is None
    assert QuestionSet.joined(pair[::-1]).pictures is None


def test_a_picture_that_is_missing_is_named(shapes: Domain) -> None:
    examples = shown(shapes)
    examples = [replace(e, picture=None) if e.image_index == 1 else e for e in examples]
    first = next(e for e in examples if e.image_index == 1).question_index
    with pytest.raises(DataError) as caught:
        QuestionSet.of(examples, shapes, pictures=True)
    assert str(caught.value) == f"questions, question {first}: wanted a picture to learn from"
    assert QuestionSet.of(examples, shapes).pictures is None


def test_more_questions_come_with_programs_and_without_scenes(shapes: Domain) -> None:
    data = with_pictures(shapes)
    more = [
        ("is there a red square", parse_program("exists(filter[red](find[square]))", shapes)),
        ("is there anything", parse_program("exists(scene)", shapes)),
    ]
    whole = data.with_more(iter(more), FAMILY)
    assert len(whole) == len(data) + 2
    assert [(*q,) for q in zip(whole.questions, whole.programs, strict=True)][5:] == more
    assert whole.families == (*data.families, FAMILY, FAMILY)
    assert whole.words(5) == ("is", "there", "a", "red", "square")
    assert (whole.asked[5:] == NOWHERE).all()
    assert (whole.answers[5:] == NOWHERE).all()
    np.testing.assert_array_equal(whole.asked[:5], data.asked)
    np.testing.assert_array_equal(whole.answers[:5], data.answers)
    check_pictures(whole.rows(np.arange(5)), shown(shapes))


def test_no_more_questions_change_nothing(shapes: Domain) -> None:
    data = with_pictures(shapes)
    same = data.with_more([], FAMILY)
    assert (same.questions, same.families) == (data.questions, data.families)
    np.testing.assert_array_equal(same.asked, data.asked)
