"""Grids of trainings: many at a time, each in a process of its own, and resumable.

A run is a folder with `job.json`, what to do, and `result.json`, what came of it. It is done by a
process of its own, so that one that dies takes nothing with it: the grid goes on and says so.
Which runs are at work at once is joblib's business, on this machine or on a Ray cluster.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import joblib

from nmn.data.files import read_json
from nmn.errors import ConfigError, DataError
from nmn.progress import Stage, silent
from nmn.resources import write_text

Backend = Literal["local", "ray"]

JOB, RESULT = "job.json", "result.json"
_WORKER = "nmn.training.grid_worker"
_LAST = 2000
"""Characters of what a failed run said that are kept."""


@dataclass(frozen=True)
class Job:
    """One run of a grid.

    Attributes:
        name: unique within the grid.
        folder: where its files are.
        settings: of its preset, all of them.
        begins_with: what tells the weights of each checkpoint that it begins with from others.
    """

    name: str
    folder: Path
    settings: dict[str, Any]
    begins_with: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What came of a run.

    Attributes:
        report: None where it failed.
        problem: why it failed.
    """

    job: Job
    report: dict[str, Any] | None
    problem: str = ""


def run_grid(
    jobs: Sequence[Job],
    *,
    processes: int = 1,
    backend: Backend = "local",
    device: str = "cpu",
    resume: bool = False,
    stage: Stage = silent,
) -> list[Result]:
    """Do all runs of a grid.

    Args:
        processes: how many at once.
        backend: `ray` for the Ray cluster that this machine is part of, or else a local one; its
            machines must see the same files.
        resume: leave out what is done, and go on with what was interrupted.

    Returns:
        What came of each, in the order of `jobs`.

    Raises:
        ConfigError: Ray is not installed.
        DataError: there are other runs in a folder, or runs that began with other weights, or it
            cannot be written.
    """
    known = {job.name: _known(job, resume) for job in jobs}
    todo = [job for job in jobs if known[job.name] is None]
    finished = len(jobs) - len(todo)
    with _backend(backend):
        for job in todo:
            write_text(job.folder / JOB, _stated(job, device))
        stage("runs", finished, len(jobs))
        # Ray's backend cannot return results one by one.
        returned = "list" if backend == "ray" else "generator_unordered"
        parallel = joblib.Parallel(n_jobs=processes, return_as=returned)
        # Only what runs on this machine can be ended from here.
        running: set[subprocess.Popen[str]] = set()
        shared = running if backend == "local" else None
        try:
            for result in parallel(joblib.delayed(_run)(job, shared) for job in todo):
                known[result.job.name] = result
                finished += 1
                note = "failed: " * bool(result.problem) + result.job.name
                stage("runs", finished, len(jobs), note)
        finally:
            for process in list(running):
                process.terminate()
    return [result for job in jobs if (result := known[job.name]) is not None]


def _stated(job: Job, device: str) -> str:
    stated = {"settings": job.settings, "begins_with": job.begins_with, "device": device}
    return json.dumps(stated, indent=1) + "\n"


def done_before(job: Job) -> Result | None:
    """What came of an earlier run like it; None where there is none, or it failed."""
    try:
        return _known(job, resume=True)
    except DataError:
        return None


def _known(job: Job, resume: bool) -> Result | None:
    """The result of an earlier run with the same settings.

    Raises:
        DataError: there is a run, and it is not to be gone on with or is another one.
    """
    path = job.folder / JOB
    if not path.is_file():
        return None
    stated = read_json(path)
    if not isinstance(stated, dict) or stated.get("settings") != job.settings:
        raise DataError(str(job.folder), "a run with other settings; wanted another --out")
    if stated.get("begins_with", {}) != job.begins_with:
        names = " and ".join(sorted(job.begins_with))
        problem = f"a run that began with other weights of {names}; wanted another --out"
        raise DataError(str(job.folder), problem)
    if not resume:
        raise DataError(str(job.folder), "there is such a run; nearest: --resume")
    found = _result(job)
    return None if found.problem else found


def _result(job: Job) -> Result:
    """What the folder of a run says of how it ended."""
    path = job.folder / RESULT
    if not path.is_file():
        return Result(job, None, "it ended without a result")
    try:
        values = read_json(path)
    except DataError:
        values = None
    found = values if isinstance(values, dict) else {}
    if isinstance(found.get("report"), dict) and found["report"]:
        return Result(job, found["report"])
    return Result(job, None, str(found.get("problem") or "its result is damaged"))


def _run(job: Job, running: set[subprocess.Popen[str]] | None = None) -> Result:
    """Do a run in a process of its own, and read what came of it.

    Args:
        running: has the process while it runs.
    """
    (job.folder / RESULT).unlink(missing_ok=True)
    command = [sys.executable, "-m", _WORKER, str(job.folder)]
    running = set() if running is None else running
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as ended:
        running.add(ended)
        _, said = ended.communicate()
        running.discard(ended)
    found = _result(job)
    if ended.returncode == 0 or (found.problem and (job.folder / RESULT).is_file()):
        return found
    how = f"signal {-ended.returncode}" if ended.returncode < 0 else f"exit {ended.returncode}"
    last = said[-_LAST:].strip().splitlines()
    return Result(job, None, f"its process died ({how}){': ' + last[-1] if last else ''}")


@contextmanager
def _backend(backend: Backend) -> Iterator[None]:
    """Within the `with`, where joblib's work is done."""
    if backend == "local":
        # Each run is a process anyway: threads are enough to wait for it.
        with joblib.parallel_config(backend="threading"):
            yield
        return
    with _ray(), joblib.parallel_config(backend="ray"):
        yield


@contextmanager
def _ray() -> Iterator[None]:
    """Ray as a backend of joblib; what was not running before is ended."""
    try:
        import ray  # noqa: PLC0415 - an extra that few need
        from ray.util.joblib import register_ray  # noqa: PLC0415
    except ImportError as error:
        advice = "pip install 'neural-module-networks[ray]'"
        raise ConfigError("--backend ray", f"Ray is not installed; {advice}") from error
    running = ray.is_initialized()
    if not running:
        ray.init(include_dashboard=False, log_to_driver=False)
    register_ray()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if not running:
            ray.shutdown()
