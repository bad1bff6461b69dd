"""The Transformer equals torch's layers over question, words and cells."""

import torch

from nmn.baselines.transformer import Transformer, TransformerConfig
from nmn.nn.graph import Graph
from tests.baselines.made import ANSWERS, ASKED, CHANNELS, SIZE, of_objects, shapes_of

CONFIG = TransformerConfig(units=8, heads=2, rounds=2, wide=16, hidden=9)


def test_the_answer_is_read_from_the_first_place() -> None:
    torch.manual_seed(0)
    model, about = Transformer(SIZE, ASKED, ANSWERS, CONFIG), of_objects()
    said = model(about).logits
    first, words, cells = model.kinds
    for row, picture in enumerate(about.picture.tolist()):
        there, spoken = about.features.present[picture], about.questions.present[row]
        placed = torch.cat([about.features.values, about.features.positions], 2)[picture][there]
        nodes = torch.cat(
            [
                (model.whole(about.questions.whole[row]) + first)[None],
                model.word(about.questions.words[row][spoken]) + words,
                model.cell(placed) + cells,
            ]
        )[None]
        present = torch.ones(1, nodes.shape[1], dtype=torch.bool)
        graph = Graph(nodes, present, about.questions.whole[row : row + 1])
        for block in model.rounds:
            graph = block(graph)
        wanted = model.say(model.norm(graph.nodes[0, 0]))
        torch.testing.assert_close(said[row], wanted, rtol=1e-4, atol=1e-5)


def test_weights_have_their_shapes() -> None:
    shapes = shapes_of(Transformer(SIZE, ASKED, ANSWERS, CONFIG))
    around = {name: shape for name, shape in shapes.items() if not name.startswith("rounds.")}
    assert around == {
        "kinds": (3, 8),
        "cell.weight": (8, CHANNELS + 2),
        "cell.bias": (8,),
        "word.weight": (8, ASKED),
        "word.bias": (8,),
        "whole.weight": (8, ASKED),
        "whole.bias": (8,),
        "norm.weight": (8,),
        "norm.bias": (8,),
        "say.0.weight": (9, 8),
        "say.0.bias": (9,),
        "say.2.weight": (ANSWERS, 9),
        "say.2.bias": (ANSWERS,),
    }
