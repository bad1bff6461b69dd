"""Whether answers are right as often as their probability says, and how to make it so."""

import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import ArrayLike
from torch import Tensor

from nmn.errors import DataError

BINS = 15
_LOWEST, _HIGHEST = 0.05, 20.0
_GOLDEN = (math.sqrt(5) - 1) / 2
_PRECISION = 1e-4


def calibration(probabilities: ArrayLike, correct: ArrayLike, bins: int = BINS) -> dict[str, Any]:
    """The expected calibration error (Guo et al. 2017, section 2) over bins of equal width.

    It is the mean distance between the probability of the given answers and how many of them are
    right, each bin counted by its answers. Bins are open below and closed above.

    Args:
        probabilities: of the given answers.
        correct: whether each was right.

    Returns:
        `ece` (None without answers), and of each bin `low`, `high`, `count`, and the mean
        `confidence` and `accuracy` of what is in it.
    """
    given = np.asarray(probabilities, dtype=np.float64)
    right = np.asarray(correct, dtype=np.float64)
    place = np.clip(np.ceil(given * bins).astype(np.int64) - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    confidence, accuracy = (
        np.bincount(place, weights, bins) / np.maximum(count, 1) for weights in (given, right)
    )
    error = (count * np.abs(confidence - accuracy)).sum() / max(len(given), 1)
    return {
        "ece": float(error) if len(given) else None,
        "bins": [
            {
                "low": index / bins,
                "high": (index + 1) / bins,
                "confidence": float(confidence[index]) if count[index] else None,
                "accuracy": float(accuracy[index]) if count[index] else None,
                "count": int(count[index]),
            }
            for index in range(bins)
        ],
    }


def with_temperature(
    log_probabilities: Float[Tensor, "batch answer"], temperature: float
) -> Float[Tensor, "batch answer"]:
    """The distributions flattened (above 1) or sharpened (below 1); no answer changes its rank.

    Answers that cannot be given keep minus infinity, and so do questions without any answer.
    """
    impossible = log_probabilities == -torch.inf
    scaled = (log_probabilities / temperature).log_softmax(1)
    return scaled.masked_fill(impossible, -torch.inf)


def fit_temperature(
    log_probabilities: Float[Tensor, "batch answer"], answers: Int[Tensor, " batch"]
) -> float:
    """The temperature with which held-out answers are most probable (Guo et al. 2017, section 4.2).

    Questions whose right answer has no probability at all say nothing and are left out.

    Args:
        answers: the right ones.

    Raises:
        DataError: none is left.
    """
    rows = log_probabilities.detach().double()
    possible = rows.gather(1, answers[:, None])[:, 0] > -torch.inf
    rows, answers = rows[possible], answers[possible]
    if not len(rows):
        raise DataError("temperature", "no held-out question whose right answer is possible")

    def loss(logarithm: float) -> float:
        scaled = with_temperature(rows, math.exp(logarithm))
        return -scaled.gather(1, answers[:, None]).mean().item()

    # The loss is convex in the inverse of the temperature: a golden-section search finds its
    # only minimum.
    low, high = math.log(_LOWEST), math.log(_HIGHEST)
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    of_left, of_right = loss(left), loss(right)
    while high - low > _PRECISION:
        if of_left <= of_right:
            high, right, of_right = right, left, of_left
            left = high - _GOLDEN * (high - low)
            of_left = loss(left)
        else:
            low, left, of_left = left, right, of_right
            right = low + _GOLDEN * (high - low)
            of_right = loss(right)
    return math.exp((low + high) / 2)
