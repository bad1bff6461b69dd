"""The models beside module networks: they answer words about cells, without programs."""

from contextlib import nullcontext
from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field, SerializeAsAny, model_validator
from torch import nn
from torch.nn import functional

from nmn.baselines import BASELINES, build_reasoner
from nmn.baselines.base import Asked, Reasoner, ReasonerConfig, Reasoning
from nmn.baselines.detector import DetectorConfig
from nmn.baselines.hard_attention import Choice, HardAttention
from nmn.baselines.matching import matched_loss
from nmn.baselines.prior import PriorConfig
from nmn.baselines.question_only import QuestionOnlyConfig
from nmn.baselines.relation_network import RelationNetworkConfig
from nmn.baselines.tracing import looking_trace
from nmn.config import Config, known_by_kind
from nmn.data.batch import UNKNOWN, Batch
from nmn.data.states import States, object_states, state_channels
from nmn.domain import Domain
from nmn.errors import DataError
from nmn.execution.base import Chosen, Model, Prediction, chosen_questions
from nmn.nn.augment import AugmentConfig, augment
from nmn.nn.drawing import drawing_from
from nmn.nn.features import Features, FeatureSize, pooled
from nmn.nn.policy_gradient import RewardBaseline, reinforce
from nmn.nn.precision import Precision, training_precision
from nmn.nn.question_encoder import QuestionEncoderConfig, build_question_encoder
from nmn.nn.stem import StemConfig
from nmn.nn.stems import AnyStemConfig, build_stem
from nmn.nn.trainable import Loss
from nmn.scene.scene import Scene


class HardAttentionConfig(Config):
    """Which cells are chosen, before there is any reasoning.

    Attributes:
        share: of the cells; with 1, all of them, and nothing is chosen.
        choice: see `nmn.baselines.hard_attention`.
        weight: how much the reward of what was drawn counts, for `reinforce`.
    """

    share: float = Field(1.0, gt=0, le=1)
    choice: Choice = "norm"
    weight: float = Field(0.1, ge=0)


def _known() -> dict[str, type[ReasonerConfig]]:
    return {kind: config for kind, (config, _) in BASELINES.items()}


AnyReasoner = Annotated[SerializeAsAny[ReasonerConfig], known_by_kind(_known, "relation_network")]


class AnswererConfig(Config):
    """What an answerer is made of.

    Attributes:
        sees: `pictures`, or the `states` of the objects in scenes.
        stem: for pictures.
        question: how questions are read.
        pool: `(rows, columns)` of cells into which those of the stem are brought, the largest
            value of each channel; none for those of the stem.
        normalised: whether reasoners are given standardised channels of pictures (Ioffe and Szegedy
            2015), and questions as a whole of one length (Ba et al. 2016). What differs between
            cells and between questions is small at first otherwise, and learned from late.
        hard: which cells are chosen.
        reasoner: what answers.
        augment: how pictures are changed in training.
        training: the precision of reasoners in training, as of residual stems.
    """

    kind: Literal["answerer"] = "answerer"
    sees: Literal["pictures", "states"] = "pictures"
    stem: AnyStemConfig = StemConfig()
    question: QuestionEncoderConfig = QuestionEncoderConfig()
    pool: tuple[int, int] | None = None
    normalised: bool = False
    hard: HardAttentionConfig = HardAttentionConfig()
    reasoner: AnyReasoner = RelationNetworkConfig()
    augment: AugmentConfig = AugmentConfig()
    training: Precision = "auto"

    @model_validator(mode="after")
    def _settings_have_an_effect(self) -> "AnswererConfig":
        if self.sees == "states" and self.stem != StemConfig():
            raise ValueError("a stem for states, which need none; wanted sees = pictures")
        if self.hard.share < 1 and isinstance(self.reasoner, PriorConfig | QuestionOnlyConfig):
            kind = self.reasoner.kind
            raise ValueError(f"hard attention for {kind}, which sees nothing; wanted share = 1")
        if self.pool is not None:
            if self.sees == "states":
                raise ValueError("states are on no grid to pool; wanted sees = pictures")
            grid = self.stem.size.grid
            if not all(1 <= ours <= its for ours, its in zip(self.pool, grid or (), strict=True)):
                raise ValueError(f"pool {self.pool}; wanted up to {grid}, as the stem has cells")
        return self

    @property
    def cells(self) -> FeatureSize:
        """Channels and cells of pictures as the reasoner has them."""
        size = self.stem.size
        return size if self.pool is None else FeatureSize(size.channels, self.pool)


class Answerer(Model):
    """A stem or the states of objects, a question encoder, and a reasoner.

    Args:
        words: how many indices of words there are.

    Raises:
        ConfigError: the reasoner cannot look at cells of this kind.
    """

    reads_programs = False

    def __init__(self, domain: Domain, config: AnswererConfig, words: int) -> None:
        super().__init__()
        self.domain, self.config = domain, config
        self.sees_pictures = config.sees == "pictures"
        self.stem = build_stem(config.stem) if self.sees_pictures else nn.Identity()
        states = FeatureSize(len(state_channels(domain)))
        size = config.cells if self.sees_pictures else states
        if config.hard.share < 1:
            size = FeatureSize(size.channels)  # what is chosen is on no grid
        asked = config.question.hidden
        self.standardise: nn.Module = nn.Identity()
        self.level: nn.Module = nn.Identity()
        if config.normalised:
            self.level = nn.LayerNorm(asked, elementwise_affine=False)
            if self.sees_pictures:
                self.standardise = nn.BatchNorm1d(size.channels, affine=False)
        self.question = build_question_encoder(words, config.question)
        self.reasoner: Reasoner = build_reasoner(config.reasoner, size, asked, domain)
        self.reward_baseline = RewardBaseline("moving_average")
        if config.hard.share < 1:
            self.reasoner = HardAttention(
                size.channels, asked, config.hard.share, config.hard.choice, self.reasoner
            )

    def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
        """Negative log-likelihood of the right answers, and what drawing cells was worth.

        Raises:
            DataError: a question without answer, or without scene where states are looked at.
        """
        if (batch.answers == UNKNOWN).any():
            raise DataError("batch", "answers are needed for training")
        said = self.reason(batch, generator)
        answer = functional.cross_entropy(said.logits, batch.answers)
        parts = {"answer": answer}
        if said.log_probability is not None:
            rewards = (said.logits.argmax(1) == batch.answers).float()[None]
            worth = self.reward_baseline.advantages(rewards)
            chosen = reinforce(said.log_probability[None], worth)
            parts["choice"] = self.config.hard.weight * chosen
        if said.objects is not None and isinstance(self.config.reasoner, DetectorConfig):
            states = self._object_states(batch)
            objects = matched_loss(said.objects, states, batch.picture.tolist(), self.domain)
            parts["objects"] = self.config.reasoner.objects * objects
        total = torch.stack(list(parts.values())).sum()
        return Loss(total, {name: part.item() for name, part in parts.items()})

    @torch.no_grad()
    def predict(self, batch: Batch, *, traces: Chosen = False) -> Prediction:
        """Answers; programs are not looked at. Traces tell which cells were.

        Raises:
            DataError: a question without scene where states are looked at.
        """
        said = self.reason(batch)
        likely = said.logits.log_softmax(1)
        traced = tuple(
            looking_trace(
                batch.questions[row],
                self.domain,
                likely[row],
                None if said.attention is None else said.attention[row],
                self.config.cells.grid if self.sees_pictures else None,
                self.config.reasoner.kind,
            )
            for row in chosen_questions(traces, batch)
        )
        return Prediction(likely, traces=traced)

    def reason(self, batch: Batch, generator: torch.Generator | None = None) -> Reasoning:
        """What is said to questions, and what was looked at on the way.

        Args:
            generator: in training, what is drawn by chance comes from it.

        Raises:
            DataError: a question without scene where states are looked at.
        """
        if batch.features is not None:
            features = batch.features
        elif self.sees_pictures:
            pictures = batch.pictures
            if generator is not None:
                pictures = augment(pictures, self.config.augment, generator)
            features = self.stem(pictures)
        else:
            features = self._states(batch)
        if self.config.pool is not None:
            features = pooled(features, self.config.pool)
        cells = self.standardise(features.values.flatten(0, 1))
        features = replace(features, values=cells.view_as(features.values))
        drawing = (
            nullcontext() if generator is None else drawing_from(generator, batch.tokens.device)
        )
        with drawing, training_precision(self.config.training, self, features.values):
            questions = self.question(batch.tokens)
            questions = replace(questions, whole=self.level(questions.whole))
            asked = Asked(features, batch.picture, questions, batch.families, generator)
            said: Reasoning = self.reasoner(asked)
        return said.wide()

    def _states(self, batch: Batch) -> Features:
        """The objects of the scene of each picture, as a stem gives its cells."""
        states = self._object_states(batch)
        device = batch.tokens.device
        return Features(
            torch.from_numpy(states.values).to(device),
            torch.from_numpy(states.positions).to(device),
            torch.from_numpy(states.present).to(device),
        )

    def _object_states(self, batch: Batch) -> States:
        """The objects of the scene of each picture.

        Raises:
            DataError: a picture without scene, or objects outside of it.
        """
        scenes = self._scenes(batch)
        if not self.sees_pictures:
            return object_states(scenes, self.domain)
        size = self.config.stem.width, self.config.stem.height
        states = object_states(scenes, self.domain, size)
        outside = np.abs(states.positions).max((1, 2)) > 1
        if outside.any():
            wanted = f"objects within a picture of {size[0]}x{size[1]}, as the stem sees it"
            where = f"picture {outside.argmax()}"
            raise DataError("batch", f"wanted 'pixel_coords' of {wanted}", where)
        return states

    def _scenes(self, batch: Batch) -> list[Scene]:
        """That of each picture.

        Raises:
            DataError: a picture without.
        """
        scenes = dict(zip(batch.picture.tolist(), batch.scenes, strict=True))
        known = []
        for picture in range(len(batch.pictures)):
            scene = scenes.get(picture)
            if scene is None:
                problem = "the model wants scenes, and there is none; wanted data with scenes/"
                raise DataError("batch", problem, f"picture {picture}")
            known.append(scene)
        return known
