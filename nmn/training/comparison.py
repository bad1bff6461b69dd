"""Statistics between arms of a grid: means over seeds, paired tests, and their correction."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int

_DRAWS, _CHUNKS = 10_000, 20
_T = {
    1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262,
    10: 2.228, 12: 2.179, 15: 2.131, 20: 2.086, 30: 2.042,
}  # fmt: skip
"""The 97.5th percentile of Student's t, by degrees of freedom."""


@dataclass(frozen=True)
class Mean:
    """A mean over seeds.

    Attributes:
        interval: 95%, by Student's t; None for one seed.
    """

    mean: float
    interval: tuple[float, float] | None
    lowest: float
    highest: float
    seeds: int


@dataclass(frozen=True)
class Tally:
    """How often an arm did better than the one it is compared with, worse, and equally well."""

    better: int
    worse: int
    equal: int

    @staticmethod
    def of(differences: Float64[np.ndarray, " case"]) -> "Tally":
        """Of differences that are above 0 where the arm did better."""
        better, worse = int((differences > 0).sum()), int((differences < 0).sum())
        return Tally(better, worse, len(differences) - better - worse)


@dataclass(frozen=True)
class PairedTest:
    """Two arms on the same questions.

    Attributes:
        difference: of the mean rates, this arm less the one it is compared with.
        p: how often a difference at least as large comes about if for each question it had been
            chance which arm did better: a two-sided permutation test by flipping the signs of
            what questions differ by, all seeds and pictures of a question together. It is about
            other questions and these trained parsers.
        questions: on how many different ones this arm did better, worse and equally well, all
            seeds and pictures of a question together.
        seeds: likewise for how many seeds.
    """

    difference: float
    p: float
    questions: Tally
    seeds: Tally


def mean_over_seeds(rates: Sequence[float]) -> Mean:
    """The mean of some rates; its interval stays within 0 and 1.

    Raises:
        ValueError: no rates.
    """
    if not rates:
        raise ValueError("no rates")
    count, mean = len(rates), sum(rates) / len(rates)
    interval = None
    if count > 1:
        variance = sum((rate - mean) ** 2 for rate in rates) / (count - 1)
        reach = _student(count - 1) * math.sqrt(variance / count)
        interval = max(0.0, mean - reach), min(1.0, mean + reach)
    return Mean(mean, interval, min(rates), max(rates), count)


def paired_test(
    differences: Float64[np.ndarray, " answer"],
    clusters: Int[np.ndarray, " answer"],
    seeds: Int[np.ndarray, " answer"],
    rng: np.random.Generator,
) -> PairedTest:
    """Whether arms differ that were tried on the same questions, seed by seed.

    Args:
        differences: 1 where a question went well with this arm alone, -1 where with the other one
            alone, else 0.
        clusters: what of that is not independent has the same number, as the same question is in
            all seeds and on all pictures.
        seeds: that of each.
        rng: what the permutations are drawn from.
    """
    _, place = np.unique(clusters, return_inverse=True)
    by_question = np.bincount(place, differences)
    sums = by_question[by_question != 0]
    seen, extreme = differences.sum(), 0
    for _ in range(_CHUNKS):
        signs = rng.integers(2, size=(_DRAWS // _CHUNKS, len(sums))) * 2 - 1
        extreme += int((np.abs(signs @ sums) >= abs(seen) - 1e-9).sum())
    by_seed = np.array([differences[seeds == seed].mean() for seed in np.unique(seeds)])
    return PairedTest(
        float(differences.mean()),
        (extreme + 1) / (_DRAWS + 1),
        Tally.of(by_question),
        Tally.of(by_seed),
    )


def holm(ps: Sequence[float]) -> list[float]:
    """p-values of several tests, corrected so that any of them is small by chance as rarely as one.

    The i-th smallest of m becomes the largest of (m - j + 1) p_j for j up to i, and 1 at most
    (Holm 1979, A simple sequentially rejective multiple test procedure).
    """
    corrected, largest = [0.0] * len(ps), 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[place]))
        corrected[place] = largest
    return corrected


def _student(freedom: int) -> float:
    """That of the nearest fewer degrees of freedom in the table, which is the wider one."""
    return _T[max(known for known in _T if known <= freedom)]
