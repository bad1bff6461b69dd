"""`nmn evaluate` and `nmn inspect` on CLEVR's layout."""

import json
from pathlib import Path

import pytest
import torch

from nmn.data.vocabulary import vocabulary_of
from nmn.domain import load_domain
from nmn.resources import dataset_folder
from nmn.training.checkpoint import Checkpoint, save_checkpoint
from nmn.training.data import data_folder
from nmn.training.models import build_model
from nmn.training.preset import load_preset
from tests.cli.conftest import Run
from tests.training.tiny_clevr import TINY


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of untrained ones."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    for name in ("clevr", "clevr-scene", "clevr-residual"):
        preset = load_preset(name, TINY)
        model = build_model(load_domain("clevr"), preset.model)
        save_checkpoint(folder / name, Checkpoint(model, preset, vocabulary_of([("how",)]), {}))
    return folder


@pytest.fixture
def data(tiny_clevr: Path) -> Path:
    """The folder of a tiny CLEVR."""
    assert tiny_clevr.is_dir()
    return data_folder(load_preset("clevr", TINY))


@pytest.mark.parametrize(
    ("name", "supervision"),
    [("clevr", "scene"), ("clevr-scene", "scene"), ("clevr-residual", "answers")],
)
def test_all_kinds_of_models_are_evaluated(
    run: Run, models: Path, data: Path, name: str, supervision: str
) -> None:
    arguments = ("evaluate", models / name, "--data", data)
    report = json.loads(run(*arguments, "--json").out)
    assert (report["total"], report["supervision"]) == (20, supervision)
    assert set(report["by_objects"]) <= {"2", "3"}
    assert report["unparsed"] == 0
    assert len(report["error_examples"]) == report["failed"]
    assert len(report["calibration"]["bins"]) == 15
    table = run(*arguments).out
    assert "relations: 0" in table
    assert "expected calibration error" in table


def test_faithfulness_is_reported_by_operation(run: Run, models: Path, data: Path) -> None:
    arguments = ("evaluate", models / "clevr", "--data", data, "--faithfulness")
    report = json.loads(run(*arguments, "--json").out)["faithfulness"]
    assert {"scene", "filter"} <= set(report["by_operation"])
    assert report["right_answers"]["all_steps_right"] <= report["right_answers"]["total"]
    table = run(*arguments).out
    assert "precision" in table
    assert "right answers" in table


@pytest.mark.parametrize(
    ("name", "options", "problem"),
    [
        ("clevr-scene", ("--faithfulness",), "a SceneParser has no masks over cells"),
        ("clevr-residual", ("--faithfulness",), "family 'residual' say nothing"),
        ("clevr", ("--images", "4-5"), "wanted FROM:TO, e.g. 0:500 or 500:, got '4-5'"),
        ("clevr", ("--images", "900:"), "no questions about the images 900:"),
    ],
)
def test_bad_options_are_one_line(
    run: Run, models: Path, data: Path, name: str, options: tuple[str, ...], problem: str
) -> None:
    result = run("evaluate", models / name, "--data", data, *options)
    assert result.code == 2
    assert problem in result.err
    assert len(result.err.splitlines()) == 1


def test_shapes_have_no_scenes_to_be_faithful_to(run: Run) -> None:
    data = dataset_folder("shapes") / "mini"
    result = run("evaluate", "shapes", "--data", data, "--split", "test", "--faithfulness")
    assert result.code == 2
    assert "no scenes; wanted a folder of CLEVR's layout with scenes/" in result.err


def test_some_pictures_and_some_questions(
    run: Run, models: Path, data: Path, tmp_path: Path
) -> None:
    arguments = ("evaluate", models / "clevr", "--data", data, "--json")
    path = tmp_path / "p.jsonl"
    report = json.loads(run(*arguments, "--images", "1:3", "--predictions", path).out)
    assert (report["images"], report["total"]) == ("1:3", 10)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["question_index"] for line in lines] == list(range(5, 15))
    assert json.loads(run(*arguments, "--images", "1:3", "--limit", "3").out)["total"] == 3


@pytest.mark.parametrize("name", ["clevr", "clevr-scene", "clevr-residual"])
def test_errors_are_a_table_with_pages(
    run: Run, models: Path, data: Path, tmp_path: Path, name: str
) -> None:
    arguments = ("inspect", models / name, "--data", data, "--out", tmp_path)
    report = json.loads(run(*arguments, "--errors", "--count", "3", "--json").out)
    assert (report["rows"], report["questions"]) == (3, 20)
    assert report["wrong"] >= 3
    text = Path(report["index"]).read_text()
    assert text.count('data-verdict="wrong"') == 3
    assert ("not known" in text) == (name == "clevr-residual")
    assert sorted(path.name for path in tmp_path.glob("0*")) == [
        "0001.html",
        "0002.html",
        "0003.html",
    ]


def test_the_truth_can_be_left_out(run: Run, models: Path, data: Path, tmp_path: Path) -> None:
    arguments = ("inspect", models / "clevr", "--data", data, "--out", tmp_path)
    assert run(*arguments, "--count", "2", "--no-truth").out.startswith(f"{tmp_path}/index.html: 2")
    assert (tmp_path / "index.html").read_text().count("<code>not known</code>") == 2


def test_answers_without_programs_are_a_table_with_looks(
    run: Run, data: Path, tmp_path: Path
) -> None:
    reasoner = "model.reasoner={kind='stacked_attention', attention=8, hidden=16}"
    preset = load_preset("clevr-frozen", [*TINY, "frozen_stem=false", "model.pool=[2,3]", reasoner])
    words = vocabulary_of([("how", "many", "things")])
    torch.manual_seed(0)
    model = build_model(load_domain("clevr"), preset.model, words)
    save_checkpoint(tmp_path / "made", Checkpoint(model, preset, words, {}))
    arguments = ("inspect", tmp_path / "made", "--data", data, "--out", tmp_path / "pages")
    report = json.loads(run(*arguments, "--count", "3", "--json").out)
    assert report["rows"] == 3
    assert "not understood" not in Path(report["index"]).read_text()
    assert all("look" in (tmp_path / "pages" / f"000{n}.html").read_text() for n in (1, 2, 3))
    shown = run("show", tmp_path / "made").out
    assert "model of words (stacked_attention)" in shown
    assert "operations" not in shown


def test_there_is_help(run: Run) -> None:
    assert "Usage: nmn inspect" in run("inspect", "--help").out


def test_shapes_can_be_inspected(run: Run, tmp_path: Path) -> None:
    data = dataset_folder("shapes") / "mini"
    arguments = ("inspect", "shapes", "--data", data, "--split", "test", "--out", tmp_path)
    assert json.loads(run(*arguments, "--json").out)["rows"] == 16
    assert json.loads(run(*arguments, "--errors", "--json").out)["rows"] == 0
    assert "0 of " not in (tmp_path / "index.html").read_text()
