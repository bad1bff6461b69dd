"""The real questions of CLEVR: what they mean, and that untidy ones mean the same."""

import random
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from nmn.data.clevr import Question, read_questions, read_scenes
from nmn.parsing.grammar_parser import shared_parser
from nmn.program.canonical import canonical
from nmn.program.program import Program
from nmn.scene import SceneTable, compile_programs, run
from tests.strategies import CLEVR

pytestmark = pytest.mark.usefixtures("unchecked")


@cache
def questions(folder: Path) -> list[Question]:
    return list(read_questions(folder / "clevr" / "CLEVR_train_questions.json.gz", CLEVR))


@cache
def parsed(folder: Path) -> list[Program]:
    """The program of each question as the parser reads it."""
    parser = shared_parser(CLEVR)
    return [parser.parse(question.example.question)[0].program for question in questions(folder)]


def test_every_question_is_parsed_to_its_program(real_data: Path) -> None:
    pairs = zip(questions(real_data), parsed(real_data), strict=True)
    count = 0
    for question, program in pairs:
        assert question.example.program is not None
        assert canonical(program) == canonical(question.example.program), question.example.question
        count += 1
    assert count == 10_000


def test_the_parsed_programs_give_the_stored_answers(real_data: Path) -> None:
    scenes = read_scenes(real_data / "clevr" / "CLEVR_train_scenes.json.gz", CLEVR)
    places = {image: place for place, image in enumerate(scenes)}
    examples = [question.example for question in questions(real_data)]
    where = np.array([places[example.image_index] for example in examples], dtype=np.intp)
    table = SceneTable.of(list(scenes.values()), CLEVR)
    execution = run(compile_programs(parsed(real_data), CLEVR), table, where)
    assert not execution.failed.any()
    answers = [CLEVR.answers[index] for index in execution.answers]
    assert answers == [example.answer for example in examples]


def test_no_real_question_has_a_warning(real_data: Path) -> None:
    parser = shared_parser(CLEVR)
    for question in random.Random(0).sample(questions(real_data), 500):
        (parse,) = parser.parse(question.example.question)
        assert parse.warnings == ()


ARTICLES = ("a", "an", "the")


def untidy(question: str, chance: random.Random) -> str:
    """As people type: articles wrong, missing or doubled, case, spaces and marks at random."""
    words: list[str] = []
    for word in question.split():
        place = chance.random()
        if word.lower() not in ARTICLES:
            words.append(word)
        elif place < 0.25:
            continue
        elif place < 0.5:
            words.append(chance.choice(ARTICLES))
        elif place < 0.6:
            words += [word, chance.choice(ARTICLES)]
        else:
            words.append(word)
    text = chance.choice(("", " ", "\n")) + "".join(
        word + chance.choice((" ", " ", "  ", "\t")) for word in words
    )
    text = chance.choice((str.lower, str.upper, str.title, str.swapcase, str))(text)
    return (
        text.rstrip(" ?\t") if chance.random() < 0.5 else text.replace(";", chance.choice(";.:,"))
    )


def test_untidy_questions_mean_the_same(real_data: Path) -> None:
    chance = random.Random(0)
    parser = shared_parser(CLEVR)
    changed = 0
    for index in chance.sample(range(10_000), 2_000):
        question = questions(real_data)[index].example.question
        other = untidy(question, chance)
        assert parser.parse(other)[0].program == parsed(real_data)[index], other
        changed += other.strip() != question
    assert changed > 1_900
