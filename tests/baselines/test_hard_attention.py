"""Hard attention: which cells are chosen, how probably, and that the rest is not seen."""

from dataclasses import replace
from itertools import permutations

import pytest
import torch

from nmn.baselines.base import Asked, Reasoner, Reasoning
from nmn.baselines.hard_attention import Choice, HardAttention, _one_by_one
from tests.baselines.made import ANSWERS, ASKED, CHANNELS, asked, of_objects


class Noting(Reasoner):
    """Keeps what it was given."""

    def forward(self, asked: Asked) -> Reasoning:
        self.given = asked
        return Reasoning(asked.features.values.sum((1, 2))[:, None].expand(-1, ANSWERS))


def attention(choice: Choice, share: float = 0.25, behind: Reasoner | None = None) -> HardAttention:
    torch.manual_seed(0)
    return HardAttention(CHANNELS, ASKED, share, choice, behind or Noting())


@pytest.mark.parametrize("choice", ["norm", "straight_through", "reinforce"])
def test_the_highest_scores_are_chosen(choice: Choice) -> None:
    behind = Noting()
    model, about = attention(choice, behind=behind).eval(), asked()
    said = model(about)
    assert said.attention is not None
    for row, picture in enumerate(about.picture.tolist()):
        features = about.features
        placed = torch.cat([features.values[picture], features.positions[picture]], 1)
        joint = (model.cell(placed) + model.question(about.questions.whole[row])).relu()
        scores = joint.norm(dim=1) if model.score is None else model.score(joint).squeeze(1)
        best = scores.topk(3).indices
        assert said.attention[row, 0].nonzero().squeeze(1).tolist() == sorted(best.tolist())
        given = behind.given.features
        torch.testing.assert_close(given.values[row], joint[best])
        torch.testing.assert_close(given.positions[row], features.positions[picture][best])


def test_a_picture_with_fewer_objects_has_fewer_chosen() -> None:
    said = attention("norm", share=0.5)(of_objects())
    assert said.attention is not None
    assert said.attention.sum((1, 2)).tolist() == [4.0, 6.0, 4.0]  # of 7, 12 and 7


def test_no_gradient_reaches_what_was_not_chosen() -> None:
    model, about = attention("norm"), asked()
    values = about.features.values.clone().requires_grad_()
    said = model(replace(about, features=replace(about.features, values=values)))
    assert said.attention is not None
    (reached,) = torch.autograd.grad(said.logits[1].sum(), [values])
    chosen = said.attention[1, 0].bool()
    assert reached[0, chosen].any(1).all()
    assert not reached[0, ~chosen].any()
    assert not reached[1].any()  # the question is about the other picture


def test_probabilities_of_all_orders_are_one_together() -> None:
    scores = torch.randn(1, 5, generator=torch.Generator().manual_seed(0))
    orders = torch.tensor(list(permutations(range(5), 3)))
    likely = _one_by_one(scores.expand(len(orders), -1), orders).sum(1).exp()
    torch.testing.assert_close(likely.sum(), torch.tensor(1.0))
    first, second, third = orders[17].tolist()
    weights = scores[0].exp()
    left = weights.sum()
    by_hand = weights[first] / left * weights[second] / (left - weights[first])
    by_hand = by_hand * weights[third] / (left - weights[first] - weights[second])
    torch.testing.assert_close(likely[17], by_hand)


def test_cells_are_drawn_as_probably_as_they_say() -> None:
    model, about = attention("reinforce", share=0.1).train(), asked()
    generator = torch.Generator().manual_seed(0)
    drawn = torch.zeros(12)
    for _ in range(400):
        said = model(replace(about, generator=generator))
        assert said.attention is not None
        assert said.log_probability is not None
        drawn += said.attention[1, 0]
    assert drawn.sum() == 2 * 400
    placed = torch.cat([about.features.values[0], about.features.positions[0]], 1)
    joint = (model.cell(placed) + model.question(about.questions.whole[1])).relu()
    assert model.score is not None
    share = model.score(joint).squeeze(1).softmax(0).detach()
    expected = sum(
        torch.zeros(12).index_add(0, torch.tensor([i, j]), torch.ones(2))
        * float(share[i] * share[j] / (1 - share[i]))
        for i, j in permutations(range(12), 2)
    )
    assert isinstance(expected, torch.Tensor)
    assert (drawn / 400 - expected).abs().max() < 0.1


def test_the_gradient_takes_the_choice_for_the_softmax() -> None:
    model, about = attention("straight_through").train(), asked()
    logits = model(about).logits
    assert model.score is not None
    (through,) = torch.autograd.grad(logits.sum(), [model.score.weight])
    assert through.abs().max() > 0
    plain = attention("straight_through").eval()
    torch.testing.assert_close(plain(about).logits, logits)  # values are what they were
