"""MAC: memory, attention and control, step after step.

Hudson and Manning (2018, section 3.2). In each step the control attends to the words of the
question (equations c1 to c3), the read unit attends to the cells by what is in memory and what the
control wants (r1 to r3), and the write unit makes the next memory of both (w1, and w2 as an option
is left out). All steps share their weights but for the first projection of the question. Ours knows
where each cell is.
"""

from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from nmn.baselines.base import Asked, Reasoner, ReasonerConfig, Reasoning, layers
from nmn.nn.attention import masked_softmax, seen
from nmn.nn.features import FeatureSize


class MacConfig(ReasonerConfig):
    """Sizes.

    Attributes:
        steps: one after the other.
        units: of control and memory.
        hidden: units of the layer before the answers.
        dropout: of the memory (the same in all steps) and before the last layer, in training.
    """

    kind: Literal["mac"] = "mac"
    steps: int = Field(4, gt=0, le=64)
    units: int = Field(128, gt=0, le=4096)
    hidden: int = Field(256, gt=0, le=8192)
    dropout: float = Field(0.0, ge=0, lt=1)


class Mac(Reasoner):
    """Several steps of control, reading and writing, and layers upon the last memory."""

    def __init__(self, size: FeatureSize, asked: int, answers: int, config: MacConfig) -> None:
        super().__init__()
        units = config.units
        self.dropout = config.dropout
        self.cell = nn.Sequential(nn.Linear(size.channels + 2, units), nn.ELU())
        self.word, self.whole = nn.Linear(asked, units), nn.Linear(asked, units)
        self.positions = nn.ModuleList(nn.Linear(units, units) for _ in range(config.steps))
        self.control = nn.Linear(2 * units, units)
        self.attend_word = nn.Linear(units, 1)
        self.from_memory, self.from_cell = nn.Linear(units, units), nn.Linear(units, units)
        self.interact = nn.Linear(2 * units, units)
        self.attend_cell = nn.Linear(units, 1)
        self.write = nn.Linear(2 * units, units)
        self.first_control = nn.Parameter(torch.zeros(units))
        self.first_memory = nn.Parameter(torch.zeros(units))
        self.say = layers(2 * units, config.hidden, answers, dropout=config.dropout)

    def forward(self, asked: Asked) -> Reasoning:
        """See `Reasoner`."""
        batch, there = len(asked), asked.present
        cells = self.cell(asked.placed())
        projected = self.from_cell(cells)[asked.picture]
        cells = cells[asked.picture]
        words, whole = self.word(asked.questions.words), self.whole(asked.questions.whole)
        control = self.first_control.expand(batch, -1)
        memory = self.first_memory.expand(batch, -1)
        kept = functional.dropout(torch.ones_like(memory), self.dropout, self.training)
        weights = []
        for position in self.positions:
            wanted = self.control(torch.cat([control, position(whole.tanh())], 1))
            scores = self.attend_word(wanted[:, None] * words).squeeze(2)
            control = seen(masked_softmax(scores, asked.questions.present), words)
            looked = self._looked_at(projected, cells, memory * kept, control)
            weights.append(masked_softmax(looked, there))
            found = seen(weights[-1], cells)
            memory = self.write(torch.cat([found, memory], 1))
        return Reasoning(self.say(torch.cat([memory, whole], 1)), torch.stack(weights, 1))

    def _looked_at(
        self,
        projected: Float[Tensor, "batch cell unit"],
        cells: Float[Tensor, "batch cell unit"],
        memory: Float[Tensor, "batch unit"],
        control: Float[Tensor, "batch unit"],
    ) -> Float[Tensor, "batch cell"]:
        """Scores of cells by memory and control: equations r1 to r3."""
        related = self.from_memory(memory)[:, None] * projected
        interaction = functional.elu(self.interact(torch.cat([related, cells], 2)))
        scores: Tensor = self.attend_cell(functional.elu(interaction * control[:, None]))
        return scores.squeeze(2)
