"""The one training loop."""

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from nmn.config import Config
from nmn.errors import NotFiniteError, OutOfMemoryError
from nmn.execution.costs import is_out_of_memory
from nmn.nn.trainable import B, Trainable
from nmn.seeding import child_seed


class LoopConfig(Config):
    """How to train.

    Attributes:
        steps: batches to learn from, at most.
        minutes: training ends after so many, with its evaluations, if it has not before; what goes
            by the share of the steps that are done goes by that of the time, if this is larger.
            Then other machines do more or fewer steps. 0 for as long as it takes.
        batch_size: questions in a batch, at most.
        per_picture: of these about one picture, at most; 0 for all that there are.
        learning_rate: the highest; it rises over the first `warmup` of the steps and then
            falls to nothing along a cosine.
        weight_decay: of AdamW (Loshchilov and Hutter 2019).
        clip: the longest gradient, as its norm.
        curriculum: `(step, most)`: until that step only questions with at most so many relations,
            whose programs have at most so many steps, or with at most so many words; after the
            last entry, all. By `families`, `(step, names)`: only questions of these, named with
            their number or, for all numbers, without.
        curriculum_by: which of these (steps are `length`); `content_words` counts words that say
            something (see `nmn.policies.templates.content_words`).
        evaluate_every: steps between evaluations on pictures that are kept from training; 0 for
            none.
        evaluate_questions: how many questions are about those pictures, at least.
        patience: training ends after so many evaluations without a better one, and in any case
            with the weights of the best; 0 for all steps, and the weights of the last.
        log_every: steps between lines of the log.
        checkpoint_every: steps between states from which training can resume.
        threads: of the CPU. Small models gain nothing from several, and where something else
            keeps a core busy, threads that wait for each other make training many times slower.
        stuck_after, stuck_loss: a run whose mean loss over the last 100 steps is above
            `stuck_loss` after step `stuck_after` begins anew with other initial weights; 0 for
            never. A run that begins with given weights does not.
        restarts: how often at most.
    """

    steps: int = Field(1000, gt=0)
    minutes: float = Field(0.0, ge=0, le=100_000)
    batch_size: int = Field(64, gt=0, le=65_536)
    per_picture: int = Field(0, ge=0)
    learning_rate: float = Field(1e-3, gt=0, le=10)
    warmup: float = Field(0.1, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0, le=10)
    clip: float = Field(10.0, gt=0)
    curriculum: tuple[tuple[int, int | tuple[str, ...]], ...] = ()
    curriculum_by: Literal["relations", "length", "words", "content_words", "families"] = (
        "relations"
    )
    evaluate_every: int = Field(0, ge=0)
    evaluate_questions: int = Field(1000, gt=0)
    patience: int = Field(0, ge=0)
    log_every: int = Field(50, gt=0)
    checkpoint_every: int = Field(200, gt=0)
    threads: int = Field(1, gt=0)
    stuck_after: int = Field(0, ge=0)
    stuck_loss: float = Field(0.0, ge=0)
    restarts: int = Field(3, ge=0)

    @model_validator(mode="after")
    def _patience_has_something_to_wait_for(self) -> "LoopConfig":
        if self.patience and not self.evaluate_every:
            raise ValueError("patience without evaluations; wanted evaluate_every above 0")
        return self

    @model_validator(mode="after")
    def _curriculum_has_what_it_goes_by(self) -> "LoopConfig":
        named = self.curriculum_by == "families"
        for step, allowed in self.curriculum:
            number = isinstance(allowed, int)
            if number == named or allowed == ():
                wanted = "names of families" if named else "a number"
                given = "a number" if number else "names" if allowed else "no names"
                raise ValueError(
                    f"curriculum until step {step}, by {self.curriculum_by}: {given};"
                    f" wanted {wanted}"
                )
        return self

    def is_over(self, step: int, seconds: float) -> bool:
        """Whether training ends after so many steps and seconds."""
        return step >= self.steps or bool(self.minutes and seconds >= 60 * self.minutes)

    def rate(self, step: int, seconds: float = 0.0) -> float:
        """The learning rate of a step that begins after so many seconds of training."""
        if self.minutes:
            step = max(step, min(self.steps, int(self.steps * seconds / (60 * self.minutes))))
        rising = self.warmup * self.steps
        if step < rising:
            return self.learning_rate * (step + 1) / (rising + 1)
        done = (step - rising) / (self.steps - rising)
        return self.learning_rate * (1 + math.cos(math.pi * done)) / 2


@dataclass(frozen=True)
class Progress:
    """What the loop tells after each step.

    Attributes:
        step: steps done so far.
        parts: the parts of the loss on this step's batch.
        questions: in this step's batch.
        seconds: that the step took, with the reading of its batch.
    """

    step: int
    loss: float
    parts: dict[str, float]
    rate: float
    questions: int
    seconds: float


def train(
    model: Trainable[B],
    optimizer: torch.optim.Optimizer,
    batches: Iterable[B],
    config: LoopConfig,
    seed: int,
    *,
    start: int = 0,
    seconds: float = 0.0,
) -> Iterator[Progress]:
    """Train `model` in place from step `start` on, as long as somebody asks for the next step.

    What a step does depends on the arguments and its number alone, so a run that is resumed
    from the state after any step ends as if it had not been interrupted.

    Args:
        batches: of the steps from `start` on, see `nmn.training.curriculum`.
        seconds: that it has taken until `start`.

    Raises:
        NotFiniteError: the loss is not a finite number.
        OutOfMemoryError: with the number of questions that would fit.
    """
    device = next(model.parameters()).device
    begun = time.perf_counter() - seconds
    began = time.perf_counter()
    for step, batch in zip(range(start, config.steps), batches, strict=False):
        model.train()
        randomness = torch.Generator().manual_seed(child_seed(seed, "step", step))
        rate = config.rate(step, time.perf_counter() - begun)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = model.loss(batch.to(device), randomness)
        value = loss.total.item()
        if not math.isfinite(value):
            parts = tuple(n for n, part in loss.parts.items() if not math.isfinite(part))
            raise NotFiniteError(step + 1, "the loss", value, parts)
        optimizer.zero_grad(set_to_none=True)
        _backward(loss.total, *model.at_once(len(batch)))
        nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        optimizer.step()
        took = time.perf_counter() - began
        yield Progress(step + 1, value, dict(loss.parts), rate, len(batch), took)
        began = time.perf_counter()
    model.eval()


def _backward(loss: Tensor, questions: int, setting: str) -> None:
    """The gradient of a loss.

    Args:
        questions, setting: see `Trainable.at_once`.

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
