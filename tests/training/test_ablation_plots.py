"""Plots of ablations: pictures that can be read, with what was found in them."""

import io

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from numpy.typing import NDArray
from PIL import Image

from nmn.training.ablation_plots import bars, curves
from nmn.training.ablation_report import ablation_report
from tests.training.made_reports import report_of, results_of, two_arms, with_failures


def pixels(content: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def share_of(picture: NDArray[np.uint8], color: str) -> float:
    """Of the pixels of a picture, those that are of one of matplotlib's colours."""
    wanted = np.array(to_rgb(color)) * 255
    return float((np.abs(picture - wanted).max(axis=2) < 2).mean())


def test_longer_bars_are_higher_rates() -> None:
    low, high = (
        pixels(bars(ablation_report(results_of(arm=[report_of(signs)]))))
        for signs in ("1000", "1110")
    )
    assert share_of(high, "C1") == pytest.approx(3 * share_of(low, "C1"), rel=0.05)


def test_arms_without_any_run_have_no_bar() -> None:
    none = results_of(dead=["died", "died"], alive=[report_of("11"), report_of("11")])
    assert len(pixels(bars(ablation_report(none)))) < len(pixels(bars(ablation_report(two_arms()))))
    pixels(bars(ablation_report(with_failures())))


def test_curves_are_drawn_for_each_arm() -> None:
    one, other = report_of("10", curve=(0.2, 0.4)), report_of("11", curve=(0.6, 0.8))
    both = pixels(curves(results_of(one=[one], other=[other]), "accuracy"))
    alone = pixels(curves(results_of(one=[one], other=[report_of("11")]), "accuracy"))
    assert share_of(both, "C0") > 0
    assert share_of(both, "C1") > 0 == share_of(alone, "C1")


def test_curves_of_answers_stand_in_for_programs_that_are_not_known() -> None:
    report = report_of("10", curve=(0.2, 0.4))
    answers = [{k: v for k, v in line.items() if k != "exact_match"} for line in report["curve"]]
    results = results_of(one=[{**report, "curve": answers}])
    assert share_of(pixels(curves(results, "exact_match")), "C0") > 0
