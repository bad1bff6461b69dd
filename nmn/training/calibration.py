"""Whether answers are right as often as their probability says."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

BINS = 15


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
