"""What the models beside module networks have in common.

A reasoner is given what a picture shows, cell by cell, and what is asked, and says how much speaks
for each answer. It knows nothing of programs.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field, model_validator
from torch import Tensor, nn

from nmn.baselines.matching import ObjectsSaid
from nmn.config import Config
from nmn.nn.features import Features
from nmn.nn.precision import at_least_single
from nmn.nn.question_encoder import EncodedQuestions


@dataclass(frozen=True, eq=False)
class Asked:
    """Questions about pictures.

    Attributes:
        features: of each picture, once.
        picture: for each question, the index of its picture.
        questions: as a whole, and word by word.
        families: what kind of question each is, where that is known.
        generator: what is drawn by chance in training comes from it.
    """

    features: Features
    picture: Int[Tensor, " batch"]
    questions: EncodedQuestions
    families: tuple[str, ...] = ()
    generator: torch.Generator | None = None

    def __len__(self) -> int:
        return len(self.picture)

    @property
    def present(self) -> Bool[Tensor, "batch cell"]:
        """Which cells the picture of each question has."""
        return self.features.present[self.picture]

    def placed(self) -> Float[Tensor, "picture cell channel"]:
        """What is seen in each cell of a picture, and behind it where that is."""
        return torch.cat([self.features.values, self.features.positions], 2)


@dataclass(frozen=True, eq=False)
class Reasoning:
    """What a reasoner says.

    Attributes:
        logits: of each answer.
        attention: how much of each cell was looked at in each step, where that can be said.
        log_probability: of what was drawn by chance on the way, where something was.
        objects: what is said of objects, by reasoners that do.
    """

    logits: Float[Tensor, "batch answer"]
    attention: Float[Tensor, "batch step cell"] | None = None
    log_probability: Float[Tensor, " batch"] | None = None
    objects: ObjectsSaid | None = None

    def wide(self) -> "Reasoning":
        """The same in single precision at least, in which losses are computed."""
        attention, drawn = self.attention, self.log_probability
        return Reasoning(
            at_least_single(self.logits),
            None if attention is None else at_least_single(attention),
            None if drawn is None else at_least_single(drawn),
            None if self.objects is None else self.objects.wide(),
        )


class ReasonerConfig(Config):
    """Base of what reasoners are made by.

    Attributes:
        kind: the name of the reasoner; each has one.
    """

    kind: str


class Reasoner(nn.Module, ABC):
    """From cells and words to answers."""

    @abstractmethod
    def forward(self, asked: Asked) -> Reasoning:
        """Answer questions."""


Units = Annotated[int, Field(gt=0, le=8192)]
"""How many numbers a layer has."""


class HeadedConfig(ReasonerConfig):
    """Sizes of what attends with several heads.

    Attributes:
        units: of a node, word or cell.
        heads: of attention, which share the units.
    """

    units: int = Field(128, gt=0, le=4096)
    heads: int = Field(4, gt=0, le=64)

    @model_validator(mode="after")
    def _heads_share_units(self) -> "HeadedConfig":
        if self.units % self.heads:
            raise ValueError(f"units {self.units}; wanted a multiple of heads ({self.heads})")
        return self


def layers(*units: int, dropout: float = 0.0) -> nn.Sequential:
    """Linear layers with ReLU between them, and dropout before the last."""
    parts: list[nn.Module] = []
    for place, (before, after) in enumerate(pairwise(units)):
        last = place == len(units) - 2
        if last and dropout:
            parts.append(nn.Dropout(dropout))
        parts.append(nn.Linear(before, after))
        if not last:
            parts.append(nn.ReLU())
    return nn.Sequential(*parts)
