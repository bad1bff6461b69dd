import json
from pathlib import Path

import pytest

from nmn.resources import dataset_folder, shipped_checkpoints
from tests.cli.conftest import Run

MINI = dataset_folder("shapes") / "mini"
QUESTION = "is there a red shape above a circle"


def test_ask_answers_and_shows_why(run: Run, picture: Path) -> None:
    result = run("ask", QUESTION, "--image", picture)
    assert result.code == 0
    assert result.out.startswith("yes (")
    assert "exists(and(find[red], relate[above](find[circle])))" in result.out
    assert "relate[above]" in result.out.splitlines()[-2]


def test_ask_as_json_is_one_object_and_nothing_else(run: Run, picture: Path) -> None:
    report = json.loads(run("ask", QUESTION, "--image", picture, "--json").out)
    assert report["answer"] == "yes"
    assert 0.5 < report["probability"] <= 1
    assert report["program"] == "exists(and(find[red], relate[above](find[circle])))"
    assert [step["operation"] for step in report["steps"]][-1] == "exists"


@pytest.mark.parametrize("suffix", ["html", "png", "json"])
def test_ask_writes_traces(run: Run, picture: Path, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t.{suffix}"
    assert run("ask", QUESTION, "--image", picture, "--trace", path).code == 0
    assert path.stat().st_size > 1000


def test_ask_warns_of_contradictions(run: Run, picture: Path) -> None:
    result = run("ask", "is there a red blue circle", "--image", picture)
    assert result.out.startswith("no (")
    assert "note: nothing is both red (column 12) and blue (column 16)" in result.out


def test_parse_gives_text_and_nodes(run: Run) -> None:
    assert run("parse", "is a circle red").out == "exists(and(find[circle], find[red]))\n"
    report = json.loads(run("parse", "is a circle red", "--domain", "shapes", "--json").out)
    assert report["text"] == "exists(and(find[circle], find[red]))"
    assert [node["function"] for node in report["program"]] == [
        "scene",
        "filter_shape",
        "scene",
        "filter_color",
        "intersect",
        "exist",
    ]


def test_parse_lists_all_readings(run: Run) -> None:
    question = "is there a circle above a square left of a dot and below a box"
    assert len(run("parse", question).out.splitlines()) == 1
    lines = run("parse", question, "--all").out.splitlines()
    assert len(lines) == 2
    report = json.loads(run("parse", question, "--all", "--json").out)
    assert [reading["text"] for reading in report["readings"]] == lines
    assert report["text"] == lines[0]


def test_generate_writes_a_folder_that_evaluate_reads(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "data"
    made = run("generate", "shapes", "--out", out, "--images", "40", "--seed", "3", "--json")
    report = json.loads(made.out)
    assert (report["images"], report["questions"]) == (40, 40)
    assert report["images_per_second"] == pytest.approx(40 / report["seconds"])
    assert sorted(path.name for path in out.iterdir()) == [
        "train.input.npy",
        "train.output",
        "train.query",
        "train.query_layout_symbols.json",
        "train.query_str.txt",
    ]
    made = run("evaluate", "shapes", "--data", out, "--split", "train", "--json")
    report = json.loads(made.out)
    assert (report["correct"], report["total"]) == (40, 40)


def test_generate_takes_settings(run: Run, tmp_path: Path) -> None:
    arguments = ("--out", tmp_path, "--images", "8", "--set", "relation_counts=[0,0,0,1]")
    assert run("generate", "shapes", *arguments).code == 0
    layouts = json.loads((tmp_path / "train.query_layout_symbols.json").read_text())
    assert all(layout.count("_Transform") == 3 for layout in layouts)


def test_evaluate_reports_by_type(run: Run) -> None:
    result = run("evaluate", "shapes", "--data", MINI, "--split", "test", "--json")
    report = json.loads(result.out)
    assert (report["accuracy"], report["correct"], report["total"]) == (1.0, 16, 16)
    assert report["interval"][0] < report["interval"][1] == 1.0
    assert report["by_type"]["exists, 1 relation"]["total"] == 8
    assert report["by_depth"]["4"]["total"] == 8
    table = run("evaluate", "shapes", "--data", MINI, "--split", "test").out
    assert "type: exists, 2 relations" in table


@pytest.mark.parametrize("programs", ["parsed", "stored"])
def test_evaluate_writes_predictions(run: Run, tmp_path: Path, programs: str) -> None:
    path = tmp_path / "p.jsonl"
    arguments = ("--split", "test", "--programs", programs, "--predictions", path)
    assert run("evaluate", "shapes", "--data", MINI, *arguments).code == 0
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["question_index"] for line in lines] == list(range(16))
    answers = [
        {"true": "yes", "false": "no"}[a] for a in (MINI / "test.output").read_text().split()
    ]
    assert [line["answer"] for line in lines] == answers
    assert lines[0]["program"] == "exists(and(find[red], relate[above](find[red])))"


def test_evaluate_needs_neither_queries_nor_answers(run: Run, tmp_path: Path) -> None:
    for name in ("test.input.npy.gz", "test.query_str.txt"):
        (tmp_path / name).write_bytes((MINI / name).read_bytes())
    path = tmp_path / "p.jsonl"
    arguments = ("--split", "test", "--predictions", path, "--json")
    report = json.loads(run("evaluate", "shapes", "--data", tmp_path, *arguments).out)
    assert (report["accuracy"], report["total"], report["questions"]) == (None, 0, 16)
    assert len(path.read_text().splitlines()) == 16
    text = run("evaluate", "shapes", "--data", tmp_path, "--split", "test").out
    assert "16 answers; no right ones to compare with" in text


def test_show_tells_what_training_began_with(run: Run) -> None:
    shown = run("show", str(shipped_checkpoints() / "clevr"))
    assert shown.code == 0
    assert "supervision scene\n" in shown.out
    assert "begun with  the stem of clevr-scene\n" in shown.out


def test_train_writes_a_checkpoint_that_show_explains(run: Run, tmp_path: Path) -> None:
    settings = ("data.examples=64", "training.steps=6", "training.curriculum=[]", "seed=5")
    arguments = [part for setting in settings for part in ("--set", setting)]
    report = json.loads(run("train", "shapes", *arguments, "--json").out)
    assert report["checkpoint"] == "runs/shapes"
    assert (tmp_path / "runs" / "shapes" / "model.safetensors").is_file()
    shown = json.loads(run("show", "shapes", "--json").out)
    assert shown["preset"]["seed"] == 5
    assert shown["domain"]["name"] == "shapes"
    assert shown["operations"]["relate"] == ["left_of", "right_of", "above", "below"]
    assert shown["parameter_count"] == 28235
    assert "modules for domain shapes" in run("show", "shapes").out


@pytest.mark.parametrize(
    "command",
    [(), ("ask",), ("demo",), ("evaluate",), ("generate",), ("parse",), ("show",), ("train",)],
)
def test_help_is_there_for_everything(run: Run, command: tuple[str, ...]) -> None:
    result = run(*command, "--help")
    assert result.code == 0
    assert "Usage: nmn" in result.out


def test_no_command_shows_the_help(run: Run) -> None:
    assert "Commands:" in run().out
