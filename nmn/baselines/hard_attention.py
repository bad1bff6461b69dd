"""Hard attention: a few cells are chosen, and only these are reasoned about.

- `norm`: the cells whose features are longest once they know the question (Malinowski et al. 2018,
  Learning visual question answering by bootstrapping hard attention, section 3.2). The gradient
  goes through the chosen cells, and makes what helps longer.
- `straight_through`: the cells of the highest scores; the gradient takes the choice for the
  softmax of the scores (Bengio et al. 2013).
- `reinforce`: in training cells are drawn without replacement by the scores (Xu et al. 2015,
  section 4.1, with the reward of a right answer); what the draw was worth is told by the model's
  loss.

What reasons about them is any other reasoner: a relation network, a Transformer.
"""

import math
from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from nmn.baselines.base import Asked, Reasoner, Reasoning
from nmn.nn.attention import NOWHERE
from nmn.nn.features import Features
from nmn.nn.precision import at_least_single

Choice = Literal["norm", "straight_through", "reinforce"]


class HardAttention(Reasoner):
    """Another reasoner that sees the chosen cells alone.

    Args:
        channels: of cells, without their places.
        asked: units of questions.
        share: of the cells that are chosen.
        behind: what reasons about them.
    """

    def __init__(
        self, channels: int, asked: int, share: float, choice: Choice, behind: Reasoner
    ) -> None:
        super().__init__()
        self.share, self.choice, self.behind = share, choice, behind
        self.cell = nn.Linear(channels + 2, channels)
        self.question = nn.Linear(asked, channels)
        self.score = None if choice == "norm" else nn.Linear(channels, 1)

    def forward(self, asked: Asked) -> Reasoning:
        """See `Reasoner`; the attention is 1 for chosen cells and 0 for others."""
        rows = torch.arange(len(asked), device=asked.picture.device)
        told = self.question(asked.questions.whole)
        joint = (self.cell(asked.placed())[asked.picture] + told[:, None]).relu()
        if self.score is None:
            scores = at_least_single(joint).norm(dim=2)
        else:
            scores = at_least_single(self.score(joint).squeeze(2))
        scores = scores.masked_fill(~asked.present, NOWHERE)
        # Of each picture its share, however many cells others have.
        wanted = (self.share * asked.present.sum(1)).ceil().long()
        most = max(1, math.ceil(self.share * scores.shape[1]))
        kept = torch.arange(most, device=scores.device) < wanted[:, None]
        if self.choice == "reinforce" and self.training:
            chosen = _drawn(scores, most, asked.generator)
            log_probability = (_one_by_one(scores, chosen) * kept).sum(1)
        else:
            chosen, log_probability = scores.topk(most, dim=1).indices, None
        values = _picked(joint, chosen) * kept[:, :, None]
        if self.choice == "straight_through":
            weights = scores.softmax(1).gather(1, chosen)
            values = values * (1 + weights - weights.detach())[:, :, None]
        places = _picked(asked.features.positions[asked.picture], chosen)
        features = Features(values, places, kept)
        said: Reasoning = self.behind(replace(asked, features=features, picture=rows))
        mask = torch.zeros_like(scores).scatter(1, chosen, kept.to(scores.dtype))
        return replace(said, attention=mask[:, None], log_probability=log_probability)


def _picked(
    values: Float[Tensor, "batch cell channel"], chosen: Int[Tensor, "batch some"]
) -> Float[Tensor, "batch some channel"]:
    return values.gather(1, chosen[:, :, None].expand(-1, -1, values.shape[2]))


def _drawn(
    scores: Float[Tensor, "batch cell"], count: int, generator: torch.Generator | None
) -> Int[Tensor, "batch some"]:
    """Cells without replacement, each by the softmax of those that are left.

    The highest of scores with Gumbel noise (Kool et al. 2019, Stochastic beams and where to find
    them).
    """
    noise = torch.rand(scores.shape, generator=generator).clamp_min(1e-20).log_().neg_().log_()
    return (scores.detach() - noise.to(scores.device)).topk(count, dim=1).indices


def _one_by_one(
    scores: Float[Tensor, "batch cell"], chosen: Int[Tensor, "batch some"]
) -> Float[Tensor, "batch some"]:
    """The log-probability of each cell drawn, after those before it (Plackett and Luce)."""
    picked = scores.gather(1, chosen)
    others = scores.scatter(1, chosen, -torch.inf).logsumexp(1, keepdim=True)
    # What is left when a cell is drawn: the others, it itself and all that are drawn after it.
    left = torch.cat([others, picked.flip(1)], 1).logcumsumexp(1)[:, 1:].flip(1)
    return picked - left
