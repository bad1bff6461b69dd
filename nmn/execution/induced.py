"""Layouts and modules learned together, from answers alone and from random weights.

For each number of words that say something there is one layout, a template over these words (see
`nmn.policies.templates`), and it is not known which. So each is tried, and what is learned is the
expectation under a distribution over templates,

    loss = - sum_t p(t) E[log p(answer | template t, words, picture)],
    p(t) proportional to exp(beta * (running mean of that log-likelihood)),

with `beta` rising from a value at which all templates count nearly alike to one at which the best
alone counts: deterministic annealing of expectation and maximisation (Ueda and Nakano 1998). All
questions of a batch vote on each template, which is what keeps single questions from explaining
their answers away. N2NMN (Hu et al. 2017) samples a layout for each question and learns it by
REINFORCE; ours are discrete as well, and have arguments, which theirs have not.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from nmn.config import Config
from nmn.data.batch import UNKNOWN, Batch
from nmn.data.words import placed_words
from nmn.domain import Domain
from nmn.errors import DataError, QuestionError
from nmn.execution.base import Chosen, Model, Prediction
from nmn.execution.network import ModuleNetwork, ModuleNetworkConfig
from nmn.nn.stems import AnyStemConfig
from nmn.nn.trainable import Loss
from nmn.parsing.base import Parse
from nmn.policies.templates import templates
from nmn.program.program import Program

_WORST = -6.0
"""Log-likelihoods are taken to be at least so much: one sure mistake must not outweigh all."""
_MEMORY = 0.1
"""How much of a running mean is the newest batch, at least."""


class InducedConfig(Config):
    """A module network whose layouts are learned with it.

    Attributes:
        network: the modules.
        longest: questions with more words that say something are not understood.
        tried: templates tried for each question of a batch; half of them the best so far.
        beta: how sharply the better templates are preferred, at first and at last.
        settle: after so many batches with questions of a length `beta` has its last value for it,
            and of more templates than `tried` the best two are tried alone.
    """

    kind: Literal["induced"] = "induced"
    network: ModuleNetworkConfig = ModuleNetworkConfig()
    longest: int = Field(4, gt=0, le=5)
    tried: int = Field(12, gt=1)
    beta: tuple[float, float] = (2.0, 60.0)
    settle: int = Field(400, gt=0)

    @property
    def stem(self) -> AnyStemConfig:
        """What turns pictures into features."""
        return self.network.stem


class InducedNetwork(Model):
    """Module network and layouts.

    Args:
        domain: of words, see `nmn.policies.templates.domain_of_words`.
    """

    def __init__(self, domain: Domain, config: InducedConfig) -> None:
        super().__init__()
        self.domain, self.config = domain, config
        self.network = ModuleNetwork(domain, config.network)
        self.words = frozenset(domain.concepts)
        self._templates = {n: templates(n, domain) for n in range(1, config.longest + 1)}
        self.lengths = nn.ModuleDict(
            {str(n): _Length(len(every)) for n, every in self._templates.items()}
        )

    def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
        """Negative expected log-likelihood of the answers; programs of the batch are not seen.

        Raises:
            DataError: a question without answer, or no question that could be understood.
        """
        if (batch.answers == UNKNOWN).any():
            raise DataError("batch", "answers are needed for training")
        rng = np.random.default_rng(int(torch.randint(1 << 62, (), generator=generator)))
        read = [self._content(question) for question in batch.questions]
        tried: list[tuple[int, int]] = []
        rows: list[int] = []
        programs: list[Program] = []
        for count, every in self._templates.items():
            asked = [row for row, words in enumerate(read) if len(words) == count]
            chosen = self._length(count).chosen(self.config, rng) if asked else []
            for template in chosen:
                tried += [(count, template)] * len(asked)
                rows += asked
                programs += [every[template].program(read[row])[0] for row in asked]
        if not rows:
            raise DataError("batch", "no question has words that say something, and few enough")
        likely = self._log_likelihoods(programs, rows, batch).clamp_min(_WORST)
        total = torch.zeros((), device=likely.device)
        parts = {}
        for count in dict.fromkeys(length for length, _ in tried):
            chosen = list(dict.fromkeys(t for length, t in tried if length == count))
            places = [place for place, (length, _) in enumerate(tried) if length == count]
            means = likely[places].view(len(chosen), -1).mean(1)
            share = len(places) / len(chosen) / len(batch)
            weights = self._length(count).learn(chosen, means.detach(), self.config)
            total = total - share * (weights * means).sum()
            parts[f"words_{count}"] = -float((weights * means.detach()).sum())
        return Loss(total, parts)

    @torch.no_grad()
    def predict(self, batch: Batch, *, traces: Chosen = False) -> Prediction:
        """Answers to the programs of the batch, where it has any, else to its own.

        Raises:
            DataError: a question without program that is not understood.
        """
        own = []
        for question, program in zip(batch.questions, batch.programs, strict=True):
            try:
                own.append(self.parse(question)[0].program if program is None else program)
            except QuestionError as error:
                raise DataError("batch", str(error)) from error
        return self.network.predict(replace(batch, programs=tuple(own)), traces=traces)

    def parse(self, question: str) -> list[Parse]:
        """The layouts of a question that were tried, the best first; see `Parser`.

        Raises:
            QuestionError: it has no words that say something, or too many.
        """
        placed = [(word, span) for word, span in placed_words(question) if word in self.words]
        known = self._templates.get(len(placed))
        if known is None:
            wanted = f"1 to {self.config.longest} of the words {', '.join(sorted(self.words))}"
            raise QuestionError(question, 1, 1, f"wanted {wanted}, got {len(placed)}")
        ranked = self._length(len(placed)).ranked()
        warnings: tuple[str, ...] = ()
        if not ranked:
            ranked = [(0, -torch.inf)]
            warnings = (f"no question with {len(placed)} such words was learned from",)
        parses = []
        for template, score in ranked:
            program, places = known[template].program([word for word, _ in placed])
            spans = tuple(() if place is None else (placed[place][1],) for place in places)
            parses.append(Parse(question, program, spans, score, warnings))
        return parses

    def _content(self, question: str) -> list[str]:
        return [word for word, _ in placed_words(question) if word in self.words]

    def _length(self, count: int) -> "_Length":
        length = self.lengths[str(count)]
        assert isinstance(length, _Length)
        return length

    def _log_likelihoods(
        self, programs: Sequence[Program], rows: Sequence[int], batch: Batch
    ) -> Float[Tensor, " program"]:
        """Of the right answers, for each program on the picture of a row of the batch."""
        index = torch.tensor(rows, device=batch.answers.device)
        many = replace(
            batch,
            questions=tuple(batch.questions[row] for row in rows),
            picture=batch.picture[index],
            tokens=batch.tokens[index],
            programs=tuple(programs),
            answers=batch.answers[index],
            scenes=(None,) * len(rows),
        )
        found = self.network.executor.run(programs, many).log_probabilities
        return found.gather(1, many.answers[:, None]).squeeze(1)


class _Length(nn.Module):
    """What is known of the templates of one length.

    Attributes:
        means: running means of the log-likelihood with each template.
        seen: how often each was tried.
        batches: how many had questions of this length.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        self.register_buffer("means", torch.zeros(count))
        self.register_buffer("seen", torch.zeros(count, dtype=torch.long))
        self.register_buffer("batches", torch.zeros((), dtype=torch.long))
        self.means: Tensor
        self.seen: Tensor
        self.batches: Tensor

    def chosen(self, config: InducedConfig, rng: np.random.Generator) -> list[int]:
        """The templates to try next: each once, then the best and some others."""
        count = len(self.means)
        if count <= config.tried:
            return list(range(count))
        if self.batches >= config.settle:
            return [template for template, _ in self.ranked()[:2]]
        new = (self.seen == 0).cpu().nonzero().squeeze(1).tolist()
        if new:
            return [int(new[place]) for place in rng.permutation(len(new))[: config.tried]]
        best = [template for template, _ in self.ranked()[: config.tried // 2]]
        others = np.setdiff1d(np.arange(count), best)
        return [*best, *rng.permutation(others)[: config.tried - len(best)].tolist()]

    def learn(
        self, chosen: Sequence[int], means: Float[Tensor, " chosen"], config: InducedConfig
    ) -> Float[Tensor, " chosen"]:
        """Take in how probable the answers were, and tell how much each template counts."""
        index = torch.tensor(chosen, device=means.device)
        self.seen[index] += 1
        step = (1 / self.seen[index]).clamp_min(_MEMORY)
        self.means[index] += step * (means - self.means[index])
        self.batches += 1
        first, last = config.beta
        beta = first + (last - first) * min(1.0, float(self.batches) / config.settle)
        return (beta * self.means[index]).softmax(0)

    def ranked(self) -> list[tuple[int, float]]:
        """The templates that were tried and their means, the best first."""
        tried = self.seen.cpu().nonzero().squeeze(1).tolist()
        means = self.means.tolist()
        return sorted(((t, means[t]) for t in tried), key=lambda item: -item[1])
