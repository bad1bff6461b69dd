"""MAC equals its equations."""

import torch
from torch.nn import functional

from nmn.baselines.mac import Mac, MacConfig
from tests.baselines.made import ANSWERS, ASKED, CHANNELS, SIZE, asked, shapes_of

CONFIG = MacConfig(steps=2, units=7, hidden=9)


def test_each_step_controls_reads_and_writes() -> None:
    torch.manual_seed(0)
    model, about = Mac(SIZE, ASKED, ANSWERS, CONFIG), asked()
    with torch.no_grad():
        model.first_control.normal_()
        model.first_memory.normal_()
    said = model(about)
    assert said.attention is not None
    for row, picture in enumerate(about.picture.tolist()):
        features, questions = about.features, about.questions
        cells = model.cell(torch.cat([features.values[picture], features.positions[picture]], 1))
        words = model.word(questions.words[row, questions.present[row]])
        whole = model.whole(questions.whole[row])
        control, memory = model.first_control, model.first_memory
        for step, position in enumerate(model.positions):
            wanted = model.control(torch.cat([control, position(whole.tanh())]))
            share = model.attend_word(wanted * words).softmax(0)
            control = (share * words).sum(0)
            related = model.from_memory(memory) * model.from_cell(cells)
            joined = functional.elu(model.interact(torch.cat([related, cells], 1)))
            weights = model.attend_cell(functional.elu(joined * control)).softmax(0)
            torch.testing.assert_close(said.attention[row, step], weights.squeeze(1))
            memory = model.write(torch.cat([(weights * cells).sum(0), memory]))
        torch.testing.assert_close(said.logits[row], model.say(torch.cat([memory, whole])))


def test_steps_share_their_weights_but_for_the_first_projection() -> None:
    few, many = (
        shapes_of(Mac(SIZE, ASKED, ANSWERS, MacConfig(steps=n, units=7, hidden=9))) for n in (1, 3)
    )
    assert set(many) - set(few) == {
        f"positions.{step}.{kind}" for step in (1, 2) for kind in ("weight", "bias")
    }
    assert few["cell.0.weight"] == (7, CHANNELS + 2)
    assert few["control.weight"] == few["write.weight"] == few["interact.weight"] == (7, 14)
