"""Programs that were right once, remembered by question (Liang et al. 2018; Abolafia et al. 2018).

A fixed number a question, as tensors, so that a checkpoint can hold them.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from nmn.program.tokens import PAD

NEVER = -1e30
"""The score of nothing; a number, as checkpoints hold no others."""


class ProgramMemory(nn.Module):
    """Up to `slots` different programs for each question, the simplest or the most probable.

    Attributes:
        tokens: of each program, `PAD` throughout where a slot is empty.
        scores: how probable each was when it was last scored; `NEVER` where a slot is empty.
        costs: of the simplest program of each question, see `Edits.cost`; 0 where there is none.
    """

    def __init__(self, questions: int, slots: int, room: int) -> None:
        super().__init__()
        tokens = torch.full((questions, slots, room + 1), PAD, dtype=torch.int16)
        self.register_buffer("tokens", tokens)
        self.register_buffer("scores", torch.full((questions, slots), NEVER))
        self.register_buffer("costs", torch.zeros(questions, dtype=torch.int16))
        self.tokens: Tensor
        self.costs: Tensor
        self.scores: Tensor

    @property
    def known(self) -> Bool[Tensor, " question"]:
        """For which questions there is a program."""
        return self.tokens[:, 0, 0] != PAD

    def of(self, rows: Int[Tensor, " batch"]) -> Int[Tensor, "batch slot step"]:
        """The programs of some questions."""
        return self.tokens[rows].long()

    def score(self, rows: Int[Tensor, " batch"], scores: Float[Tensor, "batch slot"]) -> None:
        """Say anew how probable the programs of some questions are; the best come first."""
        empty = self.tokens[rows, :, 0] == PAD
        best = scores.masked_fill(empty, NEVER).sort(dim=1, descending=True, stable=True)
        steps = self.tokens.shape[2]
        order = best.indices[:, :, None].expand(-1, -1, steps)
        self.tokens[rows] = self.tokens[rows].gather(1, order)
        self.scores[rows] = best.values

    def add(self, row: int, tokens: Int[Tensor, " step"], cost: int | None = None) -> None:
        """Remember a program; where there is no room, in place of the least probable one.

        Args:
            cost: see `Edits.cost`. If none that is known costs less it is remembered, and those
                that cost more are forgotten; None where simple ones are not preferred.
        """
        mine = self.tokens[row]
        tokens = tokens.to(mine.dtype)
        known = int(self.costs[row])
        if (mine == tokens).all(1).any() or (cost is not None and cost > known > 0):
            return
        if cost is not None and cost < known:
            mine.fill_(PAD)
            self.scores[row] = NEVER
        if cost is not None:
            self.costs[row] = cost
        empty = (mine[:, 0] == PAD).nonzero()
        slot = int(empty[0]) if len(empty) else int(self.scores[row].argmin())
        mine[slot] = tokens
        self.scores[row, slot] = 0.0
