"""The relation network: a sum over all pairs of cells or objects.

Santoro et al. (2017, equation 1): `f(sum_ij g(o_i, o_j, q))`, from the cells of a picture or from
the states of objects. The sum is divided by nothing, as in theirs; how it is worked out in bounded
memory is told in `nmn.nn.pairs`.
"""

from typing import Literal

from pydantic import Field

from nmn.baselines.base import Asked, Reasoner, ReasonerConfig, Reasoning, Units, layers
from nmn.nn.features import FeatureSize
from nmn.nn.pairs import PairSums


class RelationNetworkConfig(ReasonerConfig):
    """Sizes; those of the paper for CLEVR by default.

    Attributes:
        pairs: units of each layer of `g`.
        hidden: units of each layer of `f` before the answers.
        dropout: before the last layer, in training.
    """

    kind: Literal["relation_network"] = "relation_network"
    pairs: tuple[Units, ...] = Field((256, 256, 256, 256), min_length=1)
    hidden: tuple[Units, ...] = (256, 256)
    dropout: float = Field(0.5, ge=0, lt=1)


class RelationNetwork(Reasoner):
    """A network of all pairs, their sum, and a network of that."""

    def __init__(
        self, size: FeatureSize, asked: int, answers: int, config: RelationNetworkConfig
    ) -> None:
        super().__init__()
        self.pairs = PairSums(size.channels + 2, asked, config.pairs)
        self.say = layers(config.pairs[-1], *config.hidden, answers, dropout=config.dropout)

    def forward(self, asked: Asked) -> Reasoning:
        """See `Reasoner`."""
        there = asked.features.present
        sums = self.pairs(asked.placed(), there, asked.picture, asked.questions.whole)
        return Reasoning(self.say(sums.sum(1)))
