"""What the families of convolutions share: what they ask for, and how they run and answer."""

from collections.abc import Callable

import pytest
import torch

from nmn.domain import Domain
from nmn.errors import ConfigError, ShapeError
from nmn.modules import build_bank
from nmn.modules.base import Nodes
from nmn.modules.convolutional import ConvolutionalBank
from nmn.nn.features import FeatureSize, grid_features
from nmn.program.types import BOOL, Kind

FAMILIES = ("tbd", "residual")
GRID = (3, 5)


def make(
    family: str, domain: Domain, kernel: str = "auto", channels: int = 4, side: int = 12
) -> ConvolutionalBank:
    values = {"classifier_channels": 6, "hidden": 7, "kernel": kernel}
    bank = build_bank(family, domain, FeatureSize(channels, (side, side)), values)
    assert isinstance(bank, ConvolutionalBank)
    return bank


def nodes(*arguments: int) -> Nodes:
    runs = tuple((value, arguments.count(value)) for value in sorted(set(arguments)))
    return Nodes(
        torch.tensor(sorted(arguments)), torch.zeros(len(arguments), dtype=torch.long), runs
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_auto_groups_modules_of_few_channels_and_rows(family: str, clevr: Domain) -> None:
    few, many = nodes(0, 1), nodes(0, *[1] * 40)
    small = make(family, clevr, channels=8)
    wide, middle = (make(family, clevr, channels=count, side=3) for count in (64, 32))
    assert small._groups(few)
    assert not small._groups(many)
    assert not small._groups(nodes(1, 1))
    assert not wide._groups(few)
    assert not middle._groups(few)
    with torch.no_grad():
        assert middle._groups(few)
    assert make(family, clevr, "grouped", channels=64, side=3)._groups(few)
    assert not make(family, clevr, "separate")._groups(few)


@pytest.mark.parametrize("family", FAMILIES)
def test_answers_are_those_of_the_head_that_the_type_can_give(family: str, clevr: Domain) -> None:
    bank = make(family, clevr, side=3)
    rows = torch.randn(2, 9, 4)
    assert torch.equal(bank.answer_logits(Kind.BOOL, rows), bank.head(rows))
    probabilities = bank.log_probabilities([BOOL, BOOL], rows).exp()
    possible = [clevr.answers[i] for i in probabilities[0].nonzero().flatten().tolist()]
    assert sorted(possible) == ["no", "yes"]
    assert bank.answer_cost(9).multiply_adds == bank.head.multiply_adds


BROKEN: dict[str, tuple[Callable[[str, Domain], object], type[Exception], str]] = {
    "no grid": (
        lambda family, domain: build_bank(family, domain, FeatureSize(4), {}),
        ShapeError,
        "features: wanted a grid of cells, as modules are convolutions, got 4 channels",
    ),
    "another grid": (
        lambda family, domain: make(family, domain).check(grid_features(torch.zeros(1, 4, 5, 3))),
        ShapeError,
        "wanted 4 channels on a grid of 12x12 cells, got 4 channels on a grid of 5x3 cells",
    ),
    "unknown kernel": (
        lambda family, domain: make(family, domain, "fast"),
        ConfigError,
        "kernel",
    ),
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("mistake", BROKEN)
def test_mistakes_are_named(family: str, mistake: str, clevr: Domain) -> None:
    act, error, text = BROKEN[mistake]
    with pytest.raises(error) as caught:
        act(family, clevr)
    assert text in str(caught.value)
