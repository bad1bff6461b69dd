"""Each module equals its hand composition, channels first; how rows are grouped changes nothing."""

from typing import Literal

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from nmn.domain import Domain
from nmn.modules.base import Cost, Nodes
from nmn.modules.convolutional import ConvolutionalConfig
from nmn.modules.residual import ResidualBank
from nmn.nn.features import FeatureSize, grid_features
from nmn.program.ops import OPERATIONS
from nmn.program.types import MASK, Kind

CHANNELS = 4
GRID = (3, 5)
PICTURES = 3
BINARY = ("and", "or", "equal", "equal_number", "less_than", "greater_than")
Kernel = Literal["auto", "grouped", "separate"]


def fresh(domain: Domain, kernel: Kernel = "auto") -> ResidualBank:
    torch.manual_seed(1)
    config = ConvolutionalConfig(classifier_channels=6, hidden=7, kernel=kernel)
    return ResidualBank(domain, FeatureSize(CHANNELS, GRID), config).double()


def make(domain: Domain, kernel: Kernel = "auto") -> ResidualBank:
    """As if trained: no layer gives nothing any more."""
    bank = fresh(domain, kernel)
    for parameter in bank.parameters():
        nn.init.normal_(parameter, std=0.3)
    return bank


def pictures() -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randn(PICTURES, CHANNELS, *GRID, generator=generator, dtype=torch.float64)


def nodes(*arguments: int) -> Nodes:
    ordered = sorted(arguments)
    runs = tuple((value, ordered.count(value)) for value in sorted(set(ordered)))
    picture = torch.arange(len(ordered)) % PICTURES
    return Nodes(torch.tensor(ordered), picture, runs)


def input_rows(operation: str, count: int) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(3)
    shape = count, 15, CHANNELS
    return tuple(
        torch.rand(shape, generator=generator, dtype=torch.float64)
        for _ in OPERATIONS[operation].inputs
    )


def run(bank: ResidualBank, operation: str, chosen: Nodes, rows: tuple[Tensor, ...]) -> Tensor:
    return bank.run(operation, chosen, rows, bank.prepare(grid_features(pictures())))


def by_hand(bank: ResidualBank, label: str, *maps: Tensor) -> Tensor:
    """One row through the module that `label` names, all channels first."""
    state = bank.state_dict()

    def layer(values: Tensor, index: int, padding: int) -> Tensor:
        weight, bias = (state[f"stacks.{label}.layers.{index}.{k}"] for k in ("weight", "bias"))
        return functional.conv2d(values, weight, bias, padding=padding)

    values, first = maps[0], 0
    if len(maps) == 2:
        values, first = layer(torch.cat(maps, 1), 0, 0).relu(), 1
    return (values + layer(layer(values, first, 1).relu(), first + 1, 1)).relu()


@pytest.mark.parametrize("kernel", ["grouped", "separate"])
@pytest.mark.parametrize("operation", sorted(set(OPERATIONS) - {"scene"}))
def test_each_module_is_its_hand_composition(clevr: Domain, operation: str, kernel: Kernel) -> None:
    bank = make(clevr, kernel)
    names = OPERATIONS[operation].arguments(clevr)
    chosen = nodes(0) if names == (None,) else nodes(0, 0, 0, 1, 2, 2)
    rows = input_rows(operation, len(chosen.picture))
    made = run(bank, operation, chosen, rows)
    assert made.shape == (len(chosen.picture), 15, CHANNELS)
    for index, argument in enumerate(chosen.argument.tolist()):
        name = names[argument]
        own = "filter" if operation == "find" else operation
        label = own if name is None else f"{own}[{name}]"
        maps = [row[index].reshape(*GRID, -1).permute(2, 0, 1)[None] for row in rows]
        maps = maps or [pictures()[chosen.picture[index : index + 1]]]
        expected = by_hand(bank, label, *maps)[0].flatten(1).t()
        torch.testing.assert_close(made[index], expected, rtol=1e-9, atol=1e-9)


def test_the_scene_is_what_the_stem_gave(clevr: Domain) -> None:
    bank, chosen = make(clevr), nodes(0, 0)
    scene = run(bank, "scene", chosen, ())
    torch.testing.assert_close(scene, pictures()[:2].flatten(2).transpose(1, 2))
    found = run(bank, "find", nodes(3, 3), ())
    torch.testing.assert_close(found, run(bank, "filter", nodes(3, 3), (scene,)))


def test_a_module_begins_as_the_way_around_it(clevr: Domain) -> None:
    """Or, of two inputs, as what joins them; so even long programs neither explode nor vanish."""
    bank = fresh(clevr)
    (rows,) = input_rows("unique", 1)
    for operation in ("filter", "unique", "query"):
        assert torch.equal(run(bank, operation, nodes(0), (rows,)), rows)
    joined = bank.get_parameter("stacks.and.layers.0.weight")[:, :, 0, 0]
    expected = (torch.cat([rows, rows], 2) @ joined.t()).relu()
    torch.testing.assert_close(run(bank, "and", nodes(0), (rows, rows)), expected)


def test_all_but_the_first_weights_of_a_fresh_module_learn_from_the_start(clevr: Domain) -> None:
    bank = fresh(clevr)
    run(bank, "count", nodes(0), input_rows("count", 1)).square().sum().backward()  # type: ignore[no-untyped-call]
    moved = {name for name, value in bank.named_parameters() if value.grad is not None}
    assert moved == {f"stacks.count.layers.{n}.{k}" for n in (0, 1) for k in ("weight", "bias")}
    gradient = bank.get_parameter("stacks.count.layers.1.weight").grad
    assert gradient is not None
    assert gradient.any()


def test_every_operation_with_every_argument_has_weights_of_its_own(shapes: Domain) -> None:
    bank = make(shapes)
    found = {name: tuple(value.shape) for name, value in bank.named_parameters()}
    square, joined = (CHANNELS, CHANNELS, 3, 3), (CHANNELS, 2 * CHANNELS, 1, 1)
    for name in ("filter[red]", "relate[above]", "same[color]", "unique", "exists", "count"):
        assert found[f"stacks.{name}.layers.1.weight"] == square
        assert f"stacks.{name}.layers.2.weight" not in found
    for name in ("and", "or", "equal[color]", "less_than"):
        assert found[f"stacks.{name}.layers.0.weight"] == joined
        assert found[f"stacks.{name}.layers.2.weight"] == square
    stacks = {name.split(".")[1] for name in found if name.startswith("stacks.")}
    own = [row for name, row in OPERATIONS.items() if name not in {"scene", "find"}]
    assert len(stacks) == sum(len(row.arguments(shapes)) for row in own)
    assert bank.transparent == frozenset()


def test_what_is_shown_of_a_map_is_where_there_is_much_in_it(clevr: Domain) -> None:
    bank = make(clevr)
    rows = torch.zeros(2, 15, CHANNELS).bfloat16()
    rows[0, 3, :2] = torch.tensor([3.0, 4.0])
    rows[0, 7, 1] = 10.0
    shown = bank.mask_probabilities(rows)
    assert shown.dtype is torch.float32
    expected = torch.zeros(2, 15)
    expected[0, 3], expected[0, 7] = 0.5, 1.0
    torch.testing.assert_close(shown, expected)


def test_a_map_is_read_as_no_mask_to_rely_on(clevr: Domain) -> None:
    bank = make(clevr)
    assert not bank.has_masks
    reading = bank.read(MASK, input_rows("unique", 1)[0][0])
    assert reading.mask is not None
    assert max(reading.mask) == 1
    assert reading.confidence is None
    assert reading.value is None


def test_costs_are_counted_by_hand(clevr: Domain) -> None:
    bank = make(clevr)
    values, square, joined = 15 * 4, 15 * 9 * 16, 15 * 8 * 4
    for name in OPERATIONS:
        expected = Cost(2 * square, 3 * values)
        if name == "scene":
            expected = Cost(0, values)
        elif name in BINARY:
            expected = Cost(joined + 2 * square, 5 * values)
        assert bank.cost(name, 15) == expected, name


def test_a_domain_without_relations_has_no_such_modules(clevr: Domain) -> None:
    domain = Domain("plain", "", clevr.attributes, (), clevr.answers)
    assert make(domain).cost("relate", 15) == Cost(0, 0)


def test_in_half_precision_rows_are_narrow_and_near(clevr: Domain) -> None:
    bank = make(clevr).float()
    features = grid_features(pictures().float())
    chosen = nodes(0, 0, 1, 2)

    def chain() -> tuple[Tensor, Tensor]:
        prepared = bank.prepare(features)
        red = bank.run("find", chosen, (), prepared)
        both = bank.run("and", nodes(0, 0, 0, 0), (red, red), prepared)
        return both, bank.answer_logits(Kind.BOOL, both)

    wide = chain()
    with torch.autocast("cpu", torch.bfloat16):
        narrow = chain()
    assert narrow[0].dtype is torch.bfloat16
    for got, wanted in zip(narrow, wide, strict=True):
        allowed = 0.05 * wanted.abs().max().item()
        torch.testing.assert_close(got.float(), wanted, rtol=0.1, atol=allowed)


def test_there_is_nothing_to_teach_by_scenes(clevr: Domain) -> None:
    values = {"classifier_channels": 4, "hidden": 8}
    bank = ResidualBank(clevr, FeatureSize(6, (2, 3)), ConvolutionalConfig(**values))
    assert bank.taught == ()
    with pytest.raises(TypeError, match="ResidualBank has no masks"):
        bank.certain(torch.ones(1, 6, dtype=torch.bool))
