import torch

from nmn.perception.asking import ask
from nmn.perception.guesses import Guess
from nmn.program.text import parse_program
from tests.perception.made import BLUE, CLEVR, RED, batch, scene

TWO, ONE, NONE = scene(RED, BLUE), scene(RED), scene()
COUNT = parse_program("count(scene)")
COLOUR = parse_program("query[color](unique(scene))")


def place(answer: str) -> int:
    return CLEVR.answers.index(answer)


def test_answers_are_as_probable_as_the_scenes_that_give_them() -> None:
    guesses = [[Guess(TWO, 0.7, ()), Guess(ONE, 0.2, ()), Guess(scene(BLUE), 0.1, ())]] * 2
    answers = ask(CLEVR, batch((None, None), ()), [COUNT, COLOUR], guesses)
    wanted = torch.zeros(2, len(CLEVR.answers))
    wanted[0, place("2")], wanted[0, place("1")] = 0.7, 0.3
    wanted[1, place("red")], wanted[1, place("blue")] = 0.2, 0.1  # of two, none is the one
    torch.testing.assert_close(answers.probabilities, wanted)
    assert answers.failures == (None, None)
    assert not answers.traces


def test_a_program_that_fails_on_all_scenes_says_why() -> None:
    guesses = [[Guess(TWO, 0.9, ()), Guess(NONE, 0.1, ())], [Guess(NONE, 1.0, ())]]
    answers = ask(CLEVR, batch((None, None), ()), [COLOUR, COUNT], guesses)
    assert not answers.probabilities[0].any()
    assert "got 2" in str(answers.failures[0])  # that of the more probable one
    assert answers.failures[1] is None


def test_traces_are_those_of_each_scene_and_questions_may_be_passed_over() -> None:
    guesses = [[Guess(TWO, 0.6, ()), Guess(ONE, 0.4, ())], [], [Guess(ONE, 1.0, ())]]
    answers = ask(CLEVR, batch((None,) * 3, ()), [COUNT] * 3, guesses, traced=[0])
    assert list(answers.traces) == [0]
    assert [trace.answer for trace in answers.traces[0]] == ["2", "1"]
    assert not answers.probabilities[1].any()
    assert answers.failures == (None,) * 3
