from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from nmn.data.shapes import read_shapes
from nmn.domain import Domain
from nmn.errors import DataError
from nmn.generate.shapes import ShapesWorldConfig, generate_shapes
from nmn.render.flat import CELL, COLORS, SHAPES, coverage, draw_cells, draw_scene
from nmn.scene.scene import Scene, SceneObject, grid_scene


@pytest.mark.parametrize("radius", [2.25, 2.5, 3.75, 4.125])
@pytest.mark.parametrize(("shape", "area"), [("square", 4.0), ("circle", np.pi), ("triangle", 2.0)])
def test_coverage_sums_to_the_area(shape: str, area: float, radius: float) -> None:
    drawn = coverage(shape, np.array([radius]))[0]
    assert drawn.sum() == pytest.approx(area * radius**2, rel=0.01)


def test_a_triangle_points_up() -> None:
    rows = coverage("triangle", np.array([4.0]))[0].sum(axis=1)
    assert (np.diff(rows[1:9]) >= 0).all()


def test_empty_cells_are_black_and_others_of_their_colour() -> None:
    shapes, colors = np.array([[[0, -1, 1]]]), np.array([[[0, -1, 2]]])
    picture = draw_cells(shapes, colors, np.random.default_rng(0))[0]
    red, empty, blue = (picture[:, i * CELL : (i + 1) * CELL] for i in range(3))
    assert (empty == 0).all()
    assert red.reshape(-1, 3).max(axis=0).argmax() == 0
    assert blue.reshape(-1, 3).max(axis=0).argmax() == 2


def test_the_same_seed_draws_the_same() -> None:
    cells = np.array([[[0, 1, 2]]])
    first, second = (draw_cells(cells, cells, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_scene_is_drawn_cell_by_cell() -> None:
    scene = grid_scene(((None, {"color": "green", "shape": "square"}),))
    picture = draw_scene(scene, np.random.default_rng(0))
    assert picture.shape == (CELL, 2 * CELL, 3)
    assert (picture[:, :CELL] == 0).all()
    assert picture[CELL // 2, CELL + CELL // 2].argmax() == 1


def test_scenes_without_a_grid_are_refused() -> None:
    with pytest.raises(DataError, match="grid"):
        draw_scene(Scene((SceneObject({}),)), np.random.default_rng(0))


def statistics(pictures: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """Of the cells that are not empty: how many, covered area, brightness, channels off-colour."""
    cells = pictures.reshape(-1, 3, CELL, 3, CELL, 3).transpose(0, 1, 3, 2, 4, 5)
    cells = cells.reshape(-1, CELL, CELL, 3).astype(float)
    filled = cells[cells.sum(axis=(1, 2, 3)) > 0]
    peak = filled.max(axis=(1, 2))
    main = filled.max(axis=3)
    area = (main / main.max(axis=(1, 2), keepdims=True)).sum(axis=(1, 2))
    return {
        "filled": np.array([len(filled) / len(cells)]),
        "area": np.quantile(area, [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99]) / 100,
        "brightness": np.quantile(peak.max(axis=1), [0.05, 0.25, 0.5]) / 255,
        "off_colour": np.quantile(np.sort(peak, axis=1)[:, :2], [0.5, 0.75, 0.95]) / 255,
        "colours": np.bincount(peak.argmax(axis=1), minlength=3) / len(filled),
    }


def test_pictures_have_the_statistics_of_the_published_ones(real_data: Path) -> None:
    real = read_shapes(real_data / "shapes", "val").pictures[..., ::-1]
    data = generate_shapes(ShapesWorldConfig(), 0, "train", 1024)
    ours = np.stack([example.picture for example in data if example.picture is not None])
    expected, found = statistics(real), statistics(ours)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=0.025, err_msg=name)


def test_names_are_those_of_the_domain(shapes: Domain) -> None:
    assert shapes.values_of("color") == tuple(COLORS)
    assert shapes.values_of("shape") == SHAPES
