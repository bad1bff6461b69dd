"""The prior of answers by family: what is mostly answered to questions of this kind.

The question-type mode of the CLEVR paper (Johnson et al. 2017, section 5.1). It reads neither words
nor picture, only of which family a question is. Ours learns in the one training loop: a free logit
for each family and answer, whose likelihood is highest at the frequencies.
"""

import zlib
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from nmn.baselines.base import Asked, Reasoner, ReasonerConfig, Reasoning


class PriorConfig(ReasonerConfig):
    """Sizes.

    Attributes:
        slots: for families, which find theirs by their names; two may meet in one.
    """

    kind: Literal["prior"] = "prior"
    slots: int = Field(4096, gt=0, le=1_000_000)


class Prior(Reasoner):
    """A free logit for each family and answer, and for each answer in all."""

    def __init__(self, answers: int, config: PriorConfig) -> None:
        super().__init__()
        self.families = nn.Embedding(config.slots, answers)
        nn.init.zeros_(self.families.weight)
        self.all = nn.Parameter(torch.zeros(answers))

    def forward(self, asked: Asked) -> Reasoning:
        """See `Reasoner`; a family that was never learned from has the prior of all."""
        slots = self.families.num_embeddings
        names = asked.families or ("",) * len(asked)
        place = [zlib.crc32(name.encode()) % slots for name in names]
        chosen = self.families(torch.tensor(place, device=self.all.device))
        return Reasoning(chosen + self.all)
