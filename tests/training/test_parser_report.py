"""Rates of parsers, against counts by hand and against execution program by program."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmn.data.question_set import QuestionSet
from nmn.errors import ExecutionError, ProgramTypeError
from nmn.policies.decode import Decoding
from nmn.policies.learned_parser import LearnedParser
from nmn.program.canonical import canonical
from nmn.program.tokens import END, PAD, TokenVocabulary
from nmn.program.typecheck import typecheck
from nmn.scene.symbolic import execute
from nmn.training.metrics import wilson
from nmn.training.parser_checkpoint import ParserCheckpoint
from nmn.training.parser_report import (
    Parsed,
    outcomes,
    parsed,
    parsed_by,
    parser_report,
    report_on,
)
from nmn.training.parser_run import HowToRun, train_parser
from nmn.training.question_data import held_out_questions, training_questions
from tests.training.tiny_parsers import KINDS, mini_preset


@pytest.fixture(scope="module")
def questions() -> QuestionSet:
    """15 questions of 6 to 22 words, of the first five two have no program."""
    return training_questions(mini_preset()).without_programs(np.array([1, 4]))


@pytest.fixture(scope="module", params=KINDS)
def checkpoint(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> ParserCheckpoint:
    folder = tmp_path_factory.mktemp("trained")
    return train_parser(mini_preset(KINDS[request.param]), HowToRun(folder))


def by_hand(questions: QuestionSet, row: int, tokens: list[int]) -> tuple[bool, bool, bool | None]:
    """Whether what was said is a program, right, and the given one."""
    given = questions.programs[row]
    exact = None if given is None else False
    if END not in tokens:
        return False, False, exact
    try:
        program = TokenVocabulary(questions.domain).decode(tokens)
        typecheck(program, questions.domain)
    except ProgramTypeError:
        return False, False, exact
    if given is not None:
        exact = canonical(program) == canonical(given)
    scene = questions.scenes.scenes[questions.asked[row, 0]]
    try:
        answer = execute(program, scene).answer
    except ExecutionError:
        return True, False, exact
    return True, answer == questions.domain.answers[questions.answers[row, 0]], exact


def test_what_becomes_of_questions_is_as_counted_by_hand(
    questions: QuestionSet, checkpoint: ParserCheckpoint
) -> None:
    turned = questions.rows(np.roll(np.arange(15), 1))
    for asked in (questions, replace(turned, programs=questions.programs)):
        found = parsed_by(checkpoint, asked)
        rows = zip(found.tokens.tolist(), found.well_typed, found.right, found.exact, strict=True)
        for row, (tokens, *said) in enumerate(rows):
            assert tuple(said) == by_hand(asked, row, tokens), asked.questions[row]


def test_all_is_right_of_programs_that_are_looked_up(tmp_path: Path) -> None:
    preset = mini_preset(KINDS["retrieval"])
    report = report_on(train_parser(preset, HowToRun(tmp_path)), training_questions(preset))
    for measure in ("exact_match", "accuracy", "well_typed"):
        assert report[measure]["successes"] == report[measure]["total"] == 15
    assert list(report["differences"]) == ["equal"]
    assert report["differences"]["equal"]["count"] == 15


def test_without_legal_tokens_there_may_be_no_programs(
    questions: QuestionSet, tmp_path: Path
) -> None:
    preset = mini_preset("decoding.constrained=false", "training.steps=1")
    found = parsed_by(train_parser(preset, HowToRun(tmp_path)), questions)
    hand = [by_hand(questions, row, tokens) for row, tokens in enumerate(found.tokens.tolist())]
    assert found.well_typed.tolist() == [well_typed for well_typed, _, _ in hand]
    wrong = np.flatnonzero(~found.well_typed)
    assert len(wrong)
    assert not found.right[wrong].any()
    assert {found.exact[row] for row in wrong} <= {False, None}


def test_batches_change_nothing(
    questions: QuestionSet, checkpoint: ParserCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = parsed_by(checkpoint, questions)
    monkeypatch.setattr("nmn.training.parser_report.BATCH_SIZE", 4)
    parts = parsed_by(checkpoint, questions)
    np.testing.assert_array_equal(whole.tokens, parts.tokens)
    assert whole.exact == parts.exact


def test_a_beam_finds_the_most_probable_programs(
    questions: QuestionSet, checkpoint: ParserCheckpoint
) -> None:
    model, parser = checkpoint.model, checkpoint.parser
    decoding = Decoding.of(checkpoint.preset.decoding, model.tokens)
    found = parsed(model, decoding, questions, width=3)
    if isinstance(parser, LearnedParser):
        first = [parses[0] for parses in replace(parser, width=3).parse_all(questions.questions)]
        said = [model.tokens.decode(tokens) for tokens in found.tokens.tolist()]
        assert said == [parse.program for parse in first]
    else:  # what is looked up has no beam
        np.testing.assert_array_equal(found.tokens, parsed_by(checkpoint, questions).tokens)


def test_what_is_kept_for_testing_is_reported(checkpoint: ParserCheckpoint) -> None:
    seen: list[tuple[str, int, int | None]] = []
    kept = held_out_questions(checkpoint.preset)
    report = report_on(checkpoint, kept, lambda *done: seen.append(done))
    assert report["questions"] == 7
    assert seen == [("parsing", 7, 7)]


FAMILIES = ("count", "count", "", "exist", "exist")
ASKED = (
    "What color is it?",
    "What color is it now?",
    "How many big red cubes are there?",
    "Is there a thing left of the small green metal ball?",
    "Is there a very, very small green metal ball?",
)


@pytest.fixture
def five(questions: QuestionSet) -> tuple[QuestionSet, Parsed]:
    """Five questions, and what is said to have become of them."""
    asked = replace(questions.rows(np.arange(5)), questions=ASKED, families=FAMILIES)
    tokens = np.full((5, 33), PAD)
    vocabulary = TokenVocabulary(questions.domain)
    for row, program in enumerate(asked.programs):
        if program is not None:
            said = [*vocabulary.encode(program), END]
            tokens[row, : len(said)] = said
    right = np.array([True, True, False, True, False])
    well_typed = np.array([True, True, True, True, False])
    return asked, Parsed(tokens, well_typed, right, (True, None, False, False, None))


def test_rates_agree_with_counts_by_hand(five: tuple[QuestionSet, Parsed]) -> None:
    report = parser_report(*five)
    assert report["questions"] == 5
    assert counts(report) == {"exact_match": (1, 3), "accuracy": (3, 5), "well_typed": (4, 5)}
    assert report["accuracy"]["rate"] == 0.6
    assert report["accuracy"]["interval"] == list(wilson(3.0, 5.0))
    families = {name: counts(group) for name, group in report["by_family"].items()}
    assert families == {
        "count": {"exact_match": (1, 1), "accuracy": (2, 2), "well_typed": (2, 2)},
        "exist": {"exact_match": (0, 1), "accuracy": (1, 2), "well_typed": (1, 2)},
    }
    words = {name: counts(group)["accuracy"] for name, group in report["by_words"].items()}
    # 4, 5, 7, 11 and 10 words: a comma is one
    assert list(words.items()) == [("1 to 5", (2, 2)), ("6 to 10", (0, 2)), ("11 to 15", (1, 1))]


def test_the_same_words_asked_twice_say_no_more_than_once(
    five: tuple[QuestionSet, Parsed],
) -> None:
    asked, found = five
    rows = np.arange(5).repeat(2)
    twice = Parsed(
        found.tokens[rows],
        found.well_typed[rows],
        found.right[rows],
        tuple(found.exact[row] for row in rows.tolist()),
    )
    measured = parser_report(asked.rows(rows), twice)["accuracy"]
    assert (measured["successes"], measured["total"]) == (6, 10)
    (low, high), (known_low, known_high) = measured["interval"], wilson(6.0, 10.0)
    assert low < known_low < known_high < high


def counts(group: dict[str, Any]) -> dict[str, tuple[int, int]]:
    measures = ("exact_match", "accuracy", "well_typed")
    return {name: (group[name]["successes"], group[name]["total"]) for name in measures}


def test_differences_are_counted_where_a_program_is_given(
    five: tuple[QuestionSet, Parsed],
) -> None:
    asked, found = five
    said = found.tokens.copy()
    said[0] = found.tokens[2]
    report = parser_report(asked, replace(found, tokens=said))
    kinds = report["differences"]
    assert {name: (kind["count"], kind["right"]) for name, kind in kinds.items()} == {
        "equal": (2, 1),
        "other operations": (1, 1),
    }
    (example,) = kinds["other operations"]["examples"]
    assert (example["question"], example["right"]) == (ASKED[0], True)
    first, third = asked.programs[0], asked.programs[2]
    assert first is not None
    assert third is not None
    assert (example["said"], example["given"]) == (str(canonical(third)), str(canonical(first)))


def test_a_question_without_words_is_among_the_shortest(
    five: tuple[QuestionSet, Parsed],
) -> None:
    asked, found = five
    silent = replace(asked, questions=("?", *ASKED[1:]))
    assert next(iter(parser_report(silent, found)["by_words"])) == "1 to 5"


def test_outcomes_are_a_sign_a_question(five: tuple[QuestionSet, Parsed]) -> None:
    assert outcomes(five[1]) == {
        "exact_match": "1-00-",
        "accuracy": "11010",
        "well_typed": "11110",
    }


def test_a_rate_of_nothing_is_none(five: tuple[QuestionSet, Parsed]) -> None:
    asked, found = five
    unknown = replace(found, exact=(None,) * 5)
    report = parser_report(asked.without_programs(np.arange(5)), unknown)
    nothing = {"rate": None, "successes": 0, "total": 0, "interval": [0.0, 1.0]}
    assert report["exact_match"] == nothing
    assert report["by_family"]["count"]["exact_match"] == nothing
    assert report["differences"] == {}
