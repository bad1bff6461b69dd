"""Trainings whose rewards come from modules that look at pictures."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import nmn
from nmn.data.vocabulary import vocabulary_of
from nmn.domain import load_domain
from nmn.errors import ConfigError, NMNError
from nmn.execution.judging import ModulesJudge
from nmn.execution.network import ModuleNetwork
from nmn.generate.shapes import generate_shapes
from nmn.policies.judge import RulesJudge
from nmn.resources import shipped_checkpoints
from nmn.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from nmn.training.judges import MODULES, build_judge, seen_size
from nmn.training.models import build_model
from nmn.training.parser_preset import ParserPreset, ShapesQuestions, load_any_preset
from nmn.training.parser_run import HowToRun, train_parser
from nmn.training.preset import ShapesData, load_preset
from nmn.training.question_data import held_out_questions, training_questions
from tests.training.tiny_clevr import TINY
from tests.training.tiny_parsers import (
    KINDS,
    MINI,
    TINY_CLEVR,
    interrupted,
    mini_preset,
    shapes_preset,
    weights_of,
)

FIXED = ("judge.kind=modules", "judge.checkpoint=shapes", "learning.scenes=2")
LEARNED = (
    "judge.kind=modules",
    "judge.learned=true",
    "learning.scenes=2",
    "data.generated.programs=8",
)
SHORT = ("training.steps=4", "training.checkpoint_every=2")
WAYS = {"fixed": FIXED, "learned": LEARNED}
STATE = Path("resume", "state.safetensors")


def shipped() -> ModuleNetwork:
    model = load_checkpoint(shipped_checkpoints() / "shapes").model
    assert isinstance(model, ModuleNetwork)
    return model


def log_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def parts_of(folder: Path) -> list[dict[str, float]]:
    """The parts of the loss at each step."""
    return [line["parts"] for line in log_of(folder)]


def check_equal(one: Path, other: Path) -> None:
    first, second = weights_of(one), weights_of(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A parser and modules that learned together, a little."""
    folder = tmp_path_factory.mktemp("learned") / "both"
    train_parser(shapes_preset(*LEARNED), HowToRun(folder))
    return folder


def test_judges_are_as_configured() -> None:
    rules, fixed, learned = (shapes_preset(*settings) for settings in ((), FIXED, LEARNED))
    assert [seen_size(preset) for preset in (rules, fixed, learned)] == [None, (30, 30), (30, 30)]
    wide = shapes_preset(*LEARNED, "judge.network.stem.width=40")
    assert seen_size(wide) == (40, 30)
    data = training_questions(fixed)
    judge = build_judge(rules, data)
    assert isinstance(judge, RulesJudge)
    assert judge.scenes == rules.learning.scenes
    judge = build_judge(fixed, data)
    assert isinstance(judge, ModulesJudge)
    assert (judge.learns, judge.scenes) == (False, 2)
    for name, value in shipped().state_dict().items():
        assert torch.equal(judge.network.state_dict()[name], value), name
    both = shapes_preset(*FIXED, "judge.learned=true")
    assert build_judge(both, data).learns
    torch.manual_seed(5)
    judge = build_judge(learned, data)
    torch.manual_seed(5)
    assert isinstance(judge, ModulesJudge)
    drawn = ModuleNetwork(data.domain, learned.judge.network).state_dict()  # type: ignore[union-attr]
    for name, value in drawn.items():
        assert torch.equal(judge.network.state_dict()[name], value), name


def test_pictures_are_kept_for_judges_that_look_at_them() -> None:
    preset = shapes_preset(*FIXED)
    generated = preset.data.generated
    assert isinstance(generated, ShapesQuestions)
    data = training_questions(preset)
    made = list(generate_shapes(generated.world, preset.seed, "train", generated.examples))
    assert data.pictures is not None
    for picture, example in zip(data.pictures, made, strict=True):
        assert example.picture is not None
        np.testing.assert_array_equal(picture, example.picture)
    assert training_questions(shapes_preset()).pictures is None
    assert held_out_questions(preset).pictures is None


def test_pictures_of_a_folder_are_as_large_as_the_judge_wants_them(
    tmp_path: Path,
) -> None:
    shutil.copytree(MINI, tmp_path / "data")
    for image in range(3):
        path = tmp_path / "data" / "images" / "mini" / f"CLEVR_mini_{image:06}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(MINI / "picture.png", path)
    preset = load_preset("clevr", TINY)
    model = build_model(load_domain("clevr"), preset.model)
    save_checkpoint(tmp_path / "eyes", Checkpoint(model, preset, vocabulary_of([("how",)]), {}))
    judged = mini_preset(
        f"data.folder={tmp_path / 'data'}",
        "data.programs=0",
        "decoding.room=6",
        "learning.samples=8",
        *SHORT,
        "judge.kind=modules",
        f"judge.checkpoint={tmp_path / 'eyes'}",
    )
    data = training_questions(judged)
    assert data.pictures is not None
    assert {picture.shape for picture in data.pictures} == {(32, 48, 3)}
    train_parser(judged, HowToRun(tmp_path / "out"))
    assert any(parts["reinforce"] for parts in parts_of(tmp_path / "out"))


def test_fixed_modules_give_rewards_and_are_no_part_of_what_comes_out(tmp_path: Path) -> None:
    preset = shapes_preset(*FIXED, *SHORT)
    interrupted(preset, tmp_path, 3)
    state = load_file(tmp_path / STATE)
    for name, value in shipped().state_dict().items():
        assert torch.equal(state[f"model.judge.network.{name}"], value), name
    train_parser(preset, HowToRun(tmp_path, resume=True))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "config.json",
        "domain.json",
        "log.jsonl",
        "model.safetensors",
        "vocab.json",
    ]
    assert not any("judge" in name for name in weights_of(tmp_path))
    assert any(parts["reinforce"] for parts in parts_of(tmp_path))
    assert {name for parts in parts_of(tmp_path) for name in parts} == {"reinforce", "entropy"}


def test_modules_that_learn_with_a_parser_are_a_checkpoint_of_their_own(learned: Path) -> None:
    engine = nmn.load(learned / MODULES, parser=learned)
    picture = np.zeros((30, 30, 3), dtype=np.uint8)
    question = training_questions(shapes_preset(*LEARNED)).questions[0]
    answer = engine.ask(question, picture)
    assert answer.text in {"yes", "no"}
    assert (
        answer.trace.program
        == nmn.load("shapes", parser=learned).ask(question, picture).trace.program
    )
    assert nmn.load(learned / MODULES).ask("is a circle red", picture).text in {"yes", "no"}
    names = sorted(path.name for path in (learned / MODULES).iterdir())
    assert names == ["config.json", "domain.json", "model.safetensors", "vocab.json"]
    assert not any("judge" in name for name in weights_of(learned))
    assert not (learned / "resume").exists()


def test_what_modules_learned_from_is_told(learned: Path) -> None:
    preset = shapes_preset(*LEARNED)
    told = load_checkpoint(learned / MODULES)
    assert isinstance(told.preset.data, ShapesData)
    assert isinstance(preset.data.generated, ShapesQuestions)
    assert (told.preset.data.examples, told.preset.data.world) == (32, preset.data.generated.world)
    assert told.preset.training == preset.training
    assert told.made["supervision"] == "answers, and the programs that a parser said"
    assert (told.made["programs"], told.made["steps"]) == (8, 6)
    learned_from = {name for parts in parts_of(learned) for name, part in parts.items() if part}
    assert learned_from >= {"programs", "modules_given", "reinforce", "modules"}


def test_modules_change_by_what_they_learn(learned: Path, tmp_path: Path) -> None:
    still = shapes_preset(*LEARNED, "training.learning_rate=1e-12")
    train_parser(still, HowToRun(tmp_path))
    before, after = weights_of(tmp_path / MODULES), weights_of(learned / MODULES)
    assert before.keys() == after.keys()
    for part in ("stem", "concepts", "relations"):
        changed = [not torch.allclose(v, after[n]) for n, v in before.items() if part in n]
        assert any(changed), part


def test_the_same_seed_makes_the_same_modules(learned: Path, tmp_path: Path) -> None:
    train_parser(shapes_preset(*LEARNED), HowToRun(tmp_path))
    check_equal(learned, tmp_path)
    check_equal(learned / MODULES, tmp_path / MODULES)


@pytest.mark.parametrize(
    ("way", "baseline"), [("fixed", "moving_average"), ("learned", "self_critical")]
)
def test_an_interrupted_training_resumes_to_the_same_weights(
    tmp_path: Path, way: str, baseline: str
) -> None:
    preset = shapes_preset(*WAYS[way], *SHORT, f"learning.reward_baseline={baseline}")
    train_parser(preset, HowToRun(tmp_path / "whole"))
    interrupted(preset, tmp_path / "parts", 3)
    assert not (tmp_path / "parts" / MODULES).exists()
    made = train_parser(preset, HowToRun(tmp_path / "parts", resume=True)).made
    assert made["resumed_at"] == 2
    check_equal(tmp_path / "whole", tmp_path / "parts")
    assert (tmp_path / "whole" / MODULES).exists() == (way == "learned")
    if way == "learned":
        check_equal(tmp_path / "whole" / MODULES, tmp_path / "parts" / MODULES)


def test_modules_of_a_checkpoint_go_on_learning(tmp_path: Path) -> None:
    settings = (*FIXED, "judge.learned=true", "training.steps=2", "training.learning_rate=1e-4")
    train_parser(shapes_preset(*settings), HowToRun(tmp_path))
    begun, ended = shipped().state_dict(), weights_of(tmp_path / MODULES)
    assert begun.keys() == ended.keys()
    assert any(not torch.equal(value, begun[name]) for name, value in ended.items())
    for name, value in ended.items():
        torch.testing.assert_close(value, begun[name], rtol=0, atol=1e-3)


def test_modules_learn_nothing_from_questions_without_pictures(tmp_path: Path) -> None:
    preset = shapes_preset(*LEARNED, "data.recombined=20", "training.batch_size=20", *SHORT)
    made = train_parser(preset, HowToRun(tmp_path)).made
    assert made["programs"] > 8
    assert all(np.isfinite(line["loss"]) for line in log_of(tmp_path))
    assert all(bool(value.isfinite().all()) for value in weights_of(tmp_path / MODULES).values())


def test_retrieval_needs_no_judge(tmp_path: Path) -> None:
    preset = shapes_preset(KINDS["retrieval"], *LEARNED)
    train_parser(preset, HowToRun(tmp_path))
    assert not (tmp_path / MODULES).exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("judge.checkpoint=clevr",), "modules of clevr for questions about shapes"),
        (
            ("judge.checkpoint=clevr-scene",),
            "judge.checkpoint: clevr-scene has no modules to execute programs",
        ),
        (("judge.checkpoint=nobody",), "unknown checkpoint 'nobody'"),
        (
            ("judge.checkpoint=", "judge.learned=true", "judge.network.stem.width=40"),
            "wanted 40x30, got 30x30",
        ),
    ],
)
def test_modules_that_cannot_judge_are_named(
    tmp_path: Path, settings: tuple[str, ...], said: str
) -> None:
    with pytest.raises(NMNError) as caught:
        train_parser(shapes_preset(*FIXED, *settings), HowToRun(tmp_path / "out"))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


STATES = "data={generated={scenes=6,held_out=3}}"
BESIDE = "data.generated={examples=8}"


@pytest.mark.parametrize(
    ("preset", "settings", "said"),
    [
        ("parser-shapes", ("judge.kind=modules",), "modules that know nothing"),
        ("parser-shapes", (*FIXED, "learning.memory=2"), "learning.memory = 0"),
        (
            "parser-shapes",
            (*FIXED, "learning.estimator=marginal", "learning.memory=2"),
            "wanted learning.estimator = reinforce",
        ),
        (
            "parser-answers",
            (
                STATES,
                "learning.estimator=reinforce",
                "learning.memory=0",
                "judge.kind=modules",
                "judge.checkpoint=clevr",
            ),
            "data.generated of clevr has no pictures; wanted judge.kind = rules",
        ),
        (
            "parser-clevr",
            (*TINY_CLEVR, "judge.kind=modules", "judge.learned=true"),
            "wanted data.generated and no data.folder",
        ),
        (
            "parser-shapes",
            (*LEARNED, "data.folder=somewhere"),
            "wanted data.generated and no data.folder",
        ),
        ("parser-shapes", ("judge.learned=true",), "unknown key 'judge.learned'"),
        ("parser-shapes", ("judge.kind=module",), "wanted kind 'rules' or 'modules'"),
        (
            "parser-shapes",
            (*LEARNED, "judge.network.supervision=scene"),
            "wanted network.supervision = answers",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_refused(
    preset: str, settings: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_any_preset(preset, settings)
    assert said in str(caught.value)


def test_fixed_modules_can_judge_questions_of_a_folder() -> None:
    preset = load_any_preset(
        "parser-clevr", (*TINY_CLEVR, "judge.kind=modules", "judge.checkpoint=clevr")
    )
    assert isinstance(preset, ParserPreset)
    assert seen_size(preset) == load_checkpoint(shipped_checkpoints() / "clevr").preset.size


def test_the_shipped_preset_learns_modules_with_a_parser() -> None:
    preset = load_any_preset("shapes-reinforce")
    assert isinstance(preset, ParserPreset)
    assert (preset.judge.kind, preset.judge.learned) == ("modules", True)  # type: ignore[union-attr]
    assert ParserPreset.model_validate(preset.model_dump(mode="json")) == preset


def test_modules_of_an_earlier_run_do_not_stay_with_another_parser(tmp_path: Path) -> None:
    train_parser(shapes_preset(*LEARNED, "training.steps=1"), HowToRun(tmp_path))
    assert (tmp_path / MODULES / "config.json").is_file()
    train_parser(shapes_preset("training.steps=1"), HowToRun(tmp_path))
    assert not (tmp_path / MODULES).exists()
