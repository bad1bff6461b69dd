"""One run of a comparison, within the test's process."""

import json
from typing import Any

import pytest

from nmn.training.compare import comparison_jobs, make_data
from nmn.training.compare_report import comparison_files, comparison_report
from nmn.training.grid import JOB, RESULT, Job, Result
from nmn.training.grid_worker import work
from tests.training.test_compare import tiny

Results = dict[str, list[Result]]


def done(job: Job) -> Result:
    job.folder.mkdir(parents=True)
    (job.folder / JOB).write_text(json.dumps({"settings": job.settings, "device": "cpu"}))
    work(job.folder)
    values = json.loads((job.folder / RESULT).read_text())
    return Result(job, values.get("report"), values.get("problem", ""))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    jobs = comparison_jobs(tiny(), tmp_path_factory.mktemp("grid"))
    make_data(job for runs in jobs.values() for job in runs)
    return {name: [done(job) for job in runs] for name, runs in jobs.items()}


def test_models_are_trained_or_loaded_and_asked_the_same(results: Results) -> None:
    for name, runs in results.items():
        for run in runs:
            assert run.problem == ""
            assert run.report is not None
            assert run.report["total"] == 16
            assert run.report["questions_per_second"] > 0
            assert run.report["memory"] > 1 << 20
            assert run.report["made"]["steps"] == (900 if name == "shipped" else 4)
    (shipped,) = results["shipped"]
    assert shipped.report is not None
    assert shipped.report["accuracy"] > 0.9
    (prior,) = results["prior"]
    assert prior.report is not None
    assert prior.report["supervision"] == "answers alone"


def test_the_table_has_a_row_for_each_and_what_it_cost(results: Results) -> None:
    report = comparison_report(results, {"budget": "4 steps"})
    assert (report["kind"], report["questions"]) == ("type", 16)
    models: dict[str, Any] = {model["model"]: model for model in report["models"]}
    assert list(models) == ["prior", "modules", "shipped"]
    seeds = {name: model["accuracy"]["seeds"] for name, model in models.items()}
    assert seeds == {"prior": 1, "modules": 2, "shipped": 1}
    one = results["prior"][0].report
    assert one is not None
    assert models["prior"]["accuracy"]["interval"] == one["interval"]
    files = comparison_files(report, results)
    lines = files["report.md"].decode().splitlines()
    rows = [line.split(" | ") for line in lines if line.startswith("| ")]
    assert rows[0][:2] == ["| model", "all"]
    assert [row[0] for row in rows[1:]] == ["| prior", "| modules", "| shipped"]
    assert {len(row) for row in rows} == {len(rows[0])}
    assert "- budget: 4 steps." in lines
    assert len(files["runs.csv"].decode().splitlines()) == 5
    assert files["models.png"].startswith(b"\x89PNG")
    assert files["curves.png"].startswith(b"\x89PNG")


def test_a_run_that_failed_is_told(results: Results) -> None:
    failed = Result(results["prior"][0].job, None, "its process died (signal 9)")
    changed = {**results, "prior": [failed]}
    report = comparison_report(changed, {})
    text = comparison_files(report, changed)["report.md"].decode()
    assert "- prior,seed=3: its process died (signal 9)" in text.splitlines()
    assert [model["runs"] for model in report["models"]] == [1, 2, 1]
