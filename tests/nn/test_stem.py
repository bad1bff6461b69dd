import pytest
import torch
from torch.nn import functional

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


def test_a_normalised_stem_is_the_hand_composition_of_its_parts() -> None:
    stem = Stem(StemConfig(layers=((8, 5, 5), (4, 3, 1)), normalised=True))
    assert {n: tuple(p.shape) for n, p in stem.named_parameters()} == {
        "layers.0.weight": (8, 3, 5, 5),
        "layers.1.weight": (8,),
        "layers.1.bias": (8,),
        "layers.3.weight": (4, 8, 3, 3),
        "layers.4.weight": (4,),
        "layers.4.bias": (4,),
    }
    pictures = torch.rand(6, 3, 30, 30)
    features = stem(pictures)
    maps = pictures
    weights = dict(stem.named_parameters())
    for number, stride in ((0, 5), (3, 1)):
        maps = functional.conv2d(maps, weights[f"layers.{number}.weight"], stride=stride)
        mean = maps.mean((0, 2, 3), keepdim=True)
        variance = maps.var((0, 2, 3), unbiased=False, keepdim=True)
        maps = functional.relu((maps - mean) / (variance + 1e-5).sqrt())
    assert features.grid == (4, 4)
    assert torch.allclose(features.values, maps.flatten(2).transpose(1, 2), atol=1e-5)


def test_a_trained_normalised_stem_sees_a_picture_as_in_a_batch() -> None:
    stem = Stem(StemConfig(layers=((8, 10, 10),), normalised=True))
    stem(torch.rand(16, 3, 30, 30))
    stem.eval()
    pictures = torch.rand(3, 3, 30, 30)
    assert torch.allclose(stem(pictures[:1]).values, stem(pictures).values[:1], atol=1e-6)


def test_pictures_of_another_size_are_refused() -> None:
    with pytest.raises(ShapeError, match="pictures: wanted 30x30, got 480x320"):
        Stem(StemConfig())(torch.zeros(1, 3, 320, 480))
