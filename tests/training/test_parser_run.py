"""Whole trainings of parsers: interrupted ones end as if they had not been."""

import json
import shutil
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from nmn.errors import ConfigError, DataError, NotFiniteError, UnknownNameError
from nmn.nn.trainable import Loss
from nmn.policies.learner import PolicyLearner
from nmn.program.tokens import PAD
from nmn.training.curriculum import stages_of
from nmn.training.loop import LoopConfig
from nmn.training.parser_checkpoint import load_parser
from nmn.training.parser_report import report_on
from nmn.training.parser_run import HowToRun, question_batches, train_parser
from nmn.training.question_data import training_questions
from tests.training.tiny_parsers import (
    KINDS,
    MINI,
    interrupted,
    mini_preset,
    shapes_preset,
    weights_of,
)

MARGINAL = (
    "learning.estimator=marginal",
    "learning.memory=2",
    "learning.search.edits=20",
    "learning.search.again=2",
)
WORDS = ("training.curriculum_by=words", "training.curriculum=[[2,8],[5,12]]")
KEPT = ("training.evaluate_every=2", "training.evaluate_questions=4", "training.patience=9")
WAYS = {
    "reinforce": ("learning.reward_baseline=moving_average", *WORDS),
    "reinforce with memory": ("learning.memory=2",),
    "marginal": MARGINAL,
    "some programs, the best kept": ("data.generated.programs=5", *MARGINAL, *KEPT),
}
STATE = Path("resume", "state.safetensors")


def check_equal(one: Path, other: Path) -> None:
    first, second = weights_of(one), weights_of(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


def log_of(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    hidden = ("seconds", "questions_per_second")
    return [{k: v for k, v in line.items() if k not in hidden} for line in lines]


@pytest.mark.parametrize("way", WAYS)
def test_an_interrupted_training_resumes_to_the_same_weights(tmp_path: Path, way: str) -> None:
    preset = shapes_preset(*WAYS[way])
    whole = train_parser(preset, HowToRun(tmp_path / "whole")).made
    interrupted(preset, tmp_path / "parts", 5)
    names = sorted(p.name for p in (tmp_path / "parts").rglob("*") if p.is_file())
    assert names == ["log.jsonl", "state.safetensors"]
    resumed = train_parser(preset, HowToRun(tmp_path / "parts", resume=True)).made
    assert (resumed["resumed_at"], whole["resumed_at"]) == (3, 0)
    for name in ("steps", "metrics", "solved", "restarts", "examples", "programs"):
        assert resumed.get(name) == whole.get(name), name
    check_equal(tmp_path / "whole", tmp_path / "parts")
    assert log_of(tmp_path / "whole") == log_of(tmp_path / "parts")
    assert not (tmp_path / "parts" / "resume").exists()


def test_what_is_remembered_is_part_of_the_state(tmp_path: Path) -> None:
    preset = shapes_preset(*MARGINAL)
    interrupted(preset, tmp_path, 5)
    state = load_file(tmp_path / STATE)
    remembered = state["model.memory.tokens"]
    assert len(remembered) == len(training_questions(preset))
    assert bool((remembered[:, 0, 0] != PAD).any())
    assert int(state["model.step"]) == 3
    # The checkpoint of the parser has none of it.
    train_parser(preset, HowToRun(tmp_path, resume=True))
    assert not [name for name in weights_of(tmp_path) if "memory" in name or name == "step"]


def test_without_resume_a_training_starts_anew(tmp_path: Path) -> None:
    preset = mini_preset()
    interrupted(preset, tmp_path, 5)
    assert train_parser(preset, HowToRun(tmp_path)).made["resumed_at"] == 0
    assert [line["step"] for line in log_of(tmp_path)] == list(range(1, 7))


def test_a_state_of_another_preset_is_not_resumed(tmp_path: Path) -> None:
    interrupted(mini_preset(), tmp_path, 5)
    with pytest.raises(DataError, match="another configuration"):
        train_parser(mini_preset("seed=9"), HowToRun(tmp_path, resume=True))


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_makes_the_same_checkpoint(tmp_path: Path, kind: str) -> None:
    preset = mini_preset(KINDS[kind])
    for name in ("one", "two"):
        train_parser(preset, HowToRun(tmp_path / name))
    for file in ("model.safetensors", "vocab.json", "domain.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_another_seed_makes_other_weights(tmp_path: Path) -> None:
    for seed in (1, 2):
        train_parser(mini_preset(f"seed={seed}"), HowToRun(tmp_path / str(seed)))
    one, other = weights_of(tmp_path / "1"), weights_of(tmp_path / "2")
    assert one.keys() == other.keys()
    assert not torch.equal(one["say.weight"], other["say.weight"])


def test_what_it_is_taught_it_says(tmp_path: Path) -> None:
    settings = (
        'parser={kind="lstm",hidden=32,embedding=32}',
        "training.steps=80",
        "training.batch_size=15",
        "training.learning_rate=2e-2",
    )
    preset = mini_preset(*settings)
    report = report_on(train_parser(preset, HowToRun(tmp_path)), training_questions(preset))
    for measure in ("exact_match", "accuracy", "well_typed"):
        assert report[measure]["successes"] == 15, measure


def test_what_was_learned_from_is_told(tmp_path: Path) -> None:
    preset = mini_preset("data.programs=4", "learning.samples=2")
    made = train_parser(preset, HowToRun(tmp_path)).made
    assert (made["examples"], made["programs"]) == (15, 4)
    assert (made["steps"], made["restarts"]) == (6, 0)
    assert "solved" not in made  # as nothing is remembered
    assert made["training_seconds"] <= made["seconds"] + 0.1
    loaded = load_parser(tmp_path).made
    assert {name: loaded[name] for name in made} == made
    assert loaded["torch"] == torch.__version__


def test_a_training_begins_with_the_weights_of_a_checkpoint(tmp_path: Path) -> None:
    first = train_parser(mini_preset("training.steps=2"), HowToRun(tmp_path / "first"))
    still = ("training.steps=1", "training.learning_rate=1e-12", f"initial={tmp_path / 'first'}")
    preset = mini_preset(*still, "seed=8", "data.images=:1")
    second = train_parser(preset, HowToRun(tmp_path / "second"))
    assert second.preset.initial == str(tmp_path / "first")
    assert second.model.words == first.model.words  # other questions have fewer
    values = second.model.state_dict()
    for name, value in first.model.state_dict().items():
        torch.testing.assert_close(values[name], value, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('parser={kind="lstm",hidden=32,embedding=8}', "configured otherwise than parser"),
        (KINDS["transformer"], "configured otherwise than parser"),
    ],
)
def test_a_training_does_not_begin_with_another_kind_of_parser(
    tmp_path: Path, setting: str, said: str
) -> None:
    train_parser(mini_preset("training.steps=1"), HowToRun(tmp_path / "first"))
    preset = mini_preset(setting, f"initial={tmp_path / 'first'}")
    with pytest.raises(DataError, match=said) as caught:
        train_parser(preset, HowToRun(tmp_path / "second"))
    assert str(tmp_path / "first") in str(caught.value)
    assert not (tmp_path / "second").exists()


def test_a_training_begins_with_a_parser_that_there_is(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown checkpoint 'nobody'"):
        train_parser(mini_preset("initial=nobody"), HowToRun(tmp_path))
    with pytest.raises(DataError, match="not a learned parser"):
        train_parser(mini_preset("initial=shapes"), HowToRun(tmp_path))
    train_parser(shapes_preset("training.steps=1"), HowToRun(tmp_path / "other"))
    with pytest.raises(DataError, match=r"a parser of shapes; wanted one of clevr \(initial\)"):
        train_parser(mini_preset(f"initial={tmp_path / 'other'}"), HowToRun(tmp_path))


def broken_after(step: int) -> Callable[..., Loss]:
    """The loss of a learner, which is not a number from the step after this one on."""
    whole = PolicyLearner.loss

    def loss(self: PolicyLearner, batch: Tensor, generator: torch.Generator) -> Loss:
        done = int(self.step)
        found = whole(self, batch, generator)
        return Loss(found.total * torch.nan, found.parts) if done >= step else found

    return loss


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset = mini_preset("data.programs=7")
    train_parser(preset, HowToRun(tmp_path / "whole"))
    shutil.copytree(tmp_path / "whole", tmp_path / "parts")
    with monkeypatch.context() as patch:
        patch.setattr(PolicyLearner, "loss", broken_after(4))
        with pytest.raises(
            NotFiniteError, match=r"step 5: .* is nan; the state after step 3 is kept"
        ):
            train_parser(preset, HowToRun(tmp_path / "parts"))
    check_equal(tmp_path / "whole", tmp_path / "parts")  # the checkpoint of before is there
    state = load_file(tmp_path / "parts" / STATE)
    assert int(state["model.step"]) == 3
    assert all(bool(value.isfinite().all()) for n, value in state.items() if "policy" in n)
    (tmp_path / "parts" / "model.safetensors").unlink()
    resumed = train_parser(preset, HowToRun(tmp_path / "parts", resume=True))
    assert resumed.made["resumed_at"] == 3
    check_equal(tmp_path / "whole", tmp_path / "parts")


def test_questions_are_kept_from_training_to_be_evaluated(tmp_path: Path) -> None:
    kept = ("training.evaluate_every=4", "training.evaluate_questions=4")
    made = train_parser(mini_preset(*kept), HowToRun(tmp_path)).made
    assert made["examples"] == 15 - 4
    told = [line for line in log_of(tmp_path) if "accuracy" in line]
    assert [line["step"] for line in told] == [4, 6]
    assert made["metrics"]["accuracy"] == told[-1]["accuracy"]
    assert told[-1]["accuracy"] in {0, 0.25, 0.5, 0.75, 1}
    assert told[-1]["well_typed"] == 1.0


def test_it_stops_when_nothing_gets_better_and_keeps_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = iter([0.5, 0.75, 0.25, 0.75])

    def report(*_: object) -> dict[str, dict[str, float]]:
        found = {"accuracy": next(rates), "exact_match": 0.0, "well_typed": 1.0}
        return {name: {"rate": rate} for name, rate in found.items()}

    monkeypatch.setattr("nmn.training.parser_run.parser_report", report)
    wait = (
        "training.evaluate_every=2",
        "training.evaluate_questions=4",
        "training.patience=2",
        "training.steps=20",
    )
    made = train_parser(mini_preset(*wait), HowToRun(tmp_path / "waited")).made
    assert made["steps"] == 8
    assert (made["metrics"]["accuracy"], made["metrics"]["best_step"]) == (0.75, 4)
    rates = iter([0.5, 0.75, 0.25, 0.75])
    interrupted(mini_preset(*wait, "training.checkpoint_every=4"), tmp_path / "stopped", 5)
    state = load_file(tmp_path / "stopped" / STATE)
    for name, value in weights_of(tmp_path / "waited").items():
        assert torch.equal(value, state[f"best.policy.{name}"]), name


def test_not_all_questions_can_be_kept(tmp_path: Path) -> None:
    kept = ("training.evaluate_every=1", "training.evaluate_questions=15")
    said = r"training\.evaluate_questions: 15 questions cannot be kept from training, of 15"
    with pytest.raises(ConfigError, match=said):
        train_parser(mini_preset(*kept), HowToRun(tmp_path))


def test_a_training_that_is_stuck_begins_anew_unless_its_weights_were_given(
    tmp_path: Path,
) -> None:
    stuck = ("training.stuck_after=2", "training.stuck_loss=0.0", "training.restarts=2")
    begun: list[str] = []
    how = HowToRun(tmp_path / "a", stage=lambda what, *_: begun.append(what))
    assert train_parser(mini_preset(*stuck), how).made["restarts"] == 2
    told = [what for what in dict.fromkeys(begun) if "training" in what]
    assert told == ["training", "training, start 2", "training, start 3"]
    given = mini_preset(*stuck, f"initial={tmp_path / 'a'}")
    assert train_parser(given, HowToRun(tmp_path / "b")).made["restarts"] == 0


def test_retrieval_looks_up_what_has_a_program(tmp_path: Path) -> None:
    made = train_parser(mini_preset(KINDS["retrieval"], "data.programs=4"), HowToRun(tmp_path))
    assert (made.made["examples"], made.made["programs"]) == (15, 4)
    assert len(weights_of(tmp_path)["questions"]) == 4
    with pytest.raises(DataError, match="wanted at least one question with its program"):
        train_parser(mini_preset(KINDS["retrieval"], "data.programs=0"), HowToRun(tmp_path))


@pytest.mark.parametrize("kind", KINDS)
def test_questions_without_words_are_refused(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "silent"
    shutil.copytree(MINI, folder)
    path = folder / "questions" / "CLEVR_mini_questions.json"
    records = json.loads(path.read_text())
    records["questions"] = [{**record, "question": "?"} for record in records["questions"]]
    path.write_text(json.dumps(records))
    with pytest.raises(DataError, match="wanted at least one word to learn parsing from"):
        train_parser(mini_preset(KINDS[kind], f"data.folder={folder}"), HowToRun(tmp_path / "x"))
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("kind", ["lstm", "retrieval"])
def test_programs_that_are_longer_than_may_be_said_are_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ConfigError, match=r"decoding\.room: a program has \d+ tokens; nearest"):
        train_parser(mini_preset(KINDS[kind], "decoding.room=4"), HowToRun(tmp_path))


def test_a_stage_without_questions_is_refused(tmp_path: Path) -> None:
    preset = mini_preset("training.curriculum_by=words", "training.curriculum=[[2,1]]")
    with pytest.raises(ConfigError, match="no question has at most 1 words"):
        train_parser(preset, HowToRun(tmp_path))


CURRICULUM = LoopConfig(steps=20, batch_size=4, curriculum_by="words", curriculum=((6, 5), (12, 8)))
LENGTHS = np.array([4, 9, 5, 8, 6, 12, 3, 8, 5, 7])


def batches(config: LoopConfig, start: int = 0) -> list[list[int]]:
    stages = stages_of(LENGTHS, np.arange(len(LENGTHS)), config)
    return [batch.tolist() for batch in question_batches(stages, config, 3, start)]


@pytest.mark.parametrize("start", [0, 1, 5, 6, 7, 12, 19])
@pytest.mark.parametrize("config", [CURRICULUM, LoopConfig(steps=20, batch_size=4)])
def test_batches_do_not_depend_on_where_the_training_began(config: LoopConfig, start: int) -> None:
    whole = batches(config)
    assert len(whole) == 20
    assert batches(config, start) == whole[start:]


def test_each_epoch_has_each_question_once_and_long_ones_come_later() -> None:
    found = batches(CURRICULUM)
    most = [max(LENGTHS[batch].tolist()) for batch in found]
    assert max(most[:6]) == 5
    assert max(most[6:12]) == 8
    assert max(most[12:]) == 12
    assert sorted(chain.from_iterable(found[12:15])) == list(range(10))
    assert sorted(chain.from_iterable(found[15:18])) == list(range(10))
    assert found[12:15] != found[15:18]


def test_tensorboard_is_an_option(tmp_path: Path) -> None:
    train_parser(mini_preset("training.steps=1"), HowToRun(tmp_path, tensorboard=True))
    assert list((tmp_path / "tensorboard").glob("events*"))


def test_the_preset_is_kept_with_the_checkpoint(tmp_path: Path) -> None:
    preset = mini_preset("training.steps=1")
    train_parser(preset, HowToRun(tmp_path))
    assert load_parser(tmp_path).preset == preset
