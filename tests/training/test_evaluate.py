import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nmn.data.batch import UNKNOWN, Batch
from nmn.data.example import ListDataset
from nmn.data.shapes import read_shapes
from nmn.data.vocabulary import vocabulary_of
from nmn.domain import Domain
from nmn.errors import DataError, ShapeError
from nmn.execution.base import Prediction
from nmn.generate.shapes import ShapesWorldConfig, generate_shapes
from nmn.parsing.grammar_parser import GrammarParser, shared_parser
from nmn.program.text import parse_program
from nmn.program.trace import Trace
from nmn.training.checkpoint import Checkpoint, load_checkpoint
from nmn.training.data import data_folder
from nmn.training.evaluate import answer_all, evaluation, traces_of
from nmn.training.metrics import clustered_interval
from nmn.training.models import build_model
from nmn.training.preset import TrainPreset, load_preset
from nmn.training.selection import Selection, open_questions, with_scenes, with_sights
from nmn.training.stored import find_checkpoint
from tests.training.tiny_clevr import TINY

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
        assert not any(is_wrong(answer.trace, step) for step in answer.trace.steps)


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


def untrained(preset: TrainPreset, domain: Domain) -> Checkpoint:
    torch.manual_seed(0)
    model = build_model(domain, preset.model).eval()
    return Checkpoint(model, preset, vocabulary_of([("how", "many")]), {})


@pytest.fixture
def asked(tiny_clevr: Path) -> tuple[TrainPreset, Selection]:
    """The held-out questions of a tiny CLEVR, with all that is known of them."""
    assert tiny_clevr.is_dir()
    preset = load_preset("clevr", TINY)
    folder = data_folder(preset)
    questions = with_scenes(open_questions(preset, folder, "val"), folder, "val")
    return preset, with_sights(questions, preset, folder, "val")


def test_clevr_is_reported_by_kind_and_clustered_by_picture(
    asked: tuple[TrainPreset, Selection], clevr: Domain
) -> None:
    preset, data = asked
    checkpoint = untrained(preset, clevr)
    answers = answer_all(checkpoint, data, shared_parser(clevr), steps=True)
    assert [a.example.question_index for a in answers] == [e.question_index for e in data]
    report = evaluation(checkpoint, answers)
    assert report["total"] == report["questions"] == len(data) == 20
    for kind in ("family", "length", "objects", "relations", "root"):
        assert sum(group["total"] for group in report[f"by_{kind}"].values()) == 20
    assert set(report["by_objects"]) <= {"2", "3"}
    assert "by_composition" not in report
    assert 0 <= report["calibration"]["ece"] <= 1
    assert sum(row["count"] for row in report["calibration"]["bins"]) == 20
    pictures = [
        [item.correct for item in answers if item.example.image_index == image]
        for image in range(4)
    ]
    right, total = [sum(map(bool, p)) for p in pictures], [len(p) for p in pictures]
    assert report["interval"] == list(clustered_interval(right, total))
    scene = report["faithfulness"]["by_operation"]["scene"]
    assert scene["masks"] >= 20
    assert json.loads(json.dumps(report)) == report


def test_steps_are_checked_without_another_answer(
    asked: tuple[TrainPreset, Selection], clevr: Domain
) -> None:
    preset, data = asked
    checkpoint = untrained(preset, clevr)
    parser = shared_parser(clevr)
    plain = answer_all(checkpoint, data, parser, "stored")
    checked = answer_all(checkpoint, data, parser, "stored", steps=True)
    assert [item.answer for item in plain] == [item.answer for item in checked]
    assert all(item.steps is None for item in plain)
    masks = {"scene", "find", "filter", "relate", "same", "unique", "and", "or"}
    for item in checked:
        assert item.steps is not None
        assert item.program is not None
        operations = [node.operation for node in item.program.nodes if node.operation in masks]
        assert [step.operation for step in item.steps] == operations


def test_the_model_sees_questions_and_pictures_alone(
    asked: tuple[TrainPreset, Selection], clevr: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset, data = asked
    checkpoint = untrained(preset, clevr)
    seen: list[Batch] = []
    predict = checkpoint.model.predict

    def watched(batch: Batch, **options: bool) -> Prediction:
        seen.append(batch)
        return predict(batch, **options)

    monkeypatch.setattr(checkpoint.model, "predict", watched)
    answer_all(checkpoint, data, shared_parser(clevr))
    assert seen
    for batch in seen:
        assert set(batch.scenes) == {None}
        assert not any(batch.sights)
        assert (batch.answers == UNKNOWN).all()


@pytest.mark.parametrize("name", ["clevr", "clevr-scene", "clevr-residual"])
def test_traces_of_all_kinds_of_models_know_the_truth(
    name: str, asked: tuple[TrainPreset, Selection], clevr: Domain
) -> None:
    _, data = asked
    checkpoint = untrained(load_preset(name, TINY), clevr)
    answers = answer_all(checkpoint, data, shared_parser(clevr))
    odd = replace(answers[1], parse=None)
    traces = list(traces_of(checkpoint, data, [(0, answers[0]), (1, odd), (2, answers[2])]))
    assert traces[1] is None
    for place in (0, 2):
        trace = traces[place]
        assert trace is not None
        assert (trace.question, trace.truth) == (data[place].question, data[place].answer)
        assert trace.answer == answers[place].answer
        assert Trace.from_json(json.loads(trace.dumps())) == trace
        known = [step.truth is not None for step in trace.steps if step.mask is not None]
        assert any(known) == (name != "clevr-residual" and bool(known))


def test_programs_that_the_model_has_no_words_for_have_no_answer(
    asked: tuple[TrainPreset, Selection], clevr: Domain
) -> None:
    preset, data = asked
    pink = replace(data[0], program=parse_program("exists(find[pink])"), answer="yes")
    other = ListDataset(clevr, "other", (pink, replace(data[1], answer="12")))
    answers = answer_all(untrained(preset, clevr), other, shared_parser(clevr), "stored")
    assert [item.answer is None for item in answers] == [True, False]
    assert "pink" in answers[0].problem
    assert [item.correct for item in answers] == [False, False]
