"""A folder of generated data: what may be begun in it, and how it is finished.

While data is made, `.generation/` in the folder holds the shards and says what is being made.
Then the records of all shards become CLEVR's files, a data card is put beside them, and
`.generation/` goes.
"""

import fcntl
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from nmn.data.files import find_file, read_json
from nmn.data.json_records import read_records, write_records
from nmn.domain import Domain
from nmn.errors import DataError
from nmn.generate.card import SplitCard, read_card, write_card
from nmn.generate.generation import HIDDEN, Generation, questions_file, scenes_file
from nmn.generate.occupied import DOMAIN, STATED, check_same, is_finished, is_plain
from nmn.generate.shards import Job
from nmn.resources import unreadable, write_text

_READY = "ready"
_LOCK = "lock"


def begin(
    folder: Path, generation: Generation, domain: Domain, *, pictures: bool, resume: bool
) -> BinaryIO | None:
    """Prepare a folder, or find that all of it is there already.

    Args:
        pictures: whether there will be any.
        resume: go on where an earlier run of the same generation stopped.

    Returns:
        What keeps other commands out of the folder, until it is closed; None where nothing is
        left to do.

    Raises:
        DataError: there is other data in the folder, another command is at work in it, or it
            cannot be written.
    """
    hidden = folder / HIDDEN
    if (hidden / STATED).exists():
        check_same(folder, read_json(hidden / STATED), generation)
        if not resume:
            raise DataError(str(folder), "an unfinished generation is here; --resume goes on")
    elif is_finished(folder, generation, domain, resume):
        _remove(hidden)
        return None
    try:
        hidden.mkdir(parents=True, exist_ok=True)
        lock = _locked(hidden)
        for stale in hidden.iterdir():  # of a run that was killed
            if stale.is_dir():
                shutil.rmtree(stale, ignore_errors=True)
            elif stale.name != _LOCK and not (hidden / STATED).exists():
                stale.unlink()
        write_text(hidden / STATED, json.dumps(generation.to_json(), indent=1) + "\n")
        if pictures:
            for split in generation.splits:
                (folder / "images" / split).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unreadable(folder, error) from error
    return lock


def finish(
    folder: Path,
    generation: Generation,
    domain: Domain,
    jobs: Iterable[Job],
    stage: Callable[[str, int, int | None], None],
) -> None:
    """Make CLEVR's files and the data card of all shards, then remove these.

    Raises:
        DataError: a file cannot be written, or a scene occurs twice.
    """
    jobs, ready = list(jobs), folder / HIDDEN / _READY
    if not is_plain(domain):
        write_text(ready / DOMAIN, json.dumps(domain.to_json(), indent=1) + "\n")
    known = read_card(folder)
    scenes = _Scenes()
    for split in known:
        if split not in generation.splits:
            stored = find_file(folder / "scenes", scenes_file(folder, split).name)
            if stored is not None:
                scenes.take(split, (record for _, record in read_records(stored, "scenes")))
    for number, split in enumerate(generation.splits):
        stage("writing the files", number, len(generation.splits))
        card = SplitCard(generation.of_split(split), domain)
        own = [job for job in jobs if job.split == split]
        info = {
            "split": split,
            "world": generation.world,
            "seed": generation.seed,
            "version": generation.version,
        }
        made = scenes.through(split, _stored(job.scenes_file for job in own))
        write_records(scenes_file(ready, split), "scenes", info, card.scenes(made))
        asked = _numbered(_stored(job.questions_file for job in own))
        write_records(questions_file(ready, split), "questions", info, card.questions(asked))
        known[split] = card.to_json()
    stage("writing the files", len(generation.splits), len(generation.splits))
    write_card(ready, known)
    try:
        for path in sorted(path for path in ready.rglob("*") if path.is_file()):
            target = folder / path.relative_to(ready)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
    except OSError as error:
        raise unreadable(folder, error) from error
    _remove(folder / HIDDEN)


def abandon(folder: Path, generation: Generation, jobs: Iterable[Job]) -> None:
    """Leave nothing behind of a generation that turned out to be impossible.

    Where parts of it were made all the same, they stay.
    """
    if any(job.done for job in jobs):
        return
    for split in generation.splits:
        shutil.rmtree(folder / "images" / split, ignore_errors=True)
    _remove(folder / HIDDEN)
    for path in (folder / "images", folder):
        with suppress(OSError):  # there is something else in it
            path.rmdir()


def questions_of(folder: Path, splits: Iterable[str]) -> dict[str, int]:
    """The number of questions of finished splits."""
    card = read_card(folder)
    return {split: card[split]["questions"] for split in splits}


class _Scenes:
    """Tells when a scene comes for a second time, in any split."""

    def __init__(self) -> None:
        self._known: dict[bytes, str] = {}

    def take(self, split: str, records: Iterable[Mapping[str, Any]]) -> None:
        for _ in self.through(split, records):
            pass

    def through(
        self, split: str, records: Iterable[Mapping[str, Any]]
    ) -> Iterator[Mapping[str, Any]]:
        """The same records.

        Raises:
            DataError: one is the same scene as an earlier one.
        """
        for record in records:
            name = str(record.get("image_filename", ""))
            text = json.dumps(list(map(_as_it_is, record["objects"])), sort_keys=True)
            mark = hashlib.sha256(text.encode()).digest()[:16]
            if mark in self._known:
                problem = f"the same scene as in split '{self._known[mark]}'"
                raise DataError(f"split '{split}'", problem, name)
            self._known[mark] = split
            yield record


def _as_it_is(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """An object of a scene, from wherever it is seen."""
    if "3d_coords" not in item:
        return item
    return {key: value for key, value in item.items() if key != "pixel_coords"}


def _stored(files: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """The records of shards, one shard in memory at a time."""
    for file in files:
        yield from read_json(file)


def _numbered(records: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for index, record in enumerate(records):
        yield {"question_index": index, **record}


def _locked(hidden: Path) -> BinaryIO:
    """Keeps other commands out, until it is closed or this process ends."""
    lock = (hidden / _LOCK).open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise DataError(str(hidden.parent), "another command is making data here") from error
    return lock


def _remove(hidden: Path) -> None:
    """First what says that the generation is not finished, then the rest."""
    (hidden / STATED).unlink(missing_ok=True)
    shutil.rmtree(hidden, ignore_errors=True)
