"""A memory network equals the hand composition of its parts."""

import torch

from nmn.baselines.memory_network import MemoryNetwork, MemoryNetworkConfig
from tests.baselines.made import ANSWERS, ASKED, CHANNELS, SIZE, asked, shapes_of

CONFIG = MemoryNetworkConfig(hops=3, hidden=9)


def test_the_memory_that_a_hop_reads_is_what_the_next_compares_with() -> None:
    torch.manual_seed(0)
    model, about = MemoryNetwork(SIZE, ASKED, ANSWERS, CONFIG), asked()
    said = model(about)
    assert said.attention is not None
    for row, picture in enumerate(about.picture.tolist()):
        features, known = about.features, about.questions.whole[row]
        cells = torch.cat([features.values[picture], features.positions[picture]], 1)
        for hop in range(3):
            key, value = model.memories[hop](cells), model.memories[hop + 1](cells)
            weights = (key @ known / ASKED**0.5).softmax(0)
            torch.testing.assert_close(said.attention[row, hop], weights)
            known = known + weights @ value
        torch.testing.assert_close(said.logits[row], model.say(known))


def test_weights_have_their_shapes() -> None:
    shapes = shapes_of(MemoryNetwork(SIZE, ASKED, ANSWERS, CONFIG))
    memories = {f"memories.{hop}.weight": (ASKED, CHANNELS + 2) for hop in range(4)}
    assert {name: shapes[name] for name in memories} == memories
    assert len(shapes) == 4 + 4
