"""`nmn ask` and `nmn evaluate` of models with `--parser`."""

import json
from pathlib import Path
from typing import Any

import pytest

from nmn.domain import load_domain
from nmn.program.canonical import exact_match
from nmn.program.text import parse_program
from nmn.resources import dataset_folder
from nmn.training.parser_run import HowToRun, train_parser
from tests.cli.conftest import Result, Run
from tests.training.tiny_parsers import KINDS, MINI, mini_preset, shapes_preset

QUESTION = "is there a red shape above a circle"
SHAPES = dataset_folder("shapes") / "mini"


@pytest.fixture(scope="module")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A parser that looks up the questions that are generated with its settings."""
    folder = tmp_path_factory.mktemp("parsers") / "knowing"
    preset = shapes_preset(KINDS["retrieval"], "data.generated.programs=all")
    train_parser(preset, HowToRun(folder))
    return folder


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A parser of CLEVR."""
    folder = tmp_path_factory.mktemp("parsers") / "other"
    train_parser(mini_preset(KINDS["retrieval"]), HowToRun(folder))
    return folder


@pytest.fixture
def data(run: Run, tmp_path: Path) -> Path:
    """The questions that the parser knows, with pictures."""
    made = ("generate", "shapes", "--out", "data", "--images", "32", "--seed", "0")
    assert run(*made, "--set", "pictures_per_question=2").code == 0
    return tmp_path / "data"


def refused(result: Result, *said: str) -> None:
    assert (result.code, result.out) == (2, "")
    assert len(result.err.splitlines()) == 1, result.err
    for fragment in said:
        assert fragment in result.err


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_question_is_read_by_the_parser(run: Run, knowing: Path, picture: Path) -> None:
    asked = ("ask", QUESTION, "--image", picture, "--json")
    answer = json.loads(run(*asked, "--parser", knowing).out)
    said = json.loads(run("parse", QUESTION, "--parser", knowing, "--json").out)
    assert answer["program"] == said["text"]
    assert answer["program"] != json.loads(run(*asked).out)["program"]
    assert answer["answer"] in {"yes", "no"}


def test_words_that_the_parser_has_never_seen_are_told(
    run: Run, knowing: Path, picture: Path
) -> None:
    asked = ("ask", "is there a zebra", "--image", picture)
    assert "note: unknown word 'zebra', read as any" in run(*asked, "--parser", knowing).out
    refused(run(*asked), "unknown word 'zebra'")


def test_right_programs_are_answered_as_those_of_the_grammar(
    run: Run, knowing: Path, data: Path
) -> None:
    asked = ("evaluate", "shapes", "--data", data, "--split", "train", "--json", "--predictions")
    own = json.loads(run(*asked, "own.jsonl").out)
    learned = json.loads(run(*asked, "learned.jsonl", "--parser", knowing).out)
    assert (own.pop("parser"), learned.pop("parser")) == (None, str(knowing))
    assert (own["total"], own["unparsed"]) == (32, 0)
    assert learned["correct"] == own["correct"]
    assert learned.keys() == own.keys()
    domain = load_domain("shapes")
    pairs = zip(lines_of(Path("own.jsonl")), lines_of(Path("learned.jsonl")), strict=True)
    for one, two in pairs:
        assert (two["question_index"], two["answer"]) == (one["question_index"], one["answer"])
        programs = (parse_program(line["program"], domain) for line in (one, two))
        assert exact_match(*programs)


def test_wrong_programs_are_executed_too(run: Run, knowing: Path) -> None:
    asked = ("evaluate", "shapes", "--data", SHAPES, "--split", "test", "--json", "--predictions")
    report = json.loads(run(*asked, "p.jsonl", "--parser", knowing).out)
    assert report["total"] == 16
    assert report["correct"] < 16  # as by the grammar
    first = (SHAPES / "test.query_str.txt").read_text().splitlines()[0]
    read = json.loads(run("parse", first, "--parser", knowing, "--json").out)["text"]
    assert lines_of(Path("p.jsonl"))[0]["program"] == read


def test_stored_programs_need_no_parser(run: Run, knowing: Path) -> None:
    asked = ("evaluate", "shapes", "--data", SHAPES, "--split", "test")
    said = "--parser goes with --programs parsed"
    refused(run(*asked, "--programs", "stored", "--parser", knowing), said)


def test_a_parser_has_no_other_parser(run: Run, knowing: Path, other: Path) -> None:
    asked = ("evaluate", other, "--data", MINI, "--split", "mini")
    refused(run(*asked, "--parser", knowing), "--parser")
    assert run(*asked).code == 0


def test_parsers_that_do_not_fit_are_one_line(run: Run, other: Path, picture: Path) -> None:
    commands: list[tuple[str | Path, ...]] = [
        ("ask", QUESTION, "--image", picture),
        ("evaluate", "shapes", "--data", SHAPES, "--split", "test"),
    ]
    for command in commands:
        refused(
            run(*command, "--parser", other),
            f"error: {other}: a parser of clevr for a model of shapes",
        )
        refused(run(*command, "--parser", "nobody"), "unknown learned parser 'nobody'")
        refused(run(*command, "--parser", "shapes"), "not a learned parser")
