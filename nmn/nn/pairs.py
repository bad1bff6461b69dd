"""What a network says of all pairs of cells, summed, in bounded memory.

The relation network (Santoro et al. 2017) sums `g(o_i, o_j, q)` over all pairs of objects. Built
as it is written, with all concatenations in one tensor, most of the time goes into the first layer
and most of the memory into tensors of a row a pair. Here the first layer is worked out where it is
cheap: `W [o_i; o_j; q] = A o_i + B o_j + C q`, the first two once for each cell of a picture and
the last once for each question. The other layers see some pairs at a time, which stay in the
processor's caches, and in training are worked out once more when the gradient comes by.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

_AT_ONCE = 1 << 20
"""Numbers of one layer that are in memory together: some megabytes."""
_KEPT = 1 << 27
"""Numbers that are kept for the gradient: half a gigabyte."""
_ALIKE = 32
"""Questions about pictures with like numbers of cells that are looked at together."""


class PairSums(nn.Module):
    """For each cell the sum of `g(cell, other, question)` over all others and itself.

    `g` has linear layers, each followed by ReLU.

    Args:
        channels: of cells.
        asked: of questions; 0 where pairs are looked at without.
        units: of each layer of `g`.
        at_once: numbers of one layer that are in memory together, at most, where that is more than
            those of one cell with all others.
        kept: numbers that are kept for the gradient at most; where there would be more, they are
            worked out once more when it comes by.
    """

    def __init__(
        self,
        channels: int,
        asked: int,
        units: Sequence[int],
        at_once: int = _AT_ONCE,
        kept: int = _KEPT,
    ) -> None:
        super().__init__()
        first = units[0]
        self.one = nn.Linear(channels, first, bias=False)
        self.other = nn.Linear(channels, first, bias=False)
        self.question = nn.Linear(asked, first)
        self.layers = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(units))
        self.at_once, self.kept = at_once, kept
        self._reset(channels, asked)

    def forward(
        self,
        values: Float[Tensor, "picture cell channel"],
        present: Bool[Tensor, "picture cell"],
        picture: Int[Tensor, " batch"],
        question: Float[Tensor, "batch asked"],
    ) -> Float[Tensor, "batch cell unit"]:
        """The sums for the cells of the picture of each question; 0 for those not there."""
        # Pictures with like numbers of cells go together, and few pairs are of none.
        order = present.sum(1)[picture].argsort(stable=True)
        ragged = values.device.type == "cpu" and not present.all()
        picture, question = picture[order], question[order]
        one, other = self.one(values)[picture], self.other(values)[picture]
        one = one + self.question(question)[:, None]
        there = present[picture].to(one.dtype)  # a narrow one under autocast
        batch, cells, _ = one.shape
        widths = [layer.out_features for layer in (self.one, *self.layers)]
        rows = max(1, self.at_once // (cells * cells * max(widths)))
        some = max(1, min(cells, self.at_once // (rows * cells * max(widths))))
        again = torch.is_grad_enabled() and batch * cells * cells * sum(widths) > self.kept
        rows = min(rows, _ALIKE) if ragged else rows
        sums = []
        for begin in range(0, batch, rows):
            chosen = slice(begin, begin + rows)
            used = _used(there[chosen]) if ragged else cells
            parts = []
            for first in range(0, used, some):
                rest = slice(first, min(first + some, used))
                given = one[chosen, rest], other[chosen, :used], there[chosen, :used]
                parts.append(
                    checkpoint(self._sums, *given, use_reentrant=False)
                    if again
                    else self._sums(*given)
                )
            sums.append(functional.pad(torch.cat(parts, 1), (0, 0, 0, cells - used)))
        return (torch.cat(sums) * there[:, :, None])[order.argsort()]

    def _sums(
        self,
        one: Float[Tensor, "row some unit"],
        other: Float[Tensor, "row cell unit"],
        there: Float[Tensor, "row cell"],
    ) -> Float[Tensor, "row some last"]:
        """The sums of some cells of some pictures."""
        said = (one[:, :, None] + other[:, None]).relu_()
        shape = said.shape[:-1]
        said = said.flatten(0, 2)  # ReLU in place on a view would be copied for the gradient
        for layer in self.layers:
            said = layer(said).relu_()
        return torch.einsum("rc,rscu->rsu", there, said.view(*shape, -1))

    def _reset(self, channels: int, asked: int) -> None:
        """Weights as if the first layer were one over the whole concatenation."""
        whole = nn.Linear(2 * channels + asked, self.one.out_features)
        with torch.no_grad():
            self.one.weight.copy_(whole.weight[:, :channels])
            self.other.weight.copy_(whole.weight[:, channels : 2 * channels])
            self.question.weight.copy_(whole.weight[:, 2 * channels :])
            self.question.bias.copy_(whole.bias)


def _used(there: Float[Tensor, "row cell"]) -> int:
    """How many cells there are up to the last one that any row has, and at least one."""
    return int(there.any(0).nonzero().max()) + 1 if there.any() else 1
