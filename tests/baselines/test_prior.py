"""The prior of answers by family."""

from dataclasses import replace

import torch

from nmn.baselines.prior import Prior, PriorConfig
from tests.baselines.made import ANSWERS, asked, shapes_of

FAMILIES = ("count", "exist", "count")


def test_it_learns_the_frequencies_of_each_family() -> None:
    prior = Prior(ANSWERS, PriorConfig(slots=64))
    about = replace(asked(), families=FAMILIES)
    answers = torch.tensor([0, 1, 2])
    optimizer = torch.optim.Adam(prior.parameters(), 0.1)
    for _ in range(200):
        loss = torch.nn.functional.cross_entropy(prior(about).logits, answers)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    count, exist, _ = prior(about).logits.softmax(1)
    assert 0.45 < count[0] < 0.55
    assert 0.45 < count[2] < 0.55
    assert exist[1] > 0.95


def test_nothing_else_is_looked_at() -> None:
    prior = Prior(ANSWERS, PriorConfig(slots=64))
    torch.nn.init.normal_(prior.families.weight)
    one, other = (prior(replace(asked(seed), families=FAMILIES)).logits for seed in (0, 1))
    assert torch.equal(one, other)
    assert torch.equal(one[0], one[2])
    assert not torch.equal(one[0], one[1])
    nameless = prior(asked()).logits
    assert nameless.shape == (3, ANSWERS)


def test_weights_have_their_shapes() -> None:
    prior = Prior(ANSWERS, PriorConfig(slots=64))
    assert shapes_of(prior) == {"families.weight": (64, ANSWERS), "all": (ANSWERS,)}
