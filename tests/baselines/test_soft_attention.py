"""Soft attention in one step equals the hand composition of its parts."""

import torch

from nmn.baselines.soft_attention import SoftAttention, SoftAttentionConfig
from nmn.nn.attention import AdditiveAttention
from tests.baselines.made import ANSWERS, ASKED, CHANNELS, SIZE, asked, shapes_of

CONFIG = SoftAttentionConfig(glimpses=2, attention=7, hidden=9)


def test_all_glimpses_see_the_picture_at_the_same_time() -> None:
    torch.manual_seed(0)
    model, about = SoftAttention(SIZE, ASKED, ANSWERS, CONFIG), asked()
    said = model(about)
    assert said.attention is not None
    for row, picture in enumerate(about.picture.tolist()):
        features, whole = about.features, about.questions.whole[row]
        cells = torch.cat([features.values[picture], features.positions[picture]], 1)
        views = []
        for number, look in enumerate(model.glimpses):
            assert isinstance(look, AdditiveAttention)
            both = look.cell(cells) + look.question(whole)
            weights = look.score(both.tanh()).squeeze(1).softmax(0)
            torch.testing.assert_close(said.attention[row, number], weights)
            views.append(weights @ cells)
        torch.testing.assert_close(said.logits[row], model.say(torch.cat([*views, whole])))


def test_weights_have_their_shapes() -> None:
    shapes = shapes_of(SoftAttention(SIZE, ASKED, ANSWERS, CONFIG))
    assert shapes["glimpses.1.cell.weight"] == (7, CHANNELS + 2)
    assert shapes["glimpses.1.question.weight"] == (7, ASKED)
    assert shapes["say.0.weight"] == (9, 2 * (CHANNELS + 2) + ASKED)
    assert shapes["say.2.weight"] == (ANSWERS, 9)
    assert len(shapes) == 2 * 5 + 4
