"""A classifier that reads answers off maps."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from nmn.nn.convolutions import as_maps

_MANY_ANSWERS = 16
"""From so many rows on, a convolution over the whole map is faster than a matrix product."""


class AnswerHead(nn.Module):
    """Logits of answers from maps: 1x1 convolution, 2x2 maximum, two layers.

    Args:
        channels: of the maps that come in.
        grid: height and width of the maps.
        classifier_channels: of the map after the convolution.
        hidden: units between that map and the answers.
    """

    def __init__(
        self,
        channels: int,
        grid: tuple[int, int],
        classifier_channels: int,
        hidden: int,
        answers: int,
    ) -> None:
        super().__init__()
        self.grid = grid
        self.pooled = -(-grid[0] // 2) * -(-grid[1] // 2)
        self.convolution = nn.Conv2d(channels, classifier_channels, 1)
        self.hidden = nn.Linear(self.pooled * classifier_channels, hidden)
        self.answer = nn.Linear(hidden, answers)

    def forward(self, rows: Float[Tensor, "node cell channel"]) -> Float[Tensor, "node answer"]:
        """Logits of all answers."""
        maps = self.convolution(as_maps(rows, self.grid))
        # ReLU and maximum may change places, and after it there is less to do.
        maps = functional.max_pool2d(maps, 2, ceil_mode=True).relu_()
        # Cell by cell, as they lie in memory.
        hidden = self._hidden(maps).relu_()
        logits: Tensor = self.answer(hidden)
        return logits

    def _hidden(self, maps: Float[Tensor, "node channel height width"]) -> Tensor:
        layer = self.hidden
        if torch.is_grad_enabled() or len(maps) < _MANY_ANSWERS:
            hidden: Tensor = layer(maps.permute(0, 2, 3, 1).flatten(1))
            return hidden
        # The same as one convolution over the whole map: on some processors twice as fast, but
        # its gradient, and one of a few rows, twice as slow.
        _, channels, height, width = maps.shape
        weight = layer.weight.view(-1, height, width, channels).permute(0, 3, 1, 2)
        return functional.conv2d(maps, weight, layer.bias).flatten(1)

    @property
    def multiply_adds(self) -> int:
        """Multiplications for one row."""
        dense = self.hidden.weight.numel() + self.answer.weight.numel()
        return self.grid[0] * self.grid[1] * self.convolution.weight.numel() + dense

    @property
    def elements(self) -> int:
        """Numbers kept for the gradient for one row, other than what goes in."""
        # Of each maximum its value and its place are kept.
        cells = self.grid[0] * self.grid[1] + 2 * self.pooled
        return cells * self.convolution.out_channels + self.hidden.out_features
