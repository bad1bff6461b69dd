import shutil
from pathlib import Path

import numpy as np
import pytest

from nmn.data.clevr_folder import ClevrData
from nmn.data.joined import JoinedData
from nmn.errors import ConfigError, DataError
from nmn.training import data as data_module
from nmn.training.data import data_folder, domain_of_preset, held_out_data, training_data
from nmn.training.preset import load_preset
from tests.training.tiny_clevr import TINY


def test_shapes_are_made_in_memory() -> None:
    preset = load_preset("shapes", ["data.examples=24", "data.held_out=8"])
    assert (len(training_data(preset)), len(held_out_data(preset))) == (24, 8)
    assert domain_of_preset(preset).name == "shapes"
    with pytest.raises(ConfigError, match="data of domain shapes is in no folder"):
        data_folder(preset)


@pytest.mark.usefixtures("tiny_clevr")
@pytest.mark.parametrize("name", ["clevr", "clevr-scene"])
def test_what_learns_from_scenes_gets_them(name: str) -> None:
    preset = load_preset(name, TINY)
    data = training_data(preset)
    assert isinstance(data, ClevrData)
    assert data.store is not None
    assert data.store.shape == (12, 32, 48, 3)
    assert set(data.scenes) == set(data.sights) == set(range(12))
    example = data[0]
    assert example.scene is not None
    assert example.sight is not None
    assert example.sight.cells.shape == (4, 6)
    assert len(example.sight.ground) == len(example.scene.objects)
    assert data.domain == domain_of_preset(preset)


@pytest.mark.usefixtures("tiny_clevr")
def test_what_learns_from_answers_gets_no_scenes() -> None:
    preset = load_preset("clevr-answers", TINY)
    data = training_data(preset)
    assert data[0].scene is None
    assert data[0].sight is None
    held_out = held_out_data(preset)
    assert isinstance(held_out, ClevrData)
    assert len(set(held_out.questions.images.tolist())) == 4
    assert held_out[0].scene is None
    assert held_out_data(preset, scenes=True)[0].sight is not None


@pytest.mark.usefixtures("tiny_clevr")
def test_presets_share_data_that_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    folders = {data_folder(load_preset(n, TINY)) for n in ("clevr", "clevr-scene", "clevr-tbd")}
    assert len(folders) == 1
    monkeypatch.setattr(data_module, "make_folder", lambda *_, **__: {})
    changes = ("seed=7", "data.pictures=13", "data.held_out=5", "model.stem.width=64")
    others = {data_folder(load_preset("clevr", [*TINY, change])) for change in changes}
    assert len(others | folders) == 5


def test_what_is_there_is_not_made_again(
    tiny_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_home / "data", tmp_path / "data")
    monkeypatch.setenv("NMN_HOME", str(tmp_path))
    monkeypatch.setattr("joblib.cpu_count", lambda: 1)
    told: list[str] = []

    def stage(what: str, done: int, total: int | None, note: str = "") -> None:
        assert (total, note) == (12, "")
        assert done <= 12
        told.append(what)

    preset = load_preset("clevr", TINY)
    training_data(preset, stage)
    assert list(dict.fromkeys(told)) == ["decoding pictures", "finding objects"]
    told.clear()
    training_data(preset, stage)
    assert told == []


@pytest.mark.usefixtures("tiny_clevr")
def test_pictures_of_others_are_added() -> None:
    folder = data_folder(load_preset("clevr", TINY))
    added = [f"data.added.folder={folder}", "data.added.split=val", "data.added.images=1:3"]
    preset = load_preset("clevr", [*TINY, *added, "data.added.times=2"])
    data = training_data(preset)
    assert isinstance(data, JoinedData)
    own, first, second = data.parts
    assert own.data.name.endswith("/train")
    assert first is second
    assert set(first.data.questions.images[first.rows].tolist()) == {1, 2}
    assert data[len(data) - 1].sight is not None
    np.testing.assert_array_equal(
        data[len(data) - 1].picture, data[len(data) - 1 - len(second.rows)].picture
    )
    with pytest.raises(ConfigError, match=r"data.added.images: .* no questions about .* 90:"):
        training_data(load_preset("clevr", [*TINY, *added, "data.added.images=90:"]))
    with pytest.raises(DataError, match="no split 'test'"):
        training_data(load_preset("clevr", [*TINY, *added, "data.added.split=test"]))


def test_pictures_that_cannot_be_drawn_are_refused() -> None:
    preset = load_preset("clevr", [*TINY, "model.stem.width=47"])
    with pytest.raises(ConfigError, match=r"the pictures of model\.stem: 'render\.width'"):
        training_data(preset)
