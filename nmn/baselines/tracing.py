"""What a model without programs looked at, as a trace: one step a look, and the answer."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from nmn.domain import Domain
from nmn.program.trace import Trace, TraceStep

LOOK, ANSWER = "look", "answer"
"""The operations of such a trace; no program has them."""


def looking_trace(
    question: str,
    domain: Domain,
    log_probabilities: Float[Tensor, " answer"],
    attention: Float[Tensor, "step cell"] | None,
    grid: tuple[int, int] | None,
    kind: str,
) -> Trace:
    """The trace of one question.

    Args:
        attention: how much of each cell was looked at in each step; None where that cannot be
            said. In a trace it is in parts of the cell that was looked at most.
        kind: of the model, which stands where programs do.
    """
    looks = [] if attention is None else [_shares(look) for look in attention]
    distribution = dict(zip(domain.answers, log_probabilities.exp().tolist(), strict=True))
    answer = max(distribution, key=distribution.__getitem__)
    steps = [
        TraceStep(LOOK, str(number + 1), (number - 1,) if number else (), "Mask", mask=tuple(look))
        for number, look in enumerate(looks)
    ]
    before = (len(looks) - 1,) if looks else ()
    confidence = distribution[answer]
    steps.append(TraceStep(ANSWER, None, before, "Value", value=answer, confidence=confidence))
    return Trace(
        question=question,
        domain=domain.name,
        program=kind,
        steps=tuple(steps),
        answer=answer,
        distribution=distribution,
        grid=grid,
        has_masks=False,
    )


def _shares(look: Float[Tensor, " cell"]) -> Sequence[float]:
    most = look.max().clamp_min(torch.finfo(look.dtype).tiny)
    shares: list[float] = (look / most).tolist()
    return shares
