import numpy as np
import pytest

from nmn.data.sight import NOTHING, Sight
from nmn.errors import ShapeError


def test_every_object_that_a_cell_shows_has_a_place() -> None:
    cells = np.array([[NOTHING, 1], [0, 1]], dtype=np.int16)
    places = np.zeros((2, 2), dtype=np.float32)
    assert Sight(cells, places).cells.max() == 1
    with pytest.raises(ShapeError, match=r"sight.cells: wanted objects below 1, got object 1"):
        Sight(cells, places[:1])
    assert not len(Sight(np.full((2, 3), NOTHING, dtype=np.int16), places[:0]).ground)
