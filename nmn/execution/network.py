"""The module network: a stem, a bank of modules and an executor, as one trainable model."""

from dataclasses import replace
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, model_validator
from torch.nn import functional

from nmn.config import Config
from nmn.data.batch import UNKNOWN, Batch
from nmn.data.mirror import mirrored_at_random
from nmn.domain import Domain
from nmn.errors import ConfigError, DataError, UnknownNameError
from nmn.execution.base import Chosen, Model, Prediction, programs_of
from nmn.execution.batched import BatchedConfig, BatchedExecutor
from nmn.execution.reference import ReferenceExecutor
from nmn.execution.supervision import STANDING, scene_loss, truth_of
from nmn.modules import build_bank
from nmn.nn.augment import AugmentConfig, augment
from nmn.nn.stem import StemConfig
from nmn.nn.stems import AnyStemConfig, build_stem
from nmn.nn.trainable import Loss


class ModuleNetworkConfig(Config):
    """What a module network is made of.

    Attributes:
        family: name of a module family in `nmn.modules.MODULES`.
        bank: what differs from the defaults of the family's configuration.
        executor: `batched`, or `reference` for one program after the other, to compare with.
        batched: how the batched executor works.
        supervision: what is learned from: `answers` alone, or also the `scene`, by which masks are
            to mean the right objects (see `nmn.execution.supervision`).
        mask_weight: how much each lesson of the latter counts in the loss: those of operations by
            their names, and `scene`, which cells stand for objects; 1 where nothing is said.
        lessons: how many nodes of each operation it teaches a picture, at most.
        mirror: the share of pictures that are mirrored in training, each time they are seen, with
            what is left and right in their programs and scenes.
        augment: how pictures are changed in training besides.
    """

    kind: Literal["modules"] = "modules"
    stem: AnyStemConfig = StemConfig()
    family: str = "attention"
    bank: dict[str, Any] = {}  # noqa: RUF012 - pydantic copies it
    executor: Literal["batched", "reference"] = "batched"
    batched: BatchedConfig = BatchedConfig()
    supervision: Literal["answers", "scene"] = "answers"
    mask_weight: dict[str, Annotated[float, Field(ge=0)]] = {}  # noqa: RUF012 - pydantic copies it
    lessons: int = Field(64, gt=0)
    mirror: float = Field(0.0, ge=0, le=1)
    augment: AugmentConfig = AugmentConfig()

    @model_validator(mode="after")
    def _settings_have_an_effect(self) -> "ModuleNetworkConfig":
        if self.executor == "reference" and self.batched != BatchedConfig():
            raise ValueError(
                "settings of the batched executor; wanted executor = 'batched' for them"
            )
        if self.executor == "reference" and self.supervision == "scene":
            raise ValueError("supervision by scenes; wanted executor = 'batched' for it")
        return self


class ModuleNetwork(Model):
    """Answers by executing each question's program with learned modules."""

    def __init__(self, domain: Domain, config: ModuleNetworkConfig) -> None:
        super().__init__()
        self.domain = domain
        self.config = config
        bank = build_bank(config.family, domain, config.stem.size, config.bank)
        if config.supervision == "scene" and not bank.taught:
            problem = f"family {config.family} has no masks to supervise by scenes; wanted answers"
            raise ConfigError("model.supervision", problem)
        known = (*bank.taught, STANDING)
        for name in config.mask_weight:
            if name not in known:
                raise UnknownNameError("lesson", name, known, "model.mask_weight")
        stem = build_stem(config.stem)
        self.executor: BatchedExecutor | ReferenceExecutor = (
            BatchedExecutor(stem, bank, config.batched)
            if config.executor == "batched"
            else ReferenceExecutor(stem, bank)
        )

    def at_once(self, questions: int) -> tuple[int, str]:
        """As the executor is set; see `Model`."""
        if self.config.executor == "reference":
            return super().at_once(questions)
        most = self.config.batched.questions_at_once or questions
        return min(questions, most), "model.batched.questions_at_once"

    def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
        """Negative log-likelihood of the right answers, and with scenes that of right masks.

        Raises:
            DataError: a question without program or answer, or without what supervision needs.
        """
        if (batch.answers == UNKNOWN).any():
            raise DataError("batch", "answers are needed for training")
        batch = mirrored_at_random(batch, self.config.mirror, generator)
        programs = programs_of(batch)
        batch = replace(batch, pictures=augment(batch.pictures, self.config.augment, generator))
        if self.config.supervision == "answers" or isinstance(self.executor, ReferenceExecutor):
            execution = self.executor.run(programs, batch)
            total = functional.nll_loss(execution.log_probabilities, batch.answers)
            return Loss(total, {"answer": total.item()})
        execution = self.executor.run(programs, batch)
        answer = functional.nll_loss(execution.log_probabilities, batch.answers)
        assert execution.features is not None
        truth, lessons = truth_of(batch, self.domain), self.config.lessons
        masks = scene_loss(self.executor.bank, execution.features, truth, lessons, generator)
        weight = self.config.mask_weight
        total = answer + sum(weight.get(name, 1.0) * loss for name, loss in masks.items())
        parts = {name: loss.item() for name, loss in masks.items()}
        return Loss(total, {"answer": answer.item(), **parts})

    @torch.no_grad()
    def predict(self, batch: Batch, *, traces: Chosen = False) -> Prediction:
        """Answers to the programs of the batch.

        Raises:
            DataError: a question without program.
        """
        programs = programs_of(batch)
        execution = self.executor.run(programs, batch, traces=traces)
        return Prediction(
            execution.log_probabilities, programs, execution.failures, execution.traces
        )
