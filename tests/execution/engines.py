"""What the tests of the executors share: programs, batches, small banks, and their gradients."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from torch import Tensor, nn

from nmn.data.batch import UNKNOWN, Batch
from nmn.domain import Domain
from nmn.errors import ProgramTypeError
from nmn.execution.batched import BatchedConfig, BatchedExecutor
from nmn.execution.reference import ReferenceExecutor
from nmn.modules import build_bank
from nmn.modules.base import ModuleBank
from nmn.nn.features import Features, FeatureSize, grid_features
from nmn.program.program import Node, Program
from nmn.program.typecheck import answers_of, typecheck
from tests.strategies import TRANSITIONS, attempt, programs

GRIDS = {"attention": (3, 3), "tbd": (3, 4), "residual": (3, 4)}
CHANNELS = 5
SMALL: dict[str, dict[str, Any]] = {
    "attention": {},
    "tbd": {"classifier_channels": 4, "hidden": 8},
    "residual": {"classifier_channels": 4, "hidden": 8},
}
"""Configurations of all families that are quick to run."""


ROUNDING = 1e-13


class Sight(nn.Module):
    """A stem that has seen all pictures before: the features are its parameters."""

    def __init__(self, values: Tensor) -> None:
        super().__init__()
        self.values = nn.Parameter(values)

    def forward(self, _: Tensor) -> Features:
        return grid_features(self.values)


class ObjectSight(nn.Module):
    """The same for objects at any place, of which pictures have different numbers."""

    def __init__(self, values: Tensor, positions: Tensor, present: Tensor) -> None:
        super().__init__()
        self.values = nn.Parameter(values)
        self.positions = positions
        self.present = present

    def forward(self, _: Tensor) -> Features:
        return Features(self.values, self.positions, self.present)


def sight(family: str, pictures: int, grid: tuple[int, int] | None = None) -> Sight:
    """A stem of random features for a family's small bank, in float64."""
    shape = pictures, CHANNELS, *(grid or GRIDS[family])
    return Sight(torch.randn(shape, dtype=torch.float64))


def small_bank(
    family: str, domain: Domain, grid: tuple[int, int] | None = None, **values: Any
) -> ModuleBank:
    """A bank with random parameters, no two alike, in float64."""
    size = FeatureSize(CHANNELS, grid or GRIDS[family])
    bank = build_bank(family, domain, size, {**SMALL[family], **values}).double()
    for parameter in bank.parameters():
        if parameter.dim() == 1 or family == "attention":
            nn.init.normal_(parameter, std=0.5)
        elif not parameter.any():  # else a residual block would be the way around it
            nn.init.normal_(parameter, std=0.1)
    return bank


def engines(
    family: str, domain: Domain, pictures: int, seed: int = 0, **values: Any
) -> tuple[ReferenceExecutor, BatchedExecutor]:
    """Both executors with the same stem and bank."""
    torch.manual_seed(seed)
    stem, bank = sight(family, pictures), small_bank(family, domain, **values)
    return ReferenceExecutor(stem, bank), BatchedExecutor(stem, bank)


def configured(executor: BatchedExecutor, **values: Any) -> BatchedExecutor:
    """The same executor with other options."""
    return BatchedExecutor(executor.stem, executor.bank, BatchedConfig(**values))


def batch_of(picture: Sequence[int], pictures: int | None = None) -> Batch:
    """Questions about these pictures, of which nothing but their number is known."""
    count = len(picture)
    return Batch(
        questions=tuple(f"question {place}" for place in range(count)),
        pictures=torch.zeros(
            max(picture, default=0) + 1 if pictures is None else pictures, 3, 1, 1
        ),
        picture=torch.tensor(list(picture), dtype=torch.long),
        tokens=torch.zeros(count, 1, dtype=torch.long),
        programs=(None,) * count,
        answers=torch.full((count,), UNKNOWN),
        scenes=(None,) * count,
    )


def permuted(batch: Batch, order: Sequence[int]) -> Batch:
    """The questions of a batch in another order."""
    return replace(
        batch,
        questions=tuple(batch.questions[place] for place in order),
        picture=batch.picture[list(order)],
    )


def has_answers(program: Program, domain: Domain) -> bool:
    """Whether `domain` has answers of the type of `program`."""
    output = typecheck(program, domain)[-1]
    return not isinstance(attempt(lambda: answers_of(output, domain), ProgramTypeError), Exception)


def sample_programs(domain: Domain, count: int, seed: int, largest: int = 24) -> list[Program]:
    """Random well-typed programs of 2 to `largest` nodes, as trees."""
    random = Random(seed)
    transitions = TRANSITIONS[domain.name]
    found: list[Program] = []
    while len(found) < count:
        state = transitions.start(random.randint(2, largest))
        tokens: list[int] = []
        while not state.ended:
            tokens.append(random.choice(transitions.legal(state)))
            state = transitions.advance(state, tokens[-1])
        program = transitions.vocabulary.decode(tokens)
        if has_answers(program, domain):
            found.append(program)
    return found


@st.composite
def tangles(draw: DrawFn, domain: Domain, largest: int = 10) -> Program:
    """Programs whose equal nodes may be one, after others on which the answer does not depend."""
    answerable = programs(domain, largest).filter(lambda program: has_answers(program, domain))
    parts = draw(st.lists(programs(domain, largest), max_size=2))
    share = draw(st.booleans())
    nodes: list[Node] = []
    for program in (*parts, draw(answerable)):
        place: list[int] = []
        for node in program.nodes:
            made = Node(node.operation, node.argument, tuple(place[at] for at in node.inputs))
            if share and node is not program.root and made in nodes:
                place.append(nodes.index(made))
            else:
                place.append(len(nodes))
                nodes.append(made)
    return Program(tuple(nodes))


@dataclass(frozen=True, eq=False)
class Outcome:
    """What an executor gave: answers, and the gradient of each parameter."""

    answers: Tensor
    gradients: dict[str, Tensor]


def outcome(
    executor: ReferenceExecutor | BatchedExecutor,
    programs: Sequence[Program],
    batch: Batch,
    **options: Any,
) -> Outcome:
    """The answers, and the gradients of a sum of them whose weights are the same at each call."""
    answers = executor.run(programs, batch, **options).log_probabilities
    weights = torch.rand(answers.shape, generator=torch.Generator().manual_seed(7))
    loss = (answers.masked_fill(answers.isinf(), 0) * weights.to(answers.dtype)).sum()
    names, parameters = zip(*executor.named_parameters(), strict=True)
    found = torch.autograd.grad(loss, parameters, allow_unused=True)
    return Outcome(
        answers.detach(),
        {
            name: torch.zeros_like(parameter) if gradient is None else gradient
            for name, parameter, gradient in zip(names, parameters, found, strict=True)
        },
    )


def assert_same(got: Outcome, wanted: Outcome, gradients: float = 1e-8) -> None:
    """Answers to 1e-9, and each gradient to a share of its largest element.

    Of a gradient that is nothing by cancellation only rounding is left, of sums of order one.
    """
    torch.testing.assert_close(got.answers, wanted.answers, rtol=0, atol=1e-9)
    assert got.gradients.keys() == wanted.gradients.keys()
    for name, gradient in wanted.gradients.items():
        allowed = gradients * gradient.abs().max().item() + ROUNDING
        difference = (got.gradients[name] - gradient).abs().max().item()
        assert difference <= allowed, f"{name}: {difference} of {gradient.abs().max().item()}"
