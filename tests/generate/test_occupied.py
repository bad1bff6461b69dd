"""What a folder may hold; whole runs are in `test_folder.py`."""

import json
from pathlib import Path

import pytest

from nmn.domain import load_domain
from nmn.errors import DataError
from nmn.generate.card import CARD
from nmn.generate.generation import HIDDEN, Generation
from nmn.generate.occupied import check_same, is_finished

CLEVR = load_domain("clevr")
MADE = Generation("tiny", "1", 0, {}, {"train": 2})


def test_new_and_empty_folders_are_free(tmp_path: Path) -> None:
    assert not is_finished(tmp_path / "new", MADE, CLEVR, resume=False)
    (tmp_path / "images" / "train").mkdir(parents=True)
    (tmp_path / HIDDEN).mkdir()
    assert not is_finished(tmp_path, MADE, CLEVR, resume=True)


def test_what_is_not_ours_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=r"holds something else \('notes.txt' without our card"):
        is_finished(tmp_path, MADE, CLEVR, resume=False)


def test_worlds_are_not_mixed(tmp_path: Path) -> None:
    card = {"splits": {"val": {"made": {"world": "other"}}}}
    (tmp_path / CARD).write_text(json.dumps(card))
    with pytest.raises(DataError, match=r"holds data of world 'other' \(split 'val'\)"):
        is_finished(tmp_path, MADE, CLEVR, resume=False)


def test_what_was_begun_goes_on_with_the_same_settings_only(tmp_path: Path) -> None:
    check_same(tmp_path, MADE.to_json(), MADE)
    with pytest.raises(DataError, match=r"with seed 1 and not 0; .* or remove .generation"):
        check_same(tmp_path, {**MADE.to_json(), "seed": 1}, MADE)
