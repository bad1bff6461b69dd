import math

import pytest
import torch

from nmn.errors import DataError
from nmn.training.calibration import calibration, fit_temperature, with_temperature


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


def test_temperature_keeps_the_order_and_what_cannot_be() -> None:
    rows = torch.tensor([[0.7, 0.3, 0.0], [0.0, 0.0, 0.0]]).log()
    flat = with_temperature(rows, 2.0)
    wanted = torch.tensor([0.7, 0.3]).sqrt()
    torch.testing.assert_close(flat[0, :2].exp(), wanted / wanted.sum())
    assert flat[0, 2] == flat[1].max() == -torch.inf
    torch.testing.assert_close(with_temperature(rows, 1.0), rows)


def test_the_temperature_is_that_which_makes_confidence_true() -> None:
    # Says 0.9 and is right in three of four: the best is what makes it say 0.75.
    rows = torch.tensor([[0.9, 0.1, 0.0]]).log().repeat(4, 1)
    temperature = fit_temperature(rows, torch.tensor([0, 0, 0, 1]))
    assert temperature == pytest.approx(math.log(9) / math.log(3), rel=1e-3)
    assert with_temperature(rows, temperature)[0, 0].exp() == pytest.approx(0.75, abs=1e-4)


def test_the_temperature_of_what_was_flattened_is_found_again() -> None:
    generator = torch.Generator().manual_seed(0)
    true = (2 * torch.randn(4000, 5, generator=generator)).log_softmax(1)
    answers = torch.multinomial(true.exp(), 1, generator=generator)[:, 0]
    for factor in (0.5, 1.0, 3.0):
        given = with_temperature(true, 1 / factor)
        assert fit_temperature(given, answers) == pytest.approx(factor, rel=0.1)


def test_answers_without_probability_say_nothing() -> None:
    rows = torch.tensor([[0.9, 0.1, 0.0]]).log().repeat(5, 1)
    answers = torch.tensor([0, 0, 0, 1, 2])
    assert fit_temperature(rows, answers) == fit_temperature(rows[:4], answers[:4])
    with pytest.raises(DataError, match="no held-out question"):
        fit_temperature(rows[4:], answers[4:])
