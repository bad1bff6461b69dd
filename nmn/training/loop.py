"""The one training loop."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from pydantic import Field
from torch import Tensor, nn

from nmn.config import Config
from nmn.data.batch import Batch, collate
from nmn.data.example import Dataset
from nmn.data.vocabulary import WordVocabulary
from nmn.errors import ConfigError, OutOfMemoryError
from nmn.execution.base import Model
from nmn.execution.costs import is_out_of_memory
from nmn.seeding import child_seed, generator


class LoopConfig(Config):
    """How to train.

    Attributes:
        steps: batches to learn from.
        learning_rate: the highest; it rises over the first `warmup` of the steps and then
            falls to nothing along a cosine.
        clip: the longest gradient, as its norm.
        curriculum: `(step, relations)`: until that step only questions with at most so many
            relations; after the last entry, all.
        checkpoint_every: steps between states from which training can resume.
        threads: of the CPU. Small models gain nothing from several, and where something else
            keeps a core busy, threads that wait for each other make training many times slower.
        stuck_after, stuck_loss: a run whose mean loss over the last 100 steps is above
            `stuck_loss` after step `stuck_after` begins anew with other initial weights; 0 for
            never.
        restarts: how often at most.
    """

    steps: int = Field(1000, gt=0)
    batch_size: int = Field(64, gt=0, le=65_536)
    learning_rate: float = Field(1e-3, gt=0, le=10)
    warmup: float = Field(0.1, ge=0, lt=1)
    clip: float = Field(10.0, gt=0)
    curriculum: tuple[tuple[int, int], ...] = ()
    checkpoint_every: int = Field(200, gt=0)
    threads: int = Field(1, gt=0)
    stuck_after: int = Field(0, ge=0)
    stuck_loss: float = Field(0.0, ge=0)
    restarts: int = Field(3, ge=0)

    def rate(self, step: int) -> float:
        """The learning rate of a step."""
        rising = self.warmup * self.steps
        if step < rising:
            return self.learning_rate * (step + 1) / (rising + 1)
        done = (step - rising) / (self.steps - rising)
        return self.learning_rate * (1 + math.cos(math.pi * done)) / 2


@dataclass(frozen=True)
class Progress:
    """What the loop reports after each step.

    Attributes:
        step: steps done so far.
        parts: the parts of the loss on this step's batch.
    """

    step: int
    loss: float
    parts: dict[str, float]


def train(
    model: Model,
    optimizer: torch.optim.Optimizer,
    data: Dataset,
    vocabulary: WordVocabulary,
    config: LoopConfig,
    seed: int,
    *,
    start: int = 0,
    report: Callable[[Progress], None] = lambda progress: None,
) -> None:
    """Train `model` in place from step `start` to the end.

    What a step does depends on the arguments and its number alone, so a run that is resumed
    from the state after any step ends as if it had not been interrupted.

    Args:
        report: called after each step.

    Raises:
        ConfigError: a stage of the curriculum for which there is no question.
    """
    order = _Order(data, config, seed)
    device = next(model.parameters()).device
    model.train()
    for step in range(start, config.steps):
        batch = order.batch(step, vocabulary).to(device)
        randomness = torch.Generator().manual_seed(child_seed(seed, "step", step))
        for group in optimizer.param_groups:
            group["lr"] = config.rate(step)
        loss = model.loss(batch, randomness)
        optimizer.zero_grad(set_to_none=True)
        _backward(loss.total, *model.at_once(len(batch)))
        nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        optimizer.step()
        report(Progress(step + 1, loss.total.item(), dict(loss.parts)))
    model.eval()


def _backward(loss: Tensor, questions: int, setting: str) -> None:
    """The gradient of a loss.

    Args:
        questions, setting: see `Model.at_once`.

    Raises:
        OutOfMemoryError: with fewer at once.
    """
    try:
        loss.backward()  # type: ignore[no-untyped-call]
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        half = max(1, questions // 2)
        raise OutOfMemoryError(loss.device.type, questions, half, setting) from error


class _Order:
    """Which examples each step sees: in every stage, one random order after another."""

    def __init__(self, data: Dataset, config: LoopConfig, seed: int) -> None:
        self.data = data
        self.config = config
        self.seed = seed
        relations = [
            0 if example.program is None else example.program.count("relate") for example in data
        ]
        self.stages: list[tuple[int, list[int]]] = []
        for end, most in (*config.curriculum, (config.steps, max(relations))):
            allowed = [index for index, count in enumerate(relations) if count <= most]
            if not allowed:
                raise ConfigError("curriculum", f"no question has at most {most} relations")
            self.stages.append((end, allowed))

    def batch(self, step: int, vocabulary: WordVocabulary) -> Batch:
        number, begin = 0, 0
        while step >= self.stages[number][0]:
            begin = max(begin, self.stages[number][0])
            number += 1
        size = self.config.batch_size
        stream = self._stream(number, (step - begin) * size)
        chosen = [self.data[next(stream)] for _ in range(size)]
        return collate(chosen, self.data.domain, vocabulary)

    def _stream(self, stage: int, position: int) -> Iterator[int]:
        allowed = self.stages[stage][1]
        epoch, place = divmod(position, len(allowed))
        while True:
            shuffled = generator(self.seed, "order", stage, epoch).permutation(len(allowed))
            yield from (allowed[index] for index in shuffled[place:])
            epoch, place = epoch + 1, 0
