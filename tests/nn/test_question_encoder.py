"""Questions as vectors."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from nmn.data.vocabulary import WordVocabulary
from nmn.nn.question_encoder import (
    PADDING,
    BagOfWords,
    QuestionEncoder,
    QuestionEncoderConfig,
    build_question_encoder,
)

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


def test_many_questions_are_as_packed_sequences_have_them(encoder: QuestionEncoder) -> None:
    lengths = torch.randint(1, 12, (200,), generator=torch.Generator().manual_seed(1))
    tokens = torch.randint(1, 9, (200, 12)) * (torch.arange(12) < lengths[:, None])
    embedded = encoder.word(tokens)
    ways = [encoder.lstm, encoder.from_end] if encoder.config.both_ways else [encoder.lstm]
    reference = nn.LSTM(6, ways[0].hidden_size, batch_first=True, bidirectional=len(ways) == 2)
    named = zip(("", "_reverse"), ways, strict=False)
    weights: dict[str, Tensor] = {}
    for end, way in named:
        weights |= {f"{name}{end}": value for name, value in way.named_parameters()}
    packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
    states, (ends, _) = torch.func.functional_call(reference, weights, (packed,))
    words, _ = pad_packed_sequence(states, batch_first=True, total_length=12)
    encoded = encoder(tokens)
    torch.testing.assert_close(encoded.words, words)
    torch.testing.assert_close(encoded.whole, ends.transpose(0, 1).flatten(1))
    learned = list(encoder.parameters())
    ours = torch.autograd.grad((encoded.words**2).sum() + encoded.whole.sum(), learned)
    theirs = torch.autograd.grad((words**2).sum() + ends.sum(), learned)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_the_order_of_words_counts(encoder: QuestionEncoder) -> None:
    turned = encoder(TOKENS[:1].flip(1)).whole
    assert (turned - encoder(TOKENS[:1]).whole).abs().max() > 1e-3


@pytest.mark.parametrize("tokens", [torch.zeros(2, 3), torch.zeros(0, 3), torch.zeros(2, 0)])
def test_questions_without_words_are_zeros(encoder: QuestionEncoder, tokens: torch.Tensor) -> None:
    encoded = encoder(tokens.long())
    assert encoded.whole.shape == (len(tokens), 8)
    assert encoded.words.shape == (*tokens.shape, 8)
    assert not encoded.whole.any()


def test_a_question_without_words_is_nothing_beside_others_too(encoder: QuestionEncoder) -> None:
    encoded = encoder(TOKENS)
    assert not encoded.whole[2].any()
    assert not encoded.words[2].any()
    assert encoded.whole[1].any()


def test_forget_gates_are_rather_open_at_first(encoder: QuestionEncoder) -> None:
    biases = [value for name, value in encoder.named_parameters() if "bias_ih" in name]
    for bias in biases:
        taken, forgotten, cell, said = bias.chunk(4)
        reach = 1 / len(forgotten) ** 0.5
        assert ((forgotten - 1).abs() <= reach + 1e-6).all()
        assert all((other.abs() <= reach + 1e-6).all() for other in (taken, cell, said))


def test_gradient_reaches_all_weights_but_those_of_padding(encoder: QuestionEncoder) -> None:
    encoder(TOKENS).whole.sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())
    assert encoder.word.weight.grad is not None
    assert not encoder.word.weight.grad[0].any()
    assert encoder.word.weight.grad[2].any()


def test_padding_is_that_of_vocabularies() -> None:
    assert PADDING == WordVocabulary.PAD


@pytest.fixture
def bag() -> BagOfWords:
    torch.manual_seed(0)
    bag = build_question_encoder(9, QuestionEncoderConfig(kind="bag", embedding=6, hidden=8))
    assert isinstance(bag, BagOfWords)
    return bag


def test_a_bag_is_the_sum_of_its_words(bag: BagOfWords) -> None:
    encoded = bag(TOKENS)
    by_hand = bag.word.weight @ bag.widen.weight.T
    torch.testing.assert_close(encoded.whole[0], by_hand[2] + by_hand[3] + by_hand[4] + by_hand[5])
    torch.testing.assert_close(encoded.whole[1], by_hand[6] + by_hand[2])
    torch.testing.assert_close(encoded.words[1, 0], by_hand[6])
    assert not encoded.words[1, 2:].any()
    assert not encoded.whole[2].any()
    assert encoded.present.tolist() == (TOKENS != 0).tolist()
    torch.testing.assert_close(bag(TOKENS[:1].flip(1)).whole, encoded.whole[:1])
    assert {n: tuple(p.shape) for n, p in bag.named_parameters()} == {
        "word.weight": (9, 6),
        "widen.weight": (8, 6),
    }


def test_a_bag_has_no_end_to_read_from() -> None:
    with pytest.raises(ValueError, match="both_ways of a bag of words"):
        QuestionEncoderConfig(kind="bag", both_ways=True)
