"""Estimators against gradients computed by hand, over all samples that there are."""

import itertools

import pytest
import torch

from nmn.errors import ConfigError
from nmn.nn.policy_gradient import (
    REWARD_BASELINES,
    RewardBaseline,
    RewardBaselineName,
    marginal_likelihood,
    reinforce,
)

REWARDS = torch.tensor([1.0, 0.0, 0.5, 0.0], dtype=torch.float64)


def logits() -> torch.Tensor:
    return torch.tensor([0.3, -0.2, 0.1, 0.9], dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("name", REWARD_BASELINES)
def test_the_mean_over_all_samples_is_the_gradient_of_the_expected_reward(
    name: RewardBaselineName,
) -> None:
    weights = logits()
    (wanted,) = torch.autograd.grad((weights.softmax(0) * REWARDS).sum(), weights)
    mean = torch.zeros_like(wanted)
    for pair in itertools.product(range(4), repeat=2):  # two samples of one example
        distribution = weights.log_softmax(0)
        drawn = distribution[list(pair)][:, None]
        baseline = RewardBaseline(name).double()
        baseline.average.fill_(0.03)
        baseline.batches.fill_(1)
        best = REWARDS[weights.argmax()][None]
        advantages = baseline.advantages(REWARDS[list(pair)][:, None], best)
        (gradient,) = torch.autograd.grad(reinforce(drawn, advantages), weights)
        mean -= gradient * drawn.detach().sum().exp()
    torch.testing.assert_close(mean, wanted)


def test_the_moving_average_learns_in_training_and_is_kept() -> None:
    baseline = RewardBaseline("moving_average", memory=0.5)
    first = baseline.advantages(torch.tensor([[1.0, 0.0]]))
    torch.testing.assert_close(first, torch.tensor([[1.0, 0.0]]))
    second = baseline.advantages(torch.tensor([[1.0, 1.0]]))
    torch.testing.assert_close(second, torch.tensor([[0.5, 0.5]]))
    # 0.25 + 0.5 of a weight of 0.75
    torch.testing.assert_close(baseline.eval().advantages(torch.tensor([[0.0]])).item(), -5 / 6)
    again = RewardBaseline("moving_average", memory=0.5)
    again.load_state_dict(baseline.state_dict())
    torch.testing.assert_close(again.eval().advantages(torch.tensor([[0.0]])).item(), -5 / 6)


def test_marginal_likelihood_is_that_of_any_right_program() -> None:
    weights = logits()
    distribution = weights.log_softmax(0)
    right = torch.tensor([[True, False, True, False], [False] * 4])
    loss = marginal_likelihood(distribution.expand(2, -1), right)
    wanted = -(distribution.exp()[[0, 2]].sum()).log() / 2
    torch.testing.assert_close(loss, wanted)
    nothing = marginal_likelihood(distribution[None], torch.zeros(1, 4, dtype=torch.bool))
    assert nothing.item() == 0
    (gradient,) = torch.autograd.grad(nothing, weights)
    assert (gradient == 0).all()


def test_what_cannot_be_compared() -> None:
    with pytest.raises(ConfigError, match="at least 2 samples"):
        RewardBaseline("leave_one_out").advantages(torch.ones(1, 3))
    with pytest.raises(ConfigError, match="wants the rewards of the best"):
        RewardBaseline("self_critical").advantages(torch.ones(1, 3))


@pytest.mark.parametrize("name", REWARD_BASELINES)
def test_each_example_has_rewards_and_a_baseline_of_its_own(name: RewardBaselineName) -> None:
    weights = torch.tensor([[0.3, -0.2], [0.5, 0.1]], dtype=torch.float64, requires_grad=True)
    gains = torch.tensor([[1.0, 0.0], [0.2, 0.7]], dtype=torch.float64)
    expected = (weights.softmax(1) * gains).sum(1).mean()  # of an example
    (wanted,) = torch.autograd.grad(expected, weights)
    mean, examples = torch.zeros_like(wanted), torch.arange(2)
    for drawn in itertools.product(range(2), repeat=4):  # two samples of two examples
        tokens = torch.tensor(drawn).view(2, 2)
        likely = weights.log_softmax(1)[examples, tokens]
        baseline = RewardBaseline(name).double()
        best = gains[examples, weights.argmax(1)]
        advantages = baseline.advantages(gains[examples, tokens], best)
        (gradient,) = torch.autograd.grad(reinforce(likely, advantages), weights)
        mean -= gradient * likely.detach().sum().exp()
    torch.testing.assert_close(mean, wanted)


def test_older_batches_count_less_in_the_moving_average() -> None:
    baseline, means = RewardBaseline("moving_average", memory=0.8), [0.5, 1.0, 0.0, 0.25]
    for mean in means:
        baseline.advantages(torch.tensor([[mean + 0.1, mean - 0.1]]))
    shares = [0.8**age for age in (3, 2, 1, 0)]
    wanted = sum(s * m for s, m in zip(shares, means, strict=True)) / sum(shares)
    assert set(baseline.state_dict()) == {"average", "batches"}
    baseline.eval()
    for _ in range(2):  # outside training nothing is learned
        advantages = baseline.advantages(torch.tensor([[1.0]]))
        torch.testing.assert_close(advantages.item(), 1 - wanted, rtol=1e-5, atol=1e-6)
    assert baseline.batches.item() == 4


@pytest.mark.parametrize("name", REWARD_BASELINES)
def test_only_self_critical_asks_for_what_is_most_probable(name: RewardBaselineName) -> None:
    assert RewardBaseline(name).needs_best == (name == "self_critical")


def test_no_gradient_goes_through_rewards() -> None:
    likely = torch.tensor([[-1.0], [-2.0]], requires_grad=True)
    advantages = torch.tensor([[0.5], [-0.25]], requires_grad=True)
    loss = reinforce(likely, advantages)
    torch.testing.assert_close(loss.item(), 0.0)
    loss.backward()  # type: ignore[no-untyped-call]
    assert advantages.grad is None
    torch.testing.assert_close(likely.grad, torch.tensor([[-0.25], [0.125]]))


def test_examples_without_a_right_sample_get_no_gradient() -> None:
    scores = torch.tensor([[-1.0, -2.0], [-0.5, -3.0], [-4.0, -torch.inf]], requires_grad=True)
    right = torch.tensor([[True, True], [False, False], [True, False]])
    marginal_likelihood(scores, right).backward()  # type: ignore[no-untyped-call]
    first = torch.tensor([-1.0, -2.0]).softmax(0)
    wanted = -torch.stack([first, torch.zeros(2), torch.tensor([1.0, 0.0])]) / 3
    torch.testing.assert_close(scores.grad, wanted)
    empty = torch.full((1, 2), -torch.inf, requires_grad=True)
    nothing = marginal_likelihood(empty, torch.zeros(1, 2, dtype=torch.bool))
    assert nothing.item() == 0
