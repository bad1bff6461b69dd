"""Picture and question side by side."""

import pytest
import torch

from nmn.baselines.joined import Joined, JoinedConfig
from nmn.errors import ConfigError
from nmn.nn.features import FeatureSize
from tests.baselines.made import ANSWERS, ASKED, CHANNELS, GRID, SIZE, asked, of_objects, shapes_of

CELLS = GRID[0] * GRID[1]


@pytest.mark.parametrize("flat", [True, False])
def test_layers_upon_both(flat: bool) -> None:
    torch.manual_seed(0)
    model = Joined(SIZE, ASKED, ANSWERS, JoinedConfig(hidden=(9,), flat=flat))
    about = asked() if flat else of_objects()
    said = model(about).logits
    for row, picture in enumerate(about.picture.tolist()):
        values = about.features.values[picture]
        there = values[about.features.present[picture]]
        seen = values.flatten() if flat else torch.cat([there.mean(0), there.amax(0)])
        wanted = model.say(torch.cat([seen, about.questions.whole[row]]))
        torch.testing.assert_close(said[row], wanted)
    before = (CELLS if flat else 2) * CHANNELS + ASKED
    assert shapes_of(model) == {
        "say.0.weight": (9, before),
        "say.0.bias": (9,),
        "say.2.weight": (ANSWERS, 9),
        "say.2.bias": (ANSWERS,),
    }


def test_weights_for_each_cell_want_a_grid() -> None:
    with pytest.raises(ConfigError, match="looked at is on no grid; nearest: false"):
        Joined(FeatureSize(CHANNELS), ASKED, ANSWERS, JoinedConfig())
