"""Graph networks: blocks are what they are made of; others are special cases of them."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from nmn.errors import ShapeError
from nmn.nn.graph import (
    AdditiveHearing,
    DotHearing,
    Graph,
    GraphBlock,
    Hearing,
    Joined,
    MeanHearing,
    PairHearing,
    Replaced,
    TransformerChange,
)

UNITS, ABOUT, HEADS = 8, 3, 2


def graph(edges: bool = False) -> Graph:
    torch.manual_seed(0)
    present = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    nodes = torch.randn(2, 5, UNITS) * present[:, :, None]
    linked = torch.rand(2, 5, 5) < 0.5 if edges else None
    return Graph(nodes, present, torch.randn(2, ABOUT), linked)


HEARINGS: dict[str, Callable[[], Hearing]] = {
    "mean": lambda: MeanHearing(UNITS, UNITS),
    "additive": lambda: AdditiveHearing(UNITS, UNITS, HEADS),
    "dot": lambda: DotHearing(UNITS, UNITS, HEADS),
    "pairs": lambda: PairHearing(UNITS, ABOUT, (6, UNITS)),
}


@pytest.fixture(params=HEARINGS)
def hearing(request: pytest.FixtureRequest) -> Hearing:
    torch.manual_seed(1)
    return HEARINGS[request.param]()


def test_graphs_do_not_depend_on_others(hearing: Hearing) -> None:
    whole = graph()
    alone = Graph(whole.nodes[1:, :3], whole.present[1:, :3], whole.whole[1:])
    block = GraphBlock(hearing, Joined(UNITS, UNITS, ABOUT, UNITS))
    nodes = block(whole).nodes
    torch.testing.assert_close(nodes[1:, :3], block(alone).nodes)
    assert not nodes[1, 3:].any()


def test_the_order_of_nodes_does_not_count(hearing: Hearing) -> None:
    given = graph()
    order = torch.tensor([4, 2, 0, 1, 3])
    mixed = Graph(given.nodes[:, order], given.present[:, order], given.whole)
    block = GraphBlock(hearing, Joined(UNITS, UNITS, ABOUT, UNITS))
    torch.testing.assert_close(block(mixed).nodes, block(given).nodes[:, order])


def test_means_and_attention_are_as_by_hand() -> None:
    given = graph(edges=True)
    mean, additive = MeanHearing(UNITS, 4), AdditiveHearing(UNITS, 6, HEADS)
    heard, attended = mean(given), additive(given)
    for row in range(2):
        for node in range(5):
            others = [o for o in range(5) if given.heard[row, node, o]]
            said = mean.say(given.nodes[row, others])
            wanted = said.mean(0) if others else torch.zeros(4)
            torch.testing.assert_close(heard[row, node], wanted)
            voices = additive.say(given.nodes[row]).view(5, HEADS, 3)
            for head in range(HEADS):
                own = voices[node, head] @ additive.hearing[head]
                scores = torch.stack(
                    [nn.functional.leaky_relu(own + voices[o, head] @ additive.heard[head], 0.2)
                     for o in others]
                ) if others else torch.zeros(0)  # fmt: skip
                by_hand = (scores.softmax(0)[:, None] * voices[others, head]).sum(0)
                got = attended[row, node].view(HEADS, 3)[head]
                torch.testing.assert_close(got, by_hand)


def test_a_relation_network_is_a_graph_network() -> None:
    """Messages of pairs that replace the nodes, summed (Santoro et al. 2017, equation 1)."""
    given = graph()
    hearing = PairHearing(UNITS, ABOUT, (6, 7))
    summed = GraphBlock(hearing, Replaced())(given).nodes.sum(1)
    pairs = hearing.pairs
    for row in range(2):
        wanted = torch.zeros(7)
        for one in given.nodes[row][given.present[row]]:
            for other in given.nodes[row][given.present[row]]:
                said = pairs.one(one) + pairs.other(other) + pairs.question(given.whole[row])
                wanted = wanted + pairs.layers[0](said.relu()).relu()
        torch.testing.assert_close(summed[row], wanted)


def test_a_transformer_is_a_graph_network() -> None:
    """Equal outputs with tied weights to a layer of torch's own."""
    given = graph()
    theirs = nn.TransformerEncoderLayer(
        UNITS, HEADS, 16, dropout=0.0, batch_first=True, norm_first=True
    )
    hearing, change = DotHearing(UNITS, UNITS, HEADS), TransformerChange(UNITS, 16)
    ours = GraphBlock(hearing, change, nn.LayerNorm(UNITS))
    attention = theirs.self_attn
    with torch.no_grad():
        for layer, part in zip((hearing.ask, hearing.answer, hearing.say), range(3), strict=True):
            chosen = slice(part * UNITS, (part + 1) * UNITS)
            layer.weight.copy_(attention.in_proj_weight[chosen])
            layer.bias.copy_(attention.in_proj_bias[chosen])
    for mine, its in (
        (hearing.join, attention.out_proj),
        (change.norm, theirs.norm2),
        (change.first, theirs.linear1),
        (change.second, theirs.linear2),
        (ours.norm, theirs.norm1),
    ):
        mine.load_state_dict(its.state_dict())
    wanted = theirs(given.nodes, src_key_padding_mask=~given.present)
    there = given.present
    torch.testing.assert_close(ours(given).nodes[there], wanted[there], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("present", torch.ones(2, 4, dtype=torch.bool)),
        ("whole", torch.zeros(1, ABOUT)),
        ("edges", torch.ones(2, 4, 5, dtype=torch.bool)),
    ],
)
def test_fields_that_do_not_fit_are_named(field: str, value: torch.Tensor) -> None:
    """By the check of `Graph` itself, which users without jaxtyping rely on."""
    broken = object.__new__(Graph)
    for name, good in vars(graph(edges=True)).items():
        object.__setattr__(broken, name, value if name == field else good)
    with pytest.raises(ShapeError, match=f"graph.{field}"):
        broken.__post_init__()


def test_pairs_have_no_edges_of_their_own() -> None:
    with pytest.raises(ShapeError, match="all hear all"):
        PairHearing(UNITS, ABOUT, (4,))(graph(edges=True))
