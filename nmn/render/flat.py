"""Flat pictures of SHAPES: a grid of filled shapes on black, drawn by area coverage.

Sizes and colours were measured on the published pictures: a cell is 10 pixels; the radius is 2.5
or 3.75 pixels times a factor uniform in [0.9, 1.1]; each channel of the pure colour is shifted by
up to 0.2 either way and clipped; edges are as bright as the part of the pixel that is covered.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from nmn.errors import DataError
from nmn.scene.scene import Scene

CELL = 10
"""Pixels of a cell's side."""

COLORS = {"red": (1.0, 0.0, 0.0), "green": (0.0, 1.0, 0.0), "blue": (0.0, 0.0, 1.0)}
SHAPES = ("circle", "square", "triangle")
RADII = (2.5, 3.75)
RADIUS_JITTER = 0.1
COLOR_JITTER = 0.2

_STEPS_PER_PIXEL = 64
_SAMPLES = 16


def coverage(shape: str, radius: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of each pixel of a cell a shape in its middle covers.

    Args:
        shape: one of `SHAPES`. A triangle stands on its side, as high and wide as the square.
        radius: half the width, in pixels, `(N,)`; rounded to 1/64 pixel.

    Returns:
        `(N, CELL, CELL)` in [0, 1].
    """
    steps = np.rint(radius * _STEPS_PER_PIXEL).astype(np.int64)
    return _templates(shape)[np.clip(steps, 0, len(_templates(shape)) - 1)]


@cache
def _templates(shape: str) -> NDArray[np.float64]:
    """Coverage for each radius from 0 to half a cell, `(radius step, CELL, CELL)`."""
    offsets = (np.arange(CELL * _SAMPLES) + 0.5) / _SAMPLES - CELL / 2
    y, x = offsets[:, None], offsets[None, :]
    radii = np.arange(CELL * _STEPS_PER_PIXEL // 2 + 1) / _STEPS_PER_PIXEL
    pictures = [_inside(shape, x, y, radius) for radius in radii]
    blocks = np.stack(pictures).reshape(-1, CELL, _SAMPLES, CELL, _SAMPLES)
    result: NDArray[np.float64] = blocks.mean(axis=(2, 4))
    return result


def _inside(
    shape: str, x: NDArray[np.float64], y: NDArray[np.float64], radius: float
) -> NDArray[np.bool_]:
    square = (np.abs(x) <= radius) & (np.abs(y) <= radius)
    if shape == "circle":
        return x**2 + y**2 <= radius**2
    if shape == "triangle":
        return square & (np.abs(x) <= (y + radius) / 2)
    return square


def draw_cells(
    shapes: NDArray[np.int64],
    colors: NDArray[np.int64],
    random: np.random.Generator,
) -> NDArray[np.uint8]:
    """Pictures of grids of shapes, of random size and shade.

    Args:
        shapes: indices into `SHAPES`, -1 for an empty cell, `(N, rows, columns)`.
        colors: indices into `COLORS`, likewise.

    Returns:
        `(N, rows * CELL, columns * CELL, 3)`, RGB.
    """
    count, rows, columns = shapes.shape
    base = np.array(RADII)[random.integers(len(RADII), size=shapes.shape)]
    radius = base * random.uniform(1 - RADIUS_JITTER, 1 + RADIUS_JITTER, shapes.shape)
    shift = random.uniform(-COLOR_JITTER, COLOR_JITTER, (*shapes.shape, 3))
    shade = np.clip(np.array(list(COLORS.values()))[colors] + shift, 0, 1)
    covered = np.zeros((*shapes.shape, CELL, CELL))
    for index, shape in enumerate(SHAPES):
        chosen = shapes == index
        covered[chosen] = coverage(shape, radius[chosen])
    cells = covered[..., None] * shade[:, :, :, None, None, :]
    pictures = cells.transpose(0, 1, 3, 2, 4, 5).reshape(count, rows * CELL, columns * CELL, 3)
    return np.rint(pictures * 255).astype(np.uint8)


def draw_scene(scene: Scene, random: np.random.Generator) -> NDArray[np.uint8]:
    """The picture of one scene on a grid, `(rows * CELL, columns * CELL, 3)`, RGB.

    Raises:
        DataError: the scene is not on a grid.
    """
    if scene.grid is None:
        raise DataError(scene.name, "only scenes on a grid can be drawn flat")
    names = [(item.attributes.get("shape"), item.attributes.get("color")) for item in scene.objects]
    shapes = [-1 if shape is None else SHAPES.index(shape) for shape, _ in names]
    colors = [-1 if color is None else list(COLORS).index(color) for _, color in names]
    size = (1, *scene.grid)
    shape_grid, color_grid = np.array(shapes).reshape(size), np.array(colors).reshape(size)
    picture: NDArray[np.uint8] = draw_cells(shape_grid, color_grid, random)[0]
    return picture
