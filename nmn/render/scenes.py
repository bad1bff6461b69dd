"""What is in a batch of CLEVR pictures, as tensors, and how the words of scene files look."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor

from nmn.config import Config
from nmn.errors import DataError, listing, nearest, shortened
from nmn.render.camera import BASE, LAMPS, PUBLISHED_SIZE, misplaced, solve_camera

SHAPES = ("sphere", "cube", "cylinder")
"""The bodies that can be drawn, by index."""
SPHERE, CUBE, CYLINDER = range(len(SHAPES))

Body = Literal["sphere", "cube", "cylinder"]
Surface = Literal["rubber", "metal"]
Level = Annotated[int, Field(ge=0, le=255)]

_SIZES = {"large": 0.7, "small": 0.35}
_COLORS = {
    "gray": (87, 87, 87),
    "red": (173, 35, 35),
    "blue": (42, 75, 215),
    "green": (29, 105, 20),
    "brown": (129, 74, 25),
    "purple": (129, 38, 192),
    "cyan": (41, 208, 208),
    "yellow": (255, 238, 51),
}
_MATERIALS: dict[str, Surface] = {"rubber": "rubber", "metal": "metal"}
_SHAPES: dict[str, Body] = {"cube": "cube", "sphere": "sphere", "cylinder": "cylinder"}

_LARGEST = 1e6
_BESIDE = 1e-3
_FARTHEST_OFF = 2.0


class Look(Config):
    """How the values of attributes look; CLEVR's own by default.

    Attributes:
        shapes: the body of each shape.
        sizes: half the height of each size, in scene units.
        colors: red, green, blue of each colour, 0 to 255, which are linear reflectances * 255.
        materials: the surface of each material.
    """

    sizes: dict[str, Annotated[float, Field(gt=0, le=3)]] = Field(_SIZES)
    colors: dict[str, tuple[Level, Level, Level]] = Field(_COLORS)
    materials: dict[str, Surface] = Field(_MATERIALS)
    shapes: dict[str, Body] = Field(_SHAPES)


@dataclass(frozen=True, eq=False)
class Scenes:
    """The objects of several pictures, and from where they are seen and lit.

    Attributes:
        shapes: index into `SHAPES`; -1 for no object.
        places: x and y on the ground.
        sizes: half the height; the centre of an object is that high.
        rotations: around the vertical, in radians.
        colors: linear reflectance, 0 to 1.
        metal: whether it is metal and not rubber.
        camera: its position; it looks at the origin.
        lamps: positions of key, back and fill light.
    """

    shapes: Int[Tensor, "picture object"]
    places: Float[Tensor, "picture object 2"]
    sizes: Float[Tensor, "picture object"]
    rotations: Float[Tensor, "picture object"]
    colors: Float[Tensor, "picture object 3"]
    metal: Bool[Tensor, "picture object"]
    camera: Float[Tensor, "picture 3"]
    lamps: Float[Tensor, "picture 3 3"]

    def __len__(self) -> int:
        return len(self.shapes)

    @property
    def centers(self) -> Float[Tensor, "picture object 3"]:
        """The middle of each object."""
        return torch.cat([self.places, self.sizes[..., None]], dim=-1)

    def to(self, device: torch.device | str) -> "Scenes":
        """The same on another device."""
        return Scenes(*(getattr(self, field.name).to(device) for field in fields(self)))

    def part(self, begin: int, end: int) -> "Scenes":
        """Some of the pictures."""
        return Scenes(*(getattr(self, field.name)[begin:end] for field in fields(self)))


def scenes_of(records: Sequence[Mapping[str, Any]], look: Look, source: str = "scenes") -> Scenes:
    """The pictures of records of a scene file (CLEVR's format).

    The camera is that of the record, or solved from its `pixel_coords`; without either, and for
    lamps that are not stated, those without jitter are taken.

    Args:
        source: what to call the file in messages.

    Raises:
        DataError: an object without a place, or with a value that has no look; numbers that are
            none, or a camera or lamps that are not above the ground.
    """
    largest = max((len(_objects(record, source)) for record in records), default=0)
    shapes = torch.full((len(records), largest), -1)
    numbers = torch.zeros(len(records), largest, 4)
    sizes = torch.ones(len(records), largest)
    colors = torch.zeros(len(records), largest, 3)
    metal = torch.zeros(len(records), largest, dtype=torch.bool)
    for picture, record in enumerate(records):
        for index, item in enumerate(_objects(record, source)):
            where = f"image {record.get('image_index', picture)}, object {index}"
            shapes[picture, index] = SHAPES.index(_look(item, "shape", look.shapes, source, where))
            sizes[picture, index] = _look(item, "size", look.sizes, source, where)
            levels = _look(item, "color", look.colors, source, where)
            colors[picture, index] = torch.tensor(levels) / 255
            metal[picture, index] = (
                _look(item, "material", look.materials, source, where) == "metal"
            )
            place = three_numbers(item.get("3d_coords"), "3d_coords", source, where)
            numbers[picture, index] = torch.tensor([*place, _rotation(item, source, where)])
    images = [f"image {record.get('image_index', i)}" for i, record in enumerate(records)]
    cameras = [
        _camera(record, look, source, where) for record, where in zip(records, images, strict=True)
    ]
    lamps = [_lamps(record, source, where) for record, where in zip(records, images, strict=True)]
    return Scenes(
        shapes,
        numbers[..., :2].contiguous(),
        sizes,
        numbers[..., 3].contiguous(),
        colors,
        metal,
        torch.tensor(cameras, dtype=torch.float32).reshape(-1, 3),
        torch.tensor(lamps, dtype=torch.float32).reshape(-1, 3, 3),
    )


def _objects(record: Mapping[str, Any], source: str) -> Sequence[Mapping[str, Any]]:
    objects = record.get("objects")
    if not isinstance(objects, list) or not all(isinstance(item, dict) for item in objects):
        where = f"image {record.get('image_index', '?')}"
        raise DataError(source, "wanted a list of objects as 'objects'", where)
    return objects


def _look(item: Mapping[str, Any], attribute: str, known: Mapping[str, Any], *where: str) -> Any:
    value = item.get(attribute)
    if not isinstance(value, str) or value not in known:
        choices = listing(nearest(str(value), known))
        source, record = where
        problem = f"no look for {attribute} {str(value)[:40]!r} (nearest: {choices})"
        raise DataError(source, problem, record)
    return known[value]


def three_numbers(value: Any, name: str, source: str, where: str) -> tuple[float, float, float]:
    """Three numbers that have a place in a picture: neither NaN nor out of all bounds.

    Raises:
        DataError: something else.
    """
    if isinstance(value, list | tuple) and len(value) == 3 and all(map(_is_number, value)):
        x, y, z = map(float, value)
        return x, y, z
    problem = f"wanted three numbers as '{name}', got {shortened(repr(value), 60)}"
    raise DataError(source, problem, where)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and -_LARGEST < value < _LARGEST


def _rotation(item: Mapping[str, Any], source: str, where: str) -> float:
    value = item.get("rotation", 0)
    if not _is_number(value):
        problem = f"wanted a number as 'rotation', got {shortened(repr(value), 60)}"
        raise DataError(source, problem, where)
    return float(value)


def _camera(record: Mapping[str, Any], look: Look, source: str, where: str) -> tuple[float, ...]:
    if record.get("camera") is not None:
        camera = three_numbers(record["camera"], "camera", source, where)
    else:
        points, landed = [], []
        for index, item in enumerate(record["objects"]):
            if item.get("pixel_coords") is not None:
                at = f"{where}, object {index}"
                landed.append(three_numbers(item["pixel_coords"], "pixel_coords", source, at))
                points.append([*map(float, item["3d_coords"][:2]), look.sizes[item["size"]]])
        camera = solve_camera(points, landed) if points else BASE
        off = misplaced(points, landed, camera) if points else 0.0
        if off > _FARTHEST_OFF:
            problem = f"no camera sees the objects at their 'pixel_coords': off by {off:.0f} pixels"
            advice = f"wanted those of a picture of {PUBLISHED_SIZE[0]}x{PUBLISHED_SIZE[1]}"
            raise DataError(source, f"{problem}; {advice}", where)
    x, y, z = camera
    if not (_BESIDE <= math.hypot(x, y) < _LARGEST and 0 < z < _LARGEST):
        problem = f"wanted a 'camera' above the ground that looks aslant, got {list(camera)}"
        raise DataError(source, problem, where)
    return camera


def _lamps(record: Mapping[str, Any], source: str, where: str) -> list[tuple[float, float, float]]:
    stated = record.get("lamps", {})
    if not isinstance(stated, Mapping):
        raise DataError(source, f"wanted a table as 'lamps', got {type(stated).__name__}", where)
    lamps = [
        three_numbers(stated.get(name, place), f"lamps.{name}", source, where)
        for name, place in LAMPS.items()
    ]
    if any(height <= 0 for _, _, height in lamps):
        raise DataError(source, "wanted 'lamps' above the ground", where)
    return lamps
