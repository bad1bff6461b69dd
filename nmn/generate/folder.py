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
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, BinaryIO

from nmn.config import Config
from nmn.data.files import find_file, read_json
from nmn.data.json_records import read_records, write_records
from nmn.domain import Domain, load_domain
from nmn.errors import DataError
from nmn.generate.card import CARD, SplitCard, read_card, write_card
from nmn.generate.shards import SHARD, Job, ShardMaker
from nmn.resources import unreadable, write_text

HIDDEN = ".generation"
_STATED = "generation.json"
_READY = "ready"
_LOCK = "lock"
DOMAIN = "domain.json"


@dataclass(frozen=True)
class Generation:
    """What is to be made: two that are equal give the same bytes.

    Attributes:
        version: of this package.
        settings: of the world, all of them.
        splits: the number of pictures of each.
        shard: pictures of a shard.
    """

    world: str
    version: str
    seed: int
    settings: Mapping[str, Any]
    splits: Mapping[str, int]
    shard: int = SHARD

    def to_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)

    def of_split(self, split: str) -> dict[str, Any]:
        """What the data card says of how a split was made."""
        stated = self.to_json()
        return {**stated, "splits": {split: self.splits[split]}}

    def jobs(self, folder: Path, make: ShardMaker, config: Config) -> list[Job]:
        """All shards, done or not."""
        return [
            Job(
                make,
                config,
                self.seed,
                split,
                range(start, min(start + self.shard, count)),
                folder / "images" / split,
                folder / HIDDEN,
            )
            for split, count in self.splits.items()
            for start in range(0, count, self.shard)
        ]


def package_version() -> str:
    """The version of this package, where it is installed."""
    try:
        return version("neural-module-networks")
    except PackageNotFoundError:
        return "unknown"


def scenes_file(folder: Path, split: str) -> Path:
    """Where the scenes of a split go."""
    return folder / "scenes" / f"CLEVR_{split}_scenes.json"


def questions_file(folder: Path, split: str) -> Path:
    """Where the questions of a split go."""
    return folder / "questions" / f"CLEVR_{split}_questions.json"


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
    if (hidden / _STATED).exists():
        _check_same(folder, read_json(hidden / _STATED), generation)
        if not resume:
            raise DataError(str(folder), "an unfinished generation is here; --resume goes on")
    elif _is_finished(folder, generation, domain, resume):
        _remove(hidden)
        return None
    try:
        hidden.mkdir(parents=True, exist_ok=True)
        lock = _locked(hidden)
        for stale in hidden.iterdir():  # of a run that was killed
            if stale.is_dir():
                shutil.rmtree(stale, ignore_errors=True)
            elif stale.name != _LOCK and not (hidden / _STATED).exists():
                stale.unlink()
        write_text(hidden / _STATED, json.dumps(generation.to_json(), indent=1) + "\n")
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
    if not _is_plain(domain):
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


def _check_same(folder: Path, stored: Any, generation: Generation) -> None:
    """Raises DataError where an unfinished generation is of something else."""
    difference = _difference(stored, json.loads(json.dumps(generation.to_json())))
    if difference:
        problem = f"an unfinished generation of something else is here, {difference}"
        advice = f"go on with its settings and --resume, or remove {HIDDEN} and its pictures"
        raise DataError(str(folder), f"{problem}; {advice}")


def _difference(stored: Any, wanted: Any, key: str = "") -> str:
    """The first place in which two JSON values differ, in words; empty where they are equal."""
    if stored == wanted:
        return ""
    if not (isinstance(stored, dict) and isinstance(wanted, dict)):
        return f"with {key or 'settings'} {json.dumps(stored)} and not {json.dumps(wanted)}"
    for name in (*wanted, *stored):
        found = _difference(stored.get(name), wanted.get(name), f"{key}.{name}" if key else name)
        if found:
            return found
    return ""


def _is_finished(folder: Path, generation: Generation, domain: Domain, resume: bool) -> bool:
    """Whether all that is wanted is there.

    Raises:
        DataError: something else is, or it may not be looked at because `resume` is not set.
    """
    card = read_card(folder)
    for split, stored in card.items():
        if stored["made"]["world"] != generation.world:
            problem = f"holds data of world '{stored['made']['world']}' (split '{split}')"
            raise DataError(str(folder), f"{problem}, not of '{generation.world}'")
    if resume and all(
        split in card and not _difference(card[split]["made"], _as_json(generation, split))
        for split in generation.splits
    ):
        for split, count in generation.splits.items():
            _check_whole(folder, split, count)
        return True
    for split in generation.splits:
        for path in _files_of(folder, split):
            if path.is_dir() and not any(path.iterdir()):
                continue
            problem = f"is there already (split '{split}'); nothing is overwritten"
            if resume and split in card:
                made = _difference(card[split]["made"], _as_json(generation, split))
                problem = f"{problem}; it was made {made}" if made else problem
            raise DataError(str(path), problem)
    other = sorted(path.name for path in _entries(folder) if path.name != HIDDEN)
    if other and not card:
        problem = f"holds something else ('{other[0]}' without our {CARD})"
        raise DataError(str(folder), f"{problem}; wanted a new or empty folder")
    if card:
        _check_domain(folder, domain)
    return False


def _entries(folder: Path) -> list[Path]:
    """What is in a folder, without folders in which there is nothing."""
    try:
        paths = list(folder.iterdir()) if folder.exists() else []
    except OSError as error:
        raise unreadable(folder, error) from error
    return [path for path in paths if not path.is_dir() or path.is_symlink() or _entries(path)]


def _check_whole(folder: Path, split: str, count: int) -> None:
    """Raises DataError where files of a finished split are gone."""
    for path in (scenes_file(folder, split), questions_file(folder, split)):
        if not path.is_file():
            raise DataError(str(path), f"is gone, of a finished split; remove all of '{split}'")
    images = folder / "images" / split
    there = sum(1 for _ in images.iterdir()) if images.is_dir() else count
    if there < count:
        problem = f"wanted {count} pictures of a finished split, got {there}"
        raise DataError(str(images), f"{problem}; remove all of '{split}'")


def _locked(hidden: Path) -> BinaryIO:
    """Keeps other commands out, until it is closed or this process ends."""
    lock = (hidden / _LOCK).open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise DataError(str(hidden.parent), "another command is making data here") from error
    return lock


def _is_plain(domain: Domain) -> bool:
    """Whether it is what readers take a folder to be of that does not say."""
    return domain == load_domain("clevr")


def _check_domain(folder: Path, domain: Domain) -> None:
    """Raises DataError where the folder's data has other attributes, values or answers."""
    path = folder / DOMAIN
    stored = read_json(path) if path.exists() else None
    wanted = None if _is_plain(domain) else domain.to_json()
    difference = _difference(stored, wanted, "domain")
    if difference:
        raise DataError(str(path), f"the data here is of another domain, {difference}")


def _files_of(folder: Path, split: str) -> list[Path]:
    """What of a split there is."""
    names = [scenes_file(folder, split), questions_file(folder, split)]
    candidates = [path for name in names for path in (name, name.with_name(f"{name.name}.gz"))]
    return [path for path in (*candidates, folder / "images" / split) if path.exists()]


def _as_json(generation: Generation, split: str) -> Any:
    return json.loads(json.dumps(generation.of_split(split)))


def _remove(hidden: Path) -> None:
    """First what says that the generation is not finished, then the rest."""
    (hidden / _STATED).unlink(missing_ok=True)
    shutil.rmtree(hidden, ignore_errors=True)
