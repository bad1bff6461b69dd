"""Pictures with what a mask means marked in them."""

import base64
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from nmn.inspector.layout import MEANT

_TINT = np.array([255.0, 205.0, 70.0])
_OUTLINE = (255, 205, 70)
_DIM = 0.28
_TINT_SHARE = 0.38

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
    """The picture with meant regions bright and outlined on a yellow ground, and all else dark.

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
    darkness = 1 - base.max(axis=2, keepdims=True) / 255
    lit = base + _TINT * _TINT_SHARE * darkness
    image = Image.fromarray((base * _DIM * (1 - strength) + lit * strength).astype(np.uint8))
    drawing = ImageDraw.Draw(image)
    for share, (left, top, right, bottom) in zip(mask, pixels, strict=True):
        if share > MEANT:
            drawing.rectangle((left, top, right - 1, bottom - 1), outline=_OUTLINE, width=3)
    return np.asarray(image)


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
    left, top, right, bottom = box
    return round(left * width), round(top * height), round(right * width), round(bottom * height)
