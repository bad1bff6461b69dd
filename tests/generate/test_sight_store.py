import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from nmn.data.sight import Sight
from nmn.errors import DataError
from nmn.generate import sight_store
from nmn.generate.clevr import StatesWorldConfig, make_states
from nmn.generate.scene_config import SceneConfig
from nmn.generate.sight_store import open_sights
from nmn.generate.sights import read_sights

SIZE, GRID = (48, 32), (4, 6)


@pytest.fixture(scope="module")
def scenes() -> str:
    config = StatesWorldConfig(scenes=SceneConfig(min_objects=1, max_objects=3))
    return json.dumps({"scenes": list(make_states(config, 0, "train", range(5)).scenes)})


@pytest.fixture
def folder(scenes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with scenes, an empty cache folder, and one process."""
    monkeypatch.setenv("NMN_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("joblib.cpu_count", lambda: 1)
    monkeypatch.setattr(sight_store, "_AT_ONCE", 2)
    file = tmp_path / "data" / "scenes" / "CLEVR_train_scenes.json"
    file.parent.mkdir(parents=True)
    file.write_text(scenes)
    return tmp_path / "data"


def check_equal(got: Mapping[int, Sight], wanted: Mapping[int, Sight]) -> None:
    assert got.keys() == wanted.keys() == set(range(5))
    for index, sight in wanted.items():
        for name in ("cells", "ground"):
            one, other = getattr(got[index], name), getattr(sight, name)
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)


def test_they_are_worked_out_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = read_sights(folder, "train", SIZE, GRID)
    told: list[int] = []
    check_equal(open_sights(folder, "train", SIZE, GRID, told.append), wanted)
    assert told == [2, 4, 5]
    monkeypatch.setattr(sight_store, "_drawn", None)
    check_equal(open_sights(folder, "train", SIZE, GRID), wanted)


def test_other_sizes_and_other_scenes_are_others(folder: Path) -> None:
    open_sights(folder, "train", SIZE, GRID)
    sights = open_sights(folder, "train", SIZE, (2, 3))
    assert sights[0].cells.shape == (2, 3)
    file = folder / "scenes" / "CLEVR_train_scenes.json"
    records = json.loads(file.read_text())
    file.write_text(json.dumps({**records, "scenes": records["scenes"][:2]}))
    assert open_sights(folder, "train", SIZE, GRID).keys() == {0, 1}


@pytest.mark.parametrize("damage", [0, 100, -30])
def test_a_damaged_file_is_made_again(folder: Path, damage: int) -> None:
    wanted = open_sights(folder, "train", SIZE, GRID)
    (stored,) = Path(os.environ["NMN_HOME"]).glob("sights/*.npz")
    stored.write_bytes(stored.read_bytes()[:damage])
    check_equal(open_sights(folder, "train", SIZE, GRID), wanted)


def test_missing_and_broken_scenes_are_named(folder: Path) -> None:
    with pytest.raises(DataError, match=r"CLEVR_val_scenes\.json: no such file"):
        open_sights(folder, "val", SIZE, GRID)
    (folder / "scenes" / "CLEVR_train_scenes.json").write_text('{"scenes": [{"image_index": 0}]}')
    with pytest.raises(DataError, match="CLEVR_train_scenes"):
        open_sights(folder, "train", SIZE, GRID)
