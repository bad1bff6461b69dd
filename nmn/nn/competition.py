"""Neighbouring cells that compete to stand for the same thing."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from nmn.nn.soft_logic import IMPOSSIBLE, LIMIT

_NEIGHBOURHOOD = 3
_MIDDLE = _NEIGHBOURHOOD**2 // 2
_FIRST_RANGE = 0.1
"""How far apart, in the units of `Features.positions`, are the things of cells that are two."""
_SAME = 3.0
"""Within so many ranges of each other things are one for certain."""


class Competition(nn.Module):
    """Whether a cell ranks above the eight cells around it, as a doubt (`nmn.nn.soft_logic`).

    The softmax of ranks over the neighbourhood, as odds; hardened, the highest cell of each
    neighbourhood wins for certain. Of a thing that several cells show one remains, as by the local
    maxima of CenterNet (Zhou et al. 2019), but so that ranks can be learned. Where cells say at
    which place their things stand, those count less that say another: of two things that hide each
    other, neighbouring cells can stand for both.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.rank = nn.Linear(channels, 1)
        self.range = nn.Parameter(torch.tensor(math.log(_FIRST_RANGE)))  # its logarithm

    def forward(
        self,
        values: Float[Tensor, "picture cell channel"],
        places: Float[Tensor, "picture cell 2"] | None,
        grid: tuple[int, int],
        *,
        soft: bool,
    ) -> Float[Tensor, "picture cell"]:
        """Doubts that cells win.

        Args:
            places: where their things stand.
        """
        dtype = torch.promote_types(values.dtype, torch.float32)
        ranks = self.rank(values).to(dtype).squeeze(2).clamp(-LIMIT / 2, LIMIT / 2)
        others = _others(ranks[:, :, None], grid, -torch.inf)[:, 0]
        if places is not None:
            distances = _others(places.to(dtype), grid, 0.0) - places.transpose(1, 2)[:, :, None]
            others = others - (distances / self.range.exp()).square().sum(1) / 2
        if not soft:
            return torch.where(others.amax(1) < ranks, 1 / IMPOSSIBLE, IMPOSSIBLE)
        odds: Tensor = (others - ranks[:, None]).exp()
        return odds.sum(1)

    def again(
        self, doubts: Float[Tensor, "picture start"], places: Float[Tensor, "picture start 2"]
    ) -> Bool[Tensor, "picture start"]:
        """Which cells stand for a thing that one before them, wherever it is, stands for already.

        Args:
            doubts: that they stand for a thing, in ascending order.
        """
        apart = torch.cdist(places, places, compute_mode="donot_use_mm_for_euclid_dist")
        same = (apart < _SAME * self.range.exp()) & (doubts < 1)[:, None]
        return same.tril(-1).any(2)


def _others(
    values: Float[Tensor, "picture cell channel"], grid: tuple[int, int], outside: float
) -> Float[Tensor, "picture channel neighbour cell"]:
    """What the cells around each cell have."""
    count, cells, channels = values.shape
    maps = values.transpose(1, 2).reshape(count, channels, *grid)
    padded = functional.pad(maps, [_NEIGHBOURHOOD // 2] * 4, value=outside)
    around = functional.unfold(padded, _NEIGHBOURHOOD).view(count, channels, -1, cells)
    return torch.cat([around[:, :, :_MIDDLE], around[:, :, _MIDDLE + 1 :]], dim=2)
