from dataclasses import replace

import pytest
import torch

from nmn.data.batch import UNKNOWN, collate
from nmn.data.example import Example, ListDataset, question_type
from nmn.data.vocabulary import WordVocabulary, vocabulary_of
from nmn.domain import Domain
from nmn.errors import DataError
from nmn.generate.shapes import ShapesWorldConfig, generate_shapes
from nmn.program.text import parse_program


@pytest.fixture(scope="module")
def data() -> ListDataset:
    return generate_shapes(ShapesWorldConfig(), 0, "train", 10)


def test_each_picture_comes_once(shapes: Domain, data: ListDataset) -> None:
    shared = [data[0], replace(data[1], image_index=0), data[2]]
    batch = collate(shared, shapes, WordVocabulary(()))
    assert batch.pictures.shape == (2, 3, 30, 30)
    assert batch.picture.tolist() == [0, 0, 1]


def test_pictures_are_rgb_between_0_and_1(shapes: Domain, data: ListDataset) -> None:
    batch = collate([data[0]], shapes, WordVocabulary(()))
    assert data[0].picture is not None
    expected = torch.from_numpy(data[0].picture.copy()).permute(2, 0, 1).float() / 255
    torch.testing.assert_close(batch.pictures[0], expected)


def test_words_are_padded_and_unknown_ones_marked() -> None:
    vocabulary = vocabulary_of([("is", "red"), ("red", "square")])
    assert vocabulary.words == ("is", "red", "square")
    indices = vocabulary.encode([("is", "a", "red"), ("square",)])
    assert indices.tolist() == [[2, 1, 3], [4, 0, 0]]


def test_missing_answers_are_marked(shapes: Domain, data: ListDataset) -> None:
    batch = collate([replace(data[0], answer=None), data[1]], shapes, WordVocabulary(()))
    assert batch.answers.tolist() == [UNKNOWN, shapes.answers.index(data[1].answer or "")]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"picture": None}, "no picture"),
        ({"answer": "blue"}, "'blue' is no answer"),
    ],
)
def test_unfit_examples_are_named(
    shapes: Domain, data: ListDataset, change: dict[str, str | None], said: str
) -> None:
    broken = replace(data[4], **change)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=f"question 4: .*{said}"):
        collate([data[0], broken], shapes, WordVocabulary(()))


def test_a_batch_of_nothing_is_an_error(shapes: Domain) -> None:
    with pytest.raises(DataError, match="wanted at least one example, got none"):
        collate([], shapes, WordVocabulary(()))


def test_pictures_of_two_sizes_are_named(shapes: Domain, data: ListDataset) -> None:
    assert data[1].picture is not None
    smaller = replace(data[1], picture=data[1].picture[:20])
    with pytest.raises(DataError, match="different sizes"):
        collate([data[0], smaller], shapes, WordVocabulary(()))


def test_the_words_of_a_question() -> None:
    assert Example("Is there a Circle?", 0, 0).tokens == ("is", "there", "a", "circle")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("exists(find[red])", "exists, 0 relations"),
        ("exists(relate[above](find[red]))", "exists, 1 relation"),
        ("count(relate[above](relate[below](scene)))", "count, 2 relations"),
    ],
)
def test_kinds_of_questions(text: str, kind: str) -> None:
    assert question_type(parse_program(text)) == kind
