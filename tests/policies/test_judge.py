"""Judges of programs, with exact execution as the oracle, and what a learner asks of them."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nmn.data.question_set import NOWHERE, QuestionSet
from nmn.domain import Domain
from nmn.policies.decode import DecodingConfig
from nmn.policies.judge import Judge, Judged, RulesJudge, drawn_scenes
from nmn.policies.learner import LearningConfig, PolicyLearner
from nmn.program.program import Program
from nmn.program.tokens import END, PAD
from tests.policies.made import (
    VOCABULARIES,
    Table,
    answer_of,
    padded,
    program_of,
    question_set,
    tokens_of,
    words_in,
)

ROWS = torch.tensor([4, 0, 3])
RIGHT = "exists(filter[circle](filter[red](scene)))"
TEXTS = (RIGHT, "exists(filter[red](scene))", "exists(scene)", "exists(relate[above](scene))")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def said(texts: tuple[str, ...], domain: Domain, questions: int = 3) -> Tensor:
    """The same programs for each question."""
    tokens = torch.from_numpy(padded([tokens_of(text, domain) for text in texts]))
    return tokens.expand(questions, -1, -1)


def is_right(program: Program, data: QuestionSet, row: int, place: int) -> bool:
    scene = data.scenes.scenes[data.asked[row, place]]
    return bool(answer_of(program, scene, data.domain) == data.answers[row, place])


def unevenly_asked() -> QuestionSet:
    """Questions asked of 12 scenes, of 5 and of 1."""
    data = question_set()
    for row, count in ((3, 5), (4, 1)):
        data.asked[row, count:] = data.answers[row, count:] = NOWHERE
    return data


def test_rewards_are_the_share_of_the_drawn_scenes_where_a_program_is_right(shapes: Domain) -> None:
    data = question_set()
    judged = RulesJudge(data, 5).judge(ROWS, said(TEXTS, shapes), generator(3))
    places = drawn_scenes(data, ROWS, 5, generator(3))
    wanted = [
        [
            sum(is_right(program_of(tokens_of(text, shapes), shapes), data, row, p) for p in own)
            / 5
            for text in TEXTS
        ]
        for row, own in zip(ROWS.tolist(), places, strict=True)
    ]
    torch.testing.assert_close(judged.rewards, torch.tensor(wanted))
    assert len({reward for line in wanted for reward in line}) > 3
    assert judged.loss is None


@pytest.mark.parametrize("seed", range(4))
def test_all_programs_of_a_question_are_judged_on_the_same_scenes(
    shapes: Domain, seed: int
) -> None:
    data = question_set()
    many = torch.arange(5).repeat(8)
    tokens = said((TEXTS[1],) * 6, shapes, len(many))
    rewards = RulesJudge(data, 1).judge(many, tokens, generator(seed)).rewards
    assert torch.equal(rewards, rewards[:, :1].expand(-1, 6))
    assert 0 < rewards.mean() < 1  # so that it matters which scene it is


def test_scenes_are_those_that_a_question_is_asked_of() -> None:
    data = unevenly_asked()
    rows = torch.tensor([0, 3, 4])
    drawn = drawn_scenes(data, rows, 300, generator())
    assert [sorted(set(own)) for own in drawn.tolist()] == [[*range(12)], [*range(5)], [0]]
    np.testing.assert_array_equal(drawn, drawn_scenes(data, rows, 300, generator()))
    assert (drawn != drawn_scenes(data, rows, 300, generator(1))).any()


def test_what_is_no_program_and_what_fails_gets_nothing(clevr: Domain) -> None:
    data = question_set({"how many things are there": "count(scene)"}, clevr)
    count, scene = tokens_of("count(scene)", clevr)
    nobody = tokens_of("query[color](unique(filter[red](filter[blue](scene))))", clevr)
    programs = padded([[count, scene], [count], [scene], [count, count, scene], [], nobody])
    endless = np.array([[count, scene] + [PAD] * (programs.shape[1] - 2)])
    tokens = torch.from_numpy(np.concatenate([programs, endless]))[None]
    assert (programs[:6] == END).any(axis=1).all()
    judged = RulesJudge(data, 4).judge(torch.tensor([0]), tokens, generator())
    assert judged.rewards.tolist() == [[1, 0, 0, 0, 0, 0, 0]]


class Noting(Judge):
    """Gives rewards by a rule that is simple, and notes what it is asked.

    Args:
        learns: whether it has something to learn, a weight.
    """

    def __init__(self, *, learns: bool) -> None:
        super().__init__()
        self.learns = learns
        self.weight = nn.Parameter(torch.tensor(3.0))
        self.asked: list[tuple[list[int], Tensor]] = []

    def judge(self, rows: Tensor, tokens: Tensor, generator: torch.Generator) -> Judged:
        """Longer programs are better."""
        torch.rand(1, generator=generator)
        self.asked.append((rows.tolist(), tokens))
        rewards = (tokens != PAD).sum(2) / 20
        return Judged(rewards, 2 * self.weight if self.learns else None)


def learner(data: QuestionSet, judge: Judge, **config: Any) -> PolicyLearner:
    tokens = tokens_of(TEXTS[1], data.domain)
    policy = Table.saying(tokens, words_in(data), VOCABULARIES["shapes"], by=1.5)
    return PolicyLearner(policy, DecodingConfig(room=8), LearningConfig(**config), data, 10, judge)


def test_what_is_most_probable_is_judged_together_with_the_samples(shapes: Domain) -> None:
    data, judge = question_set().without_programs(np.arange(5)), Noting(learns=False)
    learning = learner(data, judge, samples=6, reward_baseline="self_critical")
    loss = learning.loss(ROWS, generator(5))
    ((rows, tokens),) = judge.asked  # at once, and so on the same scenes
    assert (rows, tokens.shape[1]) == (ROWS.tolist(), 7)
    greedy = padded([tokens_of(TEXTS[1], shapes)], tokens.shape[2])
    assert torch.equal(tokens[:, 6], torch.from_numpy(greedy).expand(3, -1))
    rewards = (tokens != PAD).sum(2) / 20
    likely = learning.decoding.score(
        learning.policy,
        learning.policy.encode(torch.ones(18, 1, dtype=torch.long)),
        tokens[:, :6].flatten(0, 1),
    ).log_probabilities
    advantages = (rewards[:, :6] - rewards[:, 6:]).flatten()
    torch.testing.assert_close(loss.total, -(advantages * likely).mean())
    assert advantages.any()


@pytest.mark.parametrize("name", ["none", "leave_one_out", "moving_average"])
def test_where_the_most_probable_is_not_needed_samples_alone_are_judged(name: str) -> None:
    data, judge = question_set().without_programs(np.arange(5)), Noting(learns=False)
    learner(data, judge, samples=6, reward_baseline=name).loss(ROWS, generator())
    assert [tokens.shape[1] for _, tokens in judge.asked] == [6]


@pytest.mark.parametrize("name", ["self_critical", "leave_one_out"])
def test_a_judge_that_learns_learns_from_given_programs_and_samples(
    name: str, shapes: Domain
) -> None:
    data, judge = question_set().without_programs(np.array([3, 4])), Noting(learns=True)
    learning = learner(data, judge, samples=2, reward_baseline=name)
    loss = learning.loss(ROWS, generator())
    assert [rows for rows, _ in judge.asked] == [[0], [4, 3]]
    given = judge.asked[0][1]
    assert torch.equal(given, torch.from_numpy(padded([tokens_of(RIGHT, shapes)], 9))[None])
    assert {name: loss.parts[name] for name in ("modules_given", "modules")} == {
        "modules_given": 6,
        "modules": 6,
    }
    assert loss.total.item() == pytest.approx(sum(loss.parts.values()))
    loss.total.backward()  # type: ignore[no-untyped-call]
    assert judge.weight.grad == 4


def test_a_judge_that_does_not_learn_is_not_asked_about_given_programs() -> None:
    judge = Noting(learns=False)
    loss = learner(question_set(), judge).loss(ROWS, generator())
    assert judge.asked == []
    assert set(loss.parts) == {"programs"}


def test_rules_judge_where_nobody_else_is_named() -> None:
    data = question_set()
    policy = Table.saying(tokens_of(RIGHT, data.domain), words_in(data), VOCABULARIES["shapes"])
    learning = PolicyLearner(policy, DecodingConfig(), LearningConfig(scenes=7), data, 10)
    assert isinstance(learning.judge, RulesJudge)
    assert (learning.judge.scenes, learning.judge.learns) == (7, False)
    assert learning.judge.state_dict() == {}
