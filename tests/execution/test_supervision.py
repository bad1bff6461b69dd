"""Supervision by scenes, on hand-made masks whose loss is known."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from nmn.data.batch import Batch, collate
from nmn.data.example import Example
from nmn.data.mirror import mirrored
from nmn.data.sight import Sight
from nmn.data.vocabulary import WordVocabulary
from nmn.domain import Domain
from nmn.errors import ConfigError, DataError, UnknownNameError
from nmn.execution.network import ModuleNetwork, ModuleNetworkConfig
from nmn.execution.supervision import scene_loss, truth_of
from nmn.modules import build_bank
from nmn.modules.attention import AttentionBank, AttentionConfig
from nmn.nn.features import FeatureSize, grid_features
from nmn.nn.relations import Plane
from nmn.nn.residual_stem import ResidualStemConfig
from nmn.program.text import parse_program
from nmn.scene.scene import Scene, SceneObject
from tests.perception import made

KINDS = (
    {"size": "large", "color": "red", "material": "metal", "shape": "cube"},
    {"size": "small", "color": "red", "material": "metal", "shape": "sphere"},
)
SCENE = Scene(
    (SceneObject(KINDS[0]), SceneObject(KINDS[1])),
    {"left": ((), (0,)), "right": ((1,), ()), "front": ((), ()), "behind": ((), ())},
)
# Object 0 is seen in two cells, object 1 in one.
SIGHT = Sight(np.array([[0, 0, -1], [-1, -1, 1]], dtype=np.int16), np.zeros((2, 2), np.float32))


def batch_of(domain: Domain, scene: Scene | None = SCENE, sight: Sight | None = SIGHT) -> Batch:
    picture = np.zeros((16, 24, 3), dtype=np.uint8)
    program = parse_program("count(find[red])")
    example = Example("how many", 0, 0, picture, program, "2", scene=scene, sight=sight)
    return collate([example, replace(example, question_index=1)], domain, WordVocabulary(()))


def knowing(domain: Domain) -> AttentionBank:
    """A bank that sees each concept in a channel of its own, and in the last one any thing."""
    count = len(domain.concepts)
    config = AttentionConfig(relations="plane", empty_places=False)
    bank = AttentionBank(domain, FeatureSize(count + 1), config)
    steps = {"left": (-1.0, 0.0), "right": (1.0, 0.0), "front": (0.0, 1.0), "behind": (0.0, -1.0)}
    with torch.no_grad():
        bank.concepts.weight.copy_(20 * torch.eye(count, count + 1))
        bank.concepts.bias.fill_(-10)
        bank.things.weight.zero_()
        bank.things.weight[0, count] = 20
        bank.things.bias.fill_(-10)
        assert isinstance(bank.relations, Plane)
        bank.relations.directions.weight.copy_(torch.tensor([steps[r] for r in domain.relations]))
    return bank


def maps(domain: Domain, cells: dict[tuple[int, int], int]) -> torch.Tensor:
    """Features in which these cells stand for things, and all know what those are like."""
    values = torch.zeros(1, len(domain.concepts) + 1, 2, 3)
    for (row, column), item in cells.items():
        values[0, -1, row, column] = 1
        for concept in KINDS[item].values():
            shown = torch.from_numpy(SIGHT.cells == item)
            values[0, domain.concepts.index(concept)][shown] = 1
            values[0, domain.concepts.index(concept), row, column] = 1
    return values


def losses(domain: Domain, cells: dict[tuple[int, int], int]) -> dict[str, float]:
    bank = knowing(domain)
    features = bank.prepare(grid_features(maps(domain, cells)))
    truth = truth_of(batch_of(domain), domain)
    random = torch.Generator().manual_seed(0)
    return {k: v.item() for k, v in scene_loss(bank, features, truth, 64, random).items()}


def test_what_is_right_costs_nothing(clevr: Domain) -> None:
    right = losses(clevr, {(0, 1): 0, (1, 2): 1})
    assert right.keys() == {"scene", "filter", "relate"}
    # front and behind are ties of the plane: only those that no row decides can cost anything
    assert right["scene"] < 1e-3
    assert right["filter"] < 1e-2


def test_which_cell_stands_for_a_thing_is_free_but_it_is_one(clevr: Domain) -> None:
    one, other = (losses(clevr, {cell: 0, (1, 2): 1}) for cell in ((0, 0), (0, 1)))
    assert one["scene"] == pytest.approx(other["scene"])
    assert losses(clevr, {(0, 0): 0, (0, 1): 0, (1, 2): 1})["scene"] > 4
    assert losses(clevr, {(1, 0): 0, (1, 2): 1})["scene"] > 4
    assert losses(clevr, {(1, 2): 1})["scene"] > 4


def test_a_wrong_concept_costs_the_share_of_cells_that_say_it(clevr: Domain) -> None:
    bank = knowing(clevr)
    values = maps(clevr, {(0, 1): 0, (1, 2): 1})
    values[0, clevr.concepts.index("red"), 0, :2] = 0.0
    values[0, clevr.concepts.index("blue"), 0, :2] = torch.tensor([0.0, 1.0])
    features = bank.prepare(grid_features(values))
    truth = truth_of(batch_of(clevr), clevr)
    found = scene_loss(bank, features, truth, 64, torch.Generator().manual_seed(0))
    # Of one object of two, a concept is wrong by a logit of 10 in both cells, another in one.
    assert found["filter"].item() == pytest.approx(1.5 * 10 / 2, rel=0.01)


def test_every_lesson_is_as_good_as_all(clevr: Domain) -> None:
    bank, truth = knowing(clevr), truth_of(batch_of(clevr), clevr)
    features = bank.prepare(grid_features(torch.randn(1, len(clevr.concepts) + 1, 2, 3)))
    every = scene_loss(bank, features, truth, 64, torch.Generator())["filter"].item()
    random = torch.Generator().manual_seed(0)
    some = [scene_loss(bank, features, truth, 3, random)["filter"].item() for _ in range(400)]
    assert sum(some) / len(some) == pytest.approx(every, rel=0.1)
    assert math.isfinite(every)


def test_families_that_mean_whole_regions(clevr: Domain) -> None:
    values = {"classifier_channels": 4, "hidden": 8}
    bank = build_bank("tbd", clevr, FeatureSize(6, (2, 3)), values)
    features = bank.prepare(grid_features(torch.randn(1, 6, 2, 3)))
    truth = truth_of(batch_of(clevr), clevr)
    found = scene_loss(bank, features, truth, 64, torch.Generator().manual_seed(0))
    assert found.keys() == {"filter", "relate", "same"}
    torch.stack(list(found.values())).sum().backward()  # type: ignore[no-untyped-call]
    moved = {name for name, p in bank.named_parameters() if p.grad is not None}
    for name in ("stacks.filter[red]", "stacks.relate[left]", "readouts.same[color]"):
        assert any(parameter.startswith(name) for parameter in moved)


def test_what_supervision_needs(clevr: Domain) -> None:
    for scene, sight in ((None, SIGHT), (SCENE, None)):
        with pytest.raises(DataError, match="picture 0: wanted its scene"):
            truth_of(batch_of(clevr, scene, sight), clevr)


def small(**values: object) -> ModuleNetworkConfig:
    stem = ResidualStemConfig(height=16, width=24, levels=((8, 0), (8, 0)))
    return ModuleNetworkConfig(stem=stem, supervision="scene", **values)


def test_a_model_learns_from_scenes(clevr: Domain) -> None:
    plane = {"relations": "plane", "empty_places": False}
    model = ModuleNetwork(clevr, small(bank=plane, mask_weight={"filter": 0.5, "relate": 0}))
    random = torch.Generator().manual_seed(0)
    loss = model.loss(batch_of(clevr), random)
    assert loss.parts.keys() == {"answer", "scene", "filter", "relate"}
    wanted = loss.parts["answer"] + loss.parts["scene"] + 0.5 * loss.parts["filter"]
    assert loss.total.item() == pytest.approx(wanted, rel=1e-5)


def test_where_there_is_nothing_to_supervise(clevr: Domain) -> None:
    with pytest.raises(ConfigError, match="residual has no masks to supervise"):
        ModuleNetwork(clevr, small(family="residual"))
    with pytest.raises(UnknownNameError, match=r"unknown lesson 'relat'.*; nearest: 'relate'"):
        ModuleNetwork(clevr, small(mask_weight={"relat": 2.0}))
    with pytest.raises(ValidationError, match="wanted executor = 'batched'"):
        small(executor="reference")


def test_mirrored_pictures_are_learned_from_as_well() -> None:
    stem = ResidualStemConfig(height=32, width=48, patch=4, levels=((12, 0), (16, 1)))
    config = ModuleNetworkConfig(stem=stem, supervision="scene")
    always = config.model_copy(update={"mirror": 1.0})
    torch.manual_seed(0)
    network = ModuleNetwork(made.CLEVR, config)
    other = ModuleNetwork(made.CLEVR, always)
    other.load_state_dict(network.state_dict())
    batch = made.batch((made.scene(made.RED, made.BLUE),) * 2, (made.sight(),) * 2)
    left = parse_program("exists(relate[left](unique(filter[blue](scene))))")
    batch = replace(batch, programs=(left, left))
    wanted = network.loss(mirrored(batch, [0, 1]), torch.Generator()).total
    torch.testing.assert_close(other.loss(batch, torch.Generator()).total, wanted)
    assert not torch.allclose(network.loss(batch, torch.Generator()).total, wanted)
