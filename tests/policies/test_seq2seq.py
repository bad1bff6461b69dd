"""LSTM encoder-decoders."""

import pytest
import torch

from nmn.errors import ConfigError
from nmn.policies.seq2seq import Seq2Seq, Seq2SeqConfig
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

ATTENTION = pytest.mark.parametrize("attention", [True, False])


def small(attention: bool, dropout: float = 0.0) -> Seq2Seq:
    torch.manual_seed(0)
    config = Seq2SeqConfig(hidden=12, embedding=6, attention=attention, dropout=dropout)
    policy = Seq2Seq(WORDS, VOCABULARIES["shapes"], config)
    with torch.no_grad():
        for weights in policy.parameters():
            weights.mul_(2)
    return policy


@ATTENTION
def test_step_by_step_it_says_what_it_says_at_once(attention: bool) -> None:
    check_steps(small(attention))


@ATTENTION
def test_a_question_is_read_in_a_batch_as_it_is_alone(attention: bool) -> None:
    check_padding(small(attention))


@ATTENTION
def test_what_is_said_depends_on_all_words_of_the_question(attention: bool) -> None:
    policy = small(attention)
    check_gradient(policy, policy.word)
    check_all_learn(policy)


def test_only_attention_looks_back() -> None:
    for attention in (True, False):
        policy = small(attention)
        names = {name.split(".")[0] for name, _ in policy.named_parameters()}
        assert ({"read", "look"} <= names) == attention
        memory = policy.encode(WORDS.encode(QUESTIONS))
        said = policy.teacher_forced(memory, some_tokens(policy, 3, 4))
        assert said.logits.shape == (3, 4, len(VOCABULARIES["shapes"]))
        assert (said.attention is not None) == attention
        assert [part.shape for part in memory.start] == [(3, 12), (3, 12)]


def test_a_question_without_words_can_be_read_beside_others() -> None:
    policy = small(True)
    memory = policy.encode(WORDS.encode([("is", "there"), ()]))
    said = policy.teacher_forced(memory, some_tokens(policy, 2, 3))
    assert said.logits.isfinite().all()


def test_dropout_is_of_training_alone() -> None:
    policy, words = small(True, dropout=0.5), WORDS.encode(QUESTIONS)
    tokens = some_tokens(policy, 3, 4)

    def said() -> torch.Tensor:
        return policy.teacher_forced(policy.encode(words), tokens).logits

    assert not torch.allclose(said(), said())
    policy.eval()
    torch.testing.assert_close(said(), said())


def test_both_directions_must_be_of_one_size() -> None:
    with pytest.raises((ConfigError, ValueError), match="hidden"):
        Seq2SeqConfig(hidden=7)
