import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmn.domain import Domain
from nmn.errors import DataError
from nmn.program.tokens import TokenVocabulary
from nmn.scene.scene import Scene, SceneObject, grid_scene
from nmn.scene.table import MAX_OBJECTS, SceneTable
from tests.strategies import CLEVR, SHAPES, table_scenes

# 0 red circle   1 green circle   2 empty   3 empty
GRID = grid_scene(
    (({"color": "red", "shape": "circle"}, {"color": "green", "shape": "circle"}, None, None),)
)


def row(table: SceneTable, operation: str, argument: str | None = None, scene: int = 0) -> int:
    """Where the row of a step begins."""
    steps = [(step.operation, step.argument) for step in TokenVocabulary(table.domain).steps]
    return scene * table.size + int(table.begins[steps.index((operation, argument))])


@pytest.mark.parametrize(
    ("operation", "argument", "words"),
    [
        ("scene", None, [0b011]),
        ("find", "red", [0b001]),
        ("filter", "circle", [0b011]),
        ("filter", "blue", [0]),
        ("relate", "left_of", [0, 0b001, 0b010, 0b100, 0]),
        ("relate", "above", [0, 0, 0, 0, 0]),
        ("same", "shape", [0b010, 0b001, 0, 0, 0]),
        ("same", "color", [0, 0, 0, 0, 0]),
        ("query", "color", [1, 2, 0, 0, 0]),
        ("query", "shape", [4, 4, 0, 0, 0]),
    ],
)
def test_rows_of_a_grid_by_hand(operation: str, argument: str | None, words: list[int]) -> None:
    table = SceneTable.of([GRID], SHAPES)
    begin = row(table, operation, argument)
    assert table.words[begin : begin + len(words)].tolist() == words


def test_rows_are_as_wide_as_the_largest_scene_needs(clevr: Domain) -> None:
    small, large = grid_scene(((None,),)), grid_scene(((None, None), (None, None)))
    table = SceneTable.of([small, large], SHAPES)
    one, relations, attributes, concepts = 1, 4, 2, 6
    per_object = relations + 2 * attributes
    assert table.largest == 4
    assert table.size == one + 2 * concepts + per_object * (4 + 1)
    assert len(table.words) == 2 * table.size
    assert SceneTable.of([], clevr).words.size == 0


def test_words_of_the_first_and_of_all_objects_of_masks() -> None:
    table = SceneTable.of([GRID], SHAPES)
    masks = np.array([0b000, 0b001, 0b010, 0b100, 0b110, 0b111], dtype=np.uint64)
    rows = np.full(len(masks), row(table, "relate", "left_of"))
    assert table.of_first(rows, masks).tolist() == [0, 0, 0b001, 0b010, 0b001, 0]
    assert table.of_all(rows, masks).tolist() == [0, 0, 0b001, 0b010, 0b011, 0b011]


@given(table_scenes(10), st.data())
@settings(deadline=None, max_examples=30)
def test_relations_of_sets_of_a_table_are_unions(scene: Scene, data: st.DataObject) -> None:
    table = SceneTable.of([Scene((), dict.fromkeys(CLEVR.relations, ())), scene], CLEVR)
    relation = data.draw(st.sampled_from(CLEVR.relations))
    members = data.draw(st.sets(st.integers(0, max(0, len(scene.objects) - 1))))
    members &= set(range(len(scene.objects)))
    masks = np.array([sum(1 << index for index in members)], dtype=np.uint64)
    found = int(table.of_all(np.array([row(table, "relate", relation, 1)]), masks)[0])
    wanted = {other for index in members for other in scene.relations[relation][index]}
    assert {index for index in range(64) if found >> index & 1} == wanted


def test_a_scene_of_64_objects_fits_and_one_of_65_is_named() -> None:
    def line(cells: int) -> Scene:
        return grid_scene(((None,) * cells,), name="long one")

    table = SceneTable.of([line(MAX_OBJECTS)], SHAPES)
    last, full = np.array([1 << 63], dtype=np.uint64), np.array([2**64 - 1], dtype=np.uint64)
    rows = np.array([row(table, "relate", "left_of")])
    assert table.of_first(rows, last).tolist() == [1 << 62]
    assert table.of_all(rows, full).tolist() == [2**63 - 1]
    assert table.of_all(rows, full - full).tolist() == [0]
    with pytest.raises(DataError) as caught:
        SceneTable.of([GRID, line(MAX_OBJECTS + 1)], SHAPES)
    assert str(caught.value) == "long one, scene 1: wanted at most 64 objects, got 65"


def test_a_scene_of_another_domain_is_refused(clevr: Domain) -> None:
    with pytest.raises(DataError, match="relation 'left' is missing"):
        SceneTable.of([GRID], clevr)
    scene = Scene((SceneObject({"color": "mauve"}),), dict.fromkeys(clevr.relations, ((),)))
    with pytest.raises(DataError, match="unknown color 'mauve'"):
        SceneTable.of([scene], clevr)
