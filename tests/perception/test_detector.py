import math

import torch

from nmn.data.mirror import mirrored
from nmn.nn.features import FeatureSize, grid_features
from nmn.perception.detector import Detector, Views, losses
from nmn.perception.targets import Targets, targets_of
from tests.perception.made import BLUE, CLEVR, GRID, RED, batch, scene, sight


def made_targets() -> Targets:
    return targets_of(batch((scene(RED, BLUE),), (sight(),)), CLEVR, GRID)


def perfect(targets: Targets) -> Views:
    """What cells should say, and nonsense where it does not matter."""
    presence = torch.full(targets.chosen.shape, -30.0)
    presence[targets.chosen], presence[targets.open] = 30.0, 5.0
    near = (targets.picture, targets.cell)
    attributes = []
    for place, attribute in enumerate(CLEVR.attributes):
        logits = torch.randn(*presence.shape, len(attribute.values))
        logits[(*near, targets.values[targets.owner, place])] = 60.0
        attributes.append(logits)
    ground, box = torch.randn(*presence.shape, 2), torch.randn(*presence.shape, 4)
    ground[near], box[near] = targets.ground[targets.owner], targets.box[targets.owner]
    return Views(presence, tuple(attributes), ground, box)


def test_what_is_wanted_costs_nothing() -> None:
    targets = made_targets()
    parts = losses(perfect(targets), targets)
    assert set(parts) == {"presence", "attributes", "ground", "box"}
    for part in parts.values():
        torch.testing.assert_close(part, torch.tensor(0.0), atol=1e-6, rtol=0)


def test_an_object_counts_once_however_many_cells_speak_of_it() -> None:
    targets = made_targets()
    views = perfect(targets)
    for logits in views.attributes:
        logits.zero_()
    wanted = sum(math.log(len(attribute.values)) for attribute in CLEVR.attributes)
    torch.testing.assert_close(losses(views, targets)["attributes"], torch.tensor(wanted))
    views.ground[targets.picture, targets.cell] += 1.05  # each coordinate costs 1.05 - 0.1 / 2
    torch.testing.assert_close(losses(views, targets)["ground"], torch.tensor(2.0))


def test_pictures_without_objects_teach_that_nothing_is_there() -> None:
    targets = targets_of(batch((scene(),), (sight(((-1,) * 6,) * 4, ()),)), CLEVR, GRID)
    detector = Detector(CLEVR, FeatureSize(5, GRID), hidden=8)
    views = detector(grid_features(torch.randn(1, 5, *GRID)))
    parts = losses(views, targets)
    assert parts["presence"] > 0
    assert parts["attributes"] == parts["ground"] == parts["box"] == 0
    torch.stack(list(parts.values())).sum().backward()  # type: ignore[no-untyped-call]


def test_mirrored_views_are_those_of_the_mirrored_picture() -> None:
    made = batch((scene(RED, BLUE),), (sight(),))
    targets = targets_of(mirrored(made, [0]), CLEVR, GRID)
    views = perfect(targets)
    there = views.mirrored(GRID)
    right = losses(there, made_targets())
    # the first of two cells that are as near to the middle is another one in the mirror
    assert right["presence"] < losses(views, made_targets())["presence"]
    for name in ("attributes", "ground", "box"):
        torch.testing.assert_close(right[name], torch.tensor(0.0), atol=1e-6, rtol=0)
    again = there.mirrored(GRID)
    torch.testing.assert_close(again.ground, views.ground)
    torch.testing.assert_close(again.box, views.box)


def test_the_mean_of_two_is_between_them() -> None:
    views = perfect(made_targets())
    mean = views.mean(views.mirrored(GRID))
    torch.testing.assert_close(mean.presence, mean.mirrored(GRID).presence)
    same = views.mean(views)
    for ours, theirs in zip(same.attributes, views.attributes, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_every_cell_speaks_for_itself() -> None:
    torch.manual_seed(0)
    detector = Detector(CLEVR, FeatureSize(5, GRID), hidden=8)
    values = torch.randn(2, 5, *GRID)
    views = detector(grid_features(values))
    assert views.presence.shape == (2, 24)
    assert [logits.shape[-1] for logits in views.attributes] == [2, 8, 2, 3]
    values[1, :, 0, 3] += 1
    other = detector(grid_features(values))
    changed = (views.ground != other.ground).any(-1)
    assert changed.nonzero().tolist() == [[1, 3]]
