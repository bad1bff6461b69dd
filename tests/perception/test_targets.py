from dataclasses import replace

import pytest
import torch

from nmn.data.mirror import mirrored
from nmn.data.sight import Sight
from nmn.errors import DataError
from nmn.perception.targets import targets_of
from nmn.scene.scene import Scene
from tests.perception.made import BLUE, CLEVR, GRID, GROUND, RED, batch, scene, sight


def test_the_middle_cell_of_an_object_stands_for_it() -> None:
    empty = sight(((-1,) * 6,) * 4, ())
    made = batch((scene(), scene(RED, BLUE)), (empty, sight()))
    targets = targets_of(made, CLEVR, GRID)
    # of the 2x3 cells of the first object two are as near to its middle: the first of them
    assert targets.chosen.nonzero().tolist() == [[1, 7], [1, 15]]
    assert targets.open.nonzero().tolist() == [[1, 6], [1, 8], [1, 12], [1, 13], [1, 14], [1, 16]]
    assert targets.picture.tolist() == [1] * 8
    assert targets.cell.tolist() == [6, 7, 8, 12, 13, 14, 15, 16]
    assert targets.owner.tolist() == [0] * 6 + [1] * 2
    torch.testing.assert_close(targets.share, torch.tensor([1 / 6] * 6 + [1 / 2] * 2))


def test_objects_have_their_values_places_and_boxes() -> None:
    targets = targets_of(batch((scene(RED, BLUE),), (sight(),)), CLEVR, GRID)
    assert targets.values.tolist() == [[0, 1, 0, 0], [1, 2, 1, 1]]
    torch.testing.assert_close(targets.ground, torch.tensor(GROUND))
    third = 1 / 3
    wanted = torch.tensor([[-1, -0.5, 0, 0.5], [0, 0, 2 * third, 0.5]])
    torch.testing.assert_close(targets.box, wanted)


def test_cells_far_from_the_middle_are_neither_chosen_nor_open() -> None:
    wide = sight(((0,) * 6, (-1,) * 6, (-1,) * 6, (-1,) * 6), GROUND[:1])
    targets = targets_of(batch((scene(RED),), (wide,)), CLEVR, GRID)
    assert targets.chosen.nonzero().tolist() == [[0, 2]]
    assert targets.open.nonzero().tolist() == [[0, 1], [0, 3]]


def test_an_object_that_is_not_seen_is_not_asked_for() -> None:
    hidden = sight(((0,) * 6, *((-1,) * 6,) * 3))
    targets = targets_of(batch((scene(RED, BLUE),), (hidden,)), CLEVR, GRID)
    assert targets.chosen.sum() == 1
    assert set(targets.owner.tolist()) == {0}


def test_one_scene_a_picture_is_enough() -> None:
    made = batch((None, scene(RED, BLUE)), (sight(),))
    one = replace(made, pictures=made.pictures[:1], picture=torch.tensor([0, 0]))
    assert len(targets_of(one, CLEVR, GRID).values) == 2


def test_a_mirrored_picture_has_what_it_shows_mirrored() -> None:
    made = batch((scene(RED, BLUE),) * 2, (sight(), sight()))
    other = mirrored(made, [1])
    torch.testing.assert_close(other.pictures[0], made.pictures[0])
    torch.testing.assert_close(other.pictures[1], made.pictures[1].flip(-1))
    targets = targets_of(other, CLEVR, GRID)
    torch.testing.assert_close(targets.ground[2:], targets.ground[:2] * torch.tensor([-1.0, 1.0]))
    torch.testing.assert_close(
        targets.box[2:], targets.box[:2][:, [2, 1, 0, 3]] * torch.tensor([-1.0, 1.0, -1.0, 1.0])
    )
    assert targets.chosen.sum(1).tolist() == [2, 2]


@pytest.mark.parametrize(
    ("scenes", "sights", "problem"),
    [
        ((None,), (sight(),), "picture 0: wanted its scene"),
        ((scene(RED, BLUE),), (), "picture 0: wanted its scene"),
        ((scene(RED, BLUE),), (None,), "picture 0: wanted its scene"),
        ((scene(RED, BLUE),), (sight(((0, 1),)),), r"\(1, 2\) cells; wanted \(4, 6\)"),
        ((scene(RED),), (sight(),), "a sight of 2 objects; its scene has 1"),
    ],
)
def test_what_is_missing_is_named(
    scenes: tuple[Scene | None, ...], sights: tuple[Sight | None, ...], problem: str
) -> None:
    with pytest.raises(DataError, match=problem):
        targets_of(batch(scenes, sights), CLEVR, GRID)
