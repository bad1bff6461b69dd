"""Programs from a policy: sampled, the most probable ones, and how probable given ones are.

What is decoded with legal tokens alone is a well-typed program, and its probability is that of the
masked distribution it was drawn from: at every step the probabilities of what is not legal are 0
and the others sum to 1.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor

from nmn.config import Config
from nmn.errors import ConfigError
from nmn.policies.base import Memory, Policy, shifted
from nmn.policies.legal import Expected, LegalTokens
from nmn.program.tokens import END, PAD, START, TokenVocabulary

Choice = Callable[[Float[Tensor, "batch token"]], Int[Tensor, " batch"]]
"""Chooses a token each from log-probabilities."""

_IMPOSSIBLE = -1e30
"""A logit that leaves nothing, and no gradient either."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """A program for each question, or several.

    Attributes:
        tokens: with `END`, and `PAD` after it; without `END` where there was no room left.
        log_probabilities: of whole programs; minus infinity for what cannot be said.
        entropies: of the distributions over the next token, summed over a program's steps; 0
            of a beam, which draws nothing.
    """

    tokens: Int[Tensor, "*batch step"]
    log_probabilities: Float[Tensor, "*batch"]
    entropies: Float[Tensor, "*batch"]


class DecodingConfig(Config):
    """How programs are decoded.

    Attributes:
        constrained: whether only legal tokens may be said.
        room: tokens of a program at most, `END` not counted.
        unique: whether `unique` is said; without it programs mean the same wherever they do not
            fail, and there are fewer ways to say the same.
    """

    constrained: bool = True
    room: int = Field(32, ge=2, le=1000)
    unique: bool = True


@dataclass(frozen=True, eq=False)
class Decoding:
    """How programs are decoded.

    Attributes:
        room: tokens of a program at most, `END` not counted.
        legal: for legal tokens alone; None for all tokens that there are.
    """

    room: int
    legal: LegalTokens | None

    @staticmethod
    def of(config: DecodingConfig, vocabulary: TokenVocabulary) -> "Decoding":
        """As configured; what is never said (see `Spoken`) is no legal token."""
        without = ("find",) if config.unique else ("find", "unique")
        legal = LegalTokens(vocabulary, without=without) if config.constrained else None
        return Decoding(config.room, legal)

    @torch.no_grad()
    def sample(self, policy: Policy, memory: Memory, generator: torch.Generator) -> Decoded:
        """A program for each question, drawn at random.

        Args:
            generator: of the CPU, wherever the policy is.
        """

        def draw(distribution: Tensor) -> Tensor:
            # Gumbel's trick: the largest of these is a draw.
            uniform = torch.rand(distribution.shape, generator=generator).to(distribution)
            return (distribution - (-uniform.clamp_min(1e-20).log()).log()).argmax(1)

        return self._decode(policy, memory, draw)

    @torch.no_grad()
    def greedy(self, policy: Policy, memory: Memory) -> Decoded:
        """A program for each question, each token the most probable next one."""
        return self._decode(policy, memory, lambda distribution: distribution.argmax(1))

    def score(self, policy: Policy, memory: Memory, tokens: Int[Tensor, "batch step"]) -> Decoded:
        """How probable given programs are, with gradient."""
        logits = policy.teacher_forced(memory, shifted(tokens)).logits
        masks = self._masks(tokens, logits)
        distributions = _log_softmax(logits, masks)
        there = tokens != PAD
        chosen = distributions.gather(2, tokens[:, :, None]).squeeze(2)
        entropy = _entropy(distributions)
        return Decoded(
            tokens,
            chosen.masked_fill(~there, 0.0).sum(1),
            entropy.masked_fill(~there, 0.0).sum(1),
        )

    @torch.no_grad()
    def beam(self, policy: Policy, memory: Memory, width: int) -> Decoded:
        """The most probable programs that a search of this width finds, the best first.

        Returns:
            `width` programs for each question; where there are fewer, the log-probability of the
            others is minus infinity.

        Raises:
            ConfigError: a width below 1.
        """
        if width < 1:
            raise ConfigError("beam", f"wanted a width of at least 1, got {width}")
        batch, device = len(memory.words), memory.words.device
        each = torch.arange(batch, device=device).repeat_interleave(width)
        memory = memory.rows(each)
        state, expected = policy.start(memory), self._start(len(each))
        tokens = torch.full((len(each), self.room + 1), PAD, device=device)
        scores = torch.full((batch, width), -torch.inf, device=device)
        scores[:, 0] = 0.0  # the first step must not find the same program several times
        ended = torch.zeros(len(each), dtype=torch.bool, device=device)
        last = torch.full((len(each),), START, device=device)
        for step in range(self.room + 1):
            said, state = policy.step(memory, state, last)
            logits = said.logits[:, 0]
            distribution = _log_softmax(logits, self._mask(expected, logits))
            stays = torch.full_like(distribution, -torch.inf)
            stays[:, PAD] = 0.0
            distribution = torch.where(ended[:, None], stays, distribution)
            total = (scores.view(-1, 1) + distribution).view(batch, -1)
            scores, place = total.topk(width, dim=1)
            count = distribution.shape[1]
            from_row = (place // count + width * torch.arange(batch, device=device)[:, None]).view(
                -1
            )
            last = (place % count).view(-1)
            tokens = tokens[from_row]
            tokens[:, step] = last
            state = tuple(part[from_row] for part in state)
            ended = ended[from_row] | (last == END)
            if expected is not None and self.legal is not None:
                expected = self.legal.advance(expected.rows(from_row), last)
            if bool((ended | (scores.view(-1) == -torch.inf)).all()):
                break
        whole = scores.masked_fill(~ended.view(batch, width), -torch.inf)
        order = whole.argsort(dim=1, descending=True, stable=True)
        kept = tokens.view(batch, width, -1).gather(
            1, order[:, :, None].expand(-1, -1, self.room + 1)
        )
        return Decoded(kept, whole.gather(1, order), torch.zeros_like(whole))

    def _decode(self, policy: Policy, memory: Memory, choose: Choice) -> Decoded:
        batch, device = len(memory.words), memory.words.device
        tokens = torch.full((batch, self.room + 1), PAD, device=device)
        likely, entropies = torch.zeros(2, batch, device=device).unbind(0)
        state, expected = policy.start(memory), self._start(batch)
        rows = torch.arange(batch, device=device)
        last = torch.full((batch,), START, device=device)
        for step in range(self.room + 1):
            said, state = policy.step(memory, state, last)
            logits = said.logits[:, 0]
            distribution = _log_softmax(logits, self._mask(expected, logits))
            last = choose(distribution)
            tokens[rows, step] = last
            likely[rows] += distribution.gather(1, last[:, None]).squeeze(1)
            entropies[rows] += _entropy(distribution)
            on = (last != END).nonzero().squeeze(1)
            if not len(on):
                break
            if expected is not None and self.legal is not None:
                expected = self.legal.advance(expected, last)
            if len(on) < len(rows):
                rows, last = rows[on], last[on]
                memory, state = memory.rows(on), tuple(part[on] for part in state)
                expected = None if expected is None else expected.rows(on)
        return Decoded(tokens, likely, entropies)

    def _start(self, batch: int) -> Expected | None:
        return None if self.legal is None else self.legal.start(batch, self.room)

    def _mask(self, expected: Expected | None, logits: Tensor) -> Bool[Tensor, "batch token"]:
        """The tokens that may come next."""
        if expected is None or self.legal is None:
            return self._any(logits)
        return self.legal.legal(expected)

    def _masks(
        self, tokens: Int[Tensor, "batch step"], logits: Tensor
    ) -> Bool[Tensor, "batch step token"]:
        """The same at each step of programs that are known."""
        if self.legal is None:
            return self._any(logits)
        expected, masks = self.legal.start(len(tokens), self.room), []
        for token in tokens.unbind(1):
            masks.append(self.legal.legal(expected))
            expected = self.legal.advance(expected, token)
        return torch.stack(masks, dim=1)

    def _any(self, logits: Tensor) -> Bool[Tensor, "*batch token"]:
        """All but those that only stand around programs."""
        every = torch.ones_like(logits, dtype=torch.bool)
        every[..., [PAD, START]] = False
        return every


def _log_softmax(
    logits: Float[Tensor, "*batch token"], mask: Bool[Tensor, "*batch token"]
) -> Float[Tensor, "*batch token"]:
    """Over the tokens of the mask alone; where there is none, all are impossible."""
    kept = logits.masked_fill(~mask, _IMPOSSIBLE)
    return kept.log_softmax(-1).masked_fill(~mask, -torch.inf)


def _entropy(distributions: Float[Tensor, "*batch token"]) -> Float[Tensor, "*batch"]:
    impossible = distributions == -torch.inf
    logarithms = distributions.masked_fill(impossible, 0.0)
    return -(logarithms.exp() * logarithms).sum(-1)
