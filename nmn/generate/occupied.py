"""What is in a folder already, and whether data may be made there: nothing is overwritten."""

from pathlib import Path
from typing import Any

from nmn.data.files import read_json
from nmn.domain import Domain, load_domain
from nmn.errors import DataError
from nmn.generate.card import CARD, read_card
from nmn.generate.generation import (
    HIDDEN,
    Generation,
    as_json,
    difference,
    questions_file,
    scenes_file,
)
from nmn.resources import unreadable

DOMAIN = "domain.json"
STATED = "generation.json"
"""What an unfinished generation says of itself."""


def is_plain(domain: Domain) -> bool:
    """Whether it is what readers take a folder to be of that does not say."""
    return domain == load_domain("clevr")


def check_same(folder: Path, stored: Any, generation: Generation) -> None:
    """Raises DataError where an unfinished generation is of something else."""
    other = difference(stored, as_json(generation.to_json()))
    if other:
        problem = f"an unfinished generation of something else is here, {other}"
        advice = f"go on with its settings and --resume, or remove {HIDDEN} and its pictures"
        raise DataError(str(folder), f"{problem}; {advice}")


def is_finished(folder: Path, generation: Generation, domain: Domain, resume: bool) -> bool:
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
        split in card and not difference(card[split]["made"], as_json(generation.of_split(split)))
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
                made = difference(card[split]["made"], as_json(generation.of_split(split)))
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


def _check_domain(folder: Path, domain: Domain) -> None:
    """Raises DataError where the folder's data has other attributes, values or answers."""
    path = folder / DOMAIN
    stored = read_json(path) if path.exists() else None
    wanted = None if is_plain(domain) else domain.to_json()
    other = difference(stored, wanted, "domain")
    if other:
        raise DataError(str(path), f"the data here is of another domain, {other}")


def _files_of(folder: Path, split: str) -> list[Path]:
    """What of a split there is."""
    names = [scenes_file(folder, split), questions_file(folder, split)]
    candidates = [path for name in names for path in (name, name.with_name(f"{name.name}.gz"))]
    return [path for path in (*candidates, folder / "images" / split) if path.exists()]
