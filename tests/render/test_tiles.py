import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from nmn.render.tiles import SIDE, Tiles, cut

WIDTH, HEIGHT = 60, 44


def covered(tiles: Tiles, rectangles: int) -> NDArray[np.int64]:
    """How often each sample of the picture is in tiles of each rectangle."""
    counts = np.zeros((rectangles, HEIGHT, WIDTH), dtype=np.int64)
    for owner, column, row, inside in zip(
        tiles.owner.tolist(), tiles.column, tiles.row, tiles.inside, strict=True
    ):
        np.add.at(counts[owner], (row[inside].numpy(), column[inside].numpy()), 1)
    return counts


def cut_one(*corners: float) -> Tiles:
    low, high = torch.tensor([corners[:2]]).float(), torch.tensor([corners[2:]]).float()
    return cut(low, high, WIDTH, HEIGHT)


def test_every_sample_of_a_rectangle_is_in_one_of_its_tiles() -> None:
    random = np.random.default_rng(2)
    low = random.uniform(-20, 60, (200, 2))
    high = low + random.uniform(0, 70, (200, 2))
    counts = covered(cut(torch.tensor(low), torch.tensor(high), WIDTH, HEIGHT), 200)
    assert counts.max() == 1
    x, y = np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5
    for (left, top), (right, bottom), found in zip(low, high, counts, strict=True):
        within = np.outer((y >= top) & (y <= bottom), (x >= left) & (x <= right))
        assert (found[within] == 1).all()


def test_tiles_are_squares_that_begin_at_a_pixel() -> None:
    tiles = cut_one(7.3, 3.9, 30.2, 20.1)
    assert tiles.column.shape == (len(tiles), SIDE * SIDE)
    assert (tiles.column[:, 0] % 2 == 0).all()
    assert (tiles.row[:, 0] % 2 == 0).all()
    square = tiles.row[0].view(SIDE, SIDE)
    assert (square[1:] - square[:-1] == 1).all()
    assert sorted(set(tiles.column[:, 0].tolist())) == [6, 22]
    assert sorted(set(tiles.row[:, 0].tolist())) == [2, 18]


@pytest.mark.parametrize(
    "corners",
    [(-30, 5, -2, 20), (5, -30, 20, -2), (62, 5, 80, 20), (5, 44, 20, 60), (20, 20, 10, 10)],
)
def test_rectangles_outside_the_picture_have_no_tiles(corners: tuple[float, ...]) -> None:
    assert len(cut_one(*corners)) == 0


def test_no_rectangles_have_no_tiles() -> None:
    tiles = cut(torch.zeros(0, 2), torch.zeros(0, 2), WIDTH, HEIGHT)
    assert (len(tiles), tiles.column.shape) == (0, (0, SIDE * SIDE))
    assert tiles.places(tiles.owner, WIDTH, HEIGHT).shape == (0, SIDE * SIDE)


def test_what_is_beyond_the_border_is_not_inside() -> None:
    tiles = cut_one(50, 40, 90, 90)
    assert int(tiles.inside.sum()) == (WIDTH - 50) * (HEIGHT - 40)
    assert covered(tiles, 1)[0, 40:, 50:].all()


def test_places_count_through_pictures_rows_and_columns() -> None:
    tiles = cut(
        torch.tensor([[0.0, 0.0], [50.0, 30.0]]),
        torch.tensor([[9.0, 9.0], [80.0, 60.0]]),
        WIDTH,
        HEIGHT,
    )
    picture = tiles.owner * 3
    places = tiles.places(picture, WIDTH, HEIGHT)
    array = np.arange(4 * HEIGHT * WIDTH).reshape(4, HEIGHT, WIDTH)
    for tile, at in enumerate(picture.tolist()):
        inside = tiles.inside[tile]
        row, column = tiles.row[tile][inside].numpy(), tiles.column[tile][inside].numpy()
        np.testing.assert_array_equal(places[tile][inside], array[at, row, column])
    assert places.max() < array.size


def test_tiles_join_get_owners_and_are_chosen() -> None:
    first, second = cut_one(0, 0, 30, 10), cut_one(0, 0, 10, 10)
    both = Tiles.joined([first.owned_by(torch.tensor([5])), second.owned_by(torch.tensor([8]))])
    assert both.owner.tolist() == [5, 5, 8]
    chosen = both[torch.tensor([2, 0])]
    assert chosen.owner.tolist() == [8, 5]
    assert chosen.column.equal(both.column[[2, 0]])
