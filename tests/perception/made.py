"""What the tests of perception share: hand-made scenes, sights, batches and detections."""

import numpy as np
import torch

from nmn.data.batch import Batch
from nmn.data.clevr_scenes import relations_from_directions
from nmn.data.sight import Sight
from nmn.domain import load_domain
from nmn.nn.residual_stem import ResidualStemConfig
from nmn.perception.detections import Detection
from nmn.perception.guesses import DIRECTIONS
from nmn.perception.scene_parser import SceneParserConfig
from nmn.program.text import parse_program
from nmn.scene.scene import Scene, SceneObject

CLEVR = load_domain("clevr")
GRID = (4, 6)
TINY = SceneParserConfig(
    stem=ResidualStemConfig(height=32, width=48, patch=4, levels=((12, 0), (16, 1))), hidden=16
)
"""A scene parser with cells of 8x8 pixels."""

RED = ("small", "red", "rubber", "cube")
BLUE = ("large", "blue", "metal", "sphere")
CELLS = ((-1, -1, -1, -1, -1, -1), (0, 0, 0, -1, -1, -1), (0, 0, 0, 1, 1, -1), (-1,) * 6)
GROUND = ((-2.0, 0.5), (1.0, -1.0))


def scene(*values: tuple[str, ...], ground: tuple[tuple[float, float], ...] = GROUND) -> Scene:
    """Objects with these values, in these places."""
    names = CLEVR.attribute_names
    objects = tuple(
        SceneObject(dict(zip(names, row, strict=True)), place)
        for row, place in zip(values, ground, strict=False)
    )
    rows = relations_from_directions([item.position for item in objects], DIRECTIONS, 0.0)
    return Scene(objects, rows)


def sight(
    cells: tuple[tuple[int, ...], ...] = CELLS,
    ground: tuple[tuple[float, float], ...] = GROUND,
) -> Sight:
    """These cells and places."""
    places = np.array(ground, np.float32).reshape(-1, 2)
    return Sight(np.array(cells, np.int16), places)


def batch(scenes: tuple[Scene | None, ...], sights: tuple[Sight | None, ...]) -> Batch:
    """A picture of noise and a question for each scene."""
    count = len(scenes)
    return Batch(
        questions=("is anything red",) * count,
        pictures=torch.rand(count, 3, 32, 48, generator=torch.Generator().manual_seed(1)),
        picture=torch.arange(count),
        tokens=torch.zeros(count, 1, dtype=torch.long),
        programs=(parse_program("exists(find[red])"),) * count,
        answers=torch.zeros(count, dtype=torch.long),
        scenes=scenes,
        sights=sights,
    )


def detection(
    *values: str,
    there: float = 1.0,
    sure: float = 1.0,
    ground: tuple[float, float] = (0.0, 0.0),
    box: tuple[float, float, float, float] = (0.25, 0.5, 0.5, 1.0),
) -> Detection:
    """An object whose values are each certain to `sure`; the rest is for the next value."""
    table = []
    for attribute, value in zip(CLEVR.attributes, values, strict=True):
        row = [0.0] * len(attribute.values)
        place = attribute.values.index(value)
        row[place] = sure
        row[(place + 1) % len(row)] += 1 - sure
        table.append(tuple(row))
    return Detection(there, tuple(table), ground, box)
