import numpy as np

from nmn.render.sort_of_clevr import BACKGROUND, CIRCLE, COLORS, SQUARE, draw_objects

NAMES = list(COLORS)


def draw(center: tuple[float, float], shape: int, color: str, radius: float = 5.0) -> np.ndarray:
    centers = np.array([[center]], np.float64)
    shapes, colors = np.array([[shape]]), np.array([[NAMES.index(color)]])
    picture: np.ndarray = draw_objects(centers, shapes, colors, radius, 30)[0]
    return picture


def covered(picture: np.ndarray) -> np.ndarray:
    """How much of each pixel a blue object covers."""
    return 1 - picture[..., 0] / BACKGROUND


def test_a_square_on_whole_pixels_is_exact() -> None:
    expected = np.zeros((30, 30))
    expected[7:17, 5:15] = 1
    assert np.array_equal(covered(draw((10.0, 12.0), SQUARE, "blue")), expected)


def test_edges_are_as_bright_as_the_part_that_is_covered() -> None:
    part = covered(draw((10.25, 12.0), SQUARE, "blue"))
    assert np.allclose(part[12, [4, 5, 6, 14, 15, 16]], [0, 0.75, 1, 1, 0.25, 0], atol=0.003)


def test_area_and_middle_are_those_of_the_object() -> None:
    for shape, area in ((SQUARE, 100), (CIRCLE, np.pi * 25)):
        part = covered(draw((11.3, 17.8), shape, "blue"))
        assert abs(part.sum() - area) < 0.6
        rows, columns = np.indices(part.shape) + 0.5
        assert abs((part * columns).sum() / part.sum() - 11.3) < 0.02
        assert abs((part * rows).sum() / part.sum() - 17.8) < 0.02


def test_an_object_at_the_border_is_whole() -> None:
    for place in (5.0, 25.0):
        assert abs(covered(draw((place, place), CIRCLE, "blue")).sum() - np.pi * 25) < 0.6


def test_every_color_is_its_own_and_later_objects_are_in_front() -> None:
    for name, color in COLORS.items():
        assert tuple(draw((15.0, 15.0), CIRCLE, name)[15, 15]) == color
    centers = np.array([[[10.0, 10.0], [12.0, 10.0]]])
    pictures = draw_objects(centers, np.array([[0, 0]]), np.array([[0, 1]]), 5.0, 30)
    assert tuple(pictures[0, 10, 10]) == COLORS[NAMES[1]]
    assert tuple(pictures[0, 10, 6]) == COLORS[NAMES[0]]


def test_pictures_do_not_depend_on_each_other() -> None:
    random = np.random.default_rng(0)
    centers = random.uniform(6, 24, (8, 3, 2))
    shapes, colors = random.integers(2, size=(8, 3)), random.integers(6, size=(8, 3))
    together = draw_objects(centers, shapes, colors, 3.5, 30)
    assert together.dtype == np.uint8
    for index in range(8):
        part = slice(index, index + 1)
        alone = draw_objects(centers[part], shapes[part], colors[part], 3.5, 30)
        assert np.array_equal(together[part], alone)
