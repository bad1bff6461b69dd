"""Whole files of questions: parsed, executed, written again."""

import json
from pathlib import Path

import pytest

from nmn.data.clevr import read_info
from nmn.domain import Domain
from nmn.program.canonical import exact_match
from nmn.program.clevr import (
    from_clevr,
)
from tests.cli.conftest import Run
from tests.cli.question_files import (
    CLEVR,
    DIALECTS,
    INFO,
    MADE,
    REPORT,
    Files,
    answer,
    lines_of,
    parse,
    questions_of,
)


@pytest.fixture(params=DIALECTS)
def files(request: pytest.FixtureRequest) -> Files:
    """Small files in each dialect."""
    return MADE[request.param].copy()


@pytest.fixture
def v1() -> Files:
    """Small files in the dialect of v1.0."""
    return MADE["v1"].copy()


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_every_question_is_parsed(run: Run, tmp_path: Path, files: Files, suffix: str) -> None:
    found = parse(run, files.write(tmp_path, suffix)[1])
    families = found.pop("by_family")
    assert found == {
        "total": 24,
        "parsed": 24,
        "compared": 24,
        "exact_match": 24,
        "errors": 0,
        "error_examples": [],
        "skipped": 0,
        "skipped_examples": [],
    }
    for name in ("total", "parsed", "compared", "exact_match"):
        assert sum(family[name] for family in families.values()) == 24
    if "template_filename" in files.questions[0]:
        assert list(families) == [f"zero_hop {number}" for number in range(12)]


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("how", [(), ("--parse",), ("--relations", "directions")])
def test_every_answer_is_right(
    run: Run, tmp_path: Path, files: Files, suffix: str, how: tuple[str, ...]
) -> None:
    if "directions" in how:
        for scene in files.scenes:
            del scene["relationships"]
    found = answer(run, files.write(tmp_path, suffix), *how)
    assert [found[name] for name in REPORT] == [24, 24, 24, 24, 0, 0]
    assert found["accuracy"] == 1.0
    written = [node for question in files.questions for node in question["program"]]
    steps = sum("_output" in node for node in written) if how != ("--parse",) else 0
    assert (found["steps"], found["equal_steps"]) == (steps, steps)
    assert sum(family["correct"] for family in found["by_family"].values()) == 24


def test_wrong_answers_and_steps_are_counted(run: Run, tmp_path: Path) -> None:
    files = MADE["generator"].copy()
    record = files.questions[3]
    record["answer"] = 10
    record["program"][0]["_output"] = [0]
    record["program"][1]["_output"] = "?"
    found = answer(run, files.write(tmp_path))
    assert (found["correct"], found["errors"], found["accuracy"]) == (23, 1, 23 / 24)
    assert found["error_examples"][0].startswith("question 3: wanted 10, got ")
    assert found["by_family"]["zero_hop 3"] == {"total": 2, "correct": 1}
    assert found["steps"] - found["equal_steps"] == 2


@pytest.mark.parametrize("name", ["out.json", "new/folder/out.json.gz"])
def test_questions_are_written_with_their_programs(
    run: Run, tmp_path: Path, files: Files, name: str
) -> None:
    out = tmp_path / name
    assert parse(run, files.write(tmp_path)[1], "--out", out)["parsed"] == 24
    assert read_info(out) == INFO
    for written, record in zip(questions_of(out), files.questions, strict=True):
        assert {**written, "program": record["program"]} == record
        programs = [from_clevr(r["program"], CLEVR) for r in (written, record)]
        assert exact_match(*programs)
        keys = {key for node in written["program"] for key in node}
        assert keys == {key for node in record["program"] for key in node} - {"_output"}
    assert parse(run, out)["exact_match"] == 24


def test_a_file_may_be_replaced_by_what_is_made_of_it(run: Run, tmp_path: Path, v1: Files) -> None:
    for record in v1.questions:
        del record["program"]
    path = v1.write(tmp_path)[1]
    assert parse(run, path, "--out", path)["compared"] == 0
    found = parse(run, path)
    assert (found["compared"], found["exact_match"]) == (24, 24)


def test_questions_that_are_not_understood_are_counted(run: Run, tmp_path: Path, v1: Files) -> None:
    v1.questions[2]["question"] = "Is there a purple elephant?"
    v1.questions[5]["question"] = v1.questions[9]["question"]
    paths = v1.write(tmp_path)
    found = parse(run, paths[1], "--out", tmp_path / "out.json")
    counts = [found[name] for name in ("total", "parsed", "compared", "exact_match", "errors")]
    assert counts == [24, 23, 24, 22, 1]
    assert found["error_examples"][0].startswith("question 2: unknown word 'elephant' at line 1")
    assert ["program" in record for record in questions_of(tmp_path / "out.json")] == [
        index != 2 for index in range(24)
    ]
    found = answer(run, paths, "--parse", "--predictions", tmp_path / "p")
    assert (found["questions"], found["answered"], found["total"]) == (24, 23, 24)
    line = lines_of(tmp_path / "p")[2]
    assert (line["answer"], line["program"]) == (None, None)
    assert line["problem"] in found["error_examples"]


def test_only_the_first_errors_are_kept(run: Run, tmp_path: Path, v1: Files) -> None:
    for record in v1.questions:
        record["question"] = "what?"
    found = parse(run, v1.write(tmp_path)[1])
    assert (found["parsed"], found["errors"], len(found["error_examples"])) == (0, 24, 20)


def test_predictions_are_one_object_a_line(run: Run, tmp_path: Path, files: Files) -> None:
    paths = files.write(tmp_path)
    path = tmp_path / "new" / "p.jsonl"
    for how in ((), ("--parse",)):
        answer(run, paths, "--predictions", path, *how)
        lines = lines_of(path)
        assert [list(line) for line in lines] == [["question_index", "answer", "program"]] * 24
        assert [line["question_index"] for line in lines] == list(range(24))
        assert [line["answer"] for line in lines] == [q["answer"] for q in MADE["v1"].questions]
    assert lines[0]["program"].endswith(")")


def test_a_test_split_has_neither_answers_nor_programs(run: Run, tmp_path: Path, v1: Files) -> None:
    answers = [record.pop("answer") for record in v1.questions]
    for record in v1.questions:
        for key in ("program", "image_index", "question_index"):
            del record[key]
    paths = v1.write(tmp_path)
    found = parse(run, paths[1])
    assert (found["total"], found["parsed"], found["compared"], found["errors"]) == (24, 24, 0, 0)
    assert list(found["by_family"]) == ["unknown"]
    found = answer(run, paths, "--parse", "--predictions", tmp_path / "p")
    assert [found[name] for name in REPORT] == [24, 24, 0, 0, 0, 0]
    assert (found["accuracy"], found["by_family"]) == (None, {})
    assert [line["answer"] for line in lines_of(tmp_path / "p")] == answers
    shown = run("execute", "--scenes", paths[0], "--questions", paths[1], "--parse")
    assert shown.out == "24 of 24 questions have an answer\n"


def test_what_goes_wrong_is_told_also_where_no_answer_is_stored(
    run: Run, tmp_path: Path, v1: Files
) -> None:
    for record in v1.questions:
        del record["answer"]
    v1.questions[1]["question"] = "what?"
    paths = v1.write(tmp_path)
    found = answer(run, paths, "--parse")
    assert [found[name] for name in REPORT] == [24, 23, 0, 0, 1, 0]
    assert found["error_examples"][0].startswith("question 1: ")
    shown = run("execute", "--scenes", paths[0], "--questions", paths[1], "--parse")
    lines = shown.out.splitlines()
    assert lines[:2] == ["23 of 24 questions have an answer", "1 questions went wrong, such as:"]


def test_unique_of_several_things_is_a_wrong_answer(run: Run, tmp_path: Path, v1: Files) -> None:
    nodes = [("scene", []), ("unique", [0]), ("query_shape", [1])]
    v1.questions[0].update(
        program=[{"function": name, "inputs": inputs} for name, inputs in nodes],
        answer="cube",
    )
    paths = v1.write(tmp_path)
    found = answer(run, paths, "--predictions", tmp_path / "p")
    assert (found["answered"], found["correct"], found["errors"]) == (23, 23, 1)
    number = len(v1.scenes[0]["objects"])
    problem = f"query[shape] > unique: unique needs exactly one object, got {number}"
    assert found["error_examples"] == [f"question 0: {problem}"]
    assert lines_of(tmp_path / "p")[0] == {
        "question_index": 0,
        "answer": None,
        "program": "query[shape](unique(scene))",
        "problem": f"question 0: {problem}",
    }


def test_people_get_a_table(run: Run, tmp_path: Path) -> None:
    files = MADE["generator"].copy()
    files.questions[2]["question"] = "what?"
    files.questions[3]["answer"] = 10
    files.questions[4]["answer"] = "rad"
    paths = files.write(tmp_path)
    out = tmp_path / "out.json"
    arguments = ("--questions", paths[1], "--domain", "clevr", "--skip-bad", "--out", out)
    shown = run("parse", *arguments)
    assert (shown.code, shown.err) == (0, "")
    lines = shown.out.splitlines()
    assert lines[0].split() == ["questions", "total", "parsed", "with", "program", "exact", "match"]
    assert lines[1].split() == ["all", "23", "22", "23", "22"]
    assert lines[4].split() == ["zero_hop", "2", "2", "1", "2", "1"]
    assert lines[-5] == "1 questions could not be parsed, such as:"
    assert lines[-4].startswith("  question 2: ")
    assert lines[-3] == "1 records were skipped, such as:"
    assert lines[-1] == f"written: {out}"
    shown = run("execute", "--scenes", paths[0], "--questions", paths[1], "--skip-bad")
    assert (shown.code, shown.err) == (0, "")
    lines = shown.out.splitlines()
    assert lines[0].split() == ["questions", "total", "correct"]
    assert lines[1].split() == ["all", "23", "22"]
    assert "accuracy 95.7% of 23 answers" in lines
    assert "results of steps are equal" in shown.out
    assert lines[-4] == "1 questions went wrong, such as:"
    assert lines[-2] == "1 records were skipped, such as:"


def test_names_of_families_are_shown_as_they_are(run: Run, tmp_path: Path, v1: Files) -> None:
    names = ["[/x] [red] :smile:", "7" * 5000, "a\x1b[31m\nb", "\u0663 \u00b2"]
    for name, record in zip(names, v1.questions, strict=False):
        record["template_filename"] = name
    paths = v1.write(tmp_path)
    assert set(names) < set(parse(run, paths[1])["by_family"])
    for command in (("parse", "--domain", "clevr"), ("execute", "--scenes", paths[0])):
        shown = run(*command, "--questions", paths[1])
        assert shown.code == 0
        assert "[/x] [red] :smile:" in shown.out
        assert "\x1b" not in shown.out


def test_questions_are_shown_without_escape_sequences(run: Run, tmp_path: Path, v1: Files) -> None:
    v1.questions[0]["question"] = "are there \x1b[31mred\x1b[0m :smile: things"
    shown = run("parse", "--questions", v1.write(tmp_path)[1], "--domain", "clevr")
    assert shown.code == 0
    assert "\x1b" not in shown.out
    assert ":smile:" in shown.out


def test_a_question_without_an_index_is_found_by_its_picture(
    run: Run, tmp_path: Path, v1: Files
) -> None:
    for index, scene in enumerate(v1.scenes):
        scene.update(image_filename=f"{'abcd'[index]}.jpg", image_index=index + 70)
    for index, record in enumerate(v1.questions):
        del record["image_index"], record["image_filename"]
        record["image"] = "abcd"[index % 4]
    assert answer(run, v1.write(tmp_path))["correct"] == 24


def test_the_info_may_stand_at_the_end_or_nowhere(run: Run, tmp_path: Path, v1: Files) -> None:
    path, out = tmp_path / "q.json", tmp_path / "out.json"
    path.write_text(json.dumps({"questions": v1.questions, "info": INFO}))
    parse(run, path, "--out", out)
    assert read_info(out) == INFO
    path.write_text(json.dumps({"questions": v1.questions}))
    parse(run, path, "--out", out)
    assert read_info(out) is None


@pytest.mark.parametrize("key", ["questions", "scenes"])
def test_files_without_records(run: Run, tmp_path: Path, v1: Files, key: str) -> None:
    getattr(v1, key).clear()
    v1.questions.clear()
    paths = v1.write(tmp_path)
    assert parse(run, paths[1], "--out", tmp_path / "out.json")["total"] == 0
    assert questions_of(tmp_path / "out.json") == []
    found = answer(run, paths, "--predictions", tmp_path / "p")
    assert (found["questions"], found["accuracy"]) == (0, None)
    assert (tmp_path / "p").read_text() == ""


def test_scenes_without_objects(run: Run, tmp_path: Path, v1: Files) -> None:
    for scene in v1.scenes:
        scene.update(objects=[], relationships={name: [] for name in CLEVR.relations})
    found = answer(run, v1.write(tmp_path))
    assert (found["questions"], found["total"]) == (24, 24)
    assert found["correct"] + found["errors"] == 24


def test_the_made_files_hold_questions_of_many_kinds(clevr: Domain) -> None:
    programs = [from_clevr(record["program"], clevr) for record in MADE["v1"].questions]
    assert len({program.root.operation for program in programs}) > 4
    assert max(map(len, programs)) > 8
