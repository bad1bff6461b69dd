"""Relations between places, learned: of any kind from a table, or as directions on a plane."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from nmn.nn.soft_logic import LIMIT

_TABLE_GAIN = 8.0
"""Tables learn this much faster than what has layers below it to help."""

_FIRST_ENTRY = -0.125

_PLANE_GAIN = 20.0
_FIRST_DIRECTION = 0.05
_HIDDEN = 64
"""Channels in which it is worked out where a thing is that is seen in a place so."""


class RelativePositions(nn.Module):
    """For each relation a table over relative positions, interpolated bilinearly.

    The table has `offsets` x `offsets` entries over [-2, 2] in both directions; with 7 of them
    the offsets between the cells of a 3x3 grid fall right on entries.
    """

    def __init__(self, relations: int, offsets: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.full((offsets, offsets, relations), _FIRST_ENTRY))
        self.register_buffer("_centres", torch.linspace(-2, 2, offsets), persistent=False)
        self._centres: Tensor

    def forward(self, offsets: Float[Tensor, "*pairs 2"]) -> Float[Tensor, "*pairs relation"]:
        """Logit of each relation for offsets, x then y, to a cell from the one it is related to."""
        spacing = self._centres[1] - self._centres[0]
        near = (1 - (offsets[..., None] - self._centres).abs() / spacing).clamp(min=0)
        table = _TABLE_GAIN * self.table
        with torch.autocast(offsets.device.type, enabled=False):  # small, and used in every step
            return torch.einsum("...x,...y,yxr->...r", near[..., 0, :], near[..., 1, :], table)


class Plane(nn.Module):
    """Where the thing of each cell stands on a plane, and each relation as a direction in it."""

    def __init__(self, channels: int, relations: int) -> None:
        super().__init__()
        self.first = nn.Linear(channels + 2, _HIDDEN)
        self.place = nn.Linear(_HIDDEN, 2)
        nn.init.zeros_(self.place.weight)
        nn.init.zeros_(self.place.bias)
        self.directions = nn.Linear(2, relations, bias=False)
        nn.init.normal_(self.directions.weight, std=_FIRST_DIRECTION)

    def places(
        self,
        values: Float[Tensor, "picture cell channel"],
        positions: Float[Tensor, "picture cell 2"],
    ) -> Float[Tensor, "picture cell 2"]:
        """Where things stand: at first where their cells are."""
        seen = torch.cat([values, positions.to(values.dtype)], 2)
        places: Tensor = positions + self.place(functional.relu(self.first(seen)))
        return places

    def forward(
        self, places: Float[Tensor, "picture cell 2"], starts: Int[Tensor, "picture start"]
    ) -> Float[Tensor, "picture relation cell start"]:
        """Logit of each relation of all cells to the cells that `starts` names.

        None is related to itself.
        """
        along = _PLANE_GAIN * self.directions(places).transpose(1, 2)
        index = starts[:, None].expand(-1, along.shape[1], -1)
        differences: Tensor = along[..., None] - along.gather(2, index)[:, :, None]
        # Nothing is in relation to itself; else that would always be undecided.
        return differences.scatter(2, index[:, :, None], -LIMIT)
