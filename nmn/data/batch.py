"""Examples as tensors: each picture once, and for each question the index of its picture."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from nmn.data.example import Example, Picture, Seen
from nmn.data.sight import Sight
from nmn.data.vocabulary import WordVocabulary
from nmn.domain import Domain
from nmn.errors import DataError
from nmn.nn.features import Features, grid_features
from nmn.program.program import Program
from nmn.scene.scene import Scene

UNKNOWN = -1
"""The answer index of a question whose answer is not known."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Questions and the pictures they are about.

    Attributes:
        pictures: RGB in [0, 1], each picture once.
        picture: for each question, the index of its picture.
        tokens: indices of the words of each question, padded with `WordVocabulary.PAD`.
        answers: indices into the answers of the domain, or `UNKNOWN`.
        sights: of each picture, where they were worked out.
        families: what kind of question each is, where that is known.
        features: what a stem that learns no more gives of the pictures, which are empty then.
    """

    questions: tuple[str, ...]
    pictures: Float[Tensor, "picture 3 height width"]
    picture: Int[Tensor, " batch"]
    tokens: Int[Tensor, "batch token"]
    programs: tuple[Program | None, ...]
    answers: Int[Tensor, " batch"]
    scenes: tuple[Scene | None, ...]
    sights: tuple[Sight | None, ...] = ()
    families: tuple[str, ...] = ()
    features: Features | None = None

    def __len__(self) -> int:
        return len(self.questions)

    def sight(self, question: int) -> Sight | None:
        """That of the picture of a question."""
        return self.sights[int(self.picture[question])] if self.sights else None

    def known_scenes(self) -> list[tuple[Scene, Sight]]:
        """What is in each picture, and seen of it where, to learn or to judge from.

        Raises:
            DataError: a picture of which that is not known.
        """
        scenes: dict[int, Scene] = {}
        for picture, scene in zip(self.picture.tolist(), self.scenes, strict=True):
            if scene is not None:
                scenes[picture] = scene
        known = []
        for picture in range(len(self.pictures)):
            sight = self.sights[picture] if self.sights else None
            if picture not in scenes or sight is None:
                problem = "wanted its scene and what is seen of it where; neither may be missing"
                raise DataError("batch", problem, f"picture {picture}")
            known.append((scenes[picture], sight))
        return known

    def to(self, device: torch.device) -> "Batch":
        """The same on another device."""
        names = ("pictures", "picture", "tokens", "answers")
        features = None if self.features is None else self.features.to(device)
        moved = {name: getattr(self, name).to(device) for name in names}
        return replace(self, features=features, **moved)


def collate(
    examples: Sequence[Example],
    domain: Domain,
    vocabulary: WordVocabulary,
    *,
    pictures: bool = True,
) -> Batch:
    """A batch of `examples`.

    Args:
        pictures: False for models that look at the states of objects; pictures are then empty,
            as they are where it was computed what a stem gives of them.

    Raises:
        DataError: no examples, one without picture, pictures of different sizes, or an answer that
            the domain does not have.
    """
    if not examples:
        raise DataError("batch", "wanted at least one example, got none")
    places: dict[int, int] = {}
    shown: list[Example] = []
    for example in examples:
        if example.image_index not in places:
            places[example.image_index] = len(shown)
            shown.append(example)
    seen = [example.seen for example in shown if example.seen is not None] if pictures else []
    if seen and len(seen) < len(shown):
        raise DataError("batch", "features of some pictures; wanted those of all, or of none")
    return Batch(
        questions=tuple(example.question for example in examples),
        pictures=_stacked(shown) if pictures and not seen else torch.zeros(len(shown), 3, 0, 0),
        picture=torch.tensor([places[example.image_index] for example in examples]),
        tokens=vocabulary.encode([example.tokens for example in examples]),
        programs=tuple(example.program for example in examples),
        answers=torch.tensor([_answer_index(example, domain) for example in examples]),
        scenes=tuple(example.scene for example in examples),
        sights=tuple(example.sight for example in shown),
        families=tuple(example.family for example in examples),
        features=_features(seen) if seen else None,
    )


def _features(seen: Sequence[Seen]) -> Features:
    values = torch.from_numpy(np.stack(seen)).float()
    features: Features = grid_features(values.permute(0, 3, 1, 2))
    return features


def _stacked(examples: Sequence[Example]) -> Float[Tensor, "picture 3 height width"]:
    """The pictures of some examples, values in [0, 1].

    Raises:
        DataError: one without, or pictures of different sizes.
    """
    pictures: list[Picture] = []
    for example in examples:
        where = f"question {example.question_index}"
        if example.picture is None:
            raise DataError("batch", "the question has no picture", where)
        if pictures and example.picture.shape != pictures[0].shape:
            got = f"{example.picture.shape} after {pictures[0].shape}"
            raise DataError("batch", f"pictures of different sizes: {got}", where)
        pictures.append(example.picture)
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float().div_(255)


def _answer_index(example: Example, domain: Domain) -> int:
    if example.answer is None:
        return UNKNOWN
    if example.answer not in domain.answers:
        problem = f"'{example.answer}' is no answer of domain {domain.name}"
        raise DataError("batch", problem, f"question {example.question_index}")
    return domain.answers.index(example.answer)
