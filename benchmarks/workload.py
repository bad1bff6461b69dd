"""What several benchmarks run: programs, features, and models of both families.

"small" are 32 channels on 12x12 cells, "paper" 128 channels on 14x14 cells, the size of the models
in the papers. Programs are the real CLEVR questions of `NMN_REAL_DATA` where that is set, and
random well-typed ones otherwise. Pictures are random numbers: no work depends on what is seen.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from nmn.data.batch import Batch
from nmn.data.clevr import read_questions
from nmn.data.words import words_of
from nmn.domain import load_domain
from nmn.execution.batched import BatchedConfig, BatchedExecutor
from nmn.execution.reference import ReferenceExecutor
from nmn.generate.clevr import StatesWorldConfig, make_states
from nmn.generate.programs import random_program
from nmn.modules import build_bank
from nmn.nn.features import Features, grid_features
from nmn.nn.stem import Stem, StemConfig
from nmn.program.program import Program
from nmn.seeding import generator

Pass = Literal["forward", "forward+backward"]
Executor = BatchedExecutor | ReferenceExecutor

_LONG_ENOUGH = 0.5


@dataclass(frozen=True)
class Width:
    """A size of models.

    Attributes:
        stem: gives features of this size; a light one, with one look at each pixel.
        tbd: sizes of the answer head of the `tbd` family.
    """

    name: str
    stem: StemConfig
    tbd: Mapping[str, Any]

    @property
    def channels(self) -> int:
        """Of the features."""
        return self.stem.size.channels

    @property
    def side(self) -> int:
        """Cells in a row of the grid."""
        grid = self.stem.size.grid
        assert grid is not None
        return grid[0]


WIDTHS = {
    "small": Width(
        "small",
        StemConfig(height=96, width=96, layers=((32, 4, 4), (32, 2, 2), (32, 1, 1))),
        {"classifier_channels": 128, "hidden": 256},
    ),
    "paper": Width(
        "paper",
        StemConfig(height=224, width=224, layers=((64, 8, 8), (128, 2, 2), (128, 1, 1))),
        {"classifier_channels": 512, "hidden": 1024},
    ),
}


class Given(nn.Module):
    """In the place of a stem: what it is given are the features already."""

    def forward(self, values: Tensor) -> Features:
        """Features `(picture, channel, height, width)`, as features."""
        return grid_features(values)


def executor(
    kind: Literal["reference", "batched"],
    family: str,
    width: Width,
    *,
    precision: Literal["float32", "bfloat16"] = "float32",
    with_stem: bool = False,
    device: str = "cpu",
) -> Executor:
    """An executor with random weights, in training mode."""
    torch.manual_seed(0)
    sizes = width.tbd if family == "tbd" else {}
    bank = build_bank(family, load_domain("clevr"), width.stem.size, sizes)
    stem = Stem(width.stem) if with_stem else Given()
    made: Executor
    if kind == "reference":
        made = ReferenceExecutor(stem, bank)
    else:
        made = BatchedExecutor(stem, bank, BatchedConfig(precision=precision))
    return made.to(device)


@cache
def clevr_programs() -> tuple[str, tuple[Program, ...]]:
    """What the programs are, and the programs."""
    domain = load_domain("clevr")
    real = os.environ.get("NMN_REAL_DATA")
    if real:
        path = Path(real) / "clevr" / "CLEVR_train_questions.json.gz"
        found = (question.example.program for question in read_questions(path, domain))
        return "real CLEVR programs", tuple(p for p in islice(found, 8192) if p is not None)
    made = (random_program(domain, 12, generator(0, "programs", n)) for n in range(2048))
    return "random programs (NMN_REAL_DATA is not set)", tuple(made)


def batch_of(
    programs: Sequence[Program],
    per_picture: int,
    width: Width,
    *,
    with_stem: bool = False,
    device: str = "cpu",
) -> Batch:
    """A batch of these programs, so many of them about each picture."""
    count = len(programs)
    pictures = -(-count // per_picture)
    if with_stem:
        values = torch.rand(pictures, 3, width.stem.height, width.stem.width)
    else:
        values = torch.rand(pictures, width.channels, width.side, width.side)
        values = values.contiguous(memory_format=torch.channels_last)
    made = Batch(
        questions=("",) * count,
        pictures=values,
        picture=torch.arange(count) // per_picture,
        tokens=torch.zeros(count, 1, dtype=torch.long),
        programs=tuple(programs),
        answers=torch.zeros(count, dtype=torch.long),
        scenes=(None,) * count,
    ).to(torch.device(device))
    # A stem needs the gradient of the features that it gave.
    made.pictures.requires_grad_(not with_stem)
    return made


def programs_of(start: int, count: int) -> list[Program]:
    """`count` programs of the workload from the `start`-th on, beginning again at the end."""
    _, programs = clevr_programs()
    return [programs[(start + place) % len(programs)] for place in range(count)]


def step(made: Executor, batch: Batch, direction: Pass) -> Callable[[], None]:
    """One execution of a batch, with or without the gradient of a loss."""
    programs = [program for program in batch.programs if program is not None]

    def forward() -> None:
        made.run(programs, batch)

    def backward() -> None:
        batch.pictures.grad = None
        made.zero_grad(set_to_none=True)
        found = made.run(programs, batch).log_probabilities
        likely = found.masked_fill(found.isinf(), 0.0)
        functional.nll_loss(likely, batch.answers).backward()  # type: ignore[no-untyped-call]

    return forward if direction == "forward" else backward


def step_seconds(made: Executor, batch: Batch, direction: Pass) -> float:
    """The time of one execution of a batch, one of many: the median of those in half a second.

    One before them is not timed; without gradient all are in one session.
    """
    run = step(made, batch, direction)
    device = batch.pictures.device.type
    with made.session() if direction == "forward" else nullcontext():
        run()
        taken = [seconds(run, device)]
        while sum(taken) < _LONG_ENOUGH:
            taken.append(seconds(run, device))
    return median(taken)


def seconds(run: Callable[[], object], device: str = "cpu") -> float:
    """The time that one call takes."""
    if device == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    run()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def clevr_questions(count: int) -> list[tuple[str, ...]]:
    """The words of so many generated CLEVR questions."""
    found: list[tuple[str, ...]] = []
    begin = 0
    while len(found) < count:
        made = make_states(StatesWorldConfig(), 0, "train", range(begin, begin + 50)).questions
        found += [words_of(record["question"]) for record in made]
        begin += 50
    return found[:count]
