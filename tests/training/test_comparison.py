"""Means over seeds with intervals, and the paired test, held against sums done by hand."""

from itertools import product
from typing import Any

import numpy as np
import pytest

from nmn.seeding import generator
from nmn.training.comparison import (
    Mean,
    PairedTest,
    Tally,
    holm,
    mean_over_seeds,
    paired_test,
)


def drawn(*shape: int, rate: float, seed: int = 0) -> Any:
    return (generator(seed, "outcomes").random(shape) < rate).astype(np.float64)


def held_against(one: Any, other: Any) -> PairedTest:
    differences = np.array(one, dtype=np.float64) - np.array(other, dtype=np.float64)
    return of_seeds(differences, generator(0, "test"))


def of_seeds(differences: Any, rng: np.random.Generator) -> PairedTest:
    """The test of differences by seed and question, which are the same for all seeds."""
    seeds, questions = np.indices(differences.shape)
    return paired_test(differences.reshape(-1), questions.reshape(-1), seeds.reshape(-1), rng)


def exact(one: Any, other: Any) -> float:
    """The share of all ways to flip signs that give a difference at least as large."""
    by_question = (np.array(one, dtype=np.float64) - np.array(other, dtype=np.float64)).mean(axis=0)
    signs = np.array(list(product((-1, 1), repeat=len(by_question))))
    found = np.abs(signs @ by_question)
    return float((found >= abs(by_question.sum()) - 1e-9).mean())


def test_an_interval_is_that_of_students_t() -> None:
    # 0.6 and t * s / sqrt(n) = 4.303 * 0.1 / sqrt(3)
    found = mean_over_seeds([0.5, 0.7, 0.6])
    assert found.interval == pytest.approx((0.35157, 0.84843), abs=1e-5)
    assert (found.mean, found.lowest, found.highest) == pytest.approx((0.6, 0.5, 0.7))
    assert found.seeds == 3


def test_two_seeds_say_little() -> None:
    # t of one degree of freedom times s / sqrt(n), 12.706 times 0.01
    assert mean_over_seeds([0.49, 0.51]).interval == pytest.approx((0.37294, 0.62706), abs=1e-5)


def test_between_the_rows_of_the_table_the_interval_is_the_wider_one() -> None:
    rates = [0.4, 0.6] * 6  # 11 degrees of freedom, of which the table has 10 and 12
    spread = np.std(rates, ddof=1) / np.sqrt(12)
    interval = mean_over_seeds(rates).interval
    assert interval == pytest.approx((0.5 - 2.228 * spread, 0.5 + 2.228 * spread))


@pytest.mark.parametrize("rates", [[1.0, 0.9], [0.0, 0.1, 0.3], [0.0, 1.0]])
def test_an_interval_stays_within_nothing_and_all(rates: list[float]) -> None:
    interval = mean_over_seeds(rates).interval
    assert interval is not None
    low, high = interval
    assert 0 <= low < sum(rates) / len(rates) < high <= 1
    assert low == 0 or high == 1


def test_equal_seeds_have_an_interval_without_width() -> None:
    assert mean_over_seeds([0.5] * 4) == Mean(0.5, (0.5, 0.5), 0.5, 0.5, 4)


def test_one_seed_has_no_interval() -> None:
    assert mean_over_seeds([0.25]) == Mean(0.25, None, 0.25, 0.25, 1)


def test_no_seed_has_no_mean() -> None:
    with pytest.raises(ValueError, match="no rates"):
        mean_over_seeds([])


def test_intervals_hold_the_true_mean_about_as_often_as_they_say() -> None:
    rng = generator(0, "rates")
    held = 0
    for _ in range(1000):
        interval = mean_over_seeds(rng.normal(0.5, 0.02, size=4).tolist()).interval
        assert interval is not None
        held += interval[0] <= 0.5 <= interval[1]
    assert 0.93 <= held / 1000 <= 0.97


def test_exchanged_arms_have_the_same_p() -> None:
    one, other = drawn(3, 40, rate=0.7, seed=1), drawn(3, 40, rate=0.6, seed=2)
    here, there = held_against(one, other), held_against(other, one)
    assert here.difference == pytest.approx(one.mean() - other.mean())
    assert here.difference == -there.difference != 0
    assert here.p == there.p
    for mine, its in ((here.seeds, there.seeds), (here.questions, there.questions)):
        assert mine == Tally(its.worse, its.better, its.equal)


def test_a_clear_difference_has_a_small_p() -> None:
    found = held_against(drawn(3, 200, rate=0.9, seed=1), drawn(3, 200, rate=0.6, seed=2))
    assert found.difference > 0.2
    assert found.p == pytest.approx(1 / 10_001)
    assert found.seeds == Tally(3, 0, 0)


def test_arms_that_are_alike_have_a_p_of_one() -> None:
    same = drawn(2, 50, rate=0.5)
    assert held_against(same, same) == PairedTest(0.0, 1.0, Tally(0, 0, 50), Tally(0, 0, 2))
    evens = held_against([[1, 0, 1, 0]], [[0, 1, 0, 1]])
    assert evens == PairedTest(0.0, 1.0, Tally(2, 2, 0), Tally(0, 0, 1))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([[1, 1, 1, 1, 1, 0, 1, 1]], [[0, 0, 0, 0, 0, 1, 1, 1]]),
        ([[1, 1, 1, 1, 1, 1]], [[0, 0, 0, 0, 0, 0]]),
        ([[1, 0, 1, 1, 0], [1, 1, 0, 1, 0], [1, 1, 1, 0, 1]], np.zeros((3, 5))),
        (
            [[1, 1, 0, 1, 0, 1, 1], [0, 1, 0, 1, 1, 1, 0]],
            [[0, 1, 1, 0, 0, 0, 1], [0, 0, 0, 1, 0, 1, 1]],
        ),
    ],
)
def test_p_is_the_share_of_all_flips(one: Any, other: Any) -> None:
    # Of 10,000 draws the standard error is 0.005 at most.
    assert held_against(one, other).p == pytest.approx(exact(one, other), abs=0.02)


def test_seeds_of_a_question_are_flipped_together() -> None:
    once = [[1, 1, 1, 1, 0, 0]], [[0, 0, 0, 0, 1, 0]]
    often = tuple(np.repeat(np.array(side), 5, axis=0) for side in once)
    assert (
        held_against(*often).p == held_against(*once).p
    )  # the same trained parser five times tells no more


def test_questions_and_seeds_are_counted_as_better_worse_and_equal() -> None:
    found = held_against([[1, 1], [1, 0], [0, 0], [1, 1]], [[0, 1], [0, 1], [1, 0], [1, 0]])
    assert found.seeds == Tally(2, 1, 1)
    assert found.questions == Tally(1, 0, 1)  # the second: worse with one seed, better with another
    assert found.difference == pytest.approx(1 / 8)


def test_without_a_difference_p_is_small_as_rarely_as_it_says() -> None:
    rng = generator(0, "null")
    small, cases = 0, 300
    for _ in range(cases):
        hard = rng.random(50)  # questions are not equally hard, and both arms find the same ones so
        one, other = ((rng.random((3, 50)) < hard).astype(np.float64) for _ in range(2))
        small += of_seeds(one - other, rng).p < 0.05
    assert 0.02 <= small / cases <= 0.085


def test_pictures_of_one_question_are_not_independent() -> None:
    rng = generator(2, "pictures")
    small = 0
    for _ in range(100):
        of_question = rng.integers(-1, 2, size=32).astype(np.float64)
        differences, questions = of_question.repeat(32), np.arange(32).repeat(32)
        small += paired_test(differences, questions, np.zeros(1024, dtype=int), rng).p < 0.05
    assert small <= 12


@pytest.mark.parametrize(
    ("ps", "corrected"),
    [
        ([], []),
        ([0.03], [0.03]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # R: p.adjust(p, "holm")
        ([0.5, 0.4], [0.8, 0.8]),
        ([0.01, 0.01, 0.6], [0.03, 0.03, 0.6]),
        ([1.0, 0.9], [1.0, 1.0]),
    ],
)
def test_p_is_corrected_by_holms_method(ps: list[float], corrected: list[float]) -> None:
    assert holm(ps) == pytest.approx(corrected)


def test_of_many_tests_one_is_small_by_chance_as_rarely_as_it_says() -> None:
    rng = generator(0, "families of tests")
    small = sum(min(holm(rng.random(10).tolist())) < 0.05 for _ in range(1000))
    assert 30 <= small <= 70
