"""Flat pictures of Sort-of-CLEVR (Santoro et al. 2017): squares and circles on white.

Edges are as bright as the part of the pixel that is covered, exactly for squares.
"""

import numpy as np
from numpy.typing import NDArray

COLORS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "orange": (255, 156, 0),
    "gray": (128, 128, 128),
    "yellow": (255, 255, 0),
}
SHAPES = ("square", "circle")
SQUARE, CIRCLE = range(len(SHAPES))
BACKGROUND = 255


def draw_objects(
    centers: NDArray[np.float64],
    shapes: NDArray[np.int64],
    colors: NDArray[np.int64],
    radius: float,
    size: int,
) -> NDArray[np.uint8]:
    """Pictures of objects that all lie inside of them, the later over the earlier.

    Args:
        centers: x and y in pixels from the upper left corner, `(picture, object, 2)`.
        shapes: indices into `SHAPES`, `(picture, object)`.
        colors: indices into `COLORS`, likewise.
        radius: half the width of each object, in pixels.
        size: of a side of a picture, in pixels.

    Returns:
        `(picture, size, size, 3)`, RGB.
    """
    count, objects = shapes.shape
    # a frame, so that the patches around the objects never reach beyond the picture
    half = int(np.ceil(radius)) + 1
    side = np.arange(-half, half + 1)
    canvas = np.full((count, size + 2 * half, size + 2 * half, 3), BACKGROUND, np.float32)
    levels = np.array(list(COLORS.values()), np.float32)
    picture = np.arange(count)[:, None, None]
    for number in range(objects):
        center = centers[:, number]
        corner = np.floor(center).astype(np.int64)
        # of the middles of the pixels, from the centre
        x, y = ((side + 0.5) - (center - corner)[:, axis, None] for axis in (0, 1))
        across, down = (_covered(np.abs(part), radius) for part in (x, y))
        square = across[:, None, :] * down[:, :, None]
        circle = _covered(np.hypot(x[:, None, :], y[:, :, None]), radius)
        is_square = (shapes[:, number] == SQUARE)[:, None, None]
        part = np.where(is_square, square, circle)[..., None].astype(np.float32)
        rows = (corner[:, 1, None] + side + half)[:, :, None]
        columns = (corner[:, 0, None] + side + half)[:, None, :]
        color = levels[colors[:, number]][:, None, None]
        canvas[picture, rows, columns] += part * (color - canvas[picture, rows, columns])
    inside = canvas[:, half : half + size, half : half + size]
    return np.rint(inside).astype(np.uint8)


def _covered(distance: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    """How much of a pixel lies within `radius`, where its middle is at `distance`."""
    result: NDArray[np.float64] = np.clip(radius + 0.5 - distance, 0, 1)
    return result
