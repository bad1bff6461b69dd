"""A CLEVR so small that a run of it takes a second."""

from pathlib import Path

import pytest

from nmn.training.data import data_folder
from nmn.training.preset import load_preset
from tests.training.tiny_clevr import TINY


@pytest.fixture(scope="session")
def tiny_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with the data of tiny presets, made by one process."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NMN_HOME", str(home))
        patch.setattr("joblib.cpu_count", lambda: 1)
        patch.setattr("nmn.generate.card.plots", lambda splits: {})  # they take most of the time
        data_folder(load_preset("clevr", TINY))
    return home


@pytest.fixture
def tiny_clevr(tiny_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data of tiny presets is there already."""
    monkeypatch.setenv("NMN_HOME", str(tiny_home))
    monkeypatch.setattr("joblib.cpu_count", lambda: 1)
    return tiny_home
