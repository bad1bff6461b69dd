"""Neighbouring cells that compete to stand for the same thing."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from nmn.nn.soft_logic import IMPOSSIBLE, LIMIT

_NEIGHBOURHOOD = 3


class Competition(nn.Module):
    """Whether a cell ranks above the eight cells around it, as a doubt (`nmn.nn.soft_logic`).

    The softmax of ranks over the neighbourhood, as odds; hardened, the highest cell of each
    neighbourhood wins for certain. Of a thing that several cells show one remains, as by the local
    maxima of CenterNet (Zhou et al. 2019), but so that ranks can be learned.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.rank = nn.Linear(channels, 1)

    def forward(
        self, values: Float[Tensor, "picture cell channel"], grid: tuple[int, int], *, soft: bool
    ) -> Float[Tensor, "picture cell"]:
        """Doubts that cells win."""
        dtype = torch.promote_types(values.dtype, torch.float32)
        ranks = self.rank(values).to(dtype).squeeze(2).clamp(-LIMIT / 2, LIMIT / 2)
        maps = ranks.view(len(values), 1, *grid)
        reach = _NEIGHBOURHOOD // 2
        padded = functional.pad(maps, [reach] * 4, value=-torch.inf)
        around = functional.unfold(padded, _NEIGHBOURHOOD)
        others = torch.cat([around[:, :4], around[:, 5:]], dim=1)
        if not soft:
            return torch.where(others.amax(1) < ranks, 1 / IMPOSSIBLE, IMPOSSIBLE)
        odds: Tensor = (others - ranks[:, None]).exp()
        return odds.sum(1)
