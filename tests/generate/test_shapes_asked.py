from collections import Counter

import numpy as np
import pytest

from nmn.data.example import ListDataset
from nmn.domain import load_domain
from nmn.errors import DataError
from nmn.generate.shapes import ShapesWorldConfig
from nmn.generate.shapes_asked import ask_of_pictures
from nmn.program.program import Program
from nmn.program.text import parse_program
from nmn.scene.symbolic import execute

SHAPES = load_domain("shapes")
TEXTS = {
    "is a red shape a circle": "exists(and(find[red], find[circle]))",
    "is a circle a square": "exists(and(find[circle], find[square]))",
    "is a blue shape above a square": "exists(and(find[blue], relate[above](find[square])))",
}


def questions() -> dict[str, Program]:
    return {text: parse_program(program, SHAPES) for text, program in TEXTS.items()}


def asked(seed: int) -> ListDataset:
    return ask_of_pictures(questions(), ShapesWorldConfig(), seed, 12, scenes=300)


def test_answers_are_right_and_balanced_where_they_can_be() -> None:
    made = list(ask_of_pictures(questions(), ShapesWorldConfig(), 3, 60, scenes=300))
    assert len(made) == 60
    counts = Counter((example.question, example.answer) for example in made)
    assert counts["is a red shape a circle", "yes"] == 10
    assert counts["is a circle a square", "no"] == 20
    for example in made:
        assert example.scene is not None
        assert example.program is not None
        assert execute(example.program, example.scene).answer == example.answer


def test_the_same_seed_gives_the_same_pictures_and_another_one_others() -> None:
    one, same, other = (
        np.stack([e.picture for e in asked(seed) if e.picture is not None]) for seed in (0, 0, 1)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_no_questions_are_refused() -> None:
    with pytest.raises(DataError, match="at least one to ask"):
        ask_of_pictures({}, ShapesWorldConfig(), 0, 10)
