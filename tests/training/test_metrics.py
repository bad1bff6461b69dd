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
    outcomes = [(index % 4 > 0, str(index)) for index in range(100)]
    assert clustered_interval(outcomes) == pytest.approx(wilson(75.0, 100.0))


def test_clusters_that_answer_alike_count_once() -> None:
    outcomes = [(cluster % 4 > 0, str(cluster)) for cluster in range(100) for _ in range(64)]
    low, high = clustered_interval(outcomes)
    assert (low, high) == pytest.approx(wilson(75.0, 100.0), abs=0.01)


def test_where_all_are_right_the_clusters_count() -> None:
    outcomes = [(True, str(cluster)) for cluster in range(16) for _ in range(64)]
    assert clustered_interval(outcomes) == pytest.approx(wilson(16.0, 16.0))


def test_intervals_hold_the_true_rate_about_as_often_as_they_say() -> None:
    generator = random.Random(0)
    held = 0
    for _ in range(400):
        outcomes = []
        for cluster in range(40):
            rate = generator.betavariate(4, 1)
            outcomes += [(generator.random() < rate, str(cluster)) for _ in range(20)]
        low, high = clustered_interval(outcomes)
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
