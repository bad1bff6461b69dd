"""Graph networks: blocks in which nodes hear from others, and change.

One interface, after Battaglia et al. (2018, Relational inductive biases, deep learning, and graph
networks): a block is what nodes hear, what becomes of a node that has heard it, and what becomes of
the whole. Flavours differ in what is heard. The relation network (Santoro et al. 2017) and the
layers of a Transformer (Vaswani et al. 2017) are wirings of the same parts.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from nmn.errors import ShapeError
from nmn.nn.attention import masked_softmax
from nmn.nn.pairs import PairSums

_SLOPE = 0.2
"""Of what is below 0 in the scores of graph attention networks (Velickovic et al. 2018)."""


@dataclass(frozen=True, eq=False)
class Graph:
    """Some graphs, with as many places for nodes each.

    Attributes:
        nodes: what is known of each node; zeros of those that are not there.
        present: which nodes there are.
        whole: what is known of each graph as a whole, e.g. what is asked about it.
        edges: whether a node hears another one, `[graph, hearing, heard]`; None where each hears
            all, itself too.

    Raises:
        ShapeError: the fields do not fit together.
    """

    nodes: Float[Tensor, "graph node unit"]
    present: Bool[Tensor, "graph node"]
    whole: Float[Tensor, "graph about"]
    edges: Bool[Tensor, "graph node node"] | None = None

    def __post_init__(self) -> None:
        graphs, places, _ = self.nodes.shape
        edges = (graphs, places, places) if self.edges is None else tuple(self.edges.shape)
        for name, shape, wanted in (
            ("present", tuple(self.present.shape), (graphs, places)),
            ("whole", tuple(self.whole.shape[:1]), (graphs,)),
            ("edges", edges, (graphs, places, places)),
        ):
            if shape != wanted:
                raise ShapeError(f"graph.{name}", str(wanted), str(shape))

    @property
    def heard(self) -> Bool[Tensor, "graph node node"]:
        """Whether a node hears another one that is there."""
        there = self.present[:, None, :].expand(-1, self.present.shape[1], -1)
        return there if self.edges is None else self.edges & there


class Hearing(nn.Module, ABC):
    """What each node hears from those that it is linked to."""

    @abstractmethod
    def forward(self, graph: Graph) -> Float[Tensor, "graph node heard"]:
        """A vector for each node."""


class MeanHearing(Hearing):
    """The mean of what others say, who say the same to all: graph convolution.

    Kipf and Welling (2017, equation 2) weigh by the roots of both degrees, which for nodes that
    all hear all is the mean.
    """

    def __init__(self, units: int, heard: int) -> None:
        super().__init__()
        self.say = nn.Linear(units, heard)

    def forward(self, graph: Graph) -> Float[Tensor, "graph node heard"]:
        """See `Hearing`; zeros where nobody is heard."""
        heard = graph.heard.to(graph.nodes.dtype)
        said: Tensor = self.say(graph.nodes)
        return (heard @ said) / heard.sum(2, keepdim=True).clamp_min(1)


class AdditiveHearing(Hearing):
    """A mean by attention whose scores are sums: graph attention (Velickovic et al. 2018).

    `score(i, j) = leaky_relu(a V h_i + b V h_j)`, equation 3; heads stand side by side.
    """

    def __init__(self, units: int, heard: int, heads: int) -> None:
        super().__init__()
        self.say = nn.Linear(units, heard, bias=False)
        each = heard // heads
        self.hearing = nn.Parameter(torch.empty(heads, each))
        self.heard = nn.Parameter(torch.empty(heads, each))
        for scores in (self.hearing, self.heard):
            nn.init.normal_(scores, std=1 / math.sqrt(each))

    def forward(self, graph: Graph) -> Float[Tensor, "graph node heard"]:
        """See `Hearing`."""
        graphs, places, _ = graph.nodes.shape
        said = self.say(graph.nodes).view(graphs, places, *self.hearing.shape)
        hearing = torch.einsum("gnhu,hu->ghn", said, self.hearing)
        heard = torch.einsum("gnhu,hu->ghn", said, self.heard)
        scores = functional.leaky_relu(hearing[..., :, None] + heard[..., None, :], _SLOPE)
        weights = masked_softmax(scores, graph.heard[:, None].expand_as(scores))
        return torch.einsum("ghij,gjhu->gihu", weights, said).flatten(2)


class DotHearing(Hearing):
    """A mean by attention whose scores are products: that of Transformers (Vaswani et al. 2017)."""

    def __init__(self, units: int, heard: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ask = nn.Linear(units, heard)
        self.answer = nn.Linear(units, heard)
        self.say = nn.Linear(units, heard)
        self.join = nn.Linear(heard, units)

    def forward(self, graph: Graph) -> Float[Tensor, "graph node heard"]:
        """See `Hearing`; as many units as nodes have."""
        ask, answer, said = (
            layer(graph.nodes).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for layer in (self.ask, self.answer, self.say)
        )
        scores = ask @ answer.transpose(2, 3) / math.sqrt(ask.shape[-1])
        weights = masked_softmax(scores, graph.heard[:, None].expand_as(scores))
        joined: Tensor = self.join((weights @ said).transpose(1, 2).flatten(2))
        return joined


class PairHearing(Hearing):
    """The sum of what a network says of each pair and the whole: message passing.

    Gilmer et al. (2017, equation 1), with the message of Battaglia et al.; see `PairSums`. All
    hear all.
    """

    def __init__(self, units: int, about: int, layers: Sequence[int]) -> None:
        super().__init__()
        self.pairs = PairSums(units, about, layers)

    def forward(self, graph: Graph) -> Float[Tensor, "graph node heard"]:
        """See `Hearing`.

        Raises:
            ShapeError: a graph with edges of its own.
        """
        if graph.edges is not None:
            raise ShapeError("graph.edges", "None, as all hear all", "edges")
        rows = torch.arange(len(graph.nodes), device=graph.nodes.device)
        sums: Tensor = self.pairs(graph.nodes, graph.present, rows, graph.whole)
        return sums


class Change(nn.Module, ABC):
    """What becomes of a node that has heard something."""

    @abstractmethod
    def forward(
        self, graph: Graph, heard: Float[Tensor, "graph node heard"]
    ) -> Float[Tensor, "graph node after"]:
        """The nodes afterwards."""


class Replaced(Change):
    """A node becomes what it has heard."""

    def forward(
        self,
        graph: Graph,  # noqa: ARG002 - what it was is forgotten
        heard: Float[Tensor, "graph node heard"],
    ) -> Float[Tensor, "graph node heard"]:
        """See `Change`."""
        return heard


class Joined(Change):
    """`relu(norm(A h + B heard + C whole))`, added to the node where that has as many units."""

    def __init__(self, units: int, heard: int, about: int, after: int) -> None:
        super().__init__()
        self.node = nn.Linear(units, after)
        self.heard = nn.Linear(heard, after, bias=False)
        self.whole = nn.Linear(about, after, bias=False)
        self.norm = nn.LayerNorm(after)
        self.residual = units == after

    def forward(
        self, graph: Graph, heard: Float[Tensor, "graph node heard"]
    ) -> Float[Tensor, "graph node after"]:
        """See `Change`."""
        changed: Tensor = (
            self.node(graph.nodes) + self.heard(heard) + self.whole(graph.whole)[:, None]
        )
        changed = self.norm(changed).relu_()
        return graph.nodes + changed if self.residual else changed


class TransformerChange(Change):
    """What is heard is added, then a layer of two: the rest of a Transformer's layer.

    With normalisation before each part (Xiong et al. 2020).
    """

    def __init__(self, units: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(units)
        self.first, self.second = nn.Linear(units, hidden), nn.Linear(hidden, units)

    def forward(
        self, graph: Graph, heard: Float[Tensor, "graph node unit"]
    ) -> Float[Tensor, "graph node unit"]:
        """See `Change`."""
        nodes = graph.nodes + heard
        after: Tensor = nodes + self.second(self.first(self.norm(nodes)).relu())
        return after


class GraphBlock(nn.Module):
    """One round: all nodes hear, then change.

    Args:
        norm: what nodes go through before they are heard.
    """

    def __init__(self, hearing: Hearing, change: Change, norm: nn.Module | None = None) -> None:
        super().__init__()
        self.hearing, self.change = hearing, change
        self.norm = nn.Identity() if norm is None else norm

    def forward(self, graph: Graph) -> Graph:
        """The graph afterwards; nodes that are not there are zeros."""
        heard = self.hearing(replace(graph, nodes=self.norm(graph.nodes)))
        nodes = self.change(graph, heard)
        return replace(graph, nodes=nodes * graph.present[:, :, None])
