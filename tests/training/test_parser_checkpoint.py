"""Every kind of parser: what was trained is saved, and what is loaded says the same."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from nmn.errors import DataError
from nmn.parsing.base import Parse
from nmn.policies.learned_parser import LearnedParser, RetrievalParser
from nmn.program.canonical import exact_match
from nmn.training.checkpoint import load_checkpoint
from nmn.training.parser_checkpoint import ParserCheckpoint, load_parser, save_parser
from nmn.training.parser_run import HowToRun, train_parser
from nmn.training.question_data import training_questions
from nmn.training.stored import find_checkpoint
from tests.training.tiny_parsers import KINDS, mini_preset

ASKED = (
    "How many things are the same color as the big cube?",
    "What shape is the purple thing?",
    "Are any brown things visible?",
    "How many zebras are there?",
)


@pytest.fixture(scope="module", params=KINDS)
def trained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, ParserCheckpoint]:
    folder = tmp_path_factory.mktemp("trained")
    return folder, train_parser(mini_preset(KINDS[request.param]), HowToRun(folder))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint that may be damaged."""
    train_parser(mini_preset("training.steps=1"), HowToRun(tmp_path / "saved"))
    return tmp_path / "saved"


def said(checkpoint: ParserCheckpoint) -> list[list[Parse]]:
    return checkpoint.parser.parse_all(ASKED)


def test_what_is_saved_is_loaded(trained: tuple[Path, ParserCheckpoint]) -> None:
    folder, checkpoint = trained
    loaded = load_parser(folder)
    assert type(loaded.model) is type(checkpoint.model)
    assert loaded.preset == checkpoint.preset
    assert loaded.model.words == checkpoint.model.words
    assert loaded.model.tokens.tokens == checkpoint.model.tokens.tokens
    assert not loaded.model.training
    state = loaded.model.state_dict()
    assert state.keys() == checkpoint.model.state_dict().keys()
    for name, value in checkpoint.model.state_dict().items():
        assert torch.equal(state[name], value), name
    names = sorted(path.name for path in folder.iterdir() if path.name != "log.jsonl")
    assert names == ["config.json", "domain.json", "model.safetensors", "vocab.json"]


def test_what_is_loaded_says_the_same(trained: tuple[Path, ParserCheckpoint]) -> None:
    folder, checkpoint = trained
    first = said(checkpoint)
    assert said(load_parser(folder)) == first
    assert [len(parses) > 0 for parses in first] == [True] * len(ASKED)
    for parses in first:
        scores = [parse.score for parse in parses]
        assert scores == sorted(scores, reverse=True)
    assert first[3][0].warnings == ("unknown word 'zebras', read as any",)


def test_it_is_saved_once_more_to_the_same_files(
    trained: tuple[Path, ParserCheckpoint], tmp_path: Path
) -> None:
    folder, _ = trained
    save_parser(tmp_path, load_parser(folder))
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (folder / path.name).read_bytes(), path.name


def test_the_kind_is_told_in_the_configuration(trained: tuple[Path, ParserCheckpoint]) -> None:
    folder, checkpoint = trained
    config = json.loads((folder / "config.json").read_text())
    assert config["parser"] == config["preset"]["parser"]["kind"] == checkpoint.preset.parser.kind
    retrieval = checkpoint.preset.parser.kind == "retrieval"
    assert type(checkpoint.parser) is (RetrievalParser if retrieval else LearnedParser)


def test_retrieval_says_the_programs_that_it_knows(tmp_path: Path) -> None:
    train_parser(mini_preset(KINDS["retrieval"]), HowToRun(tmp_path))
    parser = load_parser(tmp_path).parser
    (parses,) = parser.parse_all([ASKED[0]])
    known = training_questions(mini_preset())
    stored = known.programs[known.questions.index(ASKED[0])]
    assert stored is not None
    assert exact_match(parses[0].program, stored)
    assert parses[0].score == pytest.approx(0.0, abs=1e-5)


def test_what_learned_no_parsing_is_no_parser() -> None:
    with pytest.raises(DataError, match="not a learned parser: its parser is the grammar"):
        load_parser(find_checkpoint("shapes"))


def test_a_parser_is_no_model_of_pictures(folder: Path) -> None:
    with pytest.raises(DataError, match="the checkpoint of a parser, which does not look at pict"):
        load_checkpoint(folder)


def change_parser(**changes: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        config = json.loads(path.read_text())
        config["preset"]["parser"] |= changes
        path.write_text(json.dumps(config))

    return change


def edit(**changes: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("config.json", change_parser(hidden=32), "does not fit the model as configured"),
        ("config.json", change_parser(kind="gru"), "damaged: .*wanted kind 'lstm'"),
        ("config.json", change_parser(kind="retrieval"), "damaged"),
        ("config.json", edit(preset={"parser": {}}), "damaged"),
        ("config.json", edit(version=99), "wanted format version 1, got 99"),
        ("vocab.json", edit(words=["a"]), "does not fit the model as configured"),
        ("vocab.json", edit(words=[]), "wanted at least one word"),
        ("vocab.json", edit(program_tokens=["scene"]), "not the one that the model was trained"),
        ("vocab.json", lambda p: p.write_text("[]"), "damaged"),
        ("domain.json", lambda p: p.unlink(), "no such file"),
        ("model.safetensors", lambda p: p.write_bytes(p.read_bytes()[:500]), "damaged"),
        ("model.safetensors", lambda p: p.unlink(), "no such file"),
    ],
)
def test_damage_is_named(
    folder: Path, name: str, change: Callable[[Path], object], told: str
) -> None:
    change(folder / name)
    with pytest.raises(DataError, match=told) as caught:
        load_parser(folder)
    assert "\n" not in str(caught.value)
