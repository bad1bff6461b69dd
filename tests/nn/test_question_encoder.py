"""Questions as vectors."""

import pytest
import torch

from nmn.data.vocabulary import WordVocabulary
from nmn.nn.question_encoder import PADDING, QuestionEncoder, QuestionEncoderConfig

TOKENS = torch.tensor([[2, 3, 4, 5], [6, 2, 0, 0], [0, 0, 0, 0]])


@pytest.fixture(params=[False, True], ids=["one way", "both ways"])
def encoder(request: pytest.FixtureRequest) -> QuestionEncoder:
    torch.manual_seed(0)
    config = QuestionEncoderConfig(embedding=6, hidden=8, both_ways=request.param)
    return QuestionEncoder(9, config)


def test_padding_changes_nothing(encoder: QuestionEncoder) -> None:
    whole = encoder(TOKENS)
    alone = encoder(TOKENS[1:2, :2])
    torch.testing.assert_close(whole.whole[1:2], alone.whole)
    torch.testing.assert_close(whole.words[1:2, :2], alone.words)
    assert not whole.words[1, 2:].any()
    assert whole.present.tolist() == (TOKENS != 0).tolist()


def test_the_whole_is_the_last_state(encoder: QuestionEncoder) -> None:
    encoded = encoder(TOKENS[:1])
    half = 4 if encoder.config.both_ways else 8
    torch.testing.assert_close(encoded.whole[0, :half], encoded.words[0, -1, :half])
    torch.testing.assert_close(encoded.whole[0, half:], encoded.words[0, 0, half:])


def test_the_order_of_words_counts(encoder: QuestionEncoder) -> None:
    turned = encoder(TOKENS[:1].flip(1)).whole
    assert (turned - encoder(TOKENS[:1]).whole).abs().max() > 1e-3


@pytest.mark.parametrize("tokens", [torch.zeros(2, 3), torch.zeros(0, 3), torch.zeros(2, 0)])
def test_questions_without_words_are_zeros(encoder: QuestionEncoder, tokens: torch.Tensor) -> None:
    encoded = encoder(tokens.long())
    assert encoded.whole.shape == (len(tokens), 8)
    assert encoded.words.shape == (*tokens.shape, 8)
    assert not encoded.whole.any()


def test_gradient_reaches_all_weights_but_those_of_padding(encoder: QuestionEncoder) -> None:
    encoder(TOKENS).whole.sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())
    assert encoder.word.weight.grad is not None
    assert not encoder.word.weight.grad[0].any()
    assert encoder.word.weight.grad[2].any()


def test_padding_is_that_of_vocabularies() -> None:
    assert PADDING == WordVocabulary.PAD
