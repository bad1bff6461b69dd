import pytest
import torch
from pydantic import ValidationError
from torch import nn

from nmn.errors import ShapeError
from nmn.nn.features import FeatureSize
from nmn.nn.residual_stem import ResidualStem, ResidualStemConfig
from nmn.nn.stem import Stem, StemConfig
from nmn.nn.stems import build_stem

SMALL = ResidualStemConfig(height=16, width=24, levels=((4, 1), (6, 2)), training="float32")


def test_a_cell_for_each_patch() -> None:
    for height, width in ((16, 24), (17, 23), (4, 4)):
        config = SMALL.model_copy(update={"height": height, "width": width})
        features = ResidualStem(config).eval()(torch.rand(2, 3, height, width))
        assert FeatureSize(features.values.shape[2], features.grid) == config.size
    assert SMALL.size == FeatureSize(6, (2, 3))


def test_a_fresh_block_is_the_way_around_it() -> None:
    torch.manual_seed(0)
    with_blocks = ResidualStem(SMALL)
    without = ResidualStem(SMALL.model_copy(update={"levels": ((4, 0), (6, 0))}))
    convolutions = [m for m in with_blocks.layers if isinstance(m, nn.Conv2d)]
    for mine, theirs in zip(
        [m for m in without.layers if isinstance(m, nn.Conv2d)], convolutions, strict=True
    ):
        mine.weight.data.copy_(theirs.weight.data)
    pictures = torch.rand(3, 3, 16, 24)
    torch.testing.assert_close(with_blocks(pictures).values, without(pictures).values)


def test_a_picture_alone_is_as_in_a_batch() -> None:
    stem = ResidualStem(SMALL).eval()
    pictures = torch.rand(3, 3, 16, 24)
    torch.testing.assert_close(stem(pictures[1:2]).values, stem(pictures).values[1:2])


def test_trained_models_look_with_single_precision() -> None:
    narrow = ResidualStem(SMALL.model_copy(update={"training": "bfloat16"}))
    wide = ResidualStem(SMALL)
    wide.load_state_dict(narrow.state_dict())
    pictures = torch.rand(2, 3, 16, 24)
    assert (narrow(pictures).values != wide(pictures).values).any()
    assert narrow(pictures).values.dtype == torch.float32
    wide.load_state_dict(narrow.state_dict())
    torch.testing.assert_close(narrow.eval()(pictures).values, wide.eval()(pictures).values)


def test_pictures_of_another_size() -> None:
    with pytest.raises(ShapeError, match=r"pictures: wanted 24x16, got 16x24"):
        ResidualStem(SMALL)(torch.rand(1, 3, 24, 16))


@pytest.mark.parametrize("levels", [(), ((0, 1),), ((4, -1),), ((5000, 1),)])
def test_levels_that_are_none(levels: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ValidationError, match="level"):
        ResidualStemConfig(levels=levels)


def test_patches_larger_than_the_picture() -> None:
    with pytest.raises(ValidationError, match="patches of 8 on 24x4"):
        ResidualStemConfig(height=4, width=24, patch=8)


def test_stems_are_told_apart_by_their_kind() -> None:
    assert isinstance(build_stem(StemConfig()), Stem)
    assert isinstance(build_stem(SMALL), ResidualStem)
