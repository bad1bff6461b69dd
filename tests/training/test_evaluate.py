from dataclasses import replace
from pathlib import Path

import pytest

from nmn.data.example import ListDataset
from nmn.data.shapes import read_shapes
from nmn.domain import Domain
from nmn.errors import DataError, ShapeError
from nmn.generate.shapes import ShapesWorldConfig, generate_shapes
from nmn.parsing.grammar_parser import GrammarParser
from nmn.training.checkpoint import Checkpoint, find_checkpoint, load_checkpoint
from nmn.training.evaluate import answer_all, evaluation

DEEP = ShapesWorldConfig(relation_counts=(1, 1, 1, 1, 1, 1, 1))


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return load_checkpoint(find_checkpoint("shapes"))


def test_the_shipped_model_answers_all_real_questions(
    checkpoint: Checkpoint, parser: GrammarParser, real_data: Path
) -> None:
    for split, total in (("val", 1024), ("train.small", 640), ("train.tiny", 64)):
        data = read_shapes(real_data / "shapes", split)
        report = evaluation(checkpoint, answer_all(checkpoint, data, parser))
        assert (report["correct"], report["total"]) == (total, total)
        assert report["by_composition"]["unseen"]["total"] == total


def test_it_answers_deeper_questions_than_it_was_trained_on(
    checkpoint: Checkpoint, parser: GrammarParser
) -> None:
    data = generate_shapes(DEEP, 11, "test", 200)
    report = evaluation(checkpoint, answer_all(checkpoint, data, parser))
    assert report["correct"] == report["total"] == 200
    assert report["by_type"]["exists, 6 relations"]["total"] > 0


def test_every_step_of_its_traces_is_right(checkpoint: Checkpoint, parser: GrammarParser) -> None:
    from nmn.engine import Engine
    from nmn.inspector.layout import is_wrong

    engine = Engine(checkpoint, parser)
    for example in generate_shapes(DEEP, 12, "test", 32):
        assert example.picture is not None
        answer = engine.ask(example.question, example.picture, example.scene)
        assert answer.text == example.answer == answer.trace.truth
        assert not any(is_wrong(step) for step in answer.trace.steps)


def test_pictures_without_answers_and_programs_are_answered_alike(
    checkpoint: Checkpoint, parser: GrammarParser, shapes: Domain
) -> None:
    full = generate_shapes(DEEP, 13, "val", 40)
    bare = tuple(replace(e, answer=None, program=None, scene=None, family="") for e in full)
    with_all = list(answer_all(checkpoint, full, parser, "stored"))
    with_none = list(answer_all(checkpoint, ListDataset(shapes, "bare", bare), parser))
    assert [a.answer for a in with_all] == [a.answer for a in with_none]
    report = evaluation(checkpoint, with_none)
    assert (report["accuracy"], report["total"], report["questions"]) == (None, 0, 40)


def test_questions_that_do_not_parse_count_as_wrong(
    checkpoint: Checkpoint, parser: GrammarParser, shapes: Domain
) -> None:
    data = generate_shapes(DEEP, 14, "val", 4)
    odd = replace(data[1], question="is there a small circle")
    changed = ListDataset(shapes, "odd", (data[0], odd, data[2], data[3]))
    answers = list(answer_all(checkpoint, changed, parser))
    assert answers[1].answer is None
    assert "small" in answers[1].problem
    assert answers[1].to_json()["program"] is None
    report = evaluation(checkpoint, answers)
    assert (report["correct"], report["total"]) == (3, 4)


def test_unfit_data_is_refused(
    checkpoint: Checkpoint, parser: GrammarParser, shapes: Domain, clevr: Domain
) -> None:
    data = generate_shapes(DEEP, 15, "val", 2)
    bare = ListDataset(shapes, "bare", (replace(data[0], program=None),))
    with pytest.raises(DataError, match="question 0: no stored programs"):
        list(answer_all(checkpoint, bare, parser, "stored"))
    with pytest.raises(DataError, match="domain clevr for a model of shapes"):
        list(answer_all(checkpoint, ListDataset(clevr, "x", data.examples), parser))
    assert data[0].picture is not None
    small = ListDataset(shapes, "small", (replace(data[0], picture=data[0].picture[:20]),))
    with pytest.raises(ShapeError, match="wanted 30x30, got 30x20"):
        list(answer_all(checkpoint, small, parser))
