"""FiLM equals the hand composition of its parts."""

import pytest
import torch
from torch.nn import functional

from nmn.baselines.film import Film, FilmBlock, FilmConfig
from nmn.errors import ConfigError
from nmn.nn.features import FeatureSize
from tests.baselines.made import ANSWERS, ASKED, CHANNELS, GRID, SIZE, asked, shapes_of

CONFIG = FilmConfig(blocks=2, channels=7, classifier=6, hidden=9)


def test_the_question_scales_and_shifts_the_channels_of_each_block() -> None:
    torch.manual_seed(0)
    model, about = Film(SIZE, ASKED, ANSWERS, CONFIG), asked()
    logits = model(about).logits
    for row, picture in enumerate(about.picture.tolist()):
        features, whole = about.features, about.questions.whole[row]
        placed = torch.cat([features.values[picture], features.positions[picture]], 1)
        placed = placed.T.reshape(1, CHANNELS + 2, *GRID)
        maps, places = model.enter(placed).relu(), placed[:, -2:]
        said = model.condition(whole).view(2, 2, 7)
        for block, (gamma, beta) in zip(model.blocks, said, strict=True):
            assert isinstance(block, FilmBlock)
            before = block.first(torch.cat([maps, places], 1)).relu()
            after = block.second(before)
            after = (after - after.mean()) / (after.var(unbiased=False) + 1e-5).sqrt()
            shaped = (1 + gamma.view(1, 7, 1, 1)) * after + beta.view(1, 7, 1, 1)
            maps = before + shaped.relu()
        last = functional.relu(model.leave(torch.cat([maps, places], 1)))
        torch.testing.assert_close(
            logits[row], model.say(last.amax((2, 3)))[0], rtol=1e-4, atol=1e-5
        )


def test_without_a_grid_there_are_no_maps() -> None:
    with pytest.raises(ConfigError, match="film looks at a grid; wanted pictures"):
        Film(FeatureSize(CHANNELS), ASKED, ANSWERS, CONFIG)


def test_weights_have_their_shapes() -> None:
    shapes = shapes_of(Film(SIZE, ASKED, ANSWERS, CONFIG))
    assert shapes["enter.weight"] == (7, CHANNELS + 2, 3, 3)
    assert shapes["condition.weight"] == (2 * 2 * 7, ASKED)
    assert shapes["blocks.1.first.weight"] == (7, 9, 1, 1)
    assert shapes["blocks.1.second.weight"] == (7, 7, 3, 3)
    assert shapes["leave.weight"] == (6, 9, 1, 1)
    assert not any("norm" in name for name in shapes)
