"""Transformers."""

import pytest
import torch

from nmn.errors import ConfigError
from nmn.policies.transformer import Transformer, TransformerConfig
from tests.policies.made import (
    QUESTIONS,
    VOCABULARIES,
    WORDS,
    check_all_learn,
    check_gradient,
    check_padding,
    check_steps,
    some_tokens,
)


def small(dropout: float = 0.0, farthest: int = 3) -> Transformer:
    torch.manual_seed(0)
    config = TransformerConfig(hidden=12, heads=3, dropout=dropout, farthest=farthest)
    policy = Transformer(WORDS, VOCABULARIES["shapes"], config)
    with torch.no_grad():
        for distances in (policy.distances, policy.distances_back):
            distances.bias.normal_()
    return policy


def test_step_by_step_it_says_what_it_says_at_once() -> None:
    check_steps(small())


def test_a_question_is_read_in_a_batch_as_it_is_alone() -> None:
    check_padding(small())


def test_what_is_said_depends_on_all_words_of_the_question() -> None:
    policy = small()
    check_gradient(policy, policy.word)
    check_all_learn(policy)


def test_a_bias_is_one_of_distances_up_to_the_farthest() -> None:
    policy = small(farthest=2)
    bias = policy.distances(4, 6)
    assert bias.shape == (3, 4, 6)
    for place in range(4):
        for other in range(6):
            far = max(-2, min(2, other - place))
            wanted = policy.distances.bias[:, far + 2]
            torch.testing.assert_close(bias[:, place, other], wanted)


def test_without_distances_the_order_of_words_means_nothing() -> None:
    policy = small()
    words = WORDS.encode([("is", "there", "red"), ("red", "is", "there")])
    tokens = some_tokens(policy, 1, 4).expand(2, -1)
    said = policy.teacher_forced(policy.encode(words), tokens).logits
    assert not torch.allclose(said[0], said[1])
    torch.nn.init.zeros_(policy.distances.bias)
    same = policy.teacher_forced(policy.encode(words), tokens).logits
    torch.testing.assert_close(same[0], same[1])


def test_dropout_is_of_training_alone() -> None:
    policy, words = small(dropout=0.5), WORDS.encode(QUESTIONS)
    tokens = some_tokens(policy, 3, 4)

    def said() -> torch.Tensor:
        return policy.teacher_forced(policy.encode(words), tokens).logits

    assert not torch.allclose(said(), said())
    policy.eval()
    torch.testing.assert_close(said(), said())


def test_heads_divide_the_channels() -> None:
    with pytest.raises((ConfigError, ValueError), match="5 heads of 12 channels; wanted a divisor"):
        TransformerConfig(hidden=12, heads=5)
