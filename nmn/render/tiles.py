"""Rectangles of a picture, cut into tiles of equal size: what is near one object, all at once.

What belongs to one object or shadow touches a small part of its picture. Its rectangle is cut into
square tiles, and the tiles of all objects of all pictures are one batch: rays, points and colours
are `3 tile sample`, properties of the object `tile 1`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

SIDE = 16
"""Samples along a side of a tile."""


@dataclass(frozen=True, eq=False)
class Tiles:
    """Tiles of rectangles.

    Attributes:
        owner: whose rectangle each tile is of.
        column, row: where each sample is in its picture.
        inside: whether it is within the picture.
    """

    owner: Int[Tensor, " tile"]
    column: Int[Tensor, "tile sample"]
    row: Int[Tensor, "tile sample"]
    inside: Bool[Tensor, "tile sample"]

    def __len__(self) -> int:
        return len(self.owner)

    def __getitem__(self, chosen: Int[Tensor, " chosen"]) -> "Tiles":
        return Tiles(self.owner[chosen], self.column[chosen], self.row[chosen], self.inside[chosen])

    @staticmethod
    def joined(parts: Sequence["Tiles"]) -> "Tiles":
        """The tiles of all parts."""
        names = [field.name for field in fields(Tiles)]
        return Tiles(*(torch.cat([getattr(part, name) for part in parts]) for name in names))

    def owned_by(self, owners: Int[Tensor, " rectangle"]) -> "Tiles":
        """The same, where the rectangles belong to `owners`."""
        return Tiles(owners[self.owner], self.column, self.row, self.inside)

    def places(
        self, picture: Int[Tensor, " tile"], width: int, height: int
    ) -> Int[Tensor, "tile sample"]:
        """The index of each sample in an array `picture row column`; of those outside, of any."""
        row, column = self.row.clamp(0, height - 1), self.column.clamp(0, width - 1)
        return (picture[:, None] * height + row) * width + column


def cut(
    low: Float[Tensor, "rectangle 2"], high: Float[Tensor, "rectangle 2"], width: int, height: int
) -> Tiles:
    """The tiles that cover each rectangle, as far as it is in its picture.

    Args:
        low, high: its corners, x and y in samples.
    """
    bounds = torch.tensor([width, height], device=low.device)
    first = (low / 2).floor().long().clamp(min=0) * 2  # two samples are a pixel
    last = torch.minimum(high.ceil().long(), bounds)
    counts = ((last - first).clamp_min(0) + SIDE - 1) // SIDE
    total = counts[:, 0] * counts[:, 1]
    owner = torch.repeat_interleave(torch.arange(len(low), device=low.device), total)
    within = torch.arange(len(owner), device=low.device) - (total.cumsum(0) - total)[owner]
    across = counts[owner, 0]
    steps = torch.arange(SIDE * SIDE, device=low.device)
    column = (first[owner, 0] + within % across * SIDE)[:, None] + steps % SIDE
    row = (first[owner, 1] + within // across * SIDE)[:, None] + steps // SIDE
    return Tiles(owner, column, row, (column < width) & (row < height))
