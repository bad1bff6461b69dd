"""Questions about features for reasoners."""

from dataclasses import replace

import torch

from nmn.baselines.base import Asked, Reasoner
from nmn.nn.features import Features, FeatureSize, grid_features
from nmn.nn.question_encoder import EncodedQuestions

GRID, CHANNELS, ASKED, ANSWERS = (3, 4), 6, 8, 5
SIZE = FeatureSize(CHANNELS, GRID)
PICTURE = torch.tensor([1, 0, 1])


def asked(seed: int = 0) -> Asked:
    """Three questions, of up to four words, about two pictures."""
    generator = torch.Generator().manual_seed(seed)
    features = grid_features(torch.randn(2, CHANNELS, *GRID, generator=generator))
    present = torch.tensor([[True] * 4, [True, True, False, False], [True, False, False, False]])
    words = torch.randn(3, 4, ASKED, generator=generator) * present[:, :, None]
    whole = torch.randn(3, ASKED, generator=generator)
    chance = torch.Generator().manual_seed(seed)
    return Asked(features, PICTURE, EncodedQuestions(whole, words, present), generator=chance)


def of_objects(seed: int = 0) -> Asked:
    """The same of objects, of which one picture has fewer."""
    given = asked(seed)
    features = given.features
    present = torch.tensor([[True] * 12, [True] * 7 + [False] * 5])
    values = features.values * present[:, :, None]
    return replace(given, features=Features(values, features.positions, present))


def one_of(given: Asked, row: int) -> Asked:
    """One of the questions alone, with its picture alone."""
    features, index = given.features, int(given.picture[row])
    there = slice(index, index + 1)
    cells = features.present[index] if features.grid is None else slice(None)
    alone = Features(
        features.values[there][:, cells],
        features.positions[there][:, cells],
        features.present[there][:, cells],
        features.grid,
    )
    questions = given.questions
    words = questions.present[row]
    encoded = EncodedQuestions(
        questions.whole[row : row + 1],
        questions.words[row : row + 1, words],
        questions.present[row : row + 1, words],
    )
    return replace(given, features=alone, picture=torch.tensor([0]), questions=encoded)


def shapes_of(reasoner: Reasoner) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in reasoner.named_parameters()}
