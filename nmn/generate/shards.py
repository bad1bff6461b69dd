"""Many pictures in shards of a fixed size, each made by one process, so that a killed run goes on.

A shard is made on one thread and from its own random streams: its bytes depend on neither the
number of processes nor on what was made before. Its pictures are put in place one by one, each
whole; when all are, its records follow, the questions last. That file says that the shard is done.
"""

import io
import json
import os
import resource
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import joblib
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError
from PIL import Image

from nmn.config import Config
from nmn.data.example import Picture
from nmn.errors import ConfigError
from nmn.memory import keep_freed_memory
from nmn.nn.threads import cpu_threads
from nmn.resources import replacing, unreadable

SHARD = 250
"""Pictures of a shard; the last of a split has fewer."""

_PNG_LEVEL = 1
"""Higher levels take several times as long, and files become little smaller."""
_JPEG_QUALITY = 95
_POLL_SECONDS = 1.0


@dataclass(frozen=True, eq=False)
class Shard:
    """What is in a shard.

    Attributes:
        scenes: scene records, as in CLEVR's files.
        questions: question records without `question_index`.
        pictures: one for each scene that names a file, in the order of the scenes; taken one
            after the other, so that they need not be in memory at once.
    """

    scenes: Sequence[dict[str, Any]]
    questions: Sequence[dict[str, Any]]
    pictures: Iterable[Picture] = ()


@runtime_checkable
class ShardMaker(Protocol):
    """A function of a module (other processes find it by its name) that makes a shard."""

    def __call__(self, config: Any, seed: int, split: str, indices: range) -> Shard:
        """The shard of the pictures with these indices."""
        ...


@dataclass(frozen=True)
class Job:
    """A shard that is to be made.

    Attributes:
        images: the folder that its pictures go to.
        records: the folder that its records go to, below it the scratch space.
    """

    make: ShardMaker
    config: Config
    seed: int
    split: str
    indices: range
    images: Path
    records: Path

    @property
    def scenes_file(self) -> Path:
        """Where its scenes go."""
        return self.records / f"{self.split}-{self.indices.start:06}.scenes.json"

    @property
    def questions_file(self) -> Path:
        """Where its questions go; once it is there, the shard is done."""
        return self.records / f"{self.split}-{self.indices.start:06}.questions.json"

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return self.questions_file.is_file()


@dataclass(frozen=True)
class Made:
    """By which process a shard was made, and the most memory in MiB that this ever had."""

    process: int
    peak_mib: float


def make_shard(job: Job, progress: Callable[[int], None] = lambda done: None) -> Made:
    """Make a shard and put its files in place.

    Args:
        progress: called with the number of its pictures that are in place.

    Raises:
        DataError: a file cannot be written.
        ConfigError: with these settings there is no such shard.
    """
    scratch = job.records / f"{job.split}-{job.indices.start:06}.{os.getpid()}"
    try:
        with cpu_threads(1):
            shard = job.make(job.config, job.seed, job.split, job.indices)
            scratch.mkdir()
            named = (scene["image_filename"] for scene in shard.scenes)
            for number, picture in enumerate(shard.pictures, start=1):
                name = next(named)
                _save(picture, scratch / name)
                (scratch / name).replace(job.images / name)
                progress(number)
        _write(job.scenes_file, shard.scenes)
        _write(job.questions_file, shard.questions)
    except OSError as error:
        raise unreadable(Path(error.filename or job.images), error) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    progress(len(shard.scenes))
    return Made(os.getpid(), peak_mib())


def make_shards(jobs: Sequence[Job], processes: int, progress: Callable[[int], None]) -> float:
    """Make shards, several at a time, and return the most memory in MiB that all had together.

    Args:
        processes: how many work; 1 is this one.
        progress: called with the number of pictures that are done.

    Raises:
        DataError, ConfigError: those of `make_shard`, and where a process came to an end.
    """
    peaks = {os.getpid(): peak_mib()}
    done = 0
    if min(processes, len(jobs)) <= 1:
        for job in jobs:
            make_shard(job, partial(_add, progress, done))
            done += len(job.indices)
    else:
        parallel = joblib.Parallel(
            min(processes, len(jobs)), backend="loky", return_as="generator_unordered"
        )
        calls = (joblib.delayed(_in_worker)(job, os.getpid()) for job in jobs)
        try:
            with _counting(jobs, progress):
                for made in parallel(calls):
                    peaks[made.process] = max(made.peak_mib, peaks.get(made.process, 0.0))
        except TerminatedWorkerError as error:
            problem = "a process was ended by the system, perhaps for want of memory"
            raise ConfigError(f"--jobs {processes}", problem) from error
        get_reusable_executor().shutdown(wait=True)
    progress(sum(len(job.indices) for job in jobs))
    peaks[os.getpid()] = peak_mib()
    return sum(peaks.values())


def peak_mib() -> float:
    """The most memory in MiB that this process had at any time."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _add(progress: Callable[[int], None], before: int, more: int) -> None:
    progress(before + more)


def _in_worker(job: Job, parent: int) -> Made:
    """`make_shard` in a process of its own, which ends when the command does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command ends its processes itself
    keep_freed_memory()
    _end_with(parent)
    return make_shard(job)


@cache
def _end_with(parent: int) -> None:
    """End this process when `parent` is gone: killed, and its work perhaps taken up by another."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_POLL_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _counting(jobs: Sequence[Job], progress: Callable[[int], None]) -> Iterator[None]:
    """Tell now and then how many pictures are in place, while other processes make them.

    What is in the folders is counted, as that is all that this process can know between two
    shards. Pictures of worlds that write none are counted by the shard.
    """
    folders = {job.images for job in jobs if job.images.is_dir()}
    before = _count(folders)
    stop = threading.Event()

    def poll() -> None:
        while not stop.wait(_POLL_SECONDS):
            done = sum(len(job.indices) for job in jobs if job.done)
            progress(max(done, _count(folders) - before))

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _count(folders: Iterable[Path]) -> int:
    return sum(1 for folder in folders for _ in os.scandir(folder))


def _save(picture: Picture, path: Path) -> None:
    """Write a picture file in the format that its name says."""
    buffer = io.BytesIO()  # to a file Pillow writes by itself, and then knows no cause of failure
    image = Image.fromarray(picture)
    if path.suffix == ".png":
        image.save(buffer, format="PNG", compress_level=_PNG_LEVEL)
    else:
        image.save(buffer, format="JPEG", quality=_JPEG_QUALITY)
    with path.open("wb") as stream:
        stream.write(buffer.getbuffer())
        stream.flush()
        os.fsync(stream.fileno())  # the shard's records say that its pictures are there


def _write(path: Path, records: Sequence[dict[str, Any]]) -> None:
    with replacing(path) as stream:
        stream.write(json.dumps(list(records)).encode())
