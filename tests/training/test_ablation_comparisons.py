"""What a report says of arms that are compared with the first one."""

import pytest

from nmn.training.ablation_report import ablation_report, files_of
from tests.training.made_reports import (
    Results,
    compared_row,
    report_of,
    results_of,
    rows_of,
    text_of,
    two_arms,
    with_failures,
)


def three_comparisons() -> Results:
    """Arms of which the first other one differs by six questions, the next by eight, then none."""
    return results_of(
        plain=[report_of("00000000")],
        six=[report_of("11111100")],
        eight=[report_of("11111111")],
        same=[report_of("00000000")],
    )


def test_p_is_corrected_for_all_comparisons_of_the_report() -> None:
    report = ablation_report(three_comparisons())
    assert report["comparisons"] == 3
    six, eight, same = (arm["against_first"] for arm in report["arms"][1:])
    assert eight["p"] < six["p"] < same["p"] == 1.0
    assert eight["p_holm"] == pytest.approx(3 * eight["p"])
    assert six["p_holm"] == pytest.approx(2 * six["p"])
    assert same["p_holm"] == 1.0
    assert ablation_report(with_failures())["comparisons"] == 1  # what failed is not compared


def test_both_p_are_shown_and_what_was_corrected_is_said() -> None:
    results = three_comparisons()
    report = ablation_report(results)
    files = files_of(report, results)
    text = files["report.md"].decode()
    assert "p corrected by Holm's method for the 3 comparisons of this table" in text
    test = report["arms"][2]["against_first"]
    assert compared_row(text, "arm")[2:4] == ["p", "p (Holm)"]
    found = compared_row(text, "parser=eight")[2:4]
    assert found == [f"{test['p']:.4f}", f"{test['p_holm']:.4f}"]
    assert found[0] != found[1]
    heading, *rows = rows_of(files["comparisons.csv"])
    assert heading == [
        "arm", "compared_with", "measure", "difference", "p", "p_holm",
        "questions_better", "questions_worse", "questions_equal",
        "seeds_better", "seeds_worse", "seeds_equal",
    ]  # fmt: skip
    assert rows[1] == [
        "parser=eight", "parser=plain", "accuracy", "1.0", str(test["p"]), str(test["p_holm"]),
        "8", "0", "0", "1", "0", "0",
    ]  # fmt: skip
    assert len(rows) == 3


def test_ties_are_shown() -> None:
    results = results_of(
        plain=[report_of("1100"), report_of("1100")], other=[report_of("1100"), report_of("1010")]
    )
    text = text_of(results)
    assert compared_row(text, "arm")[4:] == [
        "questions", "better", "worse", "equal", "seeds better, worse, equal"
    ]  # fmt: skip
    assert compared_row(text, "parser=other")[1:] == [
        "+0.0", "1.0000", "1.0000", "4", "1", "1", "2", "0, 0, 2"
    ]  # fmt: skip


def test_scenes_of_a_question_are_one_question() -> None:
    plain, other = report_of("110000"), report_of("111100")
    for report in (plain, other):
        report["clusters"] = [0, 0, 1, 1, 2, 2]
    test = ablation_report(results_of(plain=[plain], other=[other]))["arms"][1]["against_first"]
    assert test["questions"] == {"better": 1, "worse": 0, "equal": 2}


def test_one_arm_alone_is_compared_with_nothing() -> None:
    results = results_of(plain=[report_of("10")])
    assert "Compared with" not in text_of(results)


def test_seeds_that_were_asked_other_questions_are_left_out_and_told() -> None:
    results = two_arms()
    *_, better = results
    first, second = results[better]
    assert first.report is not None
    first.report["clusters"] = [question + 100 for question in first.report["clusters"]]
    report = ablation_report(results)
    test = report["arms"][1]["against_first"]
    assert test["difference"] == pytest.approx(2 / 8)  # of the second seed alone
    assert report["arms"][1]["asked_otherwise"] == 1
    text = text_of(results)
    assert "parser=better: 1 seeds left out, tested on other questions" in text
    assert "left out" not in text_of(two_arms())
    assert second.report is not None
    second.report["clusters"] = first.report["clusters"]
    assert ablation_report(results)["arms"][1]["against_first"] is None
    assert "parser=better: 2 seeds left out" in text_of(results)
