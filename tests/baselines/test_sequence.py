"""The early sequence answerer says answers word by word."""

import torch

from nmn.baselines.sequence import SequenceAnswerer, SequenceConfig
from tests.baselines.made import ASKED, CHANNELS, SIZE, of_objects, shapes_of

SAID = ("yes", "no", "dark red", "red")
CONFIG = SequenceConfig(units=7, embedding=4)


def test_the_logit_of_an_answer_is_the_log_probability_of_its_words() -> None:
    torch.manual_seed(0)
    model, about = SequenceAnswerer(SIZE, ASKED, SAID, CONFIG), of_objects()
    logits = model(about).logits
    words = sorted({word for answer in SAID for word in answer.split()})
    for row, picture in enumerate(about.picture.tolist()):
        seen = about.features.values[picture][about.features.present[picture]].mean(0)
        start = model.enter(torch.cat([seen, about.questions.whole[row]])).tanh()
        for place, answer in enumerate(SAID):
            state = (start[None, None], torch.zeros(1, 1, 7))
            total, before = torch.zeros(()), 0  # the end, which stands before the first word
            for word in (*(words.index(w) + 1 for w in answer.split()), 0):
                out, state = model.lstm(model.word(torch.tensor([[before]])), state)
                total = total + model.say(out[0, 0]).log_softmax(0)[word]
                before = word
            torch.testing.assert_close(logits[row, place], total)


def test_no_answer_is_left_out_of_what_can_be_said() -> None:
    torch.manual_seed(0)
    model = SequenceAnswerer(SIZE, ASKED, SAID, CONFIG)
    assert bool((model(of_objects()).logits.logsumexp(1) < 0).all())
    shapes = shapes_of(model)
    assert shapes["enter.weight"] == (7, CHANNELS + ASKED)
    assert shapes["word.weight"] == (*shapes["say.weight"][:1], 4) == (5, 4)
