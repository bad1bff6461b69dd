"""Attention over cells and words: weights that are 1 together, and what is seen with them."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

NOWHERE = -1e30
"""The score of what is not there; finite, as there may be nothing at all."""


def masked_softmax(
    scores: Float[Tensor, "*batch cell"], present: Bool[Tensor, "*batch cell"]
) -> Float[Tensor, "*batch cell"]:
    """Weights that are 1 together, and 0 of what is not there; all 0 where nothing is."""
    weights = scores.masked_fill(~present, NOWHERE).softmax(-1)
    return weights * present


def seen(
    weights: Float[Tensor, "batch cell"], values: Float[Tensor, "batch cell channel"]
) -> Float[Tensor, "batch channel"]:
    """The mean of values by weights."""
    return torch.bmm(weights[:, None], values).squeeze(1)


def masked_mean(
    values: Float[Tensor, "batch cell channel"], present: Bool[Tensor, "batch cell"]
) -> Float[Tensor, "batch channel"]:
    """The mean of what is there; 0 where nothing is."""
    there = present[:, :, None]
    return (values * there).sum(1) / there.sum(1).clamp_min(1)


class AdditiveAttention(nn.Module):
    """Scores of cells for a question: `w tanh(W v + U q + b)` (Bahdanau et al. 2015).

    In stacked attention networks (Yang et al. 2016, equations 15 to 17) each glimpse is one. What
    a picture says is worked out once for all its questions.

    Args:
        channels: of cells.
        asked: of questions.
        hidden: units in which both meet.
    """

    def __init__(self, channels: int, asked: int, hidden: int) -> None:
        super().__init__()
        self.cell = nn.Linear(channels, hidden, bias=False)
        self.question = nn.Linear(asked, hidden)
        self.score = nn.Linear(hidden, 1)

    def forward(
        self,
        values: Float[Tensor, "picture cell channel"],
        present: Bool[Tensor, "picture cell"],
        picture: Int[Tensor, " batch"],
        question: Float[Tensor, "batch asked"],
    ) -> Float[Tensor, "batch cell"]:
        """Weights of the cells of the picture of each question."""
        both = self.cell(values)[picture] + self.question(question)[:, None]
        return masked_softmax(self.score(both.tanh_()).squeeze(2), present[picture])
