"""The table of bad input: each gives one line that says what and where, exit code 2, no files."""

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nmn.resources import dataset_folder, shipped_checkpoints
from tests.cli.conftest import Run

MINI = dataset_folder("shapes") / "mini"
PICTURE = MINI / "picture.png"
QUESTION = "is there a red shape above a circle"

QUESTIONS = [
    ("unknown word", "is there a small circle", ("unknown word 'small'", "column 12", "nearest:")),
    ("misspelt word", "is there a cirlce", ("unknown word 'cirlce'", "nearest: 'circle'")),
    ("empty", "", ("question is empty", 'such as "is there a red shape')),
    ("only spaces", "   ", ("question is empty",)),
    ("only a mark", "?", ("'?' does not fit",)),
    ("very long", "is there a " + "red " * 3000 + "circle", ("a question of 3004 words", "1000")),
    ("German", "gibt es einen roten Kreis", ("unknown word 'gibt'", "are English")),
    ("Chinese", "有红色的圆吗", ("unknown word", "are English")),
    ("emoji", "is there a 🔴", ("unknown word '🔴'", "column 12")),
    ("unfinished", "is there a red", ("ends too early", "column 15", "wanted a noun")),
    ("no noun", "is red above a circle", ("'above' does not fit", "column 8")),
    ("no description", "is a circle", ("ends too early",)),
    ("two things", "is there a circle and a square", ("'and' does not fit", "two questions")),
    ("trailing words", "is there a circle is", ("'is' does not fit", "column 19")),
    ("markup", "<b>is there a circle</b>", ("unknown word '<'", "column 1")),
]


@pytest.mark.parametrize(
    ("question", "said"), [row[1:] for row in QUESTIONS], ids=[row[0] for row in QUESTIONS]
)
def test_questions(run: Run, question: str, said: tuple[str, ...]) -> None:
    for command in (("parse", question), ("ask", question, "--image", PICTURE)):
        one_line(run(*command).err, said)


def one_line(err: str, said: tuple[str, ...]) -> None:
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("error: ")
    for fragment in said:
        assert fragment in lines[0]


def grey(path: Path) -> None:
    Image.fromarray(np.zeros((30, 30), dtype=np.uint8)).save(path)


def large(path: Path) -> None:
    Image.fromarray(np.zeros((320, 480, 3), dtype=np.uint8)).save(path)


def cut(path: Path) -> None:
    shutil.copy(PICTURE, path)
    path.write_bytes(path.read_bytes()[:200])


PICTURES: list[tuple[str, Callable[[Path], object], tuple[str, ...]]] = [
    ("missing", lambda p: None, ("no such file", "p.png")),
    ("a folder", lambda p: p.mkdir(), ("is a directory", "p.png")),
    ("text", lambda p: p.write_text("hello"), ("not a picture", "p.png")),
    ("empty", lambda p: p.write_bytes(b""), ("not a picture", "p.png")),
    ("broken off", cut, ("p.png",)),
    ("grey", grey, ("wanted a colour picture", "got mode L")),
    ("another size", large, ("wanted 30x30, or a size of about that shape, got 480x320",)),
]


@pytest.mark.parametrize(
    ("make", "said"), [row[1:] for row in PICTURES], ids=[row[0] for row in PICTURES]
)
def test_pictures(
    run: Run, tmp_path: Path, make: Callable[[Path], object], said: tuple[str, ...]
) -> None:
    path = tmp_path / "p.png"
    make(path)
    before = sorted(tmp_path.rglob("*"))
    asked = ("ask", QUESTION, "--image", path, "--checkpoint", "shapes")
    result = run(*asked, "--trace", "t.html")
    assert result.code == 2
    one_line(result.err, said)
    assert sorted(tmp_path.rglob("*")) == before


ARGUMENTS: list[tuple[str, tuple[str | Path, ...], tuple[str, ...]]] = [
    ("unknown command", ("aks",), ("No such command 'aks'",)),
    ("unknown option", ("show", "shapes", "--jsno"), ("No such option", "--jsno")),
    ("missing argument", ("ask",), ("Missing argument",)),
    ("unknown checkpoint", ("show", "shape"), ("unknown checkpoint 'shape'", "nearest: 'shapes'")),
    ("not a checkpoint", ("show", MINI), ("not a checkpoint",)),
    ("unknown preset", ("train", "shaps"), ("unknown preset 'shaps'", "nearest: 'shapes'")),
    ("unknown setting", ("train", "shapes", "--set", "sed=1"), ("unknown key 'sed'", "'seed'")),
    ("setting of a wrong kind", ("train", "shapes", "--set", "seed=x"), ("'seed'", "got 'x'")),
    ("unknown domain", ("parse", "?", "--domain", "shape"), ("unknown domain 'shape'", "shapes")),
    (
        "unknown world",
        ("generate", "clever", "--out", "x", "--images", "2"),
        ("unknown world 'clever'", "'clevr'"),
    ),
    (
        "no images",
        ("generate", "shapes", "--out", "x", "--images", "0"),
        ("--images", "greater than or equal to 1"),
    ),
    (
        "a setting out of range",
        ("generate", "shapes", "--out", "x", "--images", "2", "--set", "empty=2"),
        ("'empty'", "less than 1", "got 2"),
    ),
    (
        "a trace of another kind",
        ("ask", QUESTION, "--image", PICTURE, "--trace", "t.gif"),
        (".html, .png, .json", ".gif"),
    ),
    (
        "wrong folder",
        ("evaluate", "shapes", "--data", "nowhere", "--split", "val"),
        ("nowhere: no such folder",),
    ),
    (
        "wrong split",
        ("evaluate", "shapes", "--data", MINI, "--split", "tset"),
        ("no split 'tset'", "'test'"),
    ),
    (
        "another kind of folder",
        ("evaluate", "shapes", "--data", MINI.parent, "--split", "val"),
        ("not a data directory",),
    ),
]


@pytest.mark.parametrize(
    ("arguments", "said"), [row[1:] for row in ARGUMENTS], ids=[row[0] for row in ARGUMENTS]
)
def test_arguments(
    run: Run, tmp_path: Path, arguments: tuple[str | Path, ...], said: tuple[str, ...]
) -> None:
    result = run(*arguments)
    assert (result.code, result.out) == (2, "")
    one_line(result.err, said)
    assert list(tmp_path.iterdir()) == []


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


CHECKPOINTS: list[tuple[str, Callable[[Path], object], tuple[str, ...]]] = [
    ("another version", lambda f: edit_config(f, version=7), ("format version 1, got 7",)),
    (
        "another domain",
        lambda f: (f / "domain.json").write_text(
            json.dumps(
                {
                    "name": "clevr",
                    "description": "",
                    "relations": ["left"],
                    "answers": ["yes", "no"],
                    "attributes": {"color": ["red"]},
                }
            )
        ),
        ("not the one that the model was trained for",),
    ),
    (
        "weights that break off",
        lambda f: (f / "model.safetensors").write_bytes(b"0" * 40),
        ("model.safetensors: damaged",),
    ),
]


@pytest.mark.parametrize(
    ("change", "said"), [row[1:] for row in CHECKPOINTS], ids=[row[0] for row in CHECKPOINTS]
)
def test_checkpoints(
    run: Run, tmp_path: Path, change: Callable[[Path], object], said: tuple[str, ...]
) -> None:
    folder = tmp_path / "saved"
    shutil.copytree(shipped_checkpoints() / "shapes", folder)
    change(folder)
    result = run("ask", QUESTION, "--image", PICTURE, "--checkpoint", folder)
    assert result.code == 2
    one_line(result.err, said)


@pytest.mark.parametrize(
    "arguments",
    [
        ("ask", QUESTION, "--image", str(PICTURE), "--trace", "out/t.html"),
        ("generate", "shapes", "--images", "16", "--out", "out", "--json"),
        (
            "evaluate",
            "shapes",
            "--data",
            str(MINI),
            *["--split", "test", "--predictions", "p", "--json"],
        ),
    ],
    ids=["trace", "data", "predictions"],
)
def test_a_full_disk_leaves_no_half_written_file(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """The system refuses to write more than 1,000 bytes to a file, as a full disk does."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    result = subprocess.run(
        [sys.executable, "-m", "nmn.cli.main", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    one_line(result.stderr, ("file too large",))
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_that_cannot_be_written_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = run("generate", "shapes", "--out", tmp_path / "file" / "x", "--images", "2", "--json")
    assert result.code == 2
    one_line(result.err, ("not a directory",))
