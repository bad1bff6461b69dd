"""The relation network equals the equation of its paper."""

import torch

from nmn.baselines.relation_network import RelationNetwork, RelationNetworkConfig
from tests.baselines.made import ANSWERS, ASKED, CHANNELS, SIZE, asked, of_objects, shapes_of

CONFIG = RelationNetworkConfig(pairs=(7, 6), hidden=(9,), dropout=0.0)


def test_it_is_a_network_of_the_sum_over_all_pairs() -> None:
    torch.manual_seed(0)
    model = RelationNetwork(SIZE, ASKED, ANSWERS, CONFIG).eval()
    first = torch.nn.Linear(2 * (CHANNELS + 2) + ASKED, 7)
    parts = [model.pairs.one.weight, model.pairs.other.weight, model.pairs.question.weight]
    with torch.no_grad():
        first.weight.copy_(torch.cat(parts, 1))
        first.bias.copy_(model.pairs.question.bias)
    for about in (asked(), of_objects()):
        logits = model(about).logits
        for row, picture in enumerate(about.picture.tolist()):
            features, whole = about.features, about.questions.whole[row]
            cells = torch.cat([features.values[picture], features.positions[picture]], 1)
            cells = cells[features.present[picture]]
            summed = torch.zeros(6)
            for one in cells:
                for other in cells:
                    pair = first(torch.cat([one, other, whole])).relu()
                    summed = summed + model.pairs.layers[0](pair).relu()
            torch.testing.assert_close(logits[row], model.say(summed), rtol=1e-4, atol=1e-5)


def test_weights_have_their_shapes() -> None:
    shapes = shapes_of(RelationNetwork(SIZE, ASKED, ANSWERS, CONFIG))
    assert shapes["pairs.one.weight"] == shapes["pairs.other.weight"] == (7, CHANNELS + 2)
    assert shapes["pairs.question.weight"] == (7, ASKED)
    assert shapes["pairs.layers.0.weight"] == (6, 7)
    assert shapes["say.0.weight"] == (9, 6)
    assert shapes["say.2.weight"] == (ANSWERS, 9)
    assert len(shapes) == 4 + 2 + 4
