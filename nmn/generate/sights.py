"""Which cells of a picture show which object: scenes drawn once more, as maps of objects."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from nmn.data.clevr_folder import scenes_file
from nmn.data.clevr_scenes import image_index
from nmn.data.json_records import Record, read_records
from nmn.data.sight import NOTHING, Sight
from nmn.generate.card import look_of
from nmn.render.camera import frame
from nmn.render.renderer import RenderConfig, Renderer
from nmn.render.scenes import Look, Scenes, scenes_of, three_numbers

_AT_ONCE = 64
_ENOUGH = 0.25
"""The share of a cell that an object must cover to be what the cell shows."""


def read_sights(
    folder: Path, split: str, size: tuple[int, int], grid: tuple[int, int]
) -> dict[int, Sight]:
    """What is seen where in the pictures of a folder in CLEVR's layout, by image index.

    Args:
        size: `(width, height)` of the pictures that a model looks at.
        grid: `(rows, columns)` of its cells.

    Raises:
        DataError: the scenes are missing, broken, or cannot be drawn.
    """
    file = scenes_file(folder, split)
    look = look_of(file)
    entries = read_records(file, "scenes")
    found: dict[int, Sight] = {}
    while part := list(islice(entries, _AT_ONCE)):
        records = [Record.of(record, str(file), f"scene {place}").values for place, record in part]
        sights = sights_of(records, look, size, grid, str(file))
        for (place, record), sight in zip(part, sights, strict=True):
            found[image_index(Record.of(record, str(file), f"scene {place}"))] = sight
    return found


def sights_of(
    records: Sequence[Mapping[str, Any]],
    look: Look,
    size: tuple[int, int],
    grid: tuple[int, int],
    source: str = "scenes",
) -> Iterator[Sight]:
    """The same for records of a scene file; see `read_sights`."""
    scenes = scenes_of(records, look, source)
    width, height = size
    renderer = Renderer(RenderConfig(width=width, height=height))
    cells = shown(renderer.maps(scenes).ids, scenes.shapes.shape[1], grid)
    axes = _axes(records, scenes, source)
    ground = (scenes.places @ axes.transpose(1, 2)).float()
    for row, record in enumerate(records):
        placed = ground[row, : len(record["objects"])]
        yield Sight(cells[row].numpy().astype(np.int16), placed.numpy())


def shown(
    ids: Int[Tensor, "picture height width"], objects: int, grid: tuple[int, int]
) -> Int[Tensor, "picture row column"]:
    """The object that each cell shows; see `Sight`."""
    rows, columns = grid
    height, width = ids.shape[1:]
    # With sides that are no multiples of a cell's, a pixel belongs to the cell of its middle.
    row = torch.arange(height) * rows // height
    column = torch.arange(width) * columns // width
    cell = (row[:, None] * columns + column).flatten()
    counts = torch.zeros(len(ids), objects + 1, rows * columns)
    seen = ids.flatten(1) - NOTHING  # the ground is 0
    place = seen * (rows * columns) + cell
    counts.flatten(1).scatter_add_(1, place, torch.ones(place.shape))
    pixels = torch.zeros(rows * columns).index_add(0, cell, torch.ones(len(cell)))
    counts = counts[:, 1:]
    most, which = counts.max(1) if objects else (counts.sum(1), torch.zeros_like(counts.sum(1)))
    found = torch.where(most >= _ENOUGH * pixels, which.long(), NOTHING)
    # An object that wins no cell gets the one where most of it is seen, if no other needs that.
    for picture, item in (counts.sum(2) > 0).nonzero().tolist():
        if (found[picture] == item).any():
            continue
        owned = (found[picture, :, None] == found[picture]).sum(1)
        free = (found[picture] == NOTHING) | (owned > 1)
        own = counts[picture, item].masked_fill(~free, 0.0)
        if own.any():
            found[picture, own.argmax()] = item
    return found.view(-1, rows, columns)


def _axes(
    records: Sequence[Mapping[str, Any]], scenes: Scenes, source: str
) -> Float[Tensor, "picture 2 2"]:
    """Unit vectors on the ground that point right and to the front.

    As the scene states them, by which its relations hold; else as its camera sees them. (In
    CLEVR's scenes they are those of the camera before it was shaken.)
    """
    right, _, forward = frame(scenes.camera).unbind(1)
    axes = torch.stack([right[:, :2], -forward[:, :2]], dim=1)
    for row, record in enumerate(records):
        stated = record.get("directions")
        if isinstance(stated, Mapping):
            where = f"image {record.get('image_index', row)}"
            vectors = [
                three_numbers(stated.get(name), f"directions of {name}", source, where)[:2]
                for name in ("right", "front")
            ]
            axes[row] = torch.tensor(vectors)
    return functional.normalize(axes, dim=2)
