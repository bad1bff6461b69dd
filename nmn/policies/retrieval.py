"""The program of the nearest training question: what any learned parser must beat.

Questions are compared by the cosine of their words and pairs of neighbouring words, each counted
the more the rarer it is (tf-idf; Sparck Jones 1972).
"""

from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from nmn.config import Config
from nmn.data.vocabulary import WordVocabulary
from nmn.errors import DataError
from nmn.program.tokens import TokenVocabulary


class RetrievalConfig(Config):
    """Nothing can be chosen."""

    kind: Literal["retrieval"] = "retrieval"


class Retrieval(nn.Module):
    """Training questions and their programs, to look up; none before `learn`."""

    def __init__(
        self, words: WordVocabulary, tokens: TokenVocabulary, config: RetrievalConfig
    ) -> None:
        super().__init__()
        self.words, self.tokens, self.config = words, tokens, config
        for name in ("questions", "programs"):
            self.register_buffer(name, torch.zeros(0, 1, dtype=torch.long))
        for name, dtype in (("_known", torch.long), ("_rarity", None), ("_table", None)):
            self.register_buffer(name, torch.zeros(0, dtype=dtype), persistent=False)
        self.questions: Tensor
        self.programs: Tensor
        self._known: Tensor
        self._rarity: Tensor
        self._table: Tensor

    def learn(
        self, questions: Int[Tensor, "question word"], programs: Int[Tensor, "question step"]
    ) -> None:
        """Remember questions with their programs.

        Args:
            questions: words of each, padded with `WordVocabulary.PAD`.
            programs: tokens of each, padded likewise.

        Raises:
            DataError: there is no question.
        """
        if not len(questions):
            raise DataError("retrieval", "wanted at least one question with its program, got none")
        self.questions, self.programs = questions, programs
        kinds = self._kinds(questions).sort(dim=1).values
        first = kinds >= 0  # of those that a question has several times, the first
        first[:, 1:] &= kinds[:, 1:] != kinds[:, :-1]
        self._known, often = torch.unique(kinds[first], return_counts=True)
        self._rarity = (len(questions) / often).log() + 1
        self._table = self._vectors(questions)

    def nearest(
        self, questions: Int[Tensor, "batch word"], count: int = 1
    ) -> tuple[Int[Tensor, "batch nearest"], Float[Tensor, "batch nearest"]]:
        """The training questions that are most alike, the best first, and how alike they are."""
        alike = self._vectors(questions) @ self._table.T
        best = alike.topk(min(count, alike.shape[1]), dim=1)
        return best.indices, best.values

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        """As many questions as there are in the file."""
        questions, programs = state.get(f"{prefix}questions"), state.get(f"{prefix}programs")
        if isinstance(questions, Tensor) and isinstance(programs, Tensor):
            self.learn(questions, programs)
        super()._load_from_state_dict(state, prefix, *rest)

    def _kinds(self, questions: Int[Tensor, "batch word"]) -> Int[Tensor, "batch kind"]:
        """A number for each word and each pair, -1 for none; padding stands around a question."""
        around = functional.pad(questions, (1, 1), value=WordVocabulary.PAD)
        first, second = around[:, :-1], around[:, 1:]
        pairs = len(self.words) + first * len(self.words) + second
        pairs = pairs.masked_fill((first == 0) & (second == 0), -1)
        return torch.cat([questions.masked_fill(questions == WordVocabulary.PAD, -1), pairs], 1)

    def _vectors(self, questions: Int[Tensor, "batch word"]) -> Float[Tensor, "batch kind"]:
        kinds = self._kinds(questions)
        place = torch.searchsorted(self._known, kinds.clamp_min(0)).clamp_max(len(self._known) - 1)
        weights = torch.where(self._known[place] == kinds, self._rarity[place], 0.0)
        vectors = self._rarity.new_zeros(len(questions), len(self._known)).scatter_add(
            1, place, weights
        )
        return functional.normalize(vectors, dim=1)
