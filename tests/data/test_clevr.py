import gzip
import json
from collections.abc import Callable
from copy import deepcopy
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from nmn.data.clevr import (
    Question,
    image_indices,
    question_from_json,
    read_questions,
    read_scenes,
    write_questions,
)
from nmn.domain import Domain
from nmn.errors import DataError, OtherDomainError
from nmn.scene.symbolic import execute

RECORD: dict[str, Any] = {
    "split": "val",
    "image_filename": "CLEVR_val_000012.png",
    "image_index": 12,
    "image": "CLEVR_val_000012",
    "question": "How many red things are there?",
    "program": [
        {"type": "scene", "inputs": [], "_output": [0, 1], "value_inputs": []},
        {"type": "filter_color", "inputs": [0], "_output": [1], "value_inputs": ["red"]},
        {"type": "count", "inputs": [1], "_output": 1, "value_inputs": []},
    ],
    "answer": 1,
    "template_filename": "zero_hop.json",
    "question_family_index": 3,
    "question_index": 17,
}


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    record = deepcopy(RECORD)
    change(record)
    return record


def without(*keys: str) -> dict[str, Any]:
    return {key: value for key, value in RECORD.items() if key not in keys}


def write(path: Path, *records: Any) -> Path:
    path.write_text(json.dumps({"info": {}, "questions": list(records)}))
    return path


def test_a_question_as_stored(clevr: Domain) -> None:
    question = question_from_json(RECORD, clevr, "file")
    example = question.example
    assert example.question == "How many red things are there?"
    assert (example.question_index, example.image_index) == (17, 12)
    assert str(example.program) == "count(filter[red](scene))"
    assert (example.answer, example.family) == ("1", "zero_hop 3")
    assert (example.picture, example.scene) == (None, None)
    assert question.outputs == ([0, 1], [1], 1)
    assert question.image == "CLEVR_val_000012.png"
    assert question.record == RECORD


@pytest.mark.parametrize(
    ("function", "value", "domains"),
    [
        ("filter_shape", "triangle", ("shapes",)),
        ("filter_shape", "circle", ("shapes", "sort_of_clevr")),
        ("filter_vertical", "top", ("sort_of_clevr",)),
    ],
)
def test_programs_of_other_domains_are_told_apart(
    function: str, value: str, domains: tuple[str, ...], clevr: Domain
) -> None:
    record = changed(lambda r: r["program"][1].update(type=function, value_inputs=[value]))
    record["program"][2]["type"] = "exist"
    with pytest.raises(OtherDomainError, match="file, question 17: wanted a program of ") as caught:
        question_from_json(record, clevr, "file")
    assert caught.value.domains == domains
    assert f"(node 1, {function}: got " in str(caught.value)


def test_a_program_of_no_domain_is_told_as_one_of_the_domain_wanted(clevr: Domain) -> None:
    record = changed(lambda r: r["program"][1].update(value_inputs=["rad"]))
    with pytest.raises(DataError, match=r"'red'.*got 'rad' \(domain clevr\)") as caught:
        question_from_json(record, clevr, "file")
    assert not isinstance(caught.value, OtherDomainError)


@pytest.mark.parametrize(
    ("stored", "answer"),
    [
        *[(True, "yes"), (False, "no"), ("yes", "yes"), ("no", "no"), ("true", "yes")],
        *[("False", "no"), (0, "0"), (10, "10"), ("2", "2"), ("red", "red"), (" cube", "cube")],
        (None, None),
    ],
)
def test_answers_of_all_kinds(stored: Any, answer: str | None, clevr: Domain) -> None:
    record = changed(lambda r: r.update(answer=stored))
    assert question_from_json(record, clevr, "file").example.answer == answer


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (11, "wanted an answer of domain clevr (nearest: '1', '10' or '0'), got 11"),
        (-1, "got -1"),
        (2.0, "got 2.0"),
        ("2.0", "got '2.0'"),
        ("rad", "(nearest: 'red', "),
        ("", "got ''"),
        ([], "got a list"),
        ({"yes": 1}, "got an object"),
        (10**30, "got a number of more than 18 digits"),
    ],
)
def test_other_answers_are_refused(stored: Any, said: str, clevr: Domain) -> None:
    record = changed(lambda r: r.update(answer=stored))
    with pytest.raises(DataError) as caught:
        question_from_json(record, clevr, "file")
    assert str(caught.value).startswith("file, question 17: wanted an answer of domain clevr")
    assert said in str(caught.value)


def test_a_question_of_a_test_split(clevr: Domain) -> None:
    record = {"question": "Is there a cube?", "image": "CLEVR_test_000004"}
    question = question_from_json(record, clevr, "file", 9)
    example = question.example
    assert (example.question_index, example.image_index) == (9, 4)
    assert (example.program, example.answer, example.family) == (None, None, "")
    assert question.outputs is None


@pytest.mark.parametrize(
    ("record", "family"),
    [
        (RECORD, "zero_hop 3"),
        (without("template_filename"), "family 3"),
        (without("question_family_index"), "zero_hop"),
        (without("template_filename", "question_family_index"), "count, 0 relations"),
        (without("template_filename", "question_family_index", "program"), ""),
    ],
)
def test_families(record: dict[str, Any], family: str, clevr: Domain) -> None:
    assert question_from_json(record, clevr, "file").example.family == family


def test_outputs_follow_the_nodes_to_their_new_places(clevr: Domain) -> None:
    record = changed(lambda r: r["program"].reverse())
    for node, inputs in zip(record["program"], ([1], [2], []), strict=True):
        node["inputs"] = inputs
    del record["program"][1]["_output"]
    question = question_from_json(record, clevr, "file")
    assert str(question.example.program) == "count(filter[red](scene))"
    assert question.outputs == ([0, 1], None, 1)


def test_pictures_by_name(clevr: Domain) -> None:
    record = changed(lambda r: [r.pop("image_index"), r.update(image_filename="cat.jpg")])
    images = {"cat": 30, "dog": 31}
    assert question_from_json(record, clevr, "f", images=images).example.image_index == 30
    with pytest.raises(DataError, match="a picture whose name ends in a number, got 'cat'"):
        question_from_json(record, clevr, "f")
    with pytest.raises(DataError, match=r"the picture of a scene \(nearest: 'dog'\), got 'cat'"):
        question_from_json(record, clevr, "f", images={"dog": 31})


FAULTS: list[tuple[str, Callable[[dict[str, Any]], object], str]] = [
    ("no question", lambda r: r.pop("question"), "wanted text as 'question', got none"),
    ("a blank one", lambda r: r.update(question=" "), "wanted text as 'question', got none"),
    ("a question of 3", lambda r: r.update(question=3), "wanted text as 'question', got 3"),
    (
        "no picture",
        lambda r: [r.pop(key) for key in ("image_index", "image_filename", "image")],
        "wanted 'image_index' or 'image_filename', got neither",
    ),
    (
        "a bad program",
        lambda r: r["program"][1].update(type="filter_colr"),
        "program: node 1, filter_colr: wanted a function of CLEVR (nearest: 'filter_color'",
    ),
    ("an empty program", lambda r: r.update(program=[]), "program: nodes: wanted a list of at"),
    ("a program of text", lambda r: r.update(program="scene"), "got 'scene'"),
]


@pytest.mark.parametrize(
    ("change", "said"), [pytest.param(change, said, id=label) for label, change, said in FAULTS]
)
def test_faults_are_one_line_with_the_question(
    change: Callable[[dict[str, Any]], object], said: str, clevr: Domain
) -> None:
    with pytest.raises(DataError) as caught:
        question_from_json(changed(change), clevr, "file")
    assert str(caught.value).startswith("file, question 17: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("index", ["17", -1, True, 1.5])
def test_a_bad_number_of_a_question(index: Any, clevr: Domain) -> None:
    record = changed(lambda r: r.update(question_index=index))
    with pytest.raises(DataError, match="file, question 4: wanted a number from 0 as"):
        question_from_json(record, clevr, "file", 4)


def test_bad_questions_are_told_and_passed_over(tmp_path: Path, clevr: Domain) -> None:
    path = write(tmp_path / "q.json", RECORD, 3, changed(lambda r: r.update(answer="rad")), RECORD)
    with pytest.raises(DataError, match=r"q\.json, question 1: wanted an object, got 3"):
        list(read_questions(path, clevr))
    errors: list[DataError] = []
    found = list(read_questions(path, clevr, errors.append))
    assert [question.record for question in found] == [RECORD, RECORD]
    assert [error.record for error in errors] == ["question 1", "question 17"]
    path.write_text(path.read_text()[:-60])
    assert len(list(read_questions(path, clevr, errors.append))) == 1
    assert str(errors[-1]) == f"{path}, after question 2: the JSON breaks off"


def test_a_file_without_questions_is_refused_even_where_errors_are_told(
    tmp_path: Path, clevr: Domain
) -> None:
    (tmp_path / "s.json").write_text('{"scenes": []}')
    with pytest.raises(DataError, match="a list 'questions', got one with 'scenes'"):
        list(read_questions(tmp_path / "s.json", clevr, print))


def test_questions_come_one_by_one(tmp_path: Path, clevr: Domain) -> None:
    path = write(tmp_path / "q.json", *[RECORD] * 500)
    path.write_text(path.read_text()[:-60])
    assert next(read_questions(path, clevr)).example.question_index == 17


@pytest.mark.parametrize("name", ["q.json", "q.json.gz"])
def test_what_is_written_is_read_again(tmp_path: Path, name: str, clevr: Domain) -> None:
    records = [RECORD, without("program", "answer")]
    assert write_questions(tmp_path / name, {"split": "val"}, iter(records)) == 2
    found = list(read_questions(tmp_path / name, clevr))
    assert [question.record for question in found] == records
    first = (tmp_path / name).read_bytes()
    write_questions(tmp_path / name, {"split": "val"}, records)
    assert (tmp_path / name).read_bytes() == first


def test_every_published_question_is_read_and_its_outputs_hold(
    real_data: Path, clevr: Domain
) -> None:
    folder = real_data / "clevr"
    scenes = read_scenes(folder / "CLEVR_train_scenes.json.gz", clevr)
    images = image_indices(scenes)
    count = 0
    for question in read_questions(folder / "CLEVR_train_questions.json.gz", clevr):
        count += 1
        assert question.example.question_index == count - 1
        assert images[question.image.removesuffix(".png")] == question.example.image_index
        if count % 4 == 0:
            check_outputs(question, scenes)
    assert count == 10_000


def check_outputs(question: Question, scenes: Any) -> None:
    """The stored answer and every stored result are those of the rules."""
    example, outputs = question.example, question.outputs
    assert example.program is not None
    assert outputs is not None
    execution = execute(example.program, scenes[example.image_index])
    assert execution.answer == example.answer
    for node, result, output in zip(example.program.nodes, execution.results, outputs, strict=True):
        if isinstance(result, frozenset):
            stored = [output] if node.operation == "unique" else output
            assert result == frozenset(stored)
        elif result is not None:
            assert result == output


def test_the_published_file_is_written_again(
    real_data: Path, tmp_path: Path, clevr: Domain
) -> None:
    source = real_data / "clevr" / "CLEVR_train_questions.json.gz"
    questions = islice(read_questions(source, clevr), 2000)
    records = (dict(question.record) for question in questions)
    write_questions(tmp_path / "q.json", {"split": "train"}, records)
    with gzip.open(source) as stream:
        wanted = json.load(stream)["questions"][:2000]
    assert json.loads((tmp_path / "q.json").read_bytes())["questions"] == wanted
