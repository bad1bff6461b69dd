"""What all tests share."""

import os
from pathlib import Path

import pytest

# On a busy machine, two threads that wait for each other are slower than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from nmn.domain import Domain, load_domain
from nmn.parsing.grammar_parser import GrammarParser


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
