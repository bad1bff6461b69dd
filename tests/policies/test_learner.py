"""Learning, with losses computed by hand where programs are few."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nmn.data.question_set import NOWHERE, QuestionSet
from nmn.domain import Domain
from nmn.errors import ConfigError
from nmn.nn.policy_gradient import RewardBaselineName
from nmn.policies.base import Policy
from nmn.policies.decode import DecodingConfig
from nmn.policies.learner import LearningConfig, PolicyLearner, given_programs, trimmed
from nmn.policies.memory import ProgramMemory
from nmn.policies.search import SearchConfig, body
from nmn.policies.seq2seq import Seq2Seq, Seq2SeqConfig
from nmn.policies.spoken import Spoken
from nmn.program.tokens import END, PAD
from tests.policies.made import (
    TAUGHT,
    VOCABULARIES,
    Table,
    answer_of,
    padded,
    program_of,
    question_set,
    tokens_of,
    words_in,
)

TOKENS = VOCABULARIES["shapes"]
ALL = torch.arange(5)
RIGHT = "exists(filter[circle](filter[red](scene)))"


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def none_given(count: int = 12) -> QuestionSet:
    return question_set(count=count).without_programs(np.arange(5))


def table(data: QuestionSet, text: str, by: float) -> Table:
    """Holds one program for probable, whatever the question."""
    return Table.saying(tokens_of(text, data.domain), words_in(data), TOKENS, by)


def learner(
    data: QuestionSet, policy: Policy, room: int = 8, steps: int = 10, **config: Any
) -> PolicyLearner:
    decoding = DecodingConfig(room=room)
    return PolicyLearner(policy, decoding, LearningConfig(**config), data, steps)


def small(data: QuestionSet) -> Seq2Seq:
    torch.manual_seed(0)
    return Seq2Seq(words_in(data), TOKENS, Seq2SeqConfig(hidden=32, embedding=16))


def remembered(memory: ProgramMemory | None, row: int) -> list[tuple[int, ...]]:
    assert memory is not None
    rows = memory.of(torch.tensor([row]))[0].tolist()
    return [body(tokens) for tokens in rows if tokens[0] != PAD]


def is_right(program: tuple[int, ...], data: QuestionSet, row: int) -> bool:
    said = program_of(program, data.domain)
    return all(
        answer_of(said, data.scenes.scenes[scene], data.domain) == answer
        for scene, answer in zip(data.asked[row], data.answers[row], strict=True)
        if scene != NOWHERE
    )


def likely(learning: PolicyLearner, rows: list[int], programs: list[tuple[int, ...]]) -> Tensor:
    """The log-probability of programs, each of a question."""
    data, policy = learning.data, learning.policy
    memory = policy.encode(policy.words.encode([data.words(row) for row in rows]))
    tokens = torch.from_numpy(padded(programs))
    return learning.decoding.score(policy, memory, tokens).log_probabilities


def test_the_loss_of_given_programs_is_their_mean_negative_log_probability() -> None:
    data = question_set()
    learning = learner(data, small(data))
    spoken = [Spoken(TOKENS).of(program) for program in data.programs if program is not None]
    wanted = -likely(learning, [4, 0, 1], [spoken[row] for row in (4, 0, 1)]).mean()
    loss = learning.loss(torch.tensor([4, 0, 1]), generator())
    torch.testing.assert_close(loss.total, wanted)
    assert loss.parts == pytest.approx({"programs": wanted.item()})


def test_a_batch_of_nothing_but_a_question_without_words_is_learned_from() -> None:
    data = question_set()
    data = replace(data, questions=("?", *data.questions[1:]))
    loss = learner(data, small(data)).loss(torch.tensor([0]), generator())
    assert 0 < loss.parts["programs"] < 100


@pytest.mark.parametrize("name", ["none", "moving_average", "self_critical", "leave_one_out"])
def test_reinforce_is_as_by_hand(name: RewardBaselineName, shapes: Domain) -> None:
    data = none_given()
    policy = table(data, "exists(filter[red](scene))", by=2.0)
    learning = learner(data, policy, room=4, samples=6, scenes=1, reward_baseline=name)
    learning.data.asked[:, 1:] = NOWHERE  # so that it is known which scene is drawn
    batch = torch.tensor([3, 0, 4])
    memory = policy.encode(policy.words.encode([data.words(row) for row in batch.tolist()]))
    each = memory.rows(torch.arange(3).repeat_interleave(6))
    drawn = learning.decoding.sample(policy, each, generator(5)).tokens
    greedy = body(learning.decoding.greedy(policy, memory).tokens[0].tolist())

    def reward(program: tuple[int, ...], row: int) -> float:
        scene, answer = int(data.asked[row, 0]), data.answers[row, 0]
        said = program_of(program, shapes)
        return float(answer_of(said, data.scenes.scenes[scene], shapes) == answer)

    programs = [body(tokens) for tokens in drawn.tolist()]
    rows = batch.repeat_interleave(6).tolist()
    rewards = torch.tensor([reward(p, row) for p, row in zip(programs, rows, strict=True)])
    if name == "leave_one_out":
        others = rewards.view(3, 6).sum(1).repeat_interleave(6) - rewards
        advantages = rewards - others / 5
    elif name == "self_critical":
        advantages = rewards - torch.tensor([reward(greedy, row) for row in rows])
    else:
        advantages = rewards  # the average begins with nothing
    wanted = -(advantages * likely(learning, rows, programs)).mean()
    (gradient,) = torch.autograd.grad(wanted, policy.logits)
    assert 0 < rewards.sum() < len(rewards)
    assert gradient.abs().max() > 0

    loss = learning.loss(batch, generator(5))
    torch.testing.assert_close(loss.total, wanted)
    torch.testing.assert_close(torch.autograd.grad(loss.total, policy.logits)[0], gradient)
    assert set(loss.parts) == {"reinforce"}
    if name == "moving_average":
        torch.testing.assert_close(learning.reward_baseline.average, 0.1 * rewards.mean())


@pytest.mark.parametrize("name", ["self_critical", "leave_one_out"])
def test_samples_are_scored_by_the_distribution_that_they_are_drawn_from(
    name: RewardBaselineName,
) -> None:
    """Dropout drops something else each time: neither samples nor scores have any."""
    data = none_given()
    losses, policies = [], []
    for dropout in (0.0, 0.6):
        torch.manual_seed(0)
        config = Seq2SeqConfig(hidden=32, embedding=16, dropout=dropout)
        policy = Seq2Seq(words_in(data), TOKENS, config)
        losses.append(learner(data, policy, reward_baseline=name).loss(ALL, generator()).parts)
        policies.append(policy)
    assert losses[0]["reinforce"] != 0
    assert losses[0] == pytest.approx(losses[1])
    assert policies[1].dropout.training


def test_the_loss_is_the_sum_of_its_parts_each_a_mean_over_its_questions() -> None:
    data = question_set().without_programs(np.array([1, 2]))
    learning = learner(data, small(data), samples=20)
    loss = learning.loss(ALL, generator(1))
    given = learning.loss(torch.tensor([0, 3, 4]), generator(1))
    others = learning.loss(torch.tensor([1, 2]), generator(1))
    assert loss.parts == pytest.approx({**given.parts, **others.parts}, rel=1e-5)
    assert set(loss.parts) == {"programs", "reinforce"}
    assert loss.parts["reinforce"] != 0
    assert loss.total.item() == pytest.approx(sum(loss.parts.values()))


def test_at_first_nothing_but_given_programs_is_learned() -> None:
    data = question_set().without_programs(np.array([1, 2, 3]))
    learning = learner(data, small(data), steps=10, cloning=0.3)
    named = [set(learning.loss(ALL, generator()).parts) for _ in range(5)]
    assert named == [{"programs"}] * 3 + [{"programs", "reinforce"}] * 2


def test_the_weight_of_the_entropy_goes_from_the_first_to_the_last() -> None:
    data = none_given()
    policy = table(data, RIGHT, by=1.0)
    learning = learner(data, policy, steps=4, entropy=(0.4, 0.2), samples=5)
    memory = policy.encode(policy.words.encode([data.words(0)])).rows(torch.zeros(25).long())
    mean = learning.decoding.sample(policy, memory, generator(2)).entropies.mean().item()
    weights = []
    for _ in range(6):
        loss = learning.loss(ALL, generator(2))
        weights.append(-loss.parts["entropy"] / mean)
        assert loss.total.item() == pytest.approx(loss.parts["entropy"] + loss.parts["reinforce"])
    assert weights == pytest.approx([0.4, 0.35, 0.3, 0.25, 0.2, 0.2])
    assert set(learner(data, policy).loss(ALL, generator()).parts) == {"reinforce"}


def test_a_right_sample_is_remembered_and_learned_from(shapes: Domain) -> None:
    data = none_given(30)
    learning = learner(data, table(data, RIGHT, by=12.0), samples=2, memory=3)
    assert learning.solved == 0
    loss = learning.loss(ALL, generator())
    assert remembered(learning.memory, 0) == [tokens_of(RIGHT, shapes)]
    assert [bool(remembered(learning.memory, row)) for row in range(5)] == [
        is_right(tokens_of(RIGHT, shapes), data, row) for row in range(5)
    ]
    assert learning.solved == pytest.approx(0.4)  # "is a circle red" asks for the same
    wanted = -likely(learning, [0, 2], [tokens_of(RIGHT, shapes)] * 2).sum() / 5
    torch.testing.assert_close(loss.parts["marginal"], wanted.item())
    mixed = loss.parts["marginal"] + loss.parts["reinforce"]
    assert loss.total.item() == pytest.approx(mixed, abs=1e-6)


def test_where_no_sample_is_right_nothing_is_remembered() -> None:
    data = none_given(30)
    data.answers[:] = 1 - data.answers  # of no question its opposite is what is said
    policy = table(data, RIGHT, by=14.0)
    learning = learner(data, policy, samples=2, memory=2)
    loss = learning.loss(torch.tensor([0]), generator())
    assert learning.solved == 0
    assert loss.parts["marginal"] == 0


def test_what_is_remembered_is_right_wherever_the_question_is_asked(shapes: Domain) -> None:
    data = none_given()
    learning = learner(data, small(data), room=5, samples=150, memory=2)
    learning.loss(ALL, generator())
    learning.loss(ALL, generator(1))
    programs = [(row, p) for row in range(5) for p in remembered(learning.memory, row)]
    assert len({row for row, _ in programs}) > 1
    for row, program in programs:
        assert is_right(program, data, row)
        assert Spoken(TOKENS).ordered(program) == program
        assert program_of(program, shapes).root.operation == "exists"


def test_the_marginal_likelihood_is_that_of_all_that_is_remembered(shapes: Domain) -> None:
    data = none_given()
    nothing = SearchConfig(questions=0)
    learning = learner(data, small(data), estimator="marginal", memory=3, search=nothing)
    texts = ["exists(filter[red](scene))", RIGHT]
    programs = [tokens_of(text, shapes) for text in texts]
    assert learning.memory is not None
    for program in programs:
        learning.memory.add(2, torch.tensor([*program, END, *[PAD] * (8 - len(program))]), 7)
    one = torch.tensor([*programs[1], END, *[PAD] * (8 - len(programs[1]))])
    learning.memory.add(4, one, 7)
    both, other = likely(learning, [2, 2], programs), likely(learning, [4], programs[1:])
    wanted = -(both.logsumexp(0) + other.sum()) / 3
    loss = learning.loss(torch.tensor([4, 0, 2]), generator())
    torch.testing.assert_close(loss.total, wanted)
    assert set(loss.parts) == {"marginal"}
    best = sorted(range(2), key=lambda place: -both[place].item())
    assert remembered(learning.memory, 2) == [programs[place] for place in best]
    torch.testing.assert_close(learning.memory.scores[2, :2], both[best].detach())


def test_questions_without_right_program_teach_nothing() -> None:
    data = none_given()
    policy = small(data)
    nothing = SearchConfig(questions=0)
    learning = learner(data, policy, estimator="marginal", memory=3, search=nothing)
    loss = learning.loss(ALL, generator())
    loss.total.backward()  # type: ignore[no-untyped-call]
    assert loss.total.item() == 0
    assert all(p.grad is None or (p.grad == 0).all() for p in policy.parameters())


def test_training_begins_with_short_programs_of_those_that_have_none() -> None:
    data = question_set(count=30).without_programs(np.array([0, 2, 3]))
    search = SearchConfig(short=4)
    learning = learner(data, small(data), estimator="marginal", memory=2, search=search)
    learning.begin()
    known = [bool(remembered(learning.memory, row)) for row in range(5)]
    assert known == [True, False, True, True, False]
    assert learning.solved == 1
    for row in (0, 2, 3):
        assert all(is_right(program, data, row) for program in remembered(learning.memory, row))
    without = learner(data, small(data), estimator="marginal", memory=2)
    without.begin()
    assert without.solved == 0


def trained(learning: PolicyLearner, steps: int, rate: float = 0.02) -> list[float]:
    optimizer = torch.optim.Adam(learning.policy.parameters(), lr=rate)
    random, losses = generator(3), []
    learning.begin()
    for _ in range(steps):
        loss = learning.loss(ALL, random)
        optimizer.zero_grad()
        loss.total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.total.item())
    return losses


def said(learning: PolicyLearner) -> list[tuple[int, ...]]:
    """The most probable program of each question."""
    data, policy = learning.data, learning.policy.eval()
    words = policy.words.encode([data.words(row) for row in range(len(data))])
    greedy = learning.decoding.greedy(policy, policy.encode(words)).tokens
    return [body(tokens) for tokens in greedy.tolist()]


def test_a_handful_of_given_programs_is_learned_by_heart(shapes: Domain) -> None:
    data = question_set()
    learning = learner(data, small(data))
    losses = trained(learning, 60)
    assert losses[-1] < 0.05 < losses[0]
    assert said(learning) == [tokens_of(text, shapes) for text in TAUGHT.values()]


@pytest.mark.parametrize("estimator", ["marginal", "reinforce"])
def test_answers_are_enough_to_learn_from(estimator: str) -> None:
    data = none_given(20)
    search = SearchConfig(short=3, beam=2, samples=4, edits=40)
    learning = learner(
        data, small(data), estimator=estimator, memory=2, search=search, samples=4, scenes=4
    )
    trained(learning, 60)
    assert learning.solved == 1
    for row, program in enumerate(said(learning)):
        assert is_right(program, data, row)


@pytest.mark.parametrize("estimator", ["marginal", "reinforce"])
def test_the_same_generator_teaches_the_same(estimator: str) -> None:
    data = none_given()
    search = SearchConfig(beam=2, samples=4, edits=40)
    runs = []
    for _ in range(2):
        learning = learner(
            data, small(data), estimator=estimator, memory=2, search=search, entropy=(0.1, 0.0)
        )
        runs.append((trained(learning, 4), learning.state_dict()))
    (losses, state), (again, other) = runs
    assert losses == again
    assert state.keys() == other.keys()
    assert all(torch.equal(state[name], other[name]) for name in state)


def test_a_checkpoint_holds_all_that_training_goes_on_from() -> None:
    data = none_given()
    config: dict[str, Any] = {"reward_baseline": "moving_average", "memory": 2, "entropy": (0.4, 0)}
    learning = learner(data, table(data, RIGHT, by=6.0), **config)
    again = learner(data, table(data, RIGHT, by=0.0), **config)
    for _ in range(3):
        learning.loss(ALL, generator())
    again.load_state_dict(learning.state_dict())
    assert int(again.step) == 3
    assert again.solved == learning.solved
    assert again.solved is not None
    assert again.solved > 0
    first, second = (one.loss(ALL, generator(1)) for one in (learning, again))
    assert first.parts == second.parts
    assert not any(name.startswith(("_words", "_given")) for name in learning.state_dict())


def test_a_given_program_must_be_short_enough_to_be_said() -> None:
    data = question_set()
    with pytest.raises(ConfigError) as caught:
        learner(data, small(data), room=4)
    problem = "a program has 6 tokens; nearest: 6"
    assert str(caught.value) == f"decoding.room: {problem}"
    given = given_programs(data, Spoken(TOKENS), 6)
    assert given.shape == (5, 7)
    assert trimmed(given[[0, 1]]).tolist() == given[[0, 1], :5].tolist()


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"estimator": "marginal"}, "marginal without memory; wanted memory = 1 or more"),
        ({"samples": 1}, "leave_one_out of one sample; wanted samples = 2 or more"),
        ({"samples": 0}, "samples"),
    ],
)
def test_a_configuration_has_what_it_needs(config: dict[str, Any], problem: str) -> None:
    with pytest.raises((ConfigError, ValueError), match=problem):
        LearningConfig(**config)
