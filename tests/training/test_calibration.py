import pytest

from nmn.training.calibration import calibration


def test_the_error_is_the_mean_distance_of_confidence_and_accuracy() -> None:
    made = calibration([0.9, 0.9, 0.9, 0.5], [True, True, False, False], bins=10)
    # Three answers that are right in two thirds, and one that is never.
    assert made["ece"] == pytest.approx(0.75 * (0.9 - 2 / 3) + 0.25 * 0.5)
    filled = {row["high"]: row for row in made["bins"] if row["count"]}
    assert set(filled) == {0.5, 0.9}
    assert filled[0.9] == {
        "low": 0.8,
        "high": 0.9,
        "confidence": pytest.approx(0.9),
        "accuracy": pytest.approx(2 / 3),
        "count": 3,
    }


def test_bins_reach_from_nothing_to_certainty() -> None:
    made = calibration([0.0, 1.0], [False, True])
    assert made["ece"] == 0.0
    assert len(made["bins"]) == 15
    assert (made["bins"][0]["low"], made["bins"][-1]["high"]) == (0.0, 1.0)
    assert [row["count"] for row in made["bins"]] == [1, *[0] * 13, 1]
    assert made["bins"][1]["accuracy"] is None


def test_without_answers_there_is_no_error() -> None:
    assert calibration([], [])["ece"] is None
