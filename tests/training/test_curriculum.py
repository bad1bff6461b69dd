from itertools import islice

import numpy as np
import pytest

from nmn.config import build
from nmn.data.batch import Batch
from nmn.data.clevr_folder import ClevrData, read_clevr
from nmn.data.example import Dataset, ListDataset
from nmn.data.vocabulary import WordVocabulary
from nmn.errors import ConfigError, UnknownNameError
from nmn.generate.shapes import ShapesWorldConfig, generate_shapes
from nmn.training.curriculum import split_off, stages_of, training_batches, without_picture
from nmn.training.loop import LoopConfig
from tests.data.clevr_folders import write_split

WORDS = WordVocabulary(())


@pytest.fixture(scope="module")
def shapes_data() -> ListDataset:
    return generate_shapes(ShapesWorldConfig(relation_counts=(1, 1, 1)), 0, "train", 48)


@pytest.fixture(scope="module")
def clevr_data(tmp_path_factory: pytest.TempPathFactory) -> ClevrData:
    folder = tmp_path_factory.mktemp("clevr")
    write_split(folder, "train", indices=range(9), each=4)
    return read_clevr(folder, "train")


def batches(data: Dataset, config: LoopConfig, start: int = 0) -> list[Batch]:
    return list(training_batches(data, np.arange(len(data)), WORDS, config, 0, start))


def relations(batch: Batch) -> int:
    return max(program.count("relate") for program in batch.programs if program)


def length(batch: Batch) -> int:
    return max(len(program.nodes) for program in batch.programs if program)


def test_relations_are_held_back(shapes_data: ListDataset) -> None:
    config = LoopConfig(steps=20, batch_size=16, curriculum=((6, 0), (12, 1)))
    most = [relations(batch) for batch in batches(shapes_data, config)]
    assert len(most) == 20
    assert most[:6] == [0] * 6
    assert max(most[6:12]) == 1
    assert max(most[12:]) == 2


def test_long_programs_are_held_back(shapes_data: ListDataset) -> None:
    short = min(len(example.program.nodes) for example in shapes_data if example.program)
    config = LoopConfig(steps=9, batch_size=16, curriculum=((4, short),), curriculum_by="length")
    most = [length(batch) for batch in batches(shapes_data, config)]
    assert most[:4] == [short] * 4
    assert max(most[4:]) > short


def test_long_questions_are_held_back(shapes_data: ListDataset) -> None:
    words = sorted({len(example.tokens) for example in shapes_data})
    curriculum = ((4, words[0]), (8, words[1]))
    config = LoopConfig(steps=16, batch_size=16, curriculum=curriculum, curriculum_by="words")
    most = [max(len(q.split()) for q in b.questions) for b in batches(shapes_data, config)]
    assert most[:4] == [words[0]] * 4
    assert max(most[4:8]) == words[1]
    assert max(most[8:]) == words[-1] > words[1]


def test_stages_have_the_rows_that_are_small_enough() -> None:
    rows, sizes = np.array([3, 5, 8, 9]), np.array([7, 2, 4, 2])
    config = LoopConfig(steps=10, curriculum=((4, 2), (6, 4), (90, 5)), curriculum_by="words")
    found = [(end, allowed.tolist()) for end, allowed in stages_of(sizes, rows, config)]
    assert found == [(4, [5, 9]), (6, [5, 8, 9]), (10, [5, 8, 9]), (10, [3, 5, 8, 9])]
    (whole,) = stages_of(sizes, rows, LoopConfig(steps=10))
    assert (whole[0], whole[1].tolist()) == (10, [3, 5, 8, 9])


def test_families_are_held_back() -> None:
    families = np.array(["easy 0", "hard 10", "easy 1", "hard 1", "other"])
    curriculum = ((2, ("easy",)), (4, ("easy 0", "hard 1", "other")))
    config = LoopConfig(steps=9, curriculum=curriculum, curriculum_by="families")
    found = [(end, rows.tolist()) for end, rows in stages_of(families, np.arange(5), config)]
    assert found == [(2, [0, 2]), (4, [0, 3, 4]), (9, [0, 1, 2, 3, 4])]


def test_an_unknown_family_is_named_with_the_nearest() -> None:
    config = LoopConfig(curriculum=((2, ("hart",)),), curriculum_by="families")
    with pytest.raises(UnknownNameError, match=r"hart.*hard 1"):
        stages_of(np.array(["easy 0", "hard 1"]), np.arange(2), config)


def test_batches_are_of_the_families_of_their_stage(clevr_data: ClevrData) -> None:
    known = sorted({clevr_data.question(row).family for row in range(len(clevr_data))})
    config = LoopConfig(
        steps=8, batch_size=4, curriculum=((4, (known[0],)),), curriculum_by="families"
    )
    found = [set(batch.families) for batch in batches(clevr_data, config)]
    assert found[:4] == [{known[0]}] * 4
    assert set().union(*found[4:]) > {known[0]}


@pytest.mark.parametrize(
    ("by", "allowed", "problem"),
    [
        ("families", 3, "a number; wanted names"),
        ("families", (), "no names; wanted names"),
        ("words", ("easy",), "names; wanted a number"),
    ],
)
def test_stages_have_what_the_curriculum_goes_by(by: str, allowed: object, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        build(LoopConfig, {"curriculum": [[3, allowed]], "curriculum_by": by}, "training")


@pytest.mark.parametrize("start", [0, 3, 6, 7, 12, 13, 19])
@pytest.mark.parametrize("curriculum", [((6, 0), (12, 1)), ((6, 0), (6, 1), (90, 1)), ()])
def test_batches_do_not_depend_on_where_the_run_began(
    shapes_data: ListDataset, start: int, curriculum: tuple[tuple[int, int], ...]
) -> None:
    config = LoopConfig(steps=20, batch_size=7, curriculum=curriculum)
    whole = [batch.questions for batch in batches(shapes_data, config)]
    assert len(whole) == 20
    assert [batch.questions for batch in batches(shapes_data, config, start)] == whole[start:]


def test_an_empty_stage_is_an_error(shapes_data: ListDataset) -> None:
    few = LoopConfig(curriculum=((1, 1),), curriculum_by="length")
    with pytest.raises(ConfigError, match="no question has at most 1 steps"):
        batches(shapes_data, few)
    related = generate_shapes(ShapesWorldConfig(relation_counts=(0, 1)), 0, "train", 8)
    with pytest.raises(ConfigError, match="no question has at most 0 relations"):
        batches(related, LoopConfig(steps=2, curriculum=((1, 0),)))
    silent = LoopConfig(steps=2, curriculum=((1, 2),), curriculum_by="words")
    with pytest.raises(ConfigError, match="no question has at most 2 words"):
        batches(related, silent)


def test_only_the_questions_asked_for_are_learned_from(clevr_data: ClevrData) -> None:
    config = LoopConfig(steps=8, batch_size=8)
    rows, kept = split_off(clevr_data, 10, 3)
    assert len(kept) == 12
    assert sorted([*rows.tolist(), *kept.tolist()]) == list(range(36))
    images = clevr_data.questions.images
    assert not set(images[rows].tolist()) & set(images[kept].tolist())
    found = islice(training_batches(clevr_data, rows, WORDS, config, 0), 8)
    questions = {question for batch in found for question in batch.questions}
    assert questions == {clevr_data.question(row).question for row in rows.tolist()}
    again, _ = split_off(clevr_data, 10, 3)
    np.testing.assert_array_equal(rows, again)
    other, _ = split_off(clevr_data, 10, 4)
    assert set(other.tolist()) != set(rows.tolist())


def test_nothing_is_kept_where_nothing_is_asked_for(clevr_data: ClevrData) -> None:
    rows, kept = split_off(clevr_data, 0, 0)
    assert (len(rows), len(kept)) == (36, 0)
    with pytest.raises(ConfigError, match="35 questions cannot be kept from training, of 36"):
        split_off(clevr_data, 35, 0)


def test_pictures_are_not_decoded_for_nothing(
    clevr_data: ClevrData, shapes_data: ListDataset
) -> None:
    assert without_picture(clevr_data, 3).picture is None
    assert without_picture(clevr_data, 3).question == clevr_data[3].question
    assert without_picture(shapes_data, 3) is shapes_data[3]
