"""Graph networks equal the hand composition of their blocks."""

import pytest
import torch

from nmn.baselines.graph_network import Flavour, GraphNetwork, GraphNetworkConfig
from nmn.nn.graph import AdditiveHearing, Graph, MeanHearing, PairHearing
from tests.baselines.made import ANSWERS, ASKED, CHANNELS, SIZE, of_objects, shapes_of

HEARINGS = {
    "convolutional": MeanHearing,
    "attentional": AdditiveHearing,
    "message_passing": PairHearing,
}


def config_of(flavour: Flavour) -> GraphNetworkConfig:
    return GraphNetworkConfig(flavour=flavour, units=8, heads=2, rounds=2, hidden=9)


@pytest.mark.parametrize("flavour", HEARINGS)
def test_rounds_then_the_mean_of_all_nodes(flavour: Flavour) -> None:
    torch.manual_seed(0)
    model, about = GraphNetwork(SIZE, ASKED, ANSWERS, config_of(flavour)), of_objects()
    said = model(about).logits
    for row, picture in enumerate(about.picture.tolist()):
        there = about.features.present[picture]
        placed = torch.cat([about.features.values, about.features.positions], 2)[picture][there]
        whole = about.questions.whole[row]
        nodes = (model.cell(placed) + model.question(whole)).relu()[None]
        graph = Graph(nodes, torch.ones(1, len(placed), dtype=torch.bool), whole[None])
        for block in model.rounds:
            assert type(block.hearing) is HEARINGS[flavour]
            graph = block(graph)
        wanted = model.say(torch.cat([graph.nodes[0].mean(0), whole]))
        torch.testing.assert_close(said[row], wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("flavour", HEARINGS)
def test_weights_have_their_shapes(flavour: Flavour) -> None:
    shapes = shapes_of(GraphNetwork(SIZE, ASKED, ANSWERS, config_of(flavour)))
    around = {name: shape for name, shape in shapes.items() if not name.startswith("rounds.")}
    assert around == {
        "cell.weight": (8, CHANNELS + 2),
        "cell.bias": (8,),
        "question.weight": (8, ASKED),
        "say.0.weight": (9, 8 + ASKED),
        "say.0.bias": (9,),
        "say.2.weight": (ANSWERS, 9),
        "say.2.bias": (ANSWERS,),
    }
    first, second = (
        {name[9:]: shape for name, shape in shapes.items() if name.startswith(f"rounds.{n}.")}
        for n in (0, 1)
    )
    assert first == second
    assert first
