from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nmn.data.clevr import Question, question_from_json
from nmn.domain import Domain, load_domain
from nmn.errors import DataError
from nmn.execution.question_files import (
    BATCH_SIZE,
    Executed,
    Parsed,
    executable_scenes,
    execute_all,
    parse_all,
    with_scenes,
)
from nmn.execution.reports import UNKNOWN, ExecutionReport, ParseReport
from nmn.parsing import GrammarParser
from nmn.program.text import parse_program
from nmn.scene.scene import Scene, SceneObject

CLEVR = load_domain("clevr")
READER = GrammarParser(CLEVR)

CUBE = {"size": "large", "color": "red", "material": "metal", "shape": "cube"}
BALL = {"size": "small", "color": "blue", "material": "rubber", "shape": "sphere"}
NOWHERE = dict.fromkeys(CLEVR.relations, ((), ()))
SCENE = Scene((SceneObject(CUBE), SceneObject(BALL)), {**NOWHERE, "left": ((1,), ())})
EMPTY = Scene((), dict.fromkeys(CLEVR.relations, ()))
SCENES = {7: SCENE, 30: EMPTY}

HOW_MANY: dict[str, Any] = {
    "question": "How many red things are there?",
    "program": [
        {"type": "scene", "inputs": [], "_output": [0, 1]},
        {"type": "filter_color", "inputs": [0], "_output": [0], "value_inputs": ["red"]},
        {"type": "count", "inputs": [1], "_output": 1},
    ],
    "answer": 1,
}
WHICH_SHAPE: dict[str, Any] = {
    "question": "What shape is the thing?",
    "program": [
        {"type": "scene", "inputs": [], "_output": [0, 1]},
        {"type": "unique", "inputs": [0], "_output": 0},
        {"type": "query_shape", "inputs": [1], "_output": "cube"},
    ],
    "answer": "cube",
}


def question(index: int = 0, image: int = 7, **changes: Any) -> Question:
    """`HOW_MANY` with changes; what is None is left out."""
    record = {"question_index": index, "image_index": image, **HOW_MANY, **changes}
    kept = {key: value for key, value in record.items() if value is not None}
    return question_from_json(kept, CLEVR, "file")


def answered(*questions: Question, parser: GrammarParser | None = None) -> list[Executed]:
    return list(execute_all(questions, SCENES, CLEVR, parser))


def reported(*items: Executed) -> dict[str, Any]:
    report = ExecutionReport()
    assert list(report.through(items)) == list(items)
    return report.to_json()


def test_questions_are_parsed_one_by_one() -> None:
    def endless() -> Iterator[Question]:
        while True:
            yield question()

    parsed = next(parse_all(endless(), READER))
    assert (str(parsed.program), parsed.problem) == ("count(filter[red](scene))", "")


def test_a_question_that_is_not_understood_has_no_program() -> None:
    parsed, other = parse_all([question(4, question="How many rde things?"), question()], READER)
    assert parsed.program is None
    assert parsed.problem.startswith("question 4: unknown word 'rde' at line 1, column 10 of")
    assert other.program is not None


def test_the_report_of_parsing() -> None:
    program = parse_program("count(find[red])")
    wrong = parse_program("count(scene)")
    items = [
        Parsed(question(template_filename="one_hop.json", question_family_index=10), program),
        Parsed(question(template_filename="one_hop.json", question_family_index=9), wrong),
        Parsed(question(template_filename="one_hop.json", question_family_index=9), None, "odd"),
        Parsed(question(program=None), program),
        Parsed(question(program=None), None, "strange"),
    ]
    report = ParseReport()
    assert list(report.through(items)) == items
    found = report.to_json()
    families = found.pop("by_family")
    assert found == {
        "total": 5,
        "parsed": 3,
        "compared": 3,
        "exact_match": 1,
        "errors": 2,
        "error_examples": ["odd", "strange"],
    }
    assert list(families) == ["one_hop 9", "one_hop 10", UNKNOWN]
    assert families["one_hop 9"] == {"total": 2, "parsed": 1, "compared": 2, "exact_match": 0}
    assert families[UNKNOWN] == {"total": 2, "parsed": 1, "compared": 0, "exact_match": 0}


def test_reports_of_nothing() -> None:
    assert ParseReport().to_json() == {
        "total": 0,
        "parsed": 0,
        "compared": 0,
        "exact_match": 0,
        "errors": 0,
        "error_examples": [],
        "by_family": {},
    }
    found = ExecutionReport().to_json()
    assert (found["questions"], found["total"], found["accuracy"]) == (0, 0, None)


def test_two_reports_share_nothing() -> None:
    list(ParseReport().through([Parsed(question(), None, "odd")]))
    assert ParseReport().to_json()["total"] == 0
    assert ExecutionReport().to_json()["errors"] == 0


def test_numbers_in_names_of_families_are_sorted_as_numbers() -> None:
    names = ["b 10", "b 9", "a 2", "a", "a 10", "b", "1" * 5000, "\u0663", "\u00b2", "x  3"]
    report = ParseReport()
    for name in names:
        list(report.through([Parsed(question(template_filename=name), None)]))
    found = list(report.to_json()["by_family"])
    assert sorted(found) == sorted(names)
    known = [name for name in found if name[0] in "ab"]
    assert known == ["a", "a 2", "a 10", "b", "b 9", "b 10"]


def test_stored_programs_are_executed() -> None:
    first, second = answered(question(), question(1, image=30))
    assert (first.answer, first.problem, first.steps, first.equal_steps) == ("1", "", 3, 3)
    assert (second.answer, second.steps, second.equal_steps) == ("0", 3, 0)
    assert first.to_json() == {
        "question_index": 0,
        "answer": "1",
        "program": "count(filter[red](scene))",
    }


def test_parsed_programs_are_executed_and_steps_are_not_compared() -> None:
    other = question(program=WHICH_SHAPE["program"])
    (found,) = answered(other, parser=READER)
    assert (found.answer, str(found.program), found.steps) == ("1", "count(filter[red](scene))", 0)


def test_what_fails_names_its_node_and_is_wrong() -> None:
    items = answered(question(3, **WHICH_SHAPE), question(4, image=30, **WHICH_SHAPE))
    problems = [
        f"question {index}: query[shape] > unique: unique needs exactly one object, got {count}"
        for index, count in ((3, 2), (4, 0))
    ]
    assert [item.problem for item in items] == problems
    assert [item.answer for item in items] == [None, None]
    assert (items[0].steps, items[0].equal_steps) == (3, 1)
    assert items[0].to_json()["problem"] == problems[0]
    found = reported(*items)
    counts = [found[name] for name in ("questions", "answered", "total", "correct", "errors")]
    assert counts == [2, 0, 2, 0, 2]
    assert (found["accuracy"], found["error_examples"]) == (0.0, problems)


def test_questions_that_are_not_understood_are_counted_between_others() -> None:
    questions = [question(index) for index in range(5)]
    questions[2] = question(2, question="what?")
    items = answered(*questions, parser=READER)
    assert [item.answer for item in items] == ["1", "1", None, "1", "1"]
    assert [item.question for item in items] == questions
    assert items[2].problem.startswith("question 2: ")
    found = reported(*items)
    assert (found["questions"], found["answered"], found["accuracy"]) == (5, 4, 0.8)
    assert found["by_family"] == {"count, 0 relations": {"total": 5, "correct": 4}}


def test_nothing_is_understood() -> None:
    items = answered(question(question="what?"), parser=READER)
    assert [item.answer for item in items] == [None]
    assert answered(parser=READER) == []


def test_the_report_of_answers() -> None:
    items = answered(
        question(0),
        question(1, answer="2"),
        question(2, answer=None),
        question(3, **{**WHICH_SHAPE, "answer": None}),
    )
    found = reported(*items)
    assert found == {
        "questions": 4,
        "answered": 3,
        "steps": 12,
        "equal_steps": 10,
        "accuracy": 0.5,
        "total": 2,
        "correct": 1,
        "errors": 2,
        "error_examples": ["question 1: wanted 2, got 1", items[3].problem],
        "by_family": {"count, 0 relations": {"total": 2, "correct": 1}},
    }


@pytest.mark.parametrize(
    ("outputs", "equal"),
    [
        (([0, 1], [0], 1), 3),
        (([1, 0], 0, 1), 3),
        (([0], [1], 0), 0),
        (([[0, 1]], "0", "1"), 0),
        (({"0": 1}, [False], True), 0),
        (([0, 1.0], [None], 1.0), 0),
        (([0, 0, 1], [0, 0], [1]), 0),
    ],
)
def test_results_of_steps_are_compared(outputs: tuple[Any, ...], equal: int) -> None:
    pairs = zip(HOW_MANY["program"], outputs, strict=True)
    nodes = [{**node, "_output": output} for node, output in pairs]
    (found,) = answered(question(program=nodes))
    assert (found.steps, found.equal_steps) == (3, equal)


def test_steps_without_a_stated_result_are_not_counted() -> None:
    bare = [{k: v for k, v in node.items() if k != "_output"} for node in HOW_MANY["program"]]
    (found,) = answered(question(program=bare))
    assert (found.steps, found.equal_steps) == (0, 0)
    (found,) = answered(question(program=[*bare[:2], HOW_MANY["program"][2]]))
    assert (found.steps, found.equal_steps) == (1, 1)


def test_more_questions_than_are_executed_at_once_keep_their_order() -> None:
    taken: list[int] = []
    kinds = [question(), question(image=30), question(1, **WHICH_SHAPE)]

    def questions() -> Iterator[Question]:
        for index in range(2 * BATCH_SIZE + 5):
            taken.append(index)
            yield kinds[index % 3]

    stream = execute_all(questions(), SCENES, CLEVR)
    assert next(stream).answer == "1"
    assert len(taken) == BATCH_SIZE
    answers = ["1", *(item.answer for item in stream)]
    assert len(answers) == 2 * BATCH_SIZE + 5
    assert all(answer == ["1", "0", None][index % 3] for index, answer in enumerate(answers))


def test_a_count_that_is_no_answer_of_the_domain_is_a_wrong_one() -> None:
    things = (SceneObject(CUBE),) * 12
    scene = Scene(things, dict.fromkeys(CLEVR.relations, ((),) * 12))
    (found,) = execute_all([question(answer="10")], {7: scene}, CLEVR)
    assert (found.answer, found.problem) == ("12", "")
    assert reported(found)["error_examples"] == ["question 0: wanted 10, got 12"]


def test_large_scenes_are_executed_and_too_large_ones_refused() -> None:
    def of(count: int) -> Scene:
        return Scene((SceneObject(CUBE),) * count, dict.fromkeys(NOWHERE, ((),) * count))

    scenes = {3: of(64), 4: of(65), 5: EMPTY}
    with pytest.raises(DataError) as caught:
        executable_scenes(scenes, "file")
    said = "file, scene of image 4: wanted at most 64 objects, got 65"
    assert str(caught.value) == said
    errors: list[DataError] = []
    fitting = executable_scenes(scenes, "file", errors.append)
    assert (list(fitting), [str(error) for error in errors]) == ([3, 5], [said])
    (found,) = execute_all([question(image=3)], fitting, CLEVR)
    assert found.answer == "64"


NO_IMAGE = "file, question 5: wanted an image of the scenes"
MISSING: list[tuple[str, Callable[[], Question], dict[int, Scene], bool, str]] = [
    (
        "no such image",
        lambda: question(5, image=29),
        SCENES,
        False,
        f"{NO_IMAGE} (nearest: '7' or '30'), got image 29",
    ),
    (
        "with a name",
        lambda: question(5, image=8, image_filename="a\n\x1b.png"),
        {7: SCENE},
        False,
        f"{NO_IMAGE} (nearest: '7'), got image 8 ('a \\x1b.png')",
    ),
    (
        "no scenes at all",
        lambda: question(5),
        {},
        True,
        f"{NO_IMAGE}, got image 7",
    ),
    (
        "no program",
        lambda: question(5, program=None),
        SCENES,
        True,
        "file, question 5: no program is stored; --parse executes what the English means",
    ),
]


@pytest.mark.parametrize(
    ("make", "scenes", "programs", "said"),
    [row[1:] for row in MISSING],
    ids=[r[0] for r in MISSING],
)
def test_questions_that_cannot_be_executed(
    make: Callable[[], Question], scenes: dict[int, Scene], programs: bool, said: str
) -> None:
    with pytest.raises(DataError) as caught:
        list(with_scenes([make()], scenes, "file", programs=programs))
    assert str(caught.value) == said
    errors: list[DataError] = []
    good = question(6) if scenes else make()
    kept = list(with_scenes([make(), good], scenes, "file", errors.append, programs=programs))
    assert kept == ([good] if scenes else [])
    assert str(errors[0]) == said


def test_a_program_is_not_needed_where_the_english_is_executed() -> None:
    one = question(program=None)
    assert list(with_scenes([one], SCENES, "file", programs=False)) == [one]
    assert answered(one, parser=READER)[0].answer == "1"


def test_only_the_first_errors_are_kept() -> None:
    report = ParseReport()
    for index in range(30):
        list(report.through([Parsed(question(), None, f"problem {index}")]))
    found = report.to_json()
    assert found["errors"] == 30
    assert found["error_examples"] == [f"problem {index}" for index in range(20)]


def test_programs_of_another_domain_are_executed_too(shapes: Domain) -> None:
    record = {
        "question": "is there a red shape",
        "image_index": 0,
        "answer": False,
        "program": [
            {"function": "scene", "inputs": []},
            {"function": "filter_color", "inputs": [0], "value_inputs": ["red"]},
            {"function": "exist", "inputs": [1]},
        ],
    }
    one = question_from_json(record, shapes, "file")
    scene = Scene((), dict.fromkeys(shapes.relations, ()))
    for parser in (None, GrammarParser(shapes)):
        (found,) = execute_all([one], {0: scene}, shapes, parser)
        assert found.answer == "no"
        assert reported(found)["accuracy"] == 1.0
