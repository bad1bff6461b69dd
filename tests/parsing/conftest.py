"""What the tests of parsing share."""

from collections.abc import Iterator

import pytest
from jaxtyping import config


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Types are not checked at every call, for tests of thousands of questions.

    The checks take longer than all else, and the other tests have them.
    """
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)
