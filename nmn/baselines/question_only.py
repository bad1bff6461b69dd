"""Answers from the question alone: what a model knows without looking.

The LSTM of the CLEVR paper (Johnson et al. 2017, section 5.1): layers upon its last state.
"""

from typing import Literal

from pydantic import Field

from nmn.baselines.base import Asked, Reasoner, ReasonerConfig, Reasoning, layers


class QuestionOnlyConfig(ReasonerConfig):
    """Sizes.

    Attributes:
        hidden: units of the layer before the answers.
        dropout: before the last layer, in training.
    """

    kind: Literal["question_only"] = "question_only"
    hidden: int = Field(256, gt=0, le=8192)
    dropout: float = Field(0.0, ge=0, lt=1)


class QuestionOnly(Reasoner):
    """Layers upon the question."""

    def __init__(self, asked: int, answers: int, config: QuestionOnlyConfig) -> None:
        super().__init__()
        self.say = layers(asked, config.hidden, answers, dropout=config.dropout)

    def forward(self, asked: Asked) -> Reasoning:
        """See `Reasoner`; nothing of the picture is looked at."""
        return Reasoning(self.say(asked.questions.whole))
