"""Rewards by modules, with what the network itself predicts as the oracle."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nmn.data.batch import collate
from nmn.data.example import Example
from nmn.data.question_set import NOWHERE, QuestionSet
from nmn.data.vocabulary import WordVocabulary
from nmn.domain import Domain
from nmn.errors import ConfigError
from nmn.execution.judging import ModulesJudge, ModulesJudgeConfig
from nmn.execution.network import ModuleNetwork, ModuleNetworkConfig
from nmn.policies.decode import DecodingConfig
from nmn.policies.judge import drawn_scenes
from nmn.policies.learner import LearningConfig, PolicyLearner
from nmn.program.program import Program
from nmn.program.text import parse_program
from tests.policies.made import (
    TAUGHT,
    VOCABULARIES,
    Table,
    examples_of,
    padded,
    program_of,
    some_scenes,
    tokens_of,
    words_in,
)

ROWS = torch.tensor([4, 0, 3])
TEXTS = (*TAUGHT.values(), "exists(scene)")
NUMBERS = {
    "how many things are there": "count(scene)",
    "are there any cubes": "exists(filter[cube](scene))",
}
SMALL_STEM = {"width": 48, "height": 32, "kind": "residual", "levels": [[8, 1], [16, 1]]}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def seen(questions: dict[str, str], domain: Domain, height: int, width: int) -> QuestionSet:
    """Questions of six scenes, each with a picture of noise."""
    noise = np.random.default_rng(0).integers(256, size=(6, height, width, 3), dtype=np.uint8)
    examples = examples_of(questions, domain, some_scenes(domain.name, 6))
    shown = (replace(example, picture=noise[example.image_index]) for example in examples)
    return QuestionSet.of(shown, domain, together=True, pictures=True)


@pytest.fixture
def data(shapes: Domain) -> QuestionSet:
    return seen(TAUGHT, shapes, 30, 30)


@pytest.fixture
def network(shapes: Domain) -> ModuleNetwork:
    torch.manual_seed(1)
    return ModuleNetwork(shapes, ModuleNetworkConfig())


def said(texts: tuple[str, ...], domain: Domain, questions: int = 3) -> Tensor:
    """The same programs for each question."""
    tokens = torch.from_numpy(padded([tokens_of(text, domain) for text in texts]))
    return tokens.expand(questions, -1, -1)


def likelihood(
    network: ModuleNetwork, data: QuestionSet, asked: list[tuple[int, int, Program]]
) -> Tensor:
    """How probable the network holds right answers, each to a row's question at a place of it."""
    examples = []
    for row, place, program in asked:
        scene, answer = data.asked[row, place], data.answers[row, place]
        assert data.pictures is not None
        picture, name = data.pictures[scene], data.domain.answers[answer]
        examples.append(Example("?", 0, int(scene), picture, program, name))
    batch = collate(examples, data.domain, WordVocabulary(()))
    found = network.predict(batch).log_probabilities
    return found.gather(1, batch.answers[:, None]).squeeze(1).exp()


def drawn(
    data: QuestionSet, scenes: int, seed: int, texts: tuple[str, ...] = TEXTS
) -> list[tuple[int, int, Program]]:
    """All that is executed of these programs, said of each of the `ROWS`."""
    places = drawn_scenes(data, ROWS, scenes, generator(seed)).tolist()
    programs = [program_of(tokens_of(text, data.domain), data.domain) for text in texts]
    return [
        (row, place, program)
        for row, own in zip(ROWS.tolist(), places, strict=True)
        for program in programs
        for place in own
    ]


@pytest.mark.parametrize("learned", [True, False])
def test_a_reward_is_the_mean_probability_of_the_right_answer(
    data: QuestionSet, network: ModuleNetwork, learned: bool
) -> None:
    judge = ModulesJudge(network, data, 4, learned=learned).eval()
    judged = judge.judge(ROWS, said(TEXTS, data.domain), generator(3))
    wanted = likelihood(network, data, drawn(data, 4, seed=3)).view(3, len(TEXTS), 4).mean(2)
    torch.testing.assert_close(judged.rewards, wanted)
    assert 0 < wanted.min() < wanted.max() < 1
    assert not judged.rewards.requires_grad


def test_what_is_no_program_gets_nothing_and_changes_nothing(
    data: QuestionSet, network: ModuleNetwork
) -> None:
    exists, scene = tokens_of("exists(scene)", data.domain)
    (count,) = (token for token in tokens_of("count(scene)", data.domain) if token != scene)
    bad = [
        [exists],
        [scene],
        [exists, scene, scene],
        [exists, exists, scene],
        [],
        [count, scene],  # its answer is none of the domain
    ]
    good = [tokens_of(text, data.domain) for text in TEXTS]
    judge = ModulesJudge(network, data, 2, learned=True)
    tokens = torch.from_numpy(padded([*bad, *good])).expand(3, -1, -1).clone()
    endless = tokens[:, -1:].masked_fill(tokens[:, -1:] == 2, 0)
    mixed = judge.judge(ROWS, torch.cat([tokens, endless], 1), generator())
    alone = judge.judge(ROWS, tokens[:, len(bad) :], generator())
    assert (mixed.rewards[:, [*range(len(bad)), -1]] == 0).all()
    torch.testing.assert_close(mixed.rewards[:, len(bad) : -1], alone.rewards)
    assert mixed.loss is not None
    assert alone.loss is not None
    torch.testing.assert_close(mixed.loss, alone.loss)
    nothing = judge.judge(ROWS, tokens[:, : len(bad)], generator())
    assert (nothing.rewards == 0).all()
    assert nothing.loss is None


def test_fixed_modules_stay_as_they_are(data: QuestionSet, network: ModuleNetwork) -> None:
    judge = ModulesJudge(network.train(), data, 2, learned=False)
    assert not any(module.training for module in judge.modules())
    words = words_in(data)
    policy = Table.saying(tokens_of(TEXTS[0], data.domain), words, VOCABULARIES["shapes"], by=2.0)
    given = data.without_programs(np.arange(1, 5))
    learning = PolicyLearner(policy, DecodingConfig(room=8), LearningConfig(), given, 10, judge)
    assert learning.train().judge is judge
    assert not any(module.training for module in judge.modules())
    loss = learning.loss(torch.arange(5), generator())
    loss.total.backward()  # type: ignore[no-untyped-call]
    assert set(loss.parts) == {"programs", "reinforce"}
    assert not any(weight.requires_grad for weight in judge.parameters())
    assert all(weight.grad is None for weight in judge.parameters())
    assert policy.logits.grad is not None
    assert policy.logits.grad.any()


def test_learned_modules_learn_the_likelihood_of_right_answers(
    data: QuestionSet, network: ModuleNetwork
) -> None:
    judge = ModulesJudge(network, data, 3, learned=True)
    assert not judge.eval().network.training
    assert judge.train().network.training
    loss = judge.judge(ROWS, said(TEXTS, data.domain), generator(2)).loss
    assert loss is not None
    wanted = -likelihood(network, data, drawn(data, 3, seed=2)).log().mean()
    torch.testing.assert_close(loss.detach(), wanted)
    loss.backward()  # type: ignore[no-untyped-call]
    for part in ("stem", "concepts", "relations"):
        own = [weight for name, weight in judge.named_parameters() if part in name]
        assert any(weight.grad is not None and weight.grad.any() for weight in own), part


def test_an_answer_that_a_program_cannot_have_teaches_nothing(clevr: Domain) -> None:
    data = seen(NUMBERS, clevr, 32, 48)
    config = ModuleNetworkConfig.model_validate({"stem": SMALL_STEM, "family": "tbd"})
    torch.manual_seed(0)
    judge = ModulesJudge(ModuleNetwork(clevr, config), data, 2, learned=True)
    own = said(("count(scene)",), clevr, 1)
    other = said(("exists(filter[cube](scene))",), clevr, 1)
    row = torch.tensor([0])
    width = max(own.shape[2], other.shape[2])
    both = torch.cat([torch.nn.functional.pad(t, (0, width - t.shape[2])) for t in (own, other)], 1)
    judged, alone = (judge.judge(row, tokens, generator()) for tokens in (both, own))
    assert judged.rewards[0, 1] == 0 < judged.rewards[0, 0]
    assert judged.loss is not None
    assert alone.loss is not None
    torch.testing.assert_close(judged.loss, alone.loss)
    judged.loss.backward()  # type: ignore[no-untyped-call]
    gradients = [weight.grad for weight in judge.parameters() if weight.grad is not None]
    assert gradients
    assert all(bool(gradient.isfinite().all()) for gradient in gradients)
    assert judge.judge(row, other, generator()).loss is None


def test_questions_that_are_asked_of_no_picture_teach_nothing(
    data: QuestionSet, network: ModuleNetwork
) -> None:
    program = parse_program(TEXTS[0], data.domain)
    more = data.with_more([("is there any red circle", program)], "recombined")
    judge = ModulesJudge(network, more, 2, learned=True)
    assert (more.asked[5] == NOWHERE).all()
    tokens = said(TEXTS[:2], data.domain, 1)
    nowhere = judge.judge(torch.tensor([5]), tokens, generator())
    assert nowhere.rewards.tolist() == [[0, 0]]
    assert nowhere.loss is None
    alone, both = (
        judge.judge(torch.tensor(rows), tokens.expand(len(rows), -1, -1), generator())
        for rows in ([0], [0, 5])
    )
    torch.testing.assert_close(both.rewards[:1], alone.rewards)
    assert both.loss is not None
    assert alone.loss is not None
    torch.testing.assert_close(both.loss, alone.loss)


def test_the_same_generator_gives_the_same_rewards(
    data: QuestionSet, network: ModuleNetwork
) -> None:
    judge, tokens = ModulesJudge(network, data, 1, learned=False), said(TEXTS, data.domain)
    first, again, other = (judge.judge(ROWS, tokens, generator(seed)).rewards for seed in (4, 4, 5))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_questions_need_pictures_of_the_domain_of_the_modules(
    data: QuestionSet, network: ModuleNetwork, clevr: Domain
) -> None:
    said_ = r"judge\.kind: modules look at pictures, and some questions have none; nearest: rules"
    with pytest.raises(ConfigError, match=said_):
        ModulesJudge(network, replace(data, pictures=None), 1, learned=False)
    other = seen(NUMBERS, clevr, 30, 30)
    with pytest.raises(ConfigError, match="modules of shapes for questions about clevr"):
        ModulesJudge(network, other, 1, learned=False)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({}, "modules that know nothing; wanted checkpoint, or learned = true"),
        ({"checkpoint": ""}, "modules that know nothing"),
        (
            {"checkpoint": "shapes", "network": {"family": "tbd"}},
            "settings of a network for those of a checkpoint; wanted one of both",
        ),
        (
            {"learned": True, "network": {"supervision": "scene"}},
            r"wanted network\.supervision = answers",
        ),
    ],
)
def test_what_a_judge_is_made_of_is_checked(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        ModulesJudgeConfig.model_validate(settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"checkpoint": "shapes"},
        {"checkpoint": "shapes", "learned": True},
        {"learned": True, "network": {"family": "tbd"}},
    ],
)
def test_modules_of_a_checkpoint_or_new_ones_that_learn_can_judge(
    settings: dict[str, Any],
) -> None:
    config = ModulesJudgeConfig.model_validate(settings)
    assert ModulesJudgeConfig.model_validate(config.model_dump(mode="json")) == config
