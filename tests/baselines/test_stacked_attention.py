"""Stacked attention equals the hand composition of its parts."""

import torch

from nmn.baselines.stacked_attention import StackedAttention, StackedAttentionConfig
from nmn.nn.attention import AdditiveAttention
from tests.baselines.made import ANSWERS, ASKED, CHANNELS, SIZE, asked, shapes_of

CONFIG = StackedAttentionConfig(looks=2, attention=7, hidden=9)


def test_each_look_adds_what_it_saw_to_what_is_known() -> None:
    torch.manual_seed(0)
    model, about = StackedAttention(SIZE, ASKED, ANSWERS, CONFIG), asked()
    said = model(about)
    assert said.attention is not None
    for row, picture in enumerate(about.picture.tolist()):
        features = about.features
        placed = torch.cat([features.values[picture], features.positions[picture]], 1)
        cells, known = model.cell(placed).tanh(), about.questions.whole[row]
        for number, look in enumerate(model.looks):
            assert isinstance(look, AdditiveAttention)
            both = look.cell(cells) + look.question(known)
            weights = look.score(both.tanh()).squeeze(1).softmax(0)
            torch.testing.assert_close(said.attention[row, number], weights)
            known = known + weights @ cells
        torch.testing.assert_close(said.logits[row], model.say(known))


def test_weights_have_their_shapes() -> None:
    shapes = shapes_of(StackedAttention(SIZE, ASKED, ANSWERS, CONFIG))
    look = {
        "cell.weight": (7, ASKED),
        "question.weight": (7, ASKED),
        "question.bias": (7,),
        "score.weight": (1, 7),
        "score.bias": (1,),
    }
    assert shapes == {
        "cell.weight": (ASKED, CHANNELS + 2),
        "cell.bias": (ASKED,),
        **{f"looks.{n}.{name}": shape for n in range(2) for name, shape in look.items()},
        "say.0.weight": (9, ASKED),
        "say.0.bias": (9,),
        "say.2.weight": (ANSWERS, 9),
        "say.2.bias": (ANSWERS,),
    }
