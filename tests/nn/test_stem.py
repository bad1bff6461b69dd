import pytest
import torch

from nmn.errors import ShapeError
from nmn.nn.stem import Stem, StemConfig


def test_the_default_sees_each_cell_of_shapes_alone() -> None:
    stem = Stem(StemConfig())
    pictures = torch.rand(2, 3, 30, 30)
    changed = pictures.clone()
    changed[:, :, 10:20, 20:30] = torch.rand(2, 3, 10, 10)
    before, after = stem(pictures), stem(changed)
    assert before.grid == (3, 3)
    same = (before.values == after.values).all(dim=2)
    assert same.tolist() == [[True] * 5 + [False] + [True] * 3] * 2


def test_parameter_shapes() -> None:
    shapes = {
        n: tuple(p.shape) for n, p in Stem(StemConfig(layers=((8, 10, 10),))).named_parameters()
    }
    assert shapes == {"layers.0.weight": (8, 3, 10, 10), "layers.0.bias": (8,)}


def test_pictures_of_another_size_are_refused() -> None:
    with pytest.raises(ShapeError, match="pictures: wanted 30x30, got 480x320"):
        Stem(StemConfig())(torch.zeros(1, 3, 320, 480))
