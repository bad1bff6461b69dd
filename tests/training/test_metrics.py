import random

import pytest

from nmn.training.metrics import Outcome, clustered_interval, report, wilson


@pytest.mark.parametrize(
    ("successes", "total", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (0, 0, 0.0, 1.0)],
)
def test_wilson(successes: int, total: int, low: float, high: float) -> None:
    assert wilson(float(successes), float(total)) == pytest.approx((low, high), abs=1e-4)


def test_clusters_of_one_are_independent_questions() -> None:
    right = [index % 4 > 0 for index in range(100)]
    assert clustered_interval(right, [1] * 100) == pytest.approx(wilson(75.0, 100.0))


def test_clusters_that_answer_alike_count_once() -> None:
    right = [64 * (cluster % 4 > 0) for cluster in range(100)]
    low, high = clustered_interval(right, [64] * 100)
    assert (low, high) == pytest.approx(wilson(75.0, 100.0), abs=0.01)


def test_where_all_are_right_the_clusters_count() -> None:
    assert clustered_interval([64] * 16, [64] * 16) == pytest.approx(wilson(16.0, 16.0))


def test_clusters_without_trials_do_not_count() -> None:
    assert clustered_interval([3, 0, 1], [4, 0, 2]) == clustered_interval([3, 1], [4, 2])
    assert clustered_interval([0], [0]) == clustered_interval([], []) == (0.0, 1.0)


def test_intervals_hold_the_true_rate_about_as_often_as_they_say() -> None:
    generator = random.Random(0)
    held = 0
    for _ in range(400):
        right = []
        for _cluster in range(40):
            rate = generator.betavariate(4, 1)
            right.append(sum(generator.random() < rate for _ in range(20)))
        low, high = clustered_interval(right, [20] * 40)
        held += low <= 0.8 <= high
    assert 0.91 <= held / 400 <= 0.99


def test_a_report_counts_by_group_and_leaves_out_what_is_not_known() -> None:
    outcomes = [
        Outcome(True, "a", {"type": "x"}),
        Outcome(False, "b", {"type": "x"}),
        Outcome(True, "c", {"type": "y"}),
        Outcome(None, "d", {"type": "y"}),
        Outcome(False, "e", {}),
    ]
    made = report(outcomes)
    assert (made["correct"], made["total"], made["questions"]) == (2, 4, 5)
    assert made["accuracy"] == 0.5
    assert {k: (v["correct"], v["total"]) for k, v in made["by_type"].items()} == {
        "x": (1, 2),
        "y": (1, 1),
    }


def test_nothing_known_has_no_accuracy() -> None:
    assert report([Outcome(None, "a", {})])["accuracy"] is None


def test_groups_are_in_the_order_of_their_numbers() -> None:
    outcomes = [Outcome(True, name, {"family": name}) for name in ("a 10", "b 1", "a 9", "a")]
    assert list(report(outcomes)["by_family"]) == ["a", "a 9", "a 10", "b 1"]


def test_questions_of_a_cluster_are_not_independent() -> None:
    alike = [Outcome(cluster % 2 > 0, str(cluster), {}) for cluster in range(20) for _ in range(9)]
    alone = [Outcome(index % 2 > 0, str(index), {}) for index in range(180)]
    (low, high), (lowest, highest) = report(alone)["interval"], report(alike)["interval"]
    assert lowest < low < 0.5 < high < highest
