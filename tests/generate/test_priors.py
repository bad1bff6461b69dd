import numpy as np
import pytest

from nmn.generate.priors import Asked, Priors, priors


def asked(rule: str, count: int = 400) -> list[Asked]:
    """Questions of two families whose answers follow from a word, from the family, or nothing."""
    random = np.random.default_rng(0)
    questions = []
    for number in range(count):
        family, word = ("ab"[random.integers(2)], "xy"[random.integers(2)])
        answers = {"word": word, "family": family, "nothing": "xy"[random.integers(2)]}
        questions.append(Asked(number // 4, family, f"Is it {word}?", answers[rule]))
    return questions


def test_words_that_give_the_answer_away_are_found() -> None:
    found = priors(asked("word"), 0)
    assert found is not None
    assert found.bag_of_words == 1
    assert 0.3 < found.majority < 0.7
    assert (found.trained, found.tested) == (320, 80)


def test_families_that_give_the_answer_away_are_found() -> None:
    found = priors(asked("family"), 0)
    assert found is not None
    assert found.majority == 1
    assert 0.3 < found.bag_of_words < 0.7


def test_where_nothing_gives_it_away_both_guess() -> None:
    found = priors(asked("nothing", 4000), 0)
    assert found is not None
    assert found.majority == pytest.approx(0.5, abs=0.07)
    assert found.bag_of_words == pytest.approx(0.5, abs=0.07)


def test_the_same_questions_give_the_same_numbers() -> None:
    assert priors(asked("nothing"), 3) == priors(asked("nothing"), 3)


def test_pictures_are_either_learned_from_or_tested_on() -> None:
    questions = [Asked(0, "a", "x", "yes"), Asked(0, "a", "x", "no"), Asked(1, "b", "y", "no")]
    found = priors(questions, 0)
    assert isinstance(found, Priors)
    assert {found.trained, found.tested} == {1, 2}


@pytest.mark.parametrize("questions", [[], [Asked(0, "a", "x", "yes")] * 5])
def test_too_few_pictures_give_none(questions: list[Asked]) -> None:
    assert priors(questions, 0) is None
