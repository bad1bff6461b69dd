from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from nmn.data.batch import Batch, collate
from nmn.data.clevr_folder import ClevrData, read_clevr
from nmn.data.example import ListDataset
from nmn.data.loader import BatchLoader
from nmn.data.picture_store import PictureStore, open_store
from nmn.data.vocabulary import WordVocabulary, vocabulary_of
from nmn.errors import ConfigError
from nmn.generate.shapes import ShapesWorldConfig, generate_shapes
from tests.data.clevr_folders import write_split

PICTURES, EACH = 9, 4


@pytest.fixture(scope="module")
def decoded(tmp_path_factory: pytest.TempPathFactory) -> ClevrData:
    """A folder with gaps in the image indices."""
    folder = tmp_path_factory.mktemp("clevr")
    write_split(folder, "train", indices=range(5, 5 + 2 * PICTURES, 2), each=EACH)
    return read_clevr(folder, "train", scenes=True)


@pytest.fixture(scope="module")
def data(decoded: ClevrData, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClevrData]:
    """The same with a store."""
    assert decoded.files is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NMN_HOME", str(tmp_path_factory.mktemp("cache")))
        yield decoded.with_store(open_store(decoded.files, (30, 20)))


@pytest.fixture(scope="module")
def vocabulary(data: ClevrData) -> WordVocabulary:
    return vocabulary_of(data.question(index).tokens for index in range(len(data)))


@pytest.fixture(scope="module")
def shapes_data() -> ListDataset:
    return generate_shapes(ShapesWorldConfig(), 0, "train", 25)


def check_equal(got: Batch, wanted: Batch) -> None:
    assert (got.questions, got.programs, got.scenes) == (
        wanted.questions,
        wanted.programs,
        wanted.scenes,
    )
    for name in ("pictures", "picture", "tokens", "answers"):
        torch.testing.assert_close(getattr(got, name), getattr(wanted, name), rtol=0, atol=0)


def check_all_equal(got: list[Batch], wanted: list[Batch]) -> None:
    assert len(got) == len(wanted)
    for one, other in zip(got, wanted, strict=True):
        check_equal(one, other)


def test_batches_are_those_of_collate(data: ClevrData, vocabulary: WordVocabulary) -> None:
    loader = BatchLoader(data, vocabulary, 10, 1)
    for rows, batch in zip(loader.plan(0), loader.epoch(0), strict=True):
        check_equal(batch, collate([data[row] for row in rows], data.domain, vocabulary))
        assert batch.pictures.shape[1:] == (3, 20, 30)
        assert None not in batch.scenes


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("size", [1, 3, 4, 10, 36, 100])
def test_each_question_comes_once_in_an_epoch(
    data: ClevrData, vocabulary: WordVocabulary, size: int, cut: bool
) -> None:
    loader = BatchLoader(data, vocabulary, size, 1, cut=cut)
    plan = loader.plan(3)
    assert sorted(np.concatenate(plan)) == list(range(PICTURES * EACH))
    assert max(map(len, plan)) <= size
    if cut:
        assert {len(rows) for rows in plan[:-1]} <= {size}


def test_the_questions_of_a_picture_stay_together(
    data: ClevrData, vocabulary: WordVocabulary
) -> None:
    plan = BatchLoader(data, vocabulary, 10, 1).plan(0)
    assert list(map(len, plan)) == [8, 8, 8, 8, 4]
    for rows in plan:
        for start in range(0, len(rows), EACH):
            first = rows[start]
            assert first % EACH == 0
            assert rows[start : start + EACH] == list(range(first, first + EACH))


def test_so_many_questions_of_a_picture_stay_together(
    data: ClevrData, vocabulary: WordVocabulary
) -> None:
    plan = BatchLoader(data, vocabulary, 6, 1, per_picture=2).plan(0)
    assert sorted(row for rows in plan for row in rows) == list(range(PICTURES * EACH))
    pictures = [{row // EACH for row in rows} for rows in plan]
    assert max(map(len, pictures)) == 3
    for rows in plan:
        for start in range(0, len(rows), 2):
            assert rows[start] % 2 == 0
            assert rows[start + 1] == rows[start] + 1


def test_each_epoch_has_its_own_order(data: ClevrData, vocabulary: WordVocabulary) -> None:
    def order(seed: int, epoch: int) -> list[int]:
        rows: list[int] = np.concatenate(
            BatchLoader(data, vocabulary, 8, seed).plan(epoch)
        ).tolist()
        return rows

    assert order(1, 0) == order(1, 0)
    assert len({tuple(order(seed, epoch)) for seed in (1, 2) for epoch in (0, 1, 2)}) == 6


def test_pictures_are_read_ahead(
    data: ClevrData, vocabulary: WordVocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(PictureStore, "will_need", lambda _, rows: asked.extend(rows))
    loader = BatchLoader(data, vocabulary, 10, 1)
    plan = loader.plan(0)
    wanted = [np.unique(data.questions.pictures[rows]) for rows in plan]
    batches = loader.epoch(0)
    next(batches)
    assert asked == np.concatenate(wanted[:5]).tolist()
    list(batches)
    assert asked == np.concatenate(wanted).tolist()


def test_a_run_can_go_on_at_any_batch(data: ClevrData, vocabulary: WordVocabulary) -> None:
    loader = BatchLoader(data, vocabulary, 10, 1)
    whole = [*loader.epoch(0), *loader.epoch(1), *loader.epoch(2)]
    assert len(whole) == 15
    check_all_equal(list(loader.epoch(1, 2)), whole[7:10])
    for start in (0, 4, 5, 9):
        check_all_equal(list(islice(loader.steps(start), 6)), whole[start : start + 6])


def test_pictures_that_are_not_stored_are_decoded(
    decoded: ClevrData, vocabulary: WordVocabulary
) -> None:
    loader = BatchLoader(decoded, vocabulary, 8, 1)
    batch = next(loader.epoch(0))
    assert batch.pictures.shape == (2, 3, 40, 60)
    rows = loader.plan(0)[0]
    check_equal(batch, collate([decoded[row] for row in rows], decoded.domain, vocabulary))


@pytest.mark.parametrize("cut", [False, True])
def test_pictures_in_memory(shapes_data: ListDataset, cut: bool) -> None:
    vocabulary = vocabulary_of(example.tokens for example in shapes_data)
    loader = BatchLoader(shapes_data, vocabulary, 10, 1, cut=cut)
    assert list(map(len, loader.plan(0))) == [10, 10, 5]
    for rows, batch in zip(loader.plan(1), loader.epoch(1), strict=True):
        chosen = [shapes_data[row] for row in rows]
        check_equal(batch, collate(chosen, shapes_data.domain, vocabulary))


def test_questions_that_are_not_neighbours_are_grouped(shapes_data: ListDataset) -> None:
    shared = tuple(
        replace(example, image_index=place % 5, picture=shapes_data[place % 5].picture)
        for place, example in enumerate(shapes_data)
    )
    loader = BatchLoader(replace(shapes_data, examples=shared), WordVocabulary(()), 5, 1)
    assert all(len({row % 5 for row in rows}) == 1 for rows in loader.plan(0))
    assert [len(batch.pictures) for batch in loader.epoch(0)] == [1] * 5


def test_some_questions_only(data: ClevrData, vocabulary: WordVocabulary) -> None:
    chosen = [30, 2, 3, 31, 17]
    plan = BatchLoader(data, vocabulary, 2, 1, questions=chosen).plan(0)
    assert sorted(map(tuple, plan)) == [(2, 3), (17,), (30, 31)]


def test_states_of_objects_without_pictures_are_grouped_all_the_same(
    decoded: ClevrData, vocabulary: WordVocabulary
) -> None:
    blind = ClevrData(decoded.domain, decoded.name, decoded.questions, None, decoded.scenes)
    plan = BatchLoader(blind, vocabulary, EACH, 1).plan(0)
    assert [len(rows) for rows in plan] == [EACH] * PICTURES


@pytest.mark.parametrize(("size", "questions"), [(0, None), (4, [])])
def test_impossible_batches(
    data: ClevrData, vocabulary: WordVocabulary, size: int, questions: list[int] | None
) -> None:
    with pytest.raises(ConfigError, match="wanted at least"):
        BatchLoader(data, vocabulary, size, 1, questions=questions)
