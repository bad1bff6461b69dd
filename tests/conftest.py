"""What all tests share."""

import os
from pathlib import Path

import pytest

# On a busy machine, two threads that wait for each other are slower than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from nmn.domain import Domain, load_domain
from nmn.parsing.grammar_parser import GrammarParser
from nmn.training.data import data_folder
from nmn.training.preset import load_preset
from tests.training.tiny_clevr import TINY


@pytest.fixture(scope="session")
def shapes() -> Domain:
    """The domain of SHAPES."""
    return load_domain("shapes")


@pytest.fixture(scope="session")
def clevr() -> Domain:
    """The domain of CLEVR."""
    return load_domain("clevr")


@pytest.fixture(scope="session")
def parser(shapes: Domain) -> GrammarParser:
    """The parser of SHAPES for preferred readings."""
    return GrammarParser(shapes)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of data made by others; tests that need it skip without."""
    folder = os.environ.get("NMN_REAL_DATA")
    if not folder:
        pytest.skip("NMN_REAL_DATA is not set: the real data of others is not here")
    return Path(folder)


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
