"""Pictures with what a mask means marked in them."""

import base64
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from nmn.inspector.layout import MEANT

_TINT = np.array([255.0, 205.0, 70.0])
_OUTLINE = (255, 205, 70)
_DIM = 0.36
_TINT_SHARE = 0.38
_FINE = 16
"""Pixels below which a cell is too small for a line around itself."""

Box = tuple[float, float, float, float]


def enlarged(picture: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """The picture `width` pixels wide: small ones in whole blocks, large ones smoothed."""
    height = max(1, round(picture.shape[0] * width / picture.shape[1]))
    how = Image.Resampling.NEAREST if picture.shape[1] < width else Image.Resampling.LANCZOS
    return np.asarray(Image.fromarray(picture).resize((width, height), how))


def overlay(
    picture: NDArray[np.uint8],
    mask: Sequence[float],
    *,
    grid: tuple[int, int] | None = None,
    boxes: Sequence[Box] | None = None,
    width: int = 180,
) -> NDArray[np.uint8]:
    """The picture with meant regions bright and outlined, and all else dark.

    Args:
        mask: of each cell of `grid`, or of each of `boxes`, in [0, 1].
    """
    base = enlarged(picture, width).astype(np.float64)
    regions = boxes if boxes is not None else _cells(grid or (1, len(mask)))
    shares = np.zeros(base.shape[:2])
    pixels = [_pixels(box, base.shape[1], base.shape[0]) for box in regions]
    for share, (left, top, right, bottom) in zip(mask, pixels, strict=True):
        region = shares[top:bottom, left:right]
        np.maximum(region, share, out=region)
    strength = shares[..., None]
    fine = boxes is None and max(right - left for left, _, right, _ in pixels) < _FINE
    # Drawn pictures have a black ground, on which light would not show; rendered ones keep colours.
    tint = 0.0 if fine or boxes is not None else _TINT_SHARE
    darkness = 1 - base.max(axis=2, keepdims=True) / 255
    lit = base + _TINT * tint * darkness
    image = Image.fromarray((base * _DIM * (1 - strength) + lit * strength).astype(np.uint8))
    if fine:
        return _with_border(np.asarray(image), shares > MEANT)
    drawing = ImageDraw.Draw(image)
    for share, (left, top, right, bottom) in zip(mask, pixels, strict=True):
        if share > MEANT:
            drawing.rectangle((left, top, right - 1, bottom - 1), outline=_OUTLINE, width=3)
    return np.asarray(image)


def _with_border(picture: NDArray[np.uint8], meant: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """With a line around what is meant, for cells too small to have one each."""
    grown = Image.fromarray(meant.astype(np.uint8)).filter(ImageFilter.MaxFilter(5))
    border = (np.asarray(grown) > 0) & ~meant
    return np.where(border[..., None], np.array(_OUTLINE, dtype=np.uint8), picture)


def as_png(picture: NDArray[np.uint8]) -> bytes:
    """The picture as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def as_data_uri(picture: NDArray[np.uint8]) -> str:
    """The picture as a `data:` address, to stand inside a page."""
    return f"data:image/png;base64,{base64.b64encode(as_png(picture)).decode()}"


def _cells(grid: tuple[int, int]) -> list[Box]:
    rows, columns = grid
    return [
        (column / columns, row / rows, (column + 1) / columns, (row + 1) / rows)
        for row in range(rows)
        for column in range(columns)
    ]


def _pixels(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """A box in pixels; it has at least one, however small it is."""
    left, top, right, bottom = box
    x, y = round(left * width), round(top * height)
    return x, y, max(round(right * width), x + 1), max(round(bottom * height), y + 1)
