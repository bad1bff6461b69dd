"""The module network: a stem, a bank of modules and an executor, as one trainable model."""

from typing import Any, Literal

import torch
from pydantic import model_validator
from torch.nn import functional

from nmn.config import Config
from nmn.data.batch import UNKNOWN, Batch
from nmn.domain import Domain
from nmn.errors import DataError
from nmn.execution.base import Chosen, Loss, Model, Prediction
from nmn.execution.batched import BatchedConfig, BatchedExecutor
from nmn.execution.reference import ReferenceExecutor
from nmn.modules import build_bank
from nmn.nn.stem import Stem, StemConfig
from nmn.program.program import Program


class ModuleNetworkConfig(Config):
    """What a module network is made of.

    Attributes:
        family: name of a module family in `nmn.modules.MODULES`.
        bank: what differs from the defaults of the family's configuration.
        executor: `batched`, or `reference` for one program after the other, to compare with.
        batched: how the batched executor works.
    """

    stem: StemConfig = StemConfig()
    family: str = "attention"
    bank: dict[str, Any] = {}  # noqa: RUF012 - pydantic copies it
    executor: Literal["batched", "reference"] = "batched"
    batched: BatchedConfig = BatchedConfig()

    @model_validator(mode="after")
    def _settings_have_an_effect(self) -> "ModuleNetworkConfig":
        if self.executor == "reference" and self.batched != BatchedConfig():
            raise ValueError(
                "settings of the batched executor; wanted executor = 'batched' for them"
            )
        return self


class ModuleNetwork(Model):
    """Answers by executing each question's program with learned modules."""

    def __init__(self, domain: Domain, config: ModuleNetworkConfig) -> None:
        super().__init__()
        self.domain = domain
        self.config = config
        bank = build_bank(config.family, domain, config.stem.size, config.bank)
        stem = Stem(config.stem)
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

    def loss(self, batch: Batch, generator: torch.Generator) -> Loss:  # noqa: ARG002 - contract
        """Negative log-likelihood of the right answers, given the programs.

        Raises:
            DataError: a question without program or answer.
        """
        if (batch.answers == UNKNOWN).any():
            raise DataError("batch", "answers are needed for training")
        execution = self.executor.run(_programs(batch), batch)
        total = functional.nll_loss(execution.log_probabilities, batch.answers)
        return Loss(total, {"answer": total.item()})

    @torch.no_grad()
    def predict(self, batch: Batch, *, traces: Chosen = False) -> Prediction:
        """Answers to the programs of the batch.

        Raises:
            DataError: a question without program.
        """
        programs = _programs(batch)
        execution = self.executor.run(programs, batch, traces=traces)
        return Prediction(
            execution.log_probabilities, programs, execution.failures, execution.traces
        )


def _programs(batch: Batch) -> tuple[Program, ...]:
    programs = tuple(program for program in batch.programs if program is not None)
    if len(programs) != len(batch):
        where = f"question {batch.programs.index(None)}"
        raise DataError("batch", "a module network needs a program", where)
    return programs
