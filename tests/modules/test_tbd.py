"""Each module equals its hand composition, channels first; how rows are grouped changes nothing."""

import copy
import math
from typing import Literal

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from nmn.domain import Domain
from nmn.modules.base import Cost, Nodes
from nmn.modules.convolutional import ConvolutionalConfig
from nmn.modules.tbd import TbdBank
from nmn.nn.features import Features, FeatureSize, grid_features
from nmn.program.ops import OPERATIONS
from nmn.program.types import Kind

CHANNELS = 4
GRID = (3, 5)
PICTURES = 3
Kernel = Literal["auto", "grouped", "separate"]


def make(
    domain: Domain, kernel: Kernel = "auto", grid: tuple[int, int] = GRID, channels: int = CHANNELS
) -> TbdBank:
    torch.manual_seed(1)
    config = ConvolutionalConfig(classifier_channels=6, hidden=7, kernel=kernel)
    bank = TbdBank(domain, FeatureSize(channels, grid), config).double()
    for name, parameter in bank.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter, std=0.3)
    return bank


def pictures(grid: tuple[int, int] = GRID, channels: int = CHANNELS) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    shape = (PICTURES, channels, *grid)
    return torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()


def nodes(*arguments: int) -> Nodes:
    ordered = sorted(arguments)
    runs = tuple((value, ordered.count(value)) for value in sorted(set(ordered)))
    picture = torch.arange(len(ordered)) % PICTURES
    return Nodes(torch.tensor(ordered), picture, runs)


def input_rows(operation: str, count: int, grid: tuple[int, int] = GRID) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(3)
    cells = grid[0] * grid[1]
    shapes = [
        (count, cells) if kind is Kind.MASK else (count, cells, CHANNELS)
        for kind in OPERATIONS[operation].inputs
    ]
    return tuple(
        torch.rand(shape, generator=generator, dtype=torch.float64).requires_grad_()
        for shape in shapes
    )


def run(bank: TbdBank, operation: str, chosen: Nodes, rows: tuple[Tensor, ...]) -> Tensor:
    return bank.run(operation, chosen, rows, bank.prepare(grid_features(pictures())))


def arguments(domain: Domain, operation: str) -> tuple[str | None, ...]:
    return OPERATIONS[operation].arguments(domain)


def by_hand(bank: TbdBank, operation: str, argument: str | None, *maps: Tensor) -> Tensor:
    """One row on one picture: the picture, then the masks or maps, all channels first."""
    state = bank.state_dict()
    name = "filter" if operation == "find" else operation
    label = name if argument is None else f"{name}[{argument}]"

    def layer(values: Tensor, index: int, padding: int, dilation: int = 1) -> Tensor:
        weight, bias = (state[f"stacks.{label}.layers.{index}.{k}"] for k in ("weight", "bias"))
        made = functional.conv2d(values, weight, bias, padding=padding, dilation=dilation)
        return made.relu()

    def to_one(values: Tensor) -> Tensor:
        weight, bias = (state[f"readouts.{label}.{k}"] for k in ("weight", "bias"))
        return functional.conv2d(values, weight[:, :, None, None], bias).sigmoid()

    picture, *others = maps
    if operation == "same":
        (mask,) = others
        row, column = divmod(int(mask.flatten().argmax()), mask.shape[-1])
        product = picture * picture[:, :, row, column][:, :, None, None]
        return to_one(torch.cat([product, mask], 1))
    if operation in {"equal", "equal_number", "less_than", "greater_than"}:
        return layer(layer(layer(torch.cat(others, 1), 0, 0), 1, 1), 2, 1)
    shown = picture * others[0] if others else picture
    if operation == "relate":
        for index, dilation in enumerate((1, 2, 4, 8, 1)):
            shown = layer(shown, index, dilation, dilation)
        return to_one(shown)
    shown = layer(layer(shown, 0, 1), 1, 1)
    return to_one(shown) if operation in {"find", "filter"} else shown


@pytest.mark.parametrize("kernel", ["grouped", "separate"])
@pytest.mark.parametrize("operation", sorted(set(OPERATIONS) - {"scene", "unique", "and", "or"}))
def test_each_module_is_its_hand_composition(clevr: Domain, operation: str, kernel: Kernel) -> None:
    bank = make(clevr, kernel)
    names = arguments(clevr, operation)
    chosen = nodes(0) if names == (None,) else nodes(0, 0, 0, 1, 2, 2)
    rows = input_rows(operation, len(chosen.picture))
    made = run(bank, operation, chosen, rows)
    for index in range(len(made)):
        picture = pictures()[chosen.picture[index : index + 1]]
        maps = [row[index].reshape(*GRID, -1).permute(2, 0, 1)[None] for row in rows]
        argument = names[int(chosen.argument[index])]
        expected = by_hand(bank, operation, argument, picture, *maps)[0].flatten(1)
        expected = expected[0] if made.ndim == 2 else expected.t()
        torch.testing.assert_close(made[index], expected, rtol=1e-9, atol=1e-9)


def test_modules_without_weights(clevr: Domain) -> None:
    bank = make(clevr)
    first, second = input_rows("and", 2)
    torch.testing.assert_close(run(bank, "scene", nodes(0, 0), ()), torch.ones_like(first))
    assert run(bank, "unique", nodes(0, 0), (first,)) is first
    assert bank.transparent == {"unique"}
    both, either = (run(bank, name, nodes(0, 0), (first, second)) for name in ("and", "or"))
    torch.testing.assert_close(both, torch.minimum(first, second))
    torch.testing.assert_close(either, torch.maximum(first, second))


@pytest.mark.parametrize("kernel", ["grouped", "separate"])
def test_find_is_filter_of_the_scene(clevr: Domain, kernel: Kernel) -> None:
    bank, chosen = make(clevr, kernel), nodes(0, 3, 3)
    scene = run(bank, "scene", nodes(0, 0, 0), ())
    found = run(bank, "find", chosen, ())
    torch.testing.assert_close(found, run(bank, "filter", chosen, (scene,)))


@pytest.mark.parametrize("grid", [(1, 1), (3, 3), (5, 7)])
@pytest.mark.parametrize("operation", ["find", "filter", "relate", "same", "query", "equal"])
def test_all_rows_together_by_either_kernel_are_each_row_alone(
    clevr: Domain, operation: str, grid: tuple[int, int]
) -> None:
    banks = [make(clevr, kernel, grid) for kernel in ("grouped", "separate", "separate")]
    chosen = nodes(0, 0, 0, 0, 1, 2, 2)
    results = []
    for bank, alone in zip(banks, (False, False, True), strict=True):
        values = pictures(grid)
        features = bank.prepare(grid_features(values))
        rows = input_rows(operation, 7, grid)
        if alone:
            made = torch.cat(
                [one_row(bank, operation, chosen, rows, features, i) for i in range(7)]
            )
        else:
            made = bank.run(operation, chosen, rows, features)
        generator = torch.Generator().manual_seed(4)
        weights = torch.randn(made.shape, generator=generator, dtype=torch.float64)
        (made * weights).sum().backward()  # type: ignore[no-untyped-call]
        leaves = [values, *rows, *bank.parameters()]
        results.append((made.detach(), [leaf.grad for leaf in leaves]))
    for made, gradients in results[1:]:
        torch.testing.assert_close(results[0][0], made, rtol=1e-9, atol=1e-9)
        for got, wanted in zip(results[0][1], gradients, strict=True):
            assert (got is None) == (wanted is None)
            if got is not None and wanted is not None:
                torch.testing.assert_close(got, wanted, rtol=1e-8, atol=1e-11)


def one_row(
    bank: TbdBank,
    operation: str,
    chosen: Nodes,
    rows: tuple[Tensor, ...],
    features: Features,
    index: int,
) -> Tensor:
    part = slice(index, index + 1)
    argument = chosen.argument[part]
    alone = Nodes(argument, chosen.picture[part], ((int(argument), 1),))
    return bank.run(operation, alone, tuple(row[part] for row in rows), features)


def test_same_looks_at_the_first_of_equally_large_cells(clevr: Domain) -> None:
    bank = make(clevr)
    tied = torch.zeros(2, 15, dtype=torch.float64)
    tied[0, [4, 7, 14]] = 0.5
    made = run(bank, "same", nodes(1, 1), (tied,))
    for index, cell in enumerate((4, 0)):
        marked = tied.clone()
        marked[index, cell] += 1e-9
        again = run(bank, "same", nodes(1, 1), (marked,))
        torch.testing.assert_close(made[index], again[index], rtol=1e-6, atol=1e-6)
        marked[index, 9] += 1
        other = run(bank, "same", nodes(1, 1), (marked,))
        assert (made[index] - other[index]).abs().max() > 1e-3


def test_what_is_not_a_number_stays_one(clevr: Domain) -> None:
    mask = torch.full((1, 15), math.nan, dtype=torch.float64)
    assert run(make(clevr), "same", nodes(0), (mask,)).isnan().all()


def test_parameters_have_readable_names_and_these_shapes(shapes: Domain) -> None:
    bank = make(shapes)
    found = {name: tuple(value.shape) for name, value in bank.named_parameters()}
    square, wide = (CHANNELS, CHANNELS, 3, 3), (CHANNELS, 2 * CHANNELS, 1, 1)
    for name in ("filter[red]", "query[color]", "exists", "count"):
        assert found[f"stacks.{name}.layers.1.weight"] == square
        assert f"stacks.{name}.layers.2.weight" not in found
    assert found["stacks.relate[above].layers.4.bias"] == (CHANNELS,)
    assert found["stacks.equal[color].layers.0.weight"] == wide
    assert found["stacks.less_than.layers.2.weight"] == square
    assert found["readouts.filter[red].weight"] == (1, CHANNELS)
    assert found["readouts.same[color].weight"] == (1, CHANNELS + 1)
    assert found["head.hidden.weight"] == (7, 2 * 3 * 6)
    assert found["head.answer.weight"] == (len(shapes.answers), 7)
    stacks = {name.split(".")[1] for name in found if name.startswith("stacks.")}
    without = ("scene", "find", "same", "unique", "and", "or")
    own = [name for name in OPERATIONS if name not in without]
    assert len(stacks) == sum(len(arguments(shapes, name)) for name in own)


def test_a_copy_computes_with_its_own_weights(clevr: Domain) -> None:
    bank = make(clevr)
    other = copy.deepcopy(bank)
    other.get_parameter("readouts.filter[red].weight").data.zero_()
    red = nodes(clevr.concepts.index("red"))
    assert run(other, "find", red, ()).std() < 1e-12 < run(bank, "find", red, ()).std()


@pytest.mark.parametrize("kernel", ["grouped", "separate"])
def test_only_the_modules_that_ran_get_gradient(clevr: Domain, kernel: Kernel) -> None:
    bank = make(clevr, kernel)
    chosen = nodes(0, 2, 2)
    run(bank, "filter", chosen, input_rows("filter", 3)).sum().backward()  # type: ignore[no-untyped-call]
    moved = {
        name.split(".")[1] for name, value in bank.named_parameters() if value.grad is not None
    }
    assert moved == {f"filter[{clevr.concepts[index]}]" for index in (0, 2)}


def test_half_precision_is_near_and_masks_stay_wide(clevr: Domain) -> None:
    for kernel in ("grouped", "separate"):
        bank = make(clevr, kernel, grid=(5, 7), channels=16).float()
        values = pictures((5, 7), 16).detach().float().requires_grad_()
        wide = chain(bank, bank.prepare(grid_features(values)))
        with torch.autocast("cpu", torch.bfloat16):
            prepared = bank.prepare(grid_features(values))
            narrow = chain(bank, prepared)
            narrow[-1].logsumexp(1).sum().backward()  # type: ignore[no-untyped-call]
        assert prepared.values.dtype is torch.bfloat16
        assert narrow[0].dtype is narrow[1].dtype is torch.float32
        for got, wanted in zip(narrow, wide, strict=True):
            torch.testing.assert_close(
                got.float(), wanted, rtol=0.1, atol=0.05 * wanted.abs().max().item()
            )
        assert values.grad is not None
        assert values.grad.isfinite().all()
        assert bank.head.answer.weight.grad is not None


def chain(bank: TbdBank, features: Features) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    chosen = nodes(0, 0, 1, 2)
    found = bank.run("find", chosen, (), features)
    mask = bank.run("relate", chosen, (found,), features)
    color = bank.run("query", chosen, (mask,), features)
    equal = bank.run("equal", chosen, (color, color), features)
    assert bank.run("same", chosen, (found,), features).shape == found.shape
    return found, mask, equal, bank.answer_logits(Kind.BOOL, equal)


def test_masks_are_probabilities_of_at_least_single_precision(clevr: Domain) -> None:
    rows = torch.rand(2, 15).bfloat16()
    made = make(clevr).mask_probabilities(rows)
    torch.testing.assert_close(made, rows.float())
    assert make(clevr).mask_probabilities(rows.double()).dtype is torch.float64


def test_costs_are_counted_by_hand(clevr: Domain) -> None:
    bank = make(clevr)
    cells, values, square, look = 15, 15 * 4, 15 * 9 * 16, 15 * 8
    expected: dict[str, Cost] = {
        "scene": Cost(0, cells),
        "unique": Cost(0, 0),
        "and": Cost(cells, cells),
        "or": Cost(cells, cells),
        "find": Cost(2 * square + values, 3 * values + cells),
        "filter": Cost(values + 2 * square + values, 4 * values + cells),
        "relate": Cost(values + 5 * square + values, 7 * values + cells),
        "same": Cost(4 + values + cells, values + 8 + cells),
        **dict.fromkeys(("exists", "count", "query"), Cost(values + 2 * square, 4 * values)),
        **dict.fromkeys(
            ("equal", "equal_number", "less_than", "greater_than"),
            Cost(look * 4 + 2 * square, 5 * values),
        ),
    }
    assert {name: bank.cost(name, cells) for name in OPERATIONS} == expected
    multiply_adds = cells * 4 * 6 + 36 * 7 + 7 * len(clevr.answers)
    assert bank.answer_cost(cells) == Cost(multiply_adds, cells * 6 + 2 * 36 + 7)


def test_a_domain_without_relations_has_no_such_modules(clevr: Domain) -> None:
    domain = Domain("plain", "", clevr.attributes, (), clevr.answers)
    assert make(domain).cost("relate", 15) == Cost(0, 0)
