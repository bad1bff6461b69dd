"""`nmn generate` of the worlds that are made in shards."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from nmn.data.validate import check_folder
from tests.cli.conftest import Result, Run
from tests.generate.test_shards import files

SMALL = ("--size", "60x40", "--questions-per-image", "3", "--jobs", "1")
FEW = ("--images", "600", "--set", "relational=1", "--set", "non_relational=1")
NMN = [sys.executable, "-m", "nmn.cli.main"]


@pytest.fixture(autouse=True)
def _no_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take most of the time; `tests/generate/test_card.py` looks at them."""
    monkeypatch.setattr("nmn.generate.card.plots", lambda splits: {"plot.png": b"drawn"})


def generate(run: Run, out: Path | str, *arguments: str, world: str = "clevr") -> Result:
    return run("generate", world, "--out", out, *arguments)


def test_one_command_makes_all_splits(run: Run, tmp_path: Path) -> None:
    splits = ("--split", "train", "--images", "6", "--split", "val", "--images", "2")
    result = generate(run, "data", *splits, *SMALL, "--seed", "5", "--json")
    report = json.loads(result.out)
    assert (report["images"], report["questions"]) == (8, 24)
    assert report["splits"] == {
        "train": {"images": 6, "questions": 18},
        "val": {"images": 2, "questions": 6},
    }
    assert report["images_per_second"] == pytest.approx(8 / report["seconds"])
    assert report["questions_per_second"] == pytest.approx(24 / report["seconds"])
    assert report["peak_mib"] > 50
    found = check_folder(tmp_path / "data", decode=True)
    assert found["problems"] == 0, found
    assert found["splits"]["train"]["images"] == 6

    result = generate(run, "data", *splits, *SMALL, "--seed", "5", "--resume")
    assert (result.code, result.out) == (0, "data: all of it is there already\n")
    more = generate(run, "data", "--split", "test", "--images", "2", *SMALL)
    assert more.out.startswith("data: 2 pictures with 6 questions in ")
    assert set(json.loads((tmp_path / "data" / "card.json").read_text())["splits"]) == {
        *("train", "val", "test")
    }
    result = generate(run, "data", *splits, *SMALL)
    assert result.code == 2
    assert "is there already (split 'train'); nothing is overwritten" in result.err


def test_shipped_worlds_and_own_ones(run: Run, tmp_path: Path) -> None:
    both = ("--split", "trainA", "--images", "4", "--split", "valB", "--images", "4")
    assert generate(run, "cogent", *both, *SMALL, "--world", "cogent").code == 0
    colors = {"trainA": {"gray", "blue", "brown", "yellow"}}
    colors["valB"] = {"red", "green", "purple", "cyan"}
    for split, allowed in colors.items():
        path = tmp_path / "cogent" / "scenes" / f"CLEVR_{split}_scenes.json"
        things = [o for s in json.loads(path.read_text())["scenes"] for o in s["objects"]]
        assert {o["color"] for o in things if o["shape"] == "cube"} <= allowed
    (tmp_path / "own.toml").write_text(
        "[scenes]\nmax_objects = 4\n[scenes.look.colors]\norange = [255, 128, 0]\n"
        "white = [255, 255, 255]\n"
    )
    own = ("--world", "own.toml", "--set", "scenes.min_objects=4", "--images", "3")
    assert generate(run, "own", *own, *SMALL).code == 0
    found = check_folder(tmp_path / "own")
    assert found["problems"] == 0, found
    assert found["splits"]["train"]["objects"] == 12
    domain = json.loads((tmp_path / "own" / "domain.json").read_text())
    assert domain["attributes"]["color"] == ["orange", "white"]
    scenes = tmp_path / "own" / "scenes" / "CLEVR_train_scenes.json"
    assert run("render", "--scenes", scenes, "--out", "p", "--size", "60x40").code == 0
    for path in (tmp_path / "p").iterdir():
        assert (tmp_path / "own" / "images" / "train" / path.name).is_file()


@pytest.mark.parametrize(("world", "pictures"), [("clevr-states", False), ("sort-of-clevr", True)])
def test_the_other_worlds(run: Run, tmp_path: Path, world: str, pictures: bool) -> None:
    assert generate(run, "d", "--images", "5", "--jobs", "1", world=world).code == 0
    found = check_folder(tmp_path / "d")
    assert found["problems"] == 0, found
    assert found["splits"]["train"]["images"] == 5 * pictures
    assert (tmp_path / "d" / "images").exists() is pictures


BAD: list[tuple[str, tuple[str, ...], str]] = [
    ("clevr", ("--images", "0"), "greater than or equal to 1"),
    ("clevr", ("--images", "2", "--images", "3"), "one --images for each --split"),
    ("clevr", ("--images", "2", "--split", "a/b"), "wanted letters and digits"),
    (
        "clevr",
        ("--split", "val", "--images", "2", "--split", "val", "--images", "3"),
        "--split val: is given twice",
    ),
    ("clevr", ("--images", "2", "--size", "480"), "--size '480': wanted width x height"),
    ("clevr", ("--images", "2", "--size", "7x50"), "--size 7x50: 'width'"),
    *(
        []
        if torch.cuda.is_available()
        else [("clevr", ("--images", "2", "--device", "cuda"), "torch finds no GPU")]
    ),
    ("clevr", ("--images", "2", "--set", "device=meta"), "'device'"),
    ("clevr", ("--images", "2", "--set", 'questions.families=["nope"]'), "unknown"),
    (
        "clevr-states",
        ("--images", "2", "--jobs", "1", "--set", 'questions.held_out=["scene"]'),
        "there are none for split 'train'",
    ),
    ("clevr", ("--images", "2", "--world", "cogant"), "nearest: 'cogent'"),
    ("clevr", ("--images", "2", "--world", "no.toml"), "no.toml: no such file"),
    ("clevr", ("--images", "2", "--world", "cogent"), "the world has the splits"),
    ("clevr", ("--images", "2", "--set", "scenes.min_objects=11"), "min_objects is 11"),
    ("clevr", ("--images", "2", "--set", "scenes.look.colors={}"), "there is no color"),
    ("clevr", ("--images", "2", "--set", "scenes.min_object=3"), "unknown key"),
    (
        "clevr",
        ("--images", "2", "--set", 'splits.train.rules=[{only={color="pink"}}]'),
        "unknown color 'pink'",
    ),
    (
        "clevr-states",
        (
            *("--images", "2", "--set", 'splits.train.rules=[{only={color="red"}}]'),
            *("--set", 'splits.val.rules=[{only={color="pink"}}]'),
        ),
        "split val, rule 0: unknown color 'pink'",
    ),
    (
        "clevr",
        ("--images", "2", "--set", "scenes.area=1", "--set", "scenes.min_objects=6"),
        "objects",
    ),
    ("sort-of-clevr", ("--images", "2", "--size", "75x75"), "has no such option"),
    ("sort-of-clevr", ("--images", "2", "--world", "cogent"), "has no such option"),
    ("clevr-states", ("--images", "2", "--size", "75x75"), "has no such option"),
    ("shapes", ("--images", "2", "--size", "30x30"), "--size: world 'shapes' has no such option"),
    ("shapes", ("--images", "2", "--resume"), "--resume: world 'shapes' has no such option"),
    ("shapes", ("--images", "2", "--split", "dev"), "unknown split 'dev'"),
]


@pytest.mark.parametrize(("world", "arguments", "said"), BAD)
def test_bad_input_is_one_line_and_leaves_nothing(
    run: Run, tmp_path: Path, world: str, arguments: tuple[str, ...], said: str
) -> None:
    result = generate(run, "out", *arguments, world=world)
    assert (result.code, result.out) == (2, "")
    assert len(result.err.splitlines()) == 1, result.err
    assert said in result.err
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_the_folder_should_be(run: Run, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("in the way")
    result = generate(run, "out", "--images", "2", *SMALL)
    assert result.code == 2
    assert len(result.err.splitlines()) == 1
    assert (tmp_path / "out").read_text() == "in the way"


def start(tmp_path: Path, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    command = [*NMN, "generate", "sort-of-clevr", "--out", "cut", *FEW, *arguments]
    return subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def test_a_full_disk_is_one_line_and_can_be_resumed(run: Run, tmp_path: Path) -> None:
    """The system refuses to write more than 100 kB to a file, as a full disk does."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    full = start(tmp_path, "--jobs", "1", preexec_fn=limit)
    _, err = full.communicate()
    assert full.returncode == 2
    assert len(err.splitlines()) == 1
    assert "file too large" in err
    assert not (tmp_path / "cut" / "scenes").exists()
    resumed = (*FEW, "--jobs", "1", "--resume")
    assert generate(run, "cut", *resumed, world="sort-of-clevr").code == 0
    assert check_folder(tmp_path / "cut")["problems"] == 0


@pytest.mark.parametrize(
    "sign", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_killed_run_is_resumed_to_the_same_bytes(
    run: Run, tmp_path: Path, sign: signal.Signals
) -> None:
    """It is ended as soon as the first shard is done, with two processes at work on others."""

    def hears() -> None:
        # What is started in the background of a shell does not hear interrupts.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    process = start(tmp_path, "--jobs", "2", start_new_session=True, preexec_fn=hears)
    hidden = tmp_path / "cut" / ".generation"
    while not list(hidden.glob("*.questions.json")):
        assert process.poll() is None
        time.sleep(0.01)
    # the terminal's interrupt reaches all processes of the command
    (os.killpg if sign is signal.SIGINT else os.kill)(process.pid, sign)
    out, err = process.communicate()
    assert out == ""
    if sign is signal.SIGINT:
        assert process.returncode == 130
        assert err == "cut: go on with --resume\n"
    else:
        assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "cut" / "card.json").exists()
    again = generate(run, "cut", *FEW, world="sort-of-clevr")
    assert again.code == 2
    assert "an unfinished generation is here; --resume goes on" in again.err
    resumed = (*FEW, "--jobs", "1", "--resume")
    assert "of them in this run" in generate(run, "cut", *resumed, world="sort-of-clevr").out
    assert generate(run, "whole", *resumed, world="sort-of-clevr").code == 0
    assert files(tmp_path / "cut") == files(tmp_path / "whole")


@pytest.mark.slow
def test_processes_change_no_byte_of_clevr(run: Run, tmp_path: Path) -> None:
    for jobs in ("1", "2"):
        assert generate(run, jobs, "--images", "260", *SMALL[:-1], jobs).code == 0
    assert files(tmp_path / "1") == files(tmp_path / "2")
    assert check_folder(tmp_path / "1")["problems"] == 0


def test_shapes_are_not_written_among_data_of_another_layout(run: Run, tmp_path: Path) -> None:
    assert generate(run, "d", "--images", "2", "--jobs", "1", world="clevr-states").code == 0
    result = generate(run, "d", "--images", "2", world="shapes")
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert "holds data in CLEVR's layout" in result.err
    assert not list((tmp_path / "d").glob("*.npy"))


def test_every_object_is_seen_in_pictures_of_any_shape(run: Run, tmp_path: Path) -> None:
    """And its centre is in the picture, as `check` wants it."""
    few = ("--set", "scenes.max_objects=4", "--set", "scenes.min_objects=2")
    assert generate(run, "d", "--images", "12", "--size", "96x32", "--jobs", "1", *few).code == 0
    report = check_folder(tmp_path / "d")
    assert report["problems"] == 0, report
