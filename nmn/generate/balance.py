"""Answers and families in equal shares, by refusing what there is too much of.

As in the generator of CLEVR (Johnson et al. 2017): an answer is refused while it was given more
than 1.1 times as often as the second most frequent one, or five times as often as the median one.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence

_OVER_SECOND = 1.1
_OVER_MEDIAN = 5.0
_LEAST_MEDIAN = 5


class Balance:
    """How often each answer was given, by kinds of questions."""

    def __init__(self) -> None:
        self._given: defaultdict[Hashable, Counter[str]] = defaultdict(Counter)

    def allows(self, kind: Hashable, answer: str, possible: Sequence[str]) -> bool:
        """Whether one more question of a kind may have this answer.

        Args:
            possible: the answers that questions of this kind can have; of a single one there is
                nothing to ask.
        """
        if answer not in possible or len(possible) < 2:
            return False
        given = self._given[kind]
        counts = sorted(given[other] for other in possible)
        median = max(counts[len(counts) // 2], _LEAST_MEDIAN)
        return given[answer] <= min(_OVER_SECOND * counts[-2], _OVER_MEDIAN * median)

    def add(self, kind: Hashable, answer: str) -> None:
        """Count one more question."""
        self._given[kind][answer] += 1
