"""The table of bad scene and question files: one line each, exit code 2; or they are skipped."""

import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmn.data.json_records import write_records
from tests.cli.conftest import Run
from tests.cli.question_files import (
    CLEVR,
    INFO,
    MADE,
    Files,
    answer,
    lines_of,
    parse,
    questions_of,
    refused,
)

Change = Callable[[dict[str, Any]], object]
PER_SCENE = 6
"""Of 24 questions, on each of 4 scenes."""


@pytest.fixture
def files() -> Files:
    """Small files without faults."""
    return MADE["v1"].copy()


SCENES: list[tuple[str, Change, str]] = [
    (
        "no relationships",
        lambda s: s.pop("relationships"),
        "scene 1 (image 1): 'relationships' is missing; --relations directions takes",
    ),
    (
        "a missing relation",
        lambda s: s["relationships"].pop("behind"),
        "scene 1 (image 1): relation 'behind' is missing; there are 'front', 'left' and 'right'",
    ),
    (
        "an object that is not there",
        lambda s: s["relationships"]["left"][2].append(40),
        "scene 1 (image 1), object 2: wanted objects of 0 to",
    ),
    (
        "too few rows",
        lambda s: s["relationships"]["right"].pop(),
        "scene 1 (image 1): relation 'right' has",
    ),
    (
        "an unknown colour",
        lambda s: s["objects"][0].update(color="grene"),
        "scene 1 (image 1), object 0: wanted a color ('green', ",
    ),
    (
        "no material",
        lambda s: s["objects"][2].pop("material"),
        "scene 1 (image 1), object 2: wanted a material ('rubber' or 'metal'), got none",
    ),
    (
        "an image twice",
        lambda s: s.update(image_index=0),
        "scene 1 (image 0): image index 0 occurs twice",
    ),
    (
        "an index of text",
        lambda s: s.update(image_index="1"),
        "scene 1: wanted a number from 0 as 'image_index', got '1'",
    ),
    (
        "objects of text",
        lambda s: s.update(objects="two cubes"),
        "scene 1 (image 1): wanted a list as 'objects', got 'two cubes'",
    ),
    (
        "an object of null",
        lambda s: s["objects"].insert(0, None),
        "scene 1 (image 1), object 0: wanted an object, got null",
    ),
    (
        "relationships of a list",
        lambda s: s.update(relationships=[]),
        "scene 1 (image 1): wanted an object as 'relationships', got a list",
    ),
    (
        "too many objects",
        lambda s: s.update(
            objects=[s["objects"][0]] * 65,
            relationships={name: [[]] * 65 for name in CLEVR.relations},
        ),
        "scene of image 1: wanted at most 64 objects, got 65",
    ),
]


@pytest.mark.parametrize(
    ("change", "said"), [pytest.param(change, said, id=label) for label, change, said in SCENES]
)
def test_bad_scenes(run: Run, tmp_path: Path, files: Files, change: Change, said: str) -> None:
    change(files.scenes[1])
    paths = files.write(tmp_path)
    arguments = ("execute", "--scenes", paths[0], "--questions", paths[1])
    refused(run(*arguments, "--predictions", "p"), f"{paths[0]}, {said}")
    refused(run(*arguments, "--json"), f"{paths[0]}, {said}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["questions.json", "scenes.json"]
    found = answer(run, paths, "--skip-bad")
    assert (found["skipped"], found["correct"]) == (1 + PER_SCENE, 24 - PER_SCENE)
    assert found["skipped_examples"][0].startswith(f"{paths[0]}, {said}")
    for example in found["skipped_examples"][1:]:
        assert "wanted an image of the scenes (nearest: '0' or '2'), got image 1" in example
    shown = run(*arguments, "--skip-bad")
    assert (shown.code, shown.err) == (0, "")
    assert "7 records were skipped, such as:" in shown.out


def test_scenes_without_directions(run: Run, tmp_path: Path, files: Files) -> None:
    del files.scenes[1]["directions"]
    paths = files.write(tmp_path)
    arguments = ("--scenes", paths[0], "--questions", paths[1], "--relations", "directions")
    refused(run("execute", *arguments), "scene 1 (image 1): wanted an object as 'directions'")
    found = answer(run, paths, "--relations", "directions", "--skip-bad")
    assert (found["skipped"], found["correct"]) == (7, 18)


def node(function: str, *inputs: int, values: Sequence[str] = ()) -> dict[str, Any]:
    return {"function": function, "inputs": list(inputs), "value_inputs": list(values)}


SCENE = node("scene")
DOUBLED = [SCENE, *(node("union", place, place) for place in range(40)), node("count", 40)]


def program(*nodes: Any) -> Change:
    return lambda question: question.update(program=list(nodes))


QUESTIONS: list[tuple[str, Change, str]] = [
    ("no text", lambda q: q.pop("question"), "wanted text as 'question', got none"),
    ("text of a number", lambda q: q.update(question=3), "wanted text as 'question', got 3"),
    ("an unknown answer", lambda q: q.update(answer="grene"), "(nearest: 'green', "),
    ("a number too high", lambda q: q.update(answer=11), "nearest: '1', '10' or '0'), got 11"),
    ("an answer of a list", lambda q: q.update(answer=["yes"]), "of domain clevr (nearest: "),
    (
        "an unknown function",
        program(SCENE, node("filter_colour", 0, values=["red"]), node("exist", 1)),
        "program: node 1, filter_colour: wanted a function of CLEVR (nearest: 'filter_color', ",
    ),
    (
        "an unknown value",
        program(SCENE, node("filter_color", 0, values=["rde"]), node("exist", 1)),
        "program: node 1, filter_color: wanted a value of it ('red', ",
    ),
    (
        "a cycle",
        program(SCENE, node("union", 0, 2), node("intersect", 1, 0), node("count", 2)),
        "program: node 1, union: wanted inputs that do not depend on it, got a cycle of 2 nodes",
    ),
    ("too many inputs", program(SCENE, node("count", 0, 0)), "program: node 1, count: wanted "),
    ("too few inputs", program(SCENE, node("union", 0), node("count", 1)), "node 1, union: wanted"),
    ("no input of that number", program(node("count", 1)), "wanted numbers from 0 to 0 as 'inpu"),
    ("a set as answer", program(SCENE), "program: node 0, scene: wanted "),
    (
        "a program that doubles",
        program(*DOUBLED),
        "program: count: wanted a tree of at most 100000 nodes, got 2199023255552 (domain clevr)",
    ),
    ("no nodes", program(), "program: nodes: wanted a list of at least one node, got none"),
    ("a program of text", lambda q: q.update(program="exist"), "got 'exist'"),
    ("an index of text", lambda q: q.update(image_index="0"), "wanted a number from 0 as 'image_"),
]


@pytest.mark.parametrize(
    ("change", "said"), [pytest.param(change, said, id=label) for label, change, said in QUESTIONS]
)
def test_bad_questions(run: Run, tmp_path: Path, files: Files, change: Change, said: str) -> None:
    change(files.questions[7])
    paths = files.write(tmp_path)
    before = sorted(tmp_path.iterdir())
    refused(
        run("execute", "--scenes", paths[0], "--questions", paths[1], "--predictions", "p"),
        f"{paths[1]}, question 7: ",
        said,
    )
    refused(
        run("parse", "--questions", paths[1], "--domain", "clevr", "--out", "out.json"),
        f"{paths[1]}, question 7: ",
        said,
    )
    assert sorted(tmp_path.iterdir()) == before
    for found in (
        answer(run, paths, "--skip-bad", "--predictions", "p"),
        parse(run, paths[1], "--skip-bad", "--out", "out.json"),
    ):
        assert (found["skipped"], found["total"], found["errors"]) == (1, 23, 0)
        assert said in found["skipped_examples"][0]
    kept = [index for index in range(24) if index != 7]
    for lines in (lines_of(tmp_path / "p"), questions_of(tmp_path / "out.json")):
        assert [line["question_index"] for line in lines] == kept


ONLY_EXECUTE: list[tuple[str, Change, str]] = [
    (
        "no such image",
        lambda q: q.update(image_index=40),
        "wanted an image of the scenes (nearest: '2' or '3'), got image 40 ('CLEVR_val_000003.png'",
    ),
    (
        "no such picture",
        lambda q: [q.pop("image_index"), q.update(image_filename="CLEVR_val_000031.png")],
        "wanted the picture of a scene (nearest: 'CLEVR_val_000001', ",
    ),
    (
        "a picture of control characters",
        lambda q: q.update(image_index=40, image_filename="a\n\x1b[31m[/b].png"),
        "got image 40 ('a \\x1b[31m[/b].png')",
    ),
    ("no program", lambda q: q.pop("program"), "no program is stored; --parse executes what the"),
]


@pytest.mark.parametrize(
    ("change", "said"),
    [pytest.param(change, said, id=label) for label, change, said in ONLY_EXECUTE],
)
def test_questions_that_cannot_be_executed(
    run: Run, tmp_path: Path, files: Files, change: Change, said: str
) -> None:
    change(files.questions[7])
    paths = files.write(tmp_path)
    result = run("execute", "--scenes", paths[0], "--questions", paths[1])
    refused(result, f"{paths[1]}, question 7: ", said)
    found = answer(run, paths, "--skip-bad")
    assert (found["skipped"], found["correct"], found["total"]) == (1, 23, 23)
    assert said in found["skipped_examples"][0]
    assert parse(run, paths[1])["parsed"] == 24


def test_many_skipped_records_are_counted_and_few_are_told(
    run: Run, tmp_path: Path, files: Files
) -> None:
    for record in files.questions:
        record["answer"] = "?"
    found = parse(run, files.write(tmp_path)[1], "--skip-bad")
    assert (found["total"], found["skipped"], len(found["skipped_examples"])) == (0, 24, 20)


NOT_CLEVR: list[tuple[str, bytes, str]] = [
    ("empty", b"", "the file is empty"),
    ("binary", bytes(range(256)) * 20, "not "),
    ("zeros", bytes(5000), "not "),
    ("text", b"Is there a cube?\n", "not valid JSON"),
    ("a list", b'[{"question": "Is there a cube?"}]', "an object with a list 'KEY', got a list"),
    ("a string", b'"questions, scenes"', "an object with a list 'KEY', got text"),
    ("null", b"null", "an object with a list 'KEY', got null"),
    ("another object", b'{"info": {}, "images": []}', "'KEY', got one with 'info' and 'images'"),
    ("a list inside", b'{"data": {"KEY": []}}', "'KEY', got one with 'data'"),
    ("an object there", b'{"KEY": {"0": {}}}', "a list 'KEY', got an object there"),
    ("UTF-16", '{"KEY": []}'.encode("utf-16"), "not "),
    ("brackets", b'{"KEY": ' + b"[" * 200_000, "nested too deeply"),
    ("it breaks off", b'{"info": {}, "KEY": [{"ima', "the JSON breaks off"),
    ("packed", gzip.compress(b'{"KEY": []}'), "packed by gzip, but its name does not end in .gz"),
]


@pytest.mark.parametrize(
    ("content", "said"),
    [pytest.param(content, said, id=label) for label, content, said in NOT_CLEVR],
)
@pytest.mark.parametrize("key", ["questions", "scenes"])
def test_files_of_another_kind(
    run: Run, tmp_path: Path, files: Files, key: str, content: bytes, said: str
) -> None:
    paths = files.write(tmp_path)
    bad = tmp_path / f"{key}.json"
    bad.write_bytes(content.replace(b"KEY", key.encode()))
    for more in ((), ("--skip-bad",), ("--json",)):
        result = run("execute", "--scenes", paths[0], "--questions", paths[1], *more)
        refused(result, f"{bad}: ", said.replace("KEY", key))
        if key == "questions":
            result = run("parse", "--questions", bad, "--domain", "clevr", *more)
            refused(result, f"{bad}: ", said.replace("KEY", key))


UNOPENED: list[tuple[str, str, str]] = [
    ("missing", "missing.json", "no such file"),
    ("in no folder", "nowhere/missing.json.gz", "no such file"),
    ("a folder", "folder", "is a directory"),
    ("a folder with an ending", "folder.gz", "is a directory"),
    ("below a file", "questions.json/x", "not a directory"),
    ("plain JSON", "plain.gz", "not a gzip file"),
    ("an empty one", "empty.gz", "the file is empty"),
    ("a name that is too long", "x" * 300, "file name too long"),
]


@pytest.mark.parametrize(("name", "said"), [row[1:] for row in UNOPENED], ids=lambda v: v[:20])
def test_files_that_cannot_be_opened(
    run: Run, tmp_path: Path, files: Files, name: str, said: str
) -> None:
    paths = files.write(tmp_path)
    for folder in ("folder", "folder.gz"):
        (tmp_path / folder).mkdir()
    (tmp_path / "plain.gz").write_bytes(paths[1].read_bytes())
    (tmp_path / "empty.gz").write_bytes(b"")
    for arguments in (
        ("parse", "--questions", name, "--domain", "clevr"),
        ("parse", "--questions", name, "--domain", "clevr", "--out", "out.json", "--skip-bad"),
        ("execute", "--scenes", paths[0], "--questions", name),
        ("execute", "--scenes", name, "--questions", paths[1], "--predictions", "p", "--skip-bad"),
    ):
        refused(run(*arguments), f"{name}: ", said)
    assert not {"out.json", "p"} & {path.name for path in tmp_path.iterdir()}


def test_each_file_is_named_where_they_are_exchanged(
    run: Run, tmp_path: Path, files: Files
) -> None:
    scenes, questions = files.write(tmp_path)
    result = run("execute", "--scenes", questions, "--questions", scenes)
    refused(result, "questions.json: wanted an object with a list 'scenes', got one with 'info'")
    result = run("parse", "--questions", scenes, "--domain", "clevr")
    refused(result, "scenes.json: wanted an object with a list 'questions', got one with 'info'")


def test_json_that_breaks_off(run: Run, tmp_path: Path, files: Files) -> None:
    scenes, questions = files.write(tmp_path)
    whole = questions.read_bytes()
    questions.write_bytes(whole[:-60])
    for arguments in (("parse", "--domain", "clevr"), ("execute", "--scenes", scenes)):
        result = run(*arguments, "--questions", questions)
        refused(result, "questions.json, after question 22: the JSON breaks off")
    for found in (
        parse(run, questions, "--skip-bad", "--out", "out.json"),
        answer(run, (scenes, questions), "--skip-bad"),
    ):
        assert (found["total"], found["errors"], found["skipped"]) == (23, 0, 1)
        assert found["skipped_examples"] == [f"{questions}, after question 22: the JSON breaks off"]
    assert len(questions_of(tmp_path / "out.json")) == 23
    questions.write_bytes(whole)
    scenes.write_bytes(scenes.read_bytes()[:-60])
    result = run("execute", "--scenes", scenes, "--questions", questions)
    refused(result, "scenes.json, after scene 2: the JSON breaks off")
    found = answer(run, (scenes, questions), "--skip-bad")
    assert (found["correct"], found["skipped"]) == (18, 1 + PER_SCENE)


def test_questions_before_a_fault_are_kept_where_the_info_would_stand_behind(
    run: Run, tmp_path: Path, files: Files
) -> None:
    path = tmp_path / "q.json"
    path.write_text(json.dumps({"questions": files.questions, "info": INFO})[:-10])
    arguments = ("parse", "--questions", path, "--domain", "clevr", "--out", "out.json")
    refused(run(*arguments), "q.json: the JSON breaks off")
    found = parse(run, path, "--out", "out.json", "--skip-bad")
    assert (found["total"], found["skipped"]) == (24, 1)
    assert len(questions_of(tmp_path / "out.json")) == 24


@pytest.mark.parametrize("key", ["questions", "scenes"])
def test_gzip_that_breaks_off(run: Run, tmp_path: Path, files: Files, key: str) -> None:
    """What cannot be packed makes the file long, so that records come before the end."""
    noise = np.random.default_rng(1)
    for number, record in enumerate([*files.scenes, *files.questions]):
        record["noise"] = noise.bytes(20_000).hex() if number % 2 else ""
    paths = files.write(tmp_path, ".gz")
    bad = paths[key == "questions"]
    write_records(bad, key, INFO, getattr(files, key))
    bad.write_bytes(bad.read_bytes()[:-30_000])
    result = run("execute", "--scenes", paths[0], "--questions", paths[1])
    refused(result, f"{bad}, after {key[:-1]} ", ": the gzip stream breaks off")
    found = answer(run, paths, "--skip-bad")
    assert 0 < found["correct"] == found["total"] < 24
    assert found["skipped"] == (1 if key == "questions" else 25 - found["total"])
    assert "the gzip stream breaks off" in found["skipped_examples"][0 if key == "scenes" else -1]
