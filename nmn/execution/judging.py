"""Rewards for programs by modules that look at pictures."""

from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from pydantic import model_validator
from torch import Tensor

from nmn.config import Config
from nmn.data.batch import Batch
from nmn.data.question_set import NOWHERE, QuestionSet
from nmn.errors import ConfigError
from nmn.execution.network import ModuleNetwork, ModuleNetworkConfig
from nmn.policies.judge import Judge, Judged, drawn_scenes
from nmn.policies.spoken import program_said
from nmn.program.program import Program
from nmn.program.tokens import END, PAD, TokenVocabulary


class ModulesJudgeConfig(Config):
    """Programs are executed by modules on pictures; the probability of the right answer counts.

    Attributes:
        checkpoint: the modules, by folder or name; None if empty: those of `network`, with random
            weights.
        network: what modules with random weights are like.
        learned: whether the modules learn together with the parser, from the programs that it
            says and those that are given; else they stay as they are.
    """

    kind: Literal["modules"] = "modules"
    checkpoint: str | None = None
    network: ModuleNetworkConfig = ModuleNetworkConfig()
    learned: bool = False

    @model_validator(mode="after")
    def _modules_know_something(self) -> "ModulesJudgeConfig":
        if not (self.checkpoint or self.learned):
            raise ValueError("modules that know nothing; wanted checkpoint, or learned = true")
        if self.checkpoint and self.network != ModuleNetworkConfig():
            raise ValueError("settings of a network for those of a checkpoint; wanted one of both")
        if self.network.supervision == "scene":
            raise ValueError(
                "modules learn from answers here; wanted network.supervision = answers"
            )
        return self


class ModulesJudge(Judge):
    """How probable modules hold the right answer, a mean over some pictures.

    Args:
        scenes: how many pictures each question is judged on, drawn anew each time.
        learned: whether the modules learn from what they judge: the likelihood of right answers.

    Raises:
        ConfigError: questions without pictures, or of another domain.
    """

    def __init__(
        self, network: ModuleNetwork, data: QuestionSet, scenes: int, *, learned: bool
    ) -> None:
        super().__init__()
        if data.pictures is None:
            problem = "modules look at pictures, and some questions have none; nearest: rules"
            raise ConfigError("judge.kind", problem)
        if network.domain != data.domain:
            problem = f"modules of {network.domain.name} for questions about {data.domain.name}"
            raise ConfigError("judge.checkpoint", problem)
        self.network, self.data, self.scenes, self.learns = network, data, scenes, learned
        self._pictures = data.pictures
        self._tokens = TokenVocabulary(data.domain)
        network.requires_grad_(learned)
        self.train()

    def train(self, mode: bool = True) -> "ModulesJudge":
        """As of every module, but what does not learn is never in training."""
        super().train(mode and self.learns)
        return self

    def judge(
        self,
        rows: Int[Tensor, " batch"],
        tokens: Int[Tensor, "batch program step"],
        generator: torch.Generator,
    ) -> Judged:
        """See `Judge`."""
        scenes = drawn_scenes(self.data, rows, self.scenes, generator)
        shape = (*tokens.shape[:2], self.scenes)
        programs = [
            program_said(said, self._tokens) if END in said else None
            for said in tokens.flatten(0, 1).tolist()
        ]
        there = np.array([program is not None for program in programs]).reshape(shape[:2])
        asked = np.take_along_axis(self.data.asked[rows.cpu().numpy()], scenes, axis=1)
        shown = (asked != NOWHERE)[:, None, :]
        said, program, scene = np.nonzero(np.broadcast_to(there[:, :, None] & shown, shape))
        executed = [programs[place] for place in (said * shape[1] + program).tolist()]
        questions = rows.cpu().numpy()[said]
        likely = self._log_likelihoods(
            [program for program in executed if program is not None],
            asked[said, scene],
            self.data.answers[questions, scenes[said, scene]],
            rows.device,
        )
        rewards = torch.zeros(shape, device=rows.device)
        rewards[said, program, scene] = likely.detach().exp()
        answered = likely[likely.isfinite()]
        loss = -answered.mean() if self.learns and len(answered) else None
        return Judged(rewards.mean(2), loss)

    def _log_likelihoods(
        self,
        programs: list[Program],
        scenes: Int[np.ndarray, " program"],
        answers: Int[np.ndarray, " program"],
        device: torch.device,
    ) -> Float[Tensor, " program"]:
        """Of the right answers, for each program on the picture of a scene."""
        if not programs:
            return torch.zeros(0, device=device)
        shown, picture = np.unique(scenes, return_inverse=True)
        pictures = np.stack([self._pictures[scene] for scene in shown.tolist()])
        batch = Batch(
            questions=("",) * len(programs),
            pictures=torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div_(255),
            picture=torch.from_numpy(picture),
            tokens=torch.full((len(programs), 1), PAD),
            programs=tuple(programs),
            answers=torch.from_numpy(answers),
            scenes=(None,) * len(programs),
        ).to(device)
        with torch.set_grad_enabled(self.learns):
            found = self.network.executor.run(programs, batch).log_probabilities
        return found.gather(1, batch.answers[:, None]).squeeze(1)
