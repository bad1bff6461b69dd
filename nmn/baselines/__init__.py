"""The models beside module networks, by the kind of their reasoner."""

from collections.abc import Callable
from typing import Any

from nmn.baselines.base import Reasoner, ReasonerConfig
from nmn.baselines.detector import Detector, DetectorConfig
from nmn.baselines.film import Film, FilmConfig
from nmn.baselines.graph_network import GraphNetwork, GraphNetworkConfig
from nmn.baselines.joined import Joined, JoinedConfig
from nmn.baselines.mac import Mac, MacConfig
from nmn.baselines.memory_network import MemoryNetwork, MemoryNetworkConfig
from nmn.baselines.prior import Prior, PriorConfig
from nmn.baselines.question_only import QuestionOnly, QuestionOnlyConfig
from nmn.baselines.relation_network import RelationNetwork, RelationNetworkConfig
from nmn.baselines.sequence import SequenceAnswerer, SequenceConfig
from nmn.baselines.soft_attention import SoftAttention, SoftAttentionConfig
from nmn.baselines.stacked_attention import StackedAttention, StackedAttentionConfig
from nmn.baselines.transformer import Transformer, TransformerConfig
from nmn.domain import Domain
from nmn.nn.features import FeatureSize

Make = Callable[[FeatureSize, int, Domain, Any], Reasoner]
"""From the size of what is looked at, units of questions, domain and configuration."""


def _answering(make: Callable[[FeatureSize, int, int, Any], Reasoner]) -> Make:
    """Of what needs no more of the domain than the number of its answers."""
    return lambda size, asked, domain, config: make(size, asked, len(domain.answers), config)


BASELINES: dict[str, tuple[type[ReasonerConfig], Make]] = {
    "prior": (
        PriorConfig,
        lambda size, asked, domain, config: Prior(len(domain.answers), config),
    ),
    "question_only": (
        QuestionOnlyConfig,
        lambda size, asked, domain, config: QuestionOnly(asked, len(domain.answers), config),
    ),
    "joined": (JoinedConfig, _answering(Joined)),
    "sequence": (
        SequenceConfig,
        lambda size, asked, domain, config: SequenceAnswerer(size, asked, domain.answers, config),
    ),
    "soft_attention": (SoftAttentionConfig, _answering(SoftAttention)),
    "stacked_attention": (StackedAttentionConfig, _answering(StackedAttention)),
    "memory_network": (MemoryNetworkConfig, _answering(MemoryNetwork)),
    "relation_network": (RelationNetworkConfig, _answering(RelationNetwork)),
    "graph_network": (GraphNetworkConfig, _answering(GraphNetwork)),
    "transformer": (TransformerConfig, _answering(Transformer)),
    "detector": (
        DetectorConfig,
        lambda size, asked, domain, config: Detector(
            size, asked, len(domain.answers), len(domain.concepts), config
        ),
    ),
    "film": (FilmConfig, _answering(Film)),
    "mac": (MacConfig, _answering(Mac)),
}
"""For each kind its configuration, and how to make it."""


def register(kind: str, config: type[ReasonerConfig], make: Make) -> None:
    """Add a reasoner, or replace one, for presets and checkpoints to name."""
    BASELINES[kind] = (config, make)


def build_reasoner(
    config: ReasonerConfig, size: FeatureSize, asked: int, domain: Domain
) -> Reasoner:
    """A reasoner whose weights are those of a fresh start.

    Args:
        size: of what it looks at.
        asked: units of questions.

    Raises:
        ConfigError: it cannot look at cells of this kind.
    """
    _, make = BASELINES[config.kind]
    return make(size, asked, domain, config)


__all__ = ["BASELINES", "Reasoner", "ReasonerConfig", "build_reasoner", "register"]
