"""What is said of objects is held against the scene by the cheapest matching."""

from itertools import permutations

import numpy as np
import pytest
import torch
from torch.nn import functional

from nmn.baselines.matching import ObjectsSaid, matched_loss
from nmn.data.states import States, state_channels
from nmn.domain import Domain


def scene_of(domain: Domain, objects: int) -> States:
    """One picture with some objects."""
    rng = np.random.default_rng(0)
    channels = state_channels(domain)
    values = np.zeros((1, objects, len(channels)), dtype=np.float32)
    for place in range(objects):
        for attribute in domain.attributes:
            values[0, place, channels.index(rng.choice(attribute.values))] = 1
    points = rng.uniform(-1, 1, (1, objects, 2)).astype(np.float32)
    return States(values, points, np.ones((1, objects), dtype=np.bool_))


def said_at_random(domain: Domain, queries: int) -> ObjectsSaid:
    torch.manual_seed(0)
    concepts = torch.randn(1, queries, len(domain.concepts))
    return ObjectsSaid(torch.randn(1, queries), torch.rand(1, queries, 2) * 2 - 1, concepts)


def test_it_is_the_least_loss_of_all_matchings(clevr: Domain) -> None:
    objects, queries = 3, 4
    states, said = scene_of(clevr, objects), said_at_random(clevr, queries)
    losses = []
    for chosen in permutations(range(queries), objects):
        total = torch.zeros(())
        for place, query in enumerate(chosen):
            total = (
                total
                + 2
                * (said.points[0, query] - torch.from_numpy(states.positions[0, place])).abs().sum()
            )
            for attribute in clevr.attributes:
                columns = [clevr.concepts.index(value) for value in attribute.values]
                truth = torch.from_numpy(states.values[0, place, 3:])[columns]
                likely = said.concepts[0, query, columns].log_softmax(0)
                total = total - (truth * likely).sum()
        wanted = torch.zeros(queries)
        wanted[list(chosen)] = 1.0
        presence = functional.binary_cross_entropy_with_logits(said.present[0], wanted)
        losses.append((float(total), total / objects + presence))
    least = min(losses, key=lambda pair: pair[0])[1]
    torch.testing.assert_close(matched_loss(said, states, [0], clevr), least)


def test_the_order_of_queries_does_not_count(clevr: Domain) -> None:
    states, said = scene_of(clevr, 3), said_at_random(clevr, 5)
    order = torch.tensor([4, 2, 0, 1, 3])
    turned = ObjectsSaid(said.present[:, order], said.points[:, order], said.concepts[:, order])
    one, other = (matched_loss(each, states, [0], clevr) for each in (said, turned))
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize("objects", [0, 6])
def test_there_may_be_no_objects_or_too_many(clevr: Domain, objects: int) -> None:
    loss = matched_loss(said_at_random(clevr, 4), scene_of(clevr, objects), [0], clevr)
    assert loss.isfinite()
