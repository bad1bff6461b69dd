"""Estimators of the gradient of an expected reward, for whatever is sampled: layouts, cells.

REINFORCE (Williams 1992): the gradient of `E[r]` is that of `E[(r - b) log p]` for any `b` that
does not depend on the sample. What differs is `b`, the reward baseline; all but `none` lower the
variance, and none of them changes what is estimated (the moving average up to its delay).
"""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from nmn.errors import ConfigError

RewardBaselineName = Literal["none", "moving_average", "self_critical", "leave_one_out"]
REWARD_BASELINES: tuple[RewardBaselineName, ...] = (
    "none",
    "moving_average",
    "self_critical",
    "leave_one_out",
)


class RewardBaseline(nn.Module):
    """What rewards are compared with; what it remembers is kept in checkpoints.

    - `moving_average`: the mean reward of the batches so far, older ones counting less.
    - `self_critical` (Rennie et al. 2017): the reward of what is most probable, for each example.
    - `leave_one_out` (Kool et al. 2019): the mean reward of the example's other samples.

    Args:
        memory: how much of the moving average is left after each batch.
    """

    def __init__(self, name: RewardBaselineName, memory: float = 0.9) -> None:
        super().__init__()
        self.name, self.memory = name, memory
        self.register_buffer("average", torch.zeros(()))
        self.register_buffer("batches", torch.zeros(()))
        self.average: Tensor
        self.batches: Tensor

    @property
    def needs_best(self) -> bool:
        """Whether the rewards of what is most probable are wanted."""
        return self.name == "self_critical"

    def advantages(
        self,
        rewards: Float[Tensor, "sample example"],
        best: Float[Tensor, " example"] | None = None,
    ) -> Float[Tensor, "sample example"]:
        """How much better each sample is than the baseline; in training, the average learns.

        Args:
            best: the rewards of what is most probable.

        Raises:
            ConfigError: one sample left out of one, or `best` is wanted and missing.
        """
        if self.name == "self_critical":
            if best is None:
                raise ConfigError("reward_baseline", "self_critical wants the rewards of the best")
            return rewards - best
        if self.name == "leave_one_out":
            count = len(rewards)
            if count < 2:
                raise ConfigError("reward_baseline", "leave_one_out wants at least 2 samples")
            return (rewards - rewards.mean(0)) * (count / (count - 1))
        if self.name == "none":
            return rewards
        advantages = rewards - self._expected()
        if self.training:
            self.average += (1 - self.memory) * (rewards.mean() - self.average)
            self.batches += 1
        return advantages

    def _expected(self) -> Float[Tensor, ""]:
        """The average, as if it had not begun with zero (as in Adam)."""
        seen = 1 - self.memory**self.batches
        return torch.where(self.batches > 0, self.average / seen.clamp_min(1e-12), 0.0)


def reinforce(
    log_probabilities: Float[Tensor, "sample example"], advantages: Float[Tensor, "sample example"]
) -> Float[Tensor, ""]:
    """What to minimise: its gradient estimates minus that of the expected reward of an example."""
    return -(advantages.detach() * log_probabilities).mean()


def marginal_likelihood(
    log_probabilities: Float[Tensor, "example sample"], right: Bool[Tensor, "example sample"]
) -> Float[Tensor, ""]:
    """Minus the mean log-likelihood of being right by any of some different samples.

    Maximum marginal likelihood over a beam (Liang et al. 2011; Guu et al. 2017). Examples without
    a right sample say nothing; samples must be different from each other.
    """
    known = right.any(1)
    if not known.any():
        return log_probabilities[right].sum()
    kept = log_probabilities[known].masked_fill(~right[known], -torch.inf)
    return -kept.logsumexp(1).sum() / len(right)
