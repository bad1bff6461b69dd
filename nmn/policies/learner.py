"""How a policy learns to say programs: from programs, and from the answers where none are given.

Estimators of the gradient are those of `nmn.nn.policy_gradient`. What is found by search (short
programs, a beam, samples, changes of these) is remembered and learned from by maximum marginal
likelihood, which the literature found stronger than plain REINFORCE where right programs are rare
(Guu et al. 2017; Liang et al. 2018).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn import functional

from nmn.config import Config
from nmn.data.question_set import QuestionSet
from nmn.errors import ConfigError
from nmn.nn.policy_gradient import (
    RewardBaseline,
    RewardBaselineName,
    marginal_likelihood,
    reinforce,
)
from nmn.nn.trainable import Loss, Trainable
from nmn.policies.base import Memory, Policy, without_dropout
from nmn.policies.decode import Decoded, Decoding, DecodingConfig
from nmn.policies.judge import Judge, Judged, RulesJudge
from nmn.policies.memory import ProgramMemory
from nmn.policies.search import ProgramSearch, SearchConfig, body
from nmn.policies.spoken import Spoken
from nmn.program.tokens import END, PAD, Tokens
from nmn.progress import Stage, silent

_NOTHING = "nothing"
"""The part of a loss that is always there, and always 0."""


class LearningConfig(Config):
    """How programs are learned that nobody gives.

    Attributes:
        estimator: `reinforce`; `marginal`: the likelihood of all right programs that are known or
            found, together.
        reward_baseline: what rewards are compared with, for `reinforce`.
        samples: programs drawn for each question.
        scenes: a reward is the mean over so many scenes (or pictures) of its question, drawn anew
            each time.
        memory: right programs remembered for each question; 0 for none.
        cloning: for this share of training, at first, nothing is learned but the programs that are
            given (a warm start).
        entropy: how much the entropy of what is said counts at first, and at the end of training;
            for `reinforce`.
        search: how right programs are searched for, for `marginal`.
    """

    estimator: Literal["reinforce", "marginal"] = "reinforce"
    reward_baseline: RewardBaselineName = "leave_one_out"
    samples: int = Field(4, gt=0, le=1024)
    scenes: int = Field(1, gt=0, le=1024)
    memory: int = Field(0, ge=0, le=64)
    cloning: float = Field(0.0, ge=0, le=1)
    entropy: tuple[float, float] = (0.0, 0.0)
    search: SearchConfig = SearchConfig()

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> "LearningConfig":
        if self.estimator == "marginal" and not self.memory:
            raise ValueError("marginal without memory; wanted memory = 1 or more")
        reinforced = self.estimator == "reinforce"
        if reinforced and self.reward_baseline == "leave_one_out" and self.samples < 2:
            raise ValueError("leave_one_out of one sample; wanted samples = 2 or more")
        return self


class PolicyLearner(Trainable[Tensor]):
    """A policy with the questions it learns from; batches are their numbers.

    Args:
        steps: of the whole training, for schedules.
        judge: who gives rewards, and learns from given programs if it learns; by default the
            rules.

    Raises:
        ConfigError: a given program is longer than may be said.
    """

    def __init__(
        self,
        policy: Policy,
        decoding: DecodingConfig,
        config: LearningConfig,
        data: QuestionSet,
        steps: int,
        judge: Judge | None = None,
    ) -> None:
        super().__init__()
        self.policy, self.config, self.data, self.steps = policy, config, data, steps
        self.decoding = Decoding.of(decoding, policy.tokens)
        self.legal = self.decoding.legal
        self._spoken = Spoken(policy.tokens, unique=decoding.unique)
        self.register_buffer("step", torch.zeros((), dtype=torch.long))
        self.step: Tensor
        self.reward_baseline = RewardBaseline(config.reward_baseline)
        self.judge = judge or RulesJudge(data, config.scenes)
        words = policy.words.encode([data.words(row) for row in range(len(data))])
        self.register_buffer("_words", words, persistent=False)
        self.register_buffer(
            "_given", given_programs(data, self._spoken, decoding.room), persistent=False
        )
        self._words: Tensor
        self._given: Tensor
        slots = config.memory
        self.memory = ProgramMemory(len(data), slots, decoding.room) if slots else None
        self._search = ProgramSearch(config.search, self.decoding, data)

    def loss(self, batch: Int[Tensor, " batch"], generator: torch.Generator) -> Loss:
        """The loss on some questions: the sum of means over those that a part is about.

        It counts as a step: schedules go on.

        Args:
            batch: their numbers.
        """
        # Dropout draws from torch's own generator.
        devices = [batch.device] if batch.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(generator.initial_seed())
            parts = self._parts(batch, generator)
        self.step += 1
        return Loss(
            sum(parts.values(), torch.zeros((), device=batch.device)),
            {name: part.item() for name, part in parts.items() if name != _NOTHING},
        )

    def _parts(
        self, batch: Int[Tensor, " batch"], generator: torch.Generator
    ) -> dict[str, Float[Tensor, ""]]:
        """The parts of the loss by name."""
        words = self._words[batch]
        memory = self.policy.encode(trimmed(words))
        given = self._given[batch]
        taught = (given != PAD).any(1)
        # Where nothing is known of any question, nothing is learned.
        parts = {_NOTHING: memory.values.sum() * 0.0}
        if taught.any():
            chosen = taught.nonzero().squeeze(1)
            said = self.decoding.score(self.policy, memory.rows(chosen), trimmed(given[chosen]))
            parts["programs"] = -said.log_probabilities.mean()
            if self.judge.learns:
                judged = self.judge.judge(batch[chosen], given[chosen][:, None], generator)
                parts |= _learned("modules_given", judged)
        if not taught.all() and self._done >= self.config.cloning:
            chosen = (~taught).nonzero().squeeze(1)
            rows, its = batch[chosen], memory.rows(chosen)
            if self.config.estimator == "reinforce":
                # What is drawn is scored by the distribution that it was drawn from.
                with without_dropout(self.policy):
                    read = self.policy.encode(trimmed(words[chosen]))
                    parts |= self._reinforce(rows, read, generator)
            else:
                self._find(rows, its, generator)
            if self.memory is not None:
                parts["marginal"] = self._remembered(rows, its, self.memory)
        return parts

    def begin(self, stage: Stage = silent) -> None:
        """Find what can be found before anything is learned: short programs that are right."""
        if self.memory is None or not self.config.search.short:
            return
        stage("looking up short programs", 0, None)
        taught = (self._given != PAD).any(1).tolist()
        found = self._search.short().items()
        self._remember({row: programs for row, programs in found if not taught[row]})

    @property
    def solved(self) -> float | None:
        """For which share of the questions without program one is remembered.

        None where there are none, or nothing is remembered.
        """
        open_ = (self._given == PAD).all(1)
        if self.memory is None or not open_.any():
            return None
        return float(self.memory.known[open_].float().mean())

    def _reinforce(
        self, rows: Tensor, memory: Memory, generator: torch.Generator
    ) -> dict[str, Float[Tensor, ""]]:
        config, batch = self.config, len(rows)
        each = torch.arange(batch, device=rows.device).repeat_interleave(config.samples)
        with torch.no_grad():
            drawn = self.decoding.sample(self.policy, memory.rows(each), generator).tokens
        tokens = drawn.view(batch, config.samples, -1)
        judged, best = self._judged(rows, memory, tokens, generator)
        rewards = judged.rewards
        if self.memory is not None:
            self._remember_right(rows, tokens, rewards)
        said = self._score(memory, tokens)
        advantages = self.reward_baseline.advantages(rewards.T, best)
        parts = {"reinforce": reinforce(said.log_probabilities.T, advantages)}
        parts |= _learned("modules", judged)
        weight = self._entropy()
        if weight:
            parts["entropy"] = -weight * said.entropies.mean()
        return parts

    def _judged(
        self,
        rows: Tensor,
        memory: Memory,
        tokens: Int[Tensor, "batch program step"],
        generator: torch.Generator,
    ) -> tuple[Judged, Float[Tensor, " batch"] | None]:
        """How good programs are, and the rewards of what is most probable, where these are wanted.

        Both are judged at once, on the same scenes.
        """
        if not self.reward_baseline.needs_best:
            return self.judge.judge(rows, tokens, generator), None
        greedy = self.decoding.greedy(self.policy, memory).tokens
        most = max(tokens.shape[2], greedy.shape[1])
        every = [
            functional.pad(said, (0, most - said.shape[-1]), value=PAD)
            for said in (tokens, greedy[:, None])
        ]
        judged = self.judge.judge(rows, torch.cat(every, 1), generator)
        return replace(judged, rewards=judged.rewards[:, :-1]), judged.rewards[:, -1]

    def _remember_right(
        self, rows: Tensor, tokens: Int[Tensor, "batch program step"], rewards: Tensor
    ) -> None:
        """Keep what is right wherever its question is asked."""
        place, sample = (rewards == 1).cpu().nonzero().unbind(1)
        said = tokens.cpu()[place, sample]
        owners = rows.cpu()[place]
        right = self.data.right(owners.numpy(), said.numpy())
        for one in np.flatnonzero(right).tolist():
            self._remember({int(owners[one]): [body(said[one].tolist())]})

    def _find(self, rows: Tensor, memory: Memory, generator: torch.Generator) -> None:
        """Search for programs of questions that have none, and for better ones of some others."""
        assert self.memory is not None
        search, settled = self._search, self._done >= self.config.search.settle
        known = self.memory.known[rows]
        trusted = torch.from_numpy(search.trusted)[rows.cpu()].to(rows.device)
        unknown = ~known & trusted
        others = ~unknown if settled else known & trusted
        was_training = self.policy.training
        self.policy.eval()
        for wanted, most in ((unknown, search.config.questions), (others, search.config.again)):
            places = wanted.nonzero().squeeze(1)
            mixed = torch.randperm(len(places), generator=generator).to(places.device)
            chosen = places[mixed[:most]]
            if len(chosen) and settled and wanted is others:
                found = search.probable(self.policy, memory.rows(chosen), rows[chosen])
                self._remember(found, simplest=False)
            elif len(chosen):
                found = search.found(self.policy, memory.rows(chosen), rows[chosen], generator)
                self._remember(found)
        self.policy.train(was_training)

    def _remembered(self, rows: Tensor, memory: Memory, known: ProgramMemory) -> Float[Tensor, ""]:
        """The likelihood of all that is remembered, together."""
        tokens = known.of(rows)
        there = tokens[:, :, 0] != PAD
        place, slot = there.nonzero().unbind(1)
        scores = torch.full(there.shape, -torch.inf, device=tokens.device)
        if len(place):
            said = self.decoding.score(
                self.policy, memory.rows(place), trimmed(tokens[place, slot])
            )
            scores = scores.index_put((place, slot), said.log_probabilities)
            known.score(rows, scores.detach())
        return marginal_likelihood(scores, there)

    def _remember(self, found: Mapping[int, Sequence[Tokens]], *, simplest: bool = True) -> None:
        """Keep right programs, by question, but for what is too long to be said in order.

        Args:
            simplest: whether those that cost more than others are forgotten.
        """
        assert self.memory is not None
        for row, programs in found.items():
            for program in programs:
                tokens = self._spoken.ordered(program)
                if len(tokens) <= self.decoding.room:
                    cost = self._search.edits.cost(tokens) if simplest else None
                    self.memory.add(row, _padded(tokens, self.decoding.room), cost)

    def _score(self, memory: Memory, tokens: Int[Tensor, "batch program step"]) -> Decoded:
        """How probable several programs of each question are."""
        batch, count = tokens.shape[:2]
        each = torch.arange(batch, device=tokens.device).repeat_interleave(count)
        said = self.decoding.score(self.policy, memory.rows(each), trimmed(tokens.flatten(0, 1)))
        likely, entropies = said.log_probabilities, said.entropies
        return Decoded(tokens, likely.view(batch, count), entropies.view(batch, count))

    def _entropy(self) -> float:
        first, last = self.config.entropy
        return first + (last - first) * self._done

    @property
    def _done(self) -> float:
        """The share of training that is over."""
        return min(1.0, int(self.step) / self.steps)


def _learned(name: str, judged: Judged) -> dict[str, Float[Tensor, ""]]:
    """What a judge learns, as a part of a loss."""
    return {} if judged.loss is None else {name: judged.loss}


def trimmed(tokens: Int[Tensor, "batch step"]) -> Int[Tensor, "batch some"]:
    """Without the columns at the end that are padding in all rows."""
    return tokens[:, : max(1, int((tokens != PAD).sum(1).max()))]


def given_programs(data: QuestionSet, spoken: Spoken, room: int) -> Int[Tensor, "question step"]:
    """The tokens of the programs that are given, `PAD` throughout where there is none.

    Raises:
        ConfigError: one has more than `room` tokens.
    """
    given = torch.full((len(data), room + 1), PAD)
    said = {row: spoken.of(p) for row, p in enumerate(data.programs) if p is not None}
    longest = max(map(len, said.values()), default=0)
    if longest > room:
        problem = f"a program has {longest} tokens; nearest: {longest}"
        raise ConfigError("decoding.room", problem)
    for row, tokens in said.items():
        given[row] = _padded(tokens, room)
    return given


def _padded(tokens: Sequence[int], room: int) -> Int[Tensor, " step"]:
    return torch.tensor([*tokens, END, *[PAD] * (room - len(tokens))])
