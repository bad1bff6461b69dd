"""Attention over cells."""

import torch

from nmn.nn.attention import AdditiveAttention, masked_softmax, seen


def test_weights_are_one_together_over_what_is_there() -> None:
    scores = torch.tensor([[1.0, 2.0, 3.0], [5.0, 5.0, 1e4], [0.0, 1.0, 2.0]])
    present = torch.tensor([[True] * 3, [True, True, False], [False] * 3])
    weights = masked_softmax(scores, present)
    torch.testing.assert_close(weights[0], scores[0].softmax(0))
    assert weights[1].tolist() == [0.5, 0.5, 0.0]
    assert weights[2].tolist() == [0.0, 0.0, 0.0]


def test_what_is_seen_is_the_mean_by_weights() -> None:
    values = torch.tensor([[[1.0, 0.0], [0.0, 4.0]]])
    assert seen(torch.tensor([[0.25, 0.75]]), values).tolist() == [[0.25, 3.0]]


def test_scores_are_as_by_hand() -> None:
    torch.manual_seed(0)
    attention = AdditiveAttention(4, 3, 5)
    values, question = torch.randn(2, 6, 4), torch.randn(3, 3)
    present = torch.ones(2, 6, dtype=torch.bool)
    picture = torch.tensor([1, 0, 1])
    weights = attention(values, present, picture, question)
    for row, index in enumerate(picture.tolist()):
        both = attention.cell(values[index]) + attention.question(question[row])
        wanted = attention.score(both.tanh()).squeeze(1).softmax(0)
        torch.testing.assert_close(weights[row], wanted)
