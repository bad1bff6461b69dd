"""The question alone."""

import torch

from nmn.baselines.question_only import QuestionOnly, QuestionOnlyConfig
from tests.baselines.made import ANSWERS, ASKED, asked, shapes_of


def test_layers_upon_the_question() -> None:
    torch.manual_seed(0)
    model, about = QuestionOnly(ASKED, ANSWERS, QuestionOnlyConfig(hidden=9)), asked()
    first, _, last = model.say
    wanted = last(first(about.questions.whole).relu())
    torch.testing.assert_close(model(about).logits, wanted)
    assert shapes_of(model) == {
        "say.0.weight": (9, ASKED),
        "say.0.bias": (9,),
        "say.2.weight": (ANSWERS, 9),
        "say.2.bias": (ANSWERS,),
    }
