"""Who says how good a program is for its question."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from nmn.config import Config
from nmn.data.question_set import NOWHERE, QuestionSet

Scenes = Int[np.ndarray, "batch scene"]
"""Of each question some of the scenes that it is asked of, by their places among these."""


class RulesJudgeConfig(Config):
    """Programs are executed by rules on scenes; right answers count 1."""

    kind: Literal["rules"] = "rules"


@dataclass(frozen=True, eq=False)
class Judged:
    """What a judge says of programs.

    Attributes:
        rewards: from 0, as for a program that fails, to 1.
        loss: what the judge itself learns from them, where it learns.
    """

    rewards: Float[Tensor, "batch program"]
    loss: Float[Tensor, ""] | None = None


class Judge(nn.Module, ABC):
    """Executes programs where their questions are asked, and compares the answers.

    Attributes:
        learns: whether it learns from what it judges.
    """

    learns = False

    @abstractmethod
    def judge(
        self,
        rows: Int[Tensor, " batch"],
        tokens: Int[Tensor, "batch program step"],
        generator: torch.Generator,
    ) -> Judged:
        """How good some programs of each question are, all on the same scenes.

        Args:
            rows: the questions, by their numbers.
            tokens: what is no well-typed program fails.
            generator: of the scenes.
        """


class RulesJudge(Judge):
    """The share of some scenes of its question where a program is right.

    Args:
        scenes: how many, drawn anew each time.
    """

    def __init__(self, data: QuestionSet, scenes: int) -> None:
        super().__init__()
        self.data, self.scenes = data, scenes

    def judge(
        self,
        rows: Int[Tensor, " batch"],
        tokens: Int[Tensor, "batch program step"],
        generator: torch.Generator,
    ) -> Judged:
        """See `Judge`."""
        scenes = drawn_scenes(self.data, rows, self.scenes, generator)
        count, most = tokens.shape[1], scenes.shape[1]
        owners = rows.cpu().numpy().repeat(count * most)
        programs = tokens.repeat_interleave(most, 1).flatten(0, 1).cpu().numpy()
        places = np.broadcast_to(scenes[:, None], (len(rows), count, most)).reshape(-1)
        right = torch.from_numpy(self.data.right_on(owners, programs, places))
        return Judged(right.view(-1, count, most).float().mean(2).to(rows.device))


def drawn_scenes(
    data: QuestionSet, rows: Int[Tensor, " batch"], count: int, generator: torch.Generator
) -> Scenes:
    """For each question so many of the scenes that it is asked of, drawn with replacement."""
    asked = torch.from_numpy((data.asked[rows.cpu().numpy()] != NOWHERE).sum(axis=1))
    drawn = (asked[:, None] * torch.rand(len(rows), count, generator=generator)).long()
    places: Scenes = drawn.numpy()
    return places
