from pathlib import Path

import pytest

from nmn.errors import ConfigError, UnknownNameError
from nmn.generate.clevr import StatesWorldConfig
from nmn.policies.retrieval import RetrievalConfig
from nmn.policies.seq2seq import Seq2SeqConfig
from nmn.policies.transformer import TransformerConfig
from nmn.training.parser_preset import (
    ClevrQuestions,
    ParserPreset,
    ShapesQuestions,
    build_preset,
    load_any_preset,
)
from nmn.training.preset import TrainPreset, load_preset, preset_files
from tests.training.tiny_parsers import parser_preset

PARSERS = sorted(name for name in preset_files() if name.startswith("parser-"))
MINE = 'kind = "train"\ndomain = "clevr"\n'


def test_parsers_are_among_the_shipped_presets() -> None:
    assert {"parser-answers", "parser-clevr", "parser-shapes"} <= set(PARSERS)


@pytest.mark.parametrize("name", PARSERS)
def test_shipped_presets_of_parsers_are_valid(name: str) -> None:
    preset = parser_preset(name)
    assert preset.kind == "train"
    assert preset_files()[name].parents[1].name == preset.domain
    assert build_preset(preset.model_dump(mode="json"), "x") == preset


def test_what_has_a_parser_is_the_preset_of_one(tmp_path: Path) -> None:
    assert isinstance(load_any_preset("shapes"), TrainPreset)
    assert load_any_preset("shapes", ["seed=3"]) == load_preset("shapes", ["seed=3"])
    file = tmp_path / "mine.toml"
    file.write_text(f"{MINE}[data.generated]\nscenes = 5\n[parser]\n")
    preset = load_any_preset(str(file))
    assert isinstance(preset, ParserPreset)
    assert preset.parser == Seq2SeqConfig()


def test_a_preset_says_what_differs_from_its_base(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('base = "parser-shapes"\nseed = 1\n[decoding]\nroom = 9\n')
    said = ("seed=1", "decoding.room=9")
    assert load_any_preset(str(file)) == parser_preset("parser-shapes", *said)


@pytest.mark.parametrize(
    ("settings", "config"),
    [
        ('parser={kind="transformer",heads=2}', TransformerConfig(heads=2)),
        ('parser={kind="retrieval"}', RetrievalConfig()),
        ('parser={kind="lstm",attention=false}', Seq2SeqConfig(attention=False)),
        ("parser={}", Seq2SeqConfig()),
    ],
)
def test_parsers_are_told_apart_by_their_kind(
    settings: str, config: Seq2SeqConfig | TransformerConfig | RetrievalConfig
) -> None:
    assert parser_preset("parser-clevr", settings).parser == config


def test_generated_questions_are_of_the_domain() -> None:
    shapes = parser_preset("parser-shapes", "data.generated={examples=7}")
    assert shapes.data.generated == ShapesQuestions(examples=7)
    asked = "data.generated={scenes=7,world={questions={per_picture=2}}}"
    clevr = parser_preset("parser-clevr", asked)
    world = StatesWorldConfig.model_validate({"questions": {"per_picture": 2}})
    assert clevr.data.generated == ClevrQuestions(scenes=7, world=world)


@pytest.mark.parametrize("setting", ["data.programs", "data.generated.programs"])
def test_all_programs_are_restored_over_a_preset_that_gives_none(setting: str) -> None:
    data = parser_preset("parser-answers").data
    assert data.generated is not None
    assert (data.programs, data.generated.programs) == (0, 0)
    data = parser_preset("parser-answers", f"{setting}=all").data
    assert data.generated is not None
    chosen = {"data.programs": data.programs, "data.generated.programs": data.generated.programs}
    assert chosen == {"data.programs": 0, "data.generated.programs": 0} | {setting: "all"}


def test_without_a_number_all_programs_are_given() -> None:
    assert parser_preset("parser-clevr").data.programs == "all"
    assert ShapesQuestions(examples=7).programs == ClevrQuestions(scenes=7).programs == "all"


def test_settings_of_before_have_null_for_all_programs() -> None:
    values = parser_preset("parser-answers").model_dump(mode="json")
    values["data"]["programs"] = values["data"]["generated"]["programs"] = None
    chosen = ("data.programs=all", "data.generated.programs=all")
    assert build_preset(values, "job") == parser_preset("parser-answers", *chosen)


def test_a_folder_that_is_empty_is_none() -> None:
    preset = parser_preset("parser-answers", "data.folder=", "data.test_images=")
    assert preset.data.folder is None


@pytest.mark.parametrize(
    ("name", "setting", "said"),
    [
        ("parser-shapes", "sed=1", "unknown key 'sed'; nearest: 'seed'"),
        ("parser-shapes", "training.step=1", r"unknown key 'training\.step'; nearest: 'steps'"),
        ("parser-shapes", "parser.hiden=3", r"unknown key 'parser\.hiden'; nearest: 'hidden'"),
        ("parser-clevr", "data.image=:5", r"unknown key 'data\.image'; nearest: 'images'"),
        (
            "parser-shapes",
            "learning.search.shrt=3",
            r"unknown key 'learning\.search\.shrt'; nearest: 'short'",
        ),
        (
            "parser-shapes",
            "data.generated.example=3",
            r"unknown key 'data\.generated\.example'; nearest: 'examples'",
        ),
        (
            "parser-answers",
            "data.generated.world.questions.held_ot=[]",
            r"unknown key 'data\.generated\.world\.questions\.held_ot'; nearest: 'held_out'",
        ),
        ("parser-shapes", "data.generated.scenes=3", r"unknown key 'data\.generated\.scenes'"),
        ("parser-clevr", 'parser={kind="transformer",embedding=8}', r"'parser\.embedding'"),
    ],
)
def test_unknown_keys_are_named_with_their_neighbours(name: str, setting: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        parser_preset(name, setting)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("parser-clevr", ["parser.kind=gru"], "wanted kind 'lstm', 'transformer' or 'retrieval'"),
        ("parser-clevr", ["parser.hidden=33"], r"'parser\.hidden': .*multiple of 2"),
        (
            "parser-clevr",
            ['parser={kind="transformer",hidden=16,heads=3}'],
            "3 heads of 16 channels; wanted a divisor",
        ),
        ("parser-clevr", ["domain=nlvr"], "'domain': .*'shapes' or 'clevr', got 'nlvr'"),
        ("parser-clevr", ["decoding.room=1"], r"'decoding\.room': .*got 1"),
        ("parser-clevr", ["data.images=1-5"], r"'data\.images': .*got '1-5'"),
        ("parser-clevr", ["data.test_images=5"], r"'data\.test_images'"),
        *[
            ("parser-clevr", [f"data.programs={value}"], rf"'data\.programs': {wanted}, got {got}")
            for wanted in ["wanted 'all' or a number from 0"]
            for value, got in [
                ("-1", "-1"),
                ("most", "'most'"),
                ("0.5", "0\\.5"),
                ("true", "True"),
                ("[]", r"\[\]"),
            ]
        ],
        (
            "parser-shapes",
            ["data.generated.programs=al"],
            r"'data\.generated\.programs': wanted 'all' or a number from 0, got 'al'",
        ),
        ("parser-clevr", ["data.test_images="], "nothing to test on; wanted test_images or"),
        (
            "parser-shapes",
            ['data={test_images="5:"}'],
            r"nothing to learn from; wanted data\.folder, data\.generated or both",
        ),
        (
            "parser-shapes",
            ["data.test_images=5:"],
            r"test_images without a folder; wanted data\.folder",
        ),
        ("parser-shapes", ["learning.samples=1"], "leave_one_out of one sample"),
        (
            "parser-shapes",
            ["learning.estimator=marginal"],
            "marginal without memory; wanted memory = 1 or more",
        ),
        (
            "parser-shapes",
            ["training.curriculum=[[5,3]]"],
            "a curriculum of a parser goes by words; wanted curriculum_by = words",
        ),
        ("parser-shapes", ["training.per_picture=1"], "batches of a parser have no pictures"),
        ("parser-shapes", ["training.evaluate_every=0", "training.patience=2"], "patience without"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(name: str, settings: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        load_any_preset(name, settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("images", "test_images"), [(":", "5:"), (":800", "799:"), (":", ":1"), ("3:9", "0:4")]
)
def test_a_parser_is_not_tested_on_what_it_learns_from(images: str, test_images: str) -> None:
    chosen = (f"data.images={images}", f"data.test_images={test_images}")
    with pytest.raises(ConfigError, match="test_images"):
        parser_preset("parser-clevr", *chosen)


@pytest.mark.parametrize(("images", "test_images"), [(":800", "800:"), ("5:", ":5"), ("3:9", "9:")])
def test_spans_beside_each_other_are_different(images: str, test_images: str) -> None:
    chosen = (f"data.images={images}", f"data.test_images={test_images}")
    assert parser_preset("parser-clevr", *chosen).data.test_images == test_images


def test_unknown_presets_are_named() -> None:
    with pytest.raises(UnknownNameError, match="unknown preset 'parser-clever'; nearest: 'parser-"):
        load_any_preset("parser-clever")
