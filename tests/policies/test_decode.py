"""Decoding, on policies whose distributions can be summed up by hand."""

import itertools

import pytest
import torch
from torch import Tensor

from nmn.data.vocabulary import WordVocabulary
from nmn.domain import Domain
from nmn.errors import ConfigError
from nmn.policies.base import Memory, Policy, Said, State, shifted
from nmn.policies.decode import Decoding
from nmn.policies.legal import LegalTokens
from nmn.policies.seq2seq import Seq2Seq, Seq2SeqConfig
from nmn.policies.transformer import Transformer, TransformerConfig
from nmn.program.tokens import END, PAD, TokenVocabulary
from nmn.program.typecheck import typecheck

WORDS = WordVocabulary(("is", "there", "red", "circle", "above"))


def policies(domain: Domain) -> list[Policy]:
    """Small ones with random weights."""
    torch.manual_seed(0)
    tokens = TokenVocabulary(domain)
    made: list[Policy] = [
        Seq2Seq(WORDS, tokens, Seq2SeqConfig(hidden=16, embedding=8)),
        Seq2Seq(WORDS, tokens, Seq2SeqConfig(hidden=16, embedding=8, attention=False)),
        Transformer(WORDS, tokens, TransformerConfig(hidden=16, heads=2, dropout=0.0)),
    ]
    for policy in made:
        policy.eval()
        for weights in policy.parameters():
            torch.nn.init.normal_(weights, std=0.4)
    return made


def memory_of(policy: Policy, questions: int = 6) -> Memory:
    words = torch.randint(1, len(WORDS), (questions, 5), generator=torch.Generator().manual_seed(1))
    words[1::2, 3:] = WordVocabulary.PAD
    return policy.encode(words)


@pytest.mark.parametrize("kind", range(3))
@pytest.mark.parametrize("constrained", [True, False])
def test_what_is_sampled_is_scored_as_it_was_drawn(
    shapes: Domain, kind: int, constrained: bool
) -> None:
    policy = policies(shapes)[kind]
    decoding = Decoding(7, LegalTokens(policy.tokens) if constrained else None)
    memory = memory_of(policy)
    drawn = decoding.sample(policy, memory, torch.Generator().manual_seed(2))
    scored = decoding.score(policy, memory, drawn.tokens)
    torch.testing.assert_close(scored.log_probabilities, drawn.log_probabilities)
    torch.testing.assert_close(scored.entropies, drawn.entropies)
    if constrained:
        for row in drawn.tokens.tolist():
            typecheck(policy.tokens.decode(row), shapes)


def everything(decoding: Decoding, room: int) -> list[list[int]]:
    """All programs that fit into the room."""
    assert decoding.legal is not None
    legal = decoding.legal
    whole: list[list[int]] = []
    paths: list[list[int]] = [[]]
    while paths:
        path = paths.pop()
        state = legal.start(1, room)
        for token in path:
            state = legal.advance(state, torch.tensor([token]))
        for token in legal.legal(state)[0].nonzero().flatten().tolist():
            (whole if token == END else paths).append([*path, token])
    return whole


@pytest.mark.parametrize("kind", range(3))
def test_the_probabilities_of_all_programs_sum_to_one(shapes: Domain, kind: int) -> None:
    policy = policies(shapes)[kind]
    decoding = Decoding(3, LegalTokens(policy.tokens))
    every = everything(decoding, 3)
    tokens = torch.zeros(len(every), 4, dtype=torch.long)
    for row, program in enumerate(every):
        tokens[row, : len(program)] = torch.tensor(program)
    memory = memory_of(policy, 1).rows(torch.zeros(len(every), dtype=torch.long))
    scored = decoding.score(policy, memory, tokens)
    total = scored.log_probabilities.exp().sum()
    torch.testing.assert_close(total, torch.tensor(1.0))
    # A wide beam finds the best of all, in order.
    beam = decoding.beam(policy, memory_of(policy, 1), 40)
    best = scored.log_probabilities.sort(descending=True).values
    torch.testing.assert_close(beam.log_probabilities[0, :5], best[:5])


def test_samples_are_as_frequent_as_they_are_probable(shapes: Domain) -> None:
    policy = policies(shapes)[0]
    decoding = Decoding(2, LegalTokens(policy.tokens))
    memory = memory_of(policy, 1).rows(torch.zeros(20_000, dtype=torch.long))
    drawn = decoding.sample(policy, memory, torch.Generator().manual_seed(3))
    kinds, counts = torch.unique(drawn.tokens, dim=0, return_counts=True)
    assert len(kinds) > 3
    single = memory_of(policy, 1).rows(torch.zeros(len(kinds), dtype=torch.long))
    likely = decoding.score(policy, single, kinds).log_probabilities.exp()
    torch.testing.assert_close(counts / 20_000, likely, atol=0.015, rtol=0)


@pytest.mark.parametrize("kind", range(3))
def test_greedy_is_a_beam_of_one_and_rows_do_not_depend_on_their_batch(
    shapes: Domain, kind: int
) -> None:
    policy = policies(shapes)[kind]
    decoding = Decoding(6, LegalTokens(policy.tokens))
    memory = memory_of(policy)
    greedy, beam = decoding.greedy(policy, memory), decoding.beam(policy, memory, 1)
    assert torch.equal(greedy.tokens, beam.tokens[:, 0])
    torch.testing.assert_close(greedy.log_probabilities, beam.log_probabilities[:, 0])
    for row in range(len(memory.words)):
        alone = decoding.greedy(policy, memory.rows(torch.tensor([row])))
        assert torch.equal(alone.tokens[0], greedy.tokens[row])


@pytest.mark.parametrize("kind", range(3))
def test_the_gradient_is_that_of_the_masked_distribution(shapes: Domain, kind: int) -> None:
    policy = policies(shapes)[kind].double()
    decoding = Decoding(5, LegalTokens(policy.tokens))
    drawn = decoding.sample(policy, memory_of(policy), torch.Generator().manual_seed(4))
    assert drawn.entropies.min() > 0
    weight = next(p for name, p in policy.named_parameters() if name == "say.bias")

    def total() -> Tensor:
        scored = decoding.score(policy, memory_of(policy), drawn.tokens)
        return (scored.log_probabilities + 0.3 * scored.entropies).sum()

    (gradient,) = torch.autograd.grad(total(), weight)
    assert gradient.isfinite().all()
    for place in (3, 7, 11):
        with torch.no_grad():
            weight[place] += 1e-5
            above = total()
            weight[place] -= 2e-5
            below = total()
            weight[place] += 1e-5
        torch.testing.assert_close(gradient[place], (above - below) / 2e-5, atol=1e-6, rtol=1e-5)


def test_without_room_a_program_has_no_end(shapes: Domain) -> None:
    class Endless(Policy):
        """Says the same token for ever."""

        def __init__(self) -> None:
            super().__init__()
            self.words, self.tokens = WORDS, TokenVocabulary(shapes)

        def encode(self, words: Tensor) -> Memory:
            return Memory(torch.zeros(*words.shape, 1), words > 0)

        def start(self, memory: Memory) -> State:
            return (memory.values[:, 0],)

        def step(self, memory: Memory, state: State, token: Tensor) -> tuple[Said, State]:
            return self.teacher_forced(memory, token[:, None]), state

        def teacher_forced(self, memory: Memory, tokens: Tensor) -> Said:
            del memory
            logits = torch.zeros(*tokens.shape, len(self.tokens))
            logits[..., 5] = 50.0
            return Said(logits)

    policy = Endless()
    found = Decoding(4, None).greedy(policy, memory_of(policy, 2))
    assert found.tokens.tolist() == [[5] * 5] * 2
    beam = Decoding(4, None).beam(policy, memory_of(policy, 2), 2)
    assert beam.log_probabilities[:, 0].isinf().all() or (beam.tokens[:, 0] == END).any()


def test_a_beam_has_a_width(shapes: Domain) -> None:
    policy = policies(shapes)[0]
    with pytest.raises(ConfigError, match="wanted a width of at least 1, got 0"):
        Decoding(4, None).beam(policy, memory_of(policy), 0)


def test_shifted() -> None:
    tokens = torch.tensor([[7, 8, END, PAD]])
    assert shifted(tokens).tolist() == [[1, 7, 8, END]]
    assert next(itertools.chain(*shifted(tokens).tolist())) == 1
