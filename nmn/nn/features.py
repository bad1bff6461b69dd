"""What modules look at: cells of a grid, detected objects, object states, or graph nodes alike."""

from dataclasses import dataclass, replace
from functools import cache

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from nmn.errors import ShapeError


@dataclass(frozen=True)
class FeatureSize:
    """What features are like.

    Attributes:
        grid: `(rows, columns)` of cells, or None for cells of any number and place.
    """

    channels: int
    grid: tuple[int, int] | None = None

    def fits(self, other: "FeatureSize") -> bool:
        """Whether features of size `other` will do where this size is wanted."""
        return self.channels == other.channels and self.grid in {None, other.grid}

    def __str__(self) -> str:
        cells = "" if self.grid is None else f" on a grid of {self.grid[0]}x{self.grid[1]} cells"
        return f"{self.channels} channels{cells}"


@dataclass(frozen=True, eq=False)
class Features:
    """A batch of pictures, each as a set of cells.

    Attributes:
        values: what is seen in each cell.
        positions: where each cell is, x and y in [-1, 1], from left to right and top to bottom.
        present: which cells there are; pictures with fewer than others are padded.
        grid: `(rows, columns)` where the cells are a full grid in row-major order, evenly spaced
            and at the same positions in all pictures, else None.
        mirrored: what is seen in each cell when the picture is looked at in a mirror.

    Raises:
        ShapeError: the fields do not fit together.
    """

    values: Float[Tensor, "picture cell channel"]
    positions: Float[Tensor, "picture cell 2"]
    present: Bool[Tensor, "picture cell"]
    grid: tuple[int, int] | None = None
    mirrored: Float[Tensor, "picture cell channel"] | None = None

    def __post_init__(self) -> None:
        pictures, cells, _ = self.values.shape
        for name, shape, wanted in (
            ("positions", tuple(self.positions.shape), (pictures, cells, 2)),
            ("present", tuple(self.present.shape), (pictures, cells)),
        ):
            if shape != wanted:
                raise ShapeError(f"features.{name}", str(wanted), str(shape))
        if self.grid is not None and self.grid[0] * self.grid[1] != cells:
            raise ShapeError("features.grid", f"{cells} cells", f"{self.grid}")

    def to(self, device: torch.device) -> "Features":
        """The same on another device."""
        mirrored = None if self.mirrored is None else self.mirrored.to(device)
        values, positions = self.values.to(device), self.positions.to(device)
        present = self.present.to(device)
        return Features(values, positions, present, self.grid, mirrored)


def with_mirrored(features: Features, other: Features) -> Features:
    """Features with what the same stem says of the mirrored pictures.

    Raises:
        ShapeError: they are on no grid.
    """
    if features.grid is None:
        raise ShapeError("features", "a grid of cells, to mirror it", "none")
    cells = other.values.view(len(other.values), *features.grid, -1)
    return replace(features, mirrored=cells.flip(2).flatten(1, 2))


def grid_features(values: Float[Tensor, "picture channel height width"]) -> Features:
    """The cells of a feature map as features, with positions on the grid."""
    pictures, _, height, width = values.shape
    cells = values.flatten(2).transpose(1, 2)
    dtype = torch.promote_types(values.dtype, torch.float32)
    places = grid_positions(height, width).to(values.device, dtype)
    positions = places.expand(pictures, -1, -1)
    present = torch.ones(pictures, height * width, dtype=torch.bool, device=values.device)
    return Features(cells, positions, present, (height, width))


def pooled(features: Features, grid: tuple[int, int]) -> Features:
    """The largest value of each channel in each cell of a coarser grid.

    Raises:
        ShapeError: the features are on no grid.
    """
    if features.grid is None:
        raise ShapeError("features", "a grid of cells, to pool it", "none")
    maps = features.values.transpose(1, 2).reshape(len(features.values), -1, *features.grid)
    coarser: Features = grid_features(functional.adaptive_max_pool2d(maps, grid))
    return coarser


@cache
def grid_positions(height: int, width: int) -> Float[Tensor, "cell 2"]:
    """Centres of the cells of a grid in [-1, 1], x then y, in row-major order."""
    x = (torch.arange(width) * 2 + 1) / width - 1
    y = (torch.arange(height) * 2 + 1) / height - 1
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([columns.flatten(), rows.flatten()], dim=1)


def check_size(pictures: Float[Tensor, "picture 3 height width"], width: int, height: int) -> None:
    """Refuse pictures of another size than a stem was built for.

    Raises:
        ShapeError: they are.
    """
    got = pictures.shape[-1], pictures.shape[-2]
    if got != (width, height):
        raise ShapeError("pictures", f"{width}x{height}", f"{got[0]}x{got[1]}")
