"""A modulated detector in the spirit of MDETR: object queries look at picture and question.

Kamath et al. (2021): words and cells go through the encoder of a Transformer together; object
queries, and one for the answer, look at what comes out and at each other in its decoder, and say
what they stand for. With scenes, each object is matched with a query and learned by it (see
`nmn.baselines.matching`). Ours says points and values of attributes in place of boxes and spans of
words, and has one head for all answers. The layers are torch's own.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import nn

from nmn.baselines.base import Asked, HeadedConfig, Reasoner, Reasoning, layers
from nmn.baselines.matching import ObjectsSaid
from nmn.nn.features import FeatureSize


class DetectorConfig(HeadedConfig):
    """Sizes.

    Attributes:
        queries: for objects; a picture should not have more.
        rounds: layers of the encoder, and as many of the decoder.
        wide: units of the inner layer of each.
        hidden: units of the layer before the answers.
        dropout: in training.
        objects: how much it counts what queries say of objects; 0 for answers alone.
    """

    kind: Literal["detector"] = "detector"
    queries: int = Field(12, gt=0, le=1000)
    rounds: int = Field(2, gt=0, le=64)
    wide: int = Field(256, gt=0, le=8192)
    hidden: int = Field(256, gt=0, le=8192)
    dropout: float = Field(0.0, ge=0, lt=1)
    objects: float = Field(0.0, ge=0)


class Detector(Reasoner):
    """A Transformer from words and cells to objects and an answer.

    Args:
        concepts: values that an object can have.
    """

    def __init__(
        self, size: FeatureSize, asked: int, answers: int, concepts: int, config: DetectorConfig
    ) -> None:
        super().__init__()
        units = config.units
        shape = (units, config.heads, config.wide, config.dropout)
        self.cell, self.word = nn.Linear(size.channels + 2, units), nn.Linear(asked, units)
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(*shape, batch_first=True, norm_first=True),
            config.rounds,
            enable_nested_tensor=False,
        )
        self.decoder = nn.TransformerDecoder(
            nn.TransformerDecoderLayer(*shape, batch_first=True, norm_first=True), config.rounds
        )
        self.norm = nn.LayerNorm(units)
        self.queries = nn.Parameter(torch.randn(config.queries + 1, units) / units**0.5)
        self.objects = nn.Linear(units, 3 + concepts) if config.objects else None
        self.say = layers(units, config.hidden, answers, dropout=config.dropout)

    def forward(self, asked: Asked) -> Reasoning:
        """See `Reasoner`."""
        words, cells = self.word(asked.questions.words), self.cell(asked.placed())[asked.picture]
        missing = ~torch.cat([asked.questions.present, asked.present], 1)
        memory = self.encoder(torch.cat([words, cells], 1), src_key_padding_mask=missing)
        queries = self.queries.expand(len(asked), -1, -1)
        found = self.norm(self.decoder(queries, memory, memory_key_padding_mask=missing))
        said = None
        if self.objects is not None:
            present, points, concepts = self.objects(found[:, 1:]).split_with_sizes(
                (1, 2, self.objects.out_features - 3), 2
            )
            said = ObjectsSaid(present.squeeze(2), points.tanh(), concepts)
        return Reasoning(self.say(found[:, 0]), objects=said)
