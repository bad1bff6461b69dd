"""The learned parser that comes along."""

from pathlib import Path

import numpy as np
import pytest

from nmn.domain import Domain
from nmn.generate.careless import careless_articles
from nmn.parsing.base import BatchParser
from nmn.parsing.grammar_parser import shared_parser
from nmn.program.canonical import exact_match
from nmn.training.parser_checkpoint import load_parser
from nmn.training.question_data import questions_of
from nmn.training.stored import find_checkpoint

NEVER_SAID = (
    "How many things are either left of the ball or behind the big cube?",
    "Is there a small thing left of the block that is the same size as the red cylinder?",
    "what color is the ball that is either in front of tiny cube or right of the gray metal thing",
    "Are there more cubes behind the thing of same shape as the purple sphere than green balls?",
)


@pytest.fixture(scope="module")
def parser() -> BatchParser:
    return load_parser(find_checkpoint("parser-english")).parser


def test_combinations_that_it_never_saw_are_read(parser: BatchParser, clevr: Domain) -> None:
    rng = np.random.default_rng(0)
    for question in NEVER_SAID:
        meant = shared_parser(clevr).parse(question)[0].program
        for said in (question, *(careless_articles(question, rng) for _ in range(5))):
            assert exact_match(parser.parse(said)[0].program, meant)


def test_real_questions_on_other_scenes_are_read(parser: BatchParser, real_data: Path) -> None:
    data = questions_of(real_data / "clevr" / "blender", "train", "900:", "images")
    read = 0
    for parses, program in zip(parser.parse_all(data.questions), data.programs, strict=True):
        assert program is not None
        read += bool(parses) and exact_match(parses[0].program, program)
    assert read >= 0.995 * len(data) > 900
