import json
import shutil
from pathlib import Path

from nmn.resources import dataset_folder
from tests.cli.conftest import Run

MINI = dataset_folder("clevr") / "mini"


def test_sound_data_is_said_to_be_so(run: Run) -> None:
    result = run("check", MINI)
    assert result.code == 0
    assert result.out.startswith("mini: 0 images, 3 scenes, 15 objects, 22 questions")
    assert result.out.endswith("no problems\n")
    report = json.loads(run("check", MINI, "--split", "mini", "--json").out)
    assert report["problems"] == 0
    assert report["splits"]["mini"]["english"] == 22
    report = json.loads(run("check", MINI, "--english", "none", "--decode", "--json").out)
    assert report["splits"]["mini"]["english"] == 0


def test_problems_are_counted_and_told(run: Run, tmp_path: Path) -> None:
    shutil.copytree(MINI, tmp_path / "data")
    path = tmp_path / "data" / "questions" / "CLEVR_mini_questions.json"
    path.write_text(path.read_text().replace('"answer": "yes"', '"answer": "no"'))
    result = run("check", "data")
    assert result.code == 1
    assert "problems: answer " in result.out
    assert "the stored answer is 'no', the program's 'yes'" in result.out
    assert result.err == ""
    result = run("check", "data", "--json")
    assert result.code == 1
    report = json.loads(result.out)
    assert report["by_kind"] == {"answer": report["problems"]}


def test_bad_input_is_one_line(run: Run) -> None:
    for arguments, said in (
        (("nowhere",), "nowhere: no such folder"),
        ((MINI.parent,), "not a CLEVR directory"),
        ((MINI, "--split", "val"), "no split 'val'; there are 'mini'"),
    ):
        result = run("check", *arguments)
        assert (result.code, result.out) == (2, "")
        assert len(result.err.splitlines()) == 1
        assert said in result.err
