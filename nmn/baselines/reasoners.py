"""All reasoners by the name of their kind, and how each is built."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Tag

from nmn.baselines.base import Reasoner
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
from nmn.config import Config, by_kind
from nmn.domain import Domain
from nmn.nn.features import FeatureSize

AnyReasonerConfig = Annotated[
    Annotated[PriorConfig, Tag("prior")]
    | Annotated[QuestionOnlyConfig, Tag("question_only")]
    | Annotated[JoinedConfig, Tag("joined")]
    | Annotated[SequenceConfig, Tag("sequence")]
    | Annotated[SoftAttentionConfig, Tag("soft_attention")]
    | Annotated[StackedAttentionConfig, Tag("stacked_attention")]
    | Annotated[MemoryNetworkConfig, Tag("memory_network")]
    | Annotated[RelationNetworkConfig, Tag("relation_network")]
    | Annotated[GraphNetworkConfig, Tag("graph_network")]
    | Annotated[TransformerConfig, Tag("transformer")]
    | Annotated[DetectorConfig, Tag("detector")]
    | Annotated[FilmConfig, Tag("film")]
    | Annotated[MacConfig, Tag("mac")],
    by_kind("relation_network"),
]

ReasonerConfig = (
    PriorConfig
    | QuestionOnlyConfig
    | JoinedConfig
    | SequenceConfig
    | SoftAttentionConfig
    | StackedAttentionConfig
    | MemoryNetworkConfig
    | RelationNetworkConfig
    | GraphNetworkConfig
    | TransformerConfig
    | DetectorConfig
    | FilmConfig
    | MacConfig
)


REASONERS: dict[type[Config], Callable[[FeatureSize, int, int, Any], Reasoner]] = {
    JoinedConfig: Joined,
    SoftAttentionConfig: SoftAttention,
    StackedAttentionConfig: StackedAttention,
    MemoryNetworkConfig: MemoryNetwork,
    RelationNetworkConfig: RelationNetwork,
    GraphNetworkConfig: GraphNetwork,
    TransformerConfig: Transformer,
    FilmConfig: Film,
    MacConfig: Mac,
}
"""Those that look at cells, by their configuration."""


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
    if isinstance(config, PriorConfig):
        return Prior(len(domain.answers), config)
    if isinstance(config, QuestionOnlyConfig):
        return QuestionOnly(asked, len(domain.answers), config)
    if isinstance(config, DetectorConfig):
        return Detector(size, asked, len(domain.answers), len(domain.concepts), config)
    if isinstance(config, SequenceConfig):
        return SequenceAnswerer(size, asked, domain.answers, config)
    return REASONERS[type(config)](size, asked, len(domain.answers), config)
