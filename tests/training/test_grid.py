"""Grids of runs whose worker does next to nothing, and what becomes of one that dies."""

import json
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nmn.errors import ConfigError, DataError
from nmn.training.ablation import AblationPreset, jobs_of
from nmn.training.grid import JOB, RESULT, Job, Result, done_before, run_grid
from tests.training.tiny_parsers import shapes_preset

WORKER = """
import json, os, sys
from pathlib import Path

folder = Path(sys.argv[1])
job = json.loads((folder / "job.json").read_text())
times = folder / "times"
count = len(times.read_text()) if times.is_file() else 0
times.write_text("x" * (count + 1))
how = job["settings"]["how"] if count == 0 else "well"
if how == "killed":
    os.kill(os.getpid(), 9)
if how == "broken":
    sys.stderr.write("Traceback, of which this is a line\\nValueError: wanted a bug\\n")
    sys.exit(3)
values = {"report": {"seed": job["settings"]["seed"], "device": job["device"]}}
if how == "refused":
    values = {"problem": "training.steps: wanted more, got 1"}
if how != "silent":
    (folder / "result.json").write_text(json.dumps("?" if how == "damaged" else values))
"""


@pytest.fixture
def _worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are done by a program that ends as their settings say, the first time."""
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "worker_of_tests.py").write_text(WORKER)
    monkeypatch.setenv("PYTHONPATH", str(modules))
    monkeypatch.setattr("nmn.training.grid._WORKER", "worker_of_tests")


def jobs_in(folder: Path, **how: str) -> list[Job]:
    return [
        Job(name, folder / "runs" / name, {"how": way, "seed": seed})
        for seed, (name, way) in enumerate(how.items())
    ]


def times(job: Job) -> int:
    """How often it was worked at."""
    return len((job.folder / "times").read_text())


def failed(results: list[Result]) -> dict[str, str]:
    return {result.job.name: result.problem for result in results if result.problem}


@pytest.mark.usefixtures("_worker")
@pytest.mark.parametrize("processes", [1, 3])
def test_every_run_has_its_result_in_the_order_of_the_jobs(tmp_path: Path, processes: int) -> None:
    jobs = jobs_in(tmp_path, a="well", b="well", c="well", d="well")
    results = run_grid(jobs, processes=processes, device="cuda")
    assert [result.job for result in results] == jobs
    assert failed(results) == {}
    for seed, result in enumerate(results):
        assert result.report == {"seed": seed, "device": "cuda"}
        stored = json.loads((result.job.folder / RESULT).read_text())
        assert stored == {"report": result.report}


@pytest.mark.usefixtures("_worker")
def test_a_run_says_what_it_was_to_do(tmp_path: Path) -> None:
    (job,) = jobs_in(tmp_path, a="well")
    run_grid([job], device="cpu")
    stated = json.loads((job.folder / JOB).read_text())
    assert stated == {"settings": job.settings, "begins_with": {}, "device": "cpu"}


@pytest.mark.usefixtures("_worker")
@pytest.mark.parametrize("processes", [1, 2])
def test_a_run_that_is_killed_takes_no_other_with_it(tmp_path: Path, processes: int) -> None:
    jobs = jobs_in(tmp_path, a="well", b="killed", c="well", d="well")
    results = run_grid(jobs, processes=processes)
    assert failed(results) == {"b": "its process died (signal 9)"}
    assert [result.report is None for result in results] == [False, True, False, False]
    assert not (jobs[1].folder / RESULT).exists()
    again = run_grid(jobs, processes=processes, resume=True)
    assert failed(again) == {}
    assert [result.report for result in again] == [
        {"seed": seed, "device": "cpu"} for seed in range(4)
    ]
    assert [times(job) for job in jobs] == [1, 2, 1, 1]


FAILURES = [
    ("refused", "training.steps: wanted more, got 1"),
    ("broken", "its process died (exit 3): ValueError: wanted a bug"),
    ("silent", "it ended without a result"),
    ("damaged", "its result is damaged"),
]


@pytest.mark.usefixtures("_worker")
@pytest.mark.parametrize(("how", "problem"), FAILURES, ids=[how for how, _ in FAILURES])
def test_a_run_that_fails_says_why_and_is_done_again(
    tmp_path: Path, how: str, problem: str
) -> None:
    jobs = jobs_in(tmp_path, a=how, b="well")
    assert failed(run_grid(jobs)) == {"a": problem}
    assert failed(run_grid(jobs, resume=True)) == {}
    assert [times(job) for job in jobs] == [2, 1]


@pytest.mark.usefixtures("_worker")
def test_a_result_of_before_is_not_taken_for_that_of_a_run_that_died(tmp_path: Path) -> None:
    (job,) = jobs_in(tmp_path, a="killed")
    job.folder.mkdir(parents=True)
    (job.folder / RESULT).write_text('{"report": {"seed": 99}}')
    (result,) = run_grid([job])
    assert (result.report, result.problem) == (None, "its process died (signal 9)")


@pytest.mark.usefixtures("_worker")
def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    jobs = jobs_in(tmp_path, a="well", b="well")
    first = run_grid(jobs[:1])
    before = (jobs[0].folder / RESULT).stat().st_mtime_ns
    results = run_grid(jobs, resume=True)
    assert results[0] == first[0]
    assert (jobs[0].folder / RESULT).stat().st_mtime_ns == before
    assert [times(job) for job in jobs] == [1, 1]


@pytest.mark.usefixtures("_worker")
def test_an_interrupted_run_is_gone_on_with(tmp_path: Path) -> None:
    jobs = jobs_in(tmp_path, a="well", b="well")
    for job in jobs:  # as a grid leaves it whose process is ended
        job.folder.mkdir(parents=True)
        text = json.dumps({"settings": job.settings, "device": "cpu"})
        (job.folder / JOB).write_text(text)
    assert failed(run_grid(jobs, resume=True)) == {}
    assert [times(job) for job in jobs] == [1, 1]


@pytest.mark.usefixtures("_worker")
def test_without_resume_a_grid_is_not_overwritten(tmp_path: Path) -> None:
    jobs = jobs_in(tmp_path, a="well", b="well")
    run_grid(jobs[1:])
    with pytest.raises(DataError, match="there is such a run; nearest: --resume") as caught:
        run_grid(jobs)
    assert str(jobs[1].folder) in str(caught.value)
    assert not jobs[0].folder.exists()  # nothing is begun before all is known
    assert times(jobs[1]) == 1


@pytest.mark.usefixtures("_worker")
@pytest.mark.parametrize("resume", [False, True])
def test_other_settings_are_another_run(tmp_path: Path, resume: bool) -> None:
    (job,) = jobs_in(tmp_path, a="well")
    run_grid([job])
    other = Job(job.name, job.folder, {**job.settings, "seed": 7})
    with pytest.raises(DataError, match="a run with other settings; wanted another --out"):
        run_grid([other], resume=resume)
    assert json.loads((job.folder / JOB).read_text())["settings"] == job.settings
    assert times(job) == 1


@pytest.mark.usefixtures("_worker")
def test_weights_to_begin_with_that_have_changed_are_another_run(tmp_path: Path) -> None:
    (job,) = jobs_in(tmp_path, a="well")
    job = replace(job, begins_with={"stem": "one"})
    (first,) = run_grid([job])
    assert done_before(job) == first
    assert run_grid([job], resume=True) == [first]
    other = replace(job, begins_with={"stem": "two"})
    assert done_before(other) is None
    with pytest.raises(DataError, match="began with other weights of stem; wanted another --out"):
        run_grid([other], resume=True)
    assert times(job) == 1


@pytest.mark.usefixtures("_worker")
def test_settings_of_a_preset_are_known_again(tmp_path: Path) -> None:
    preset = AblationPreset(
        kind="ablate", train="parser-shapes", seeds=(0,), axes={"all": {"same": {}}}
    )
    (runs,) = jobs_of(preset, tmp_path).values()
    settings = {**runs[0].settings, "how": "well"}
    job = Job(runs[0].name, runs[0].folder, settings)
    (first,) = run_grid([job])
    assert first.problem == ""
    assert run_grid([job], resume=True) == [first]
    assert times(job) == 1


@pytest.mark.usefixtures("_worker")
def test_it_is_told_how_many_are_done_and_which_failed(tmp_path: Path) -> None:
    jobs = jobs_in(tmp_path, a="well", b="broken", c="well")
    run_grid(jobs[:1])
    told: list[tuple[str, int, int | None, str]] = []

    def stage(what: str, done: int, total: int | None, note: str = "") -> None:
        told.append((what, done, total, note))

    for job in jobs[1:]:
        assert not job.folder.exists()
    run_grid(jobs, resume=True, stage=stage)
    assert [(what, done, total) for what, done, total, _ in told] == [
        ("runs", 1, 3),
        ("runs", 2, 3),
        ("runs", 3, 3),
    ]
    assert Counter(note for *_, note in told) == {"": 1, "failed: b": 1, "c": 1}


def test_no_jobs_have_no_results() -> None:
    assert run_grid([]) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("in the way")
    with pytest.raises(DataError, match="runs"):
        run_grid(jobs_in(tmp_path, a="well"))


def test_a_damaged_job_is_named(tmp_path: Path) -> None:
    (job,) = jobs_in(tmp_path, a="well")
    job.folder.mkdir(parents=True)
    (job.folder / JOB).write_text("{")
    with pytest.raises(DataError, match=r"job\.json, line 1, column 2: not valid JSON"):
        run_grid([job], resume=True)


def test_without_ray_it_is_told_how_to_get_it_and_nothing_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"Ray is not installed; pip install '.*\[ray\]'"):
        run_grid(jobs_in(tmp_path, a="well"), backend="ray")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_ray_does_all_runs_and_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    begun: list[int] = []
    begin = ray.init

    def init(*args: Any, **how: Any) -> Any:
        begun.append(1)
        return begin(*args, **how)

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.chdir(tmp_path)
    jobs = [  # their folders, as those of `nmn ablate`, are below the one where it is called
        Job(
            f"seed={seed}",
            Path(f"runs/seed-{seed}"),
            shapes_preset(f"seed={seed}").model_dump(mode="json"),
        )
        for seed in (0, 1)
    ]
    results = run_grid(jobs, processes=2, backend="ray")
    assert [result.job.name for result in results] == [job.name for job in jobs]
    assert failed(results) == {}
    for job, result in zip(jobs, results, strict=True):
        assert result.report is not None
        assert result.report["questions"] == 12
        assert (tmp_path / job.folder / RESULT).is_file()
    assert begun == [1]
    assert not ray.is_initialized()
