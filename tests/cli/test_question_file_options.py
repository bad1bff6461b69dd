"""Places that cannot be written, and options that do not go together."""

import os
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.question_files import MADE, Files, refused


@pytest.fixture
def files() -> Files:
    """Small files without faults."""
    return MADE["v1"].copy()


PLACES: list[tuple[str, str]] = [
    ("folder", "is a directory"),
    ("scenes.json/out", "a file is where a folder is needed"),
    ("x" * 300, "file name too long"),
]


@pytest.mark.parametrize(("name", "said"), PLACES, ids=lambda value: value[:20])
def test_files_that_cannot_be_written(
    run: Run, tmp_path: Path, files: Files, name: str, said: str
) -> None:
    paths = files.write(tmp_path)
    (tmp_path / "folder").mkdir()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    for more in ((), ("--json",)):
        arguments = ("--questions", paths[1], "--out", name, *more)
        refused(run("parse", "--domain", "clevr", *arguments), f"{name}: ", said)
        arguments = ("--questions", paths[1], "--predictions", name, *more)
        refused(run("execute", "--scenes", paths[0], *arguments), f"{name}: ", said)
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before


def test_what_was_written_before_stays_where_a_question_is_bad(
    run: Run, tmp_path: Path, files: Files
) -> None:
    files.questions[-1]["answer"] = "?"
    paths = files.write(tmp_path)
    (tmp_path / "old").write_text("before")
    names = sorted(tmp_path.iterdir())
    refused(run("parse", "--questions", paths[1], "--domain", "clevr", "--out", "old"), "23: ")
    arguments = ("--scenes", paths[0], "--questions", paths[1], "--predictions", "old")
    refused(run("execute", *arguments), "question 23: ")
    assert (tmp_path / "old").read_text() == "before"
    assert sorted(tmp_path.iterdir()) == names


def test_a_pipe_cannot_be_read_twice(run: Run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    arguments = ("parse", "--questions", "pipe", "--domain", "clevr", "--out", "out.json")
    refused(run(*arguments), "pipe: wanted a regular file")


BOTH = ("--scenes", "scenes.json", "--questions", "questions.json")
FILE = ("--questions", "questions.json")
OPTIONS: list[tuple[str, tuple[str, ...], str]] = [
    ("nothing to parse", ("parse",), "wanted a question or --questions FILE, got neither"),
    ("both", ("parse", "is it red", *FILE), "wanted a question or --questions FILE, got both"),
    ("all of a file", ("parse", *FILE, "--all"), "--all goes with a single question"),
    ("out of a question", ("parse", "is it red", "--out", "x"), "go with --questions FILE"),
    ("skip a question", ("parse", "is it red", "--skip-bad"), "go with --questions FILE"),
    ("no domain", ("parse", *FILE, "--domain", "clevrr"), "unknown domain 'clevrr'; nearest: 'cle"),
    ("an empty domain", ("parse", *FILE, "--domain", ""), "unknown domain ''; nearest: "),
    ("a path", ("parse", *FILE, "--domain", "../clevr"), "unknown domain '../clevr'; nearest: "),
    ("no such domain", ("execute", *BOTH, "--domain", "clever"), "'clever'; nearest: 'clevr'"),
    ("another domain", ("execute", *BOTH, "--domain", "shapes"), "scene 0 (image 0), object 0: "),
    (
        "another language",
        ("parse", *FILE, "--domain", "shapes"),
        "wanted a program of domain shapes, got one of 'clevr'",
    ),
    ("the right language", ("parse", *FILE, "--domain", "shapes"), "; nearest: --domain clevr"),
    (
        "a domain forgotten",
        ("parse", "how many cubes"),
        "it is understood with --domain clevr",
    ),
    (
        "its own input",
        ("execute", *BOTH, "--predictions", "questions.json"),
        "--predictions questions.json is read: wanted another file",
    ),
    ("no scenes", ("execute", *FILE), "Missing option '--scenes'"),
    ("no questions", ("execute", "--scenes", "scenes.json"), "Missing option '--questions'"),
    ("no such relations", ("execute", *BOTH, "--relations", "north"), "'stored', 'directions'"),
    ("no value", ("parse", "--questions"), "requires an argument"),
    ("too much", ("execute", *BOTH, "more"), "unexpected extra argument"),
]


@pytest.mark.parametrize(
    ("arguments", "said"), [row[1:] for row in OPTIONS], ids=[row[0] for row in OPTIONS]
)
def test_options_that_do_not_fit(
    run: Run, tmp_path: Path, files: Files, arguments: tuple[str, ...], said: str
) -> None:
    files.write(tmp_path)
    refused(run(*arguments), said)
