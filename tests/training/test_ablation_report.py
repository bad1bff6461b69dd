"""Reports on runs that nobody did, so that every number in them is known."""

import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nmn.training.ablation_report import ablation_report, files_of
from nmn.training.parser_report import MEASURES
from tests.training.made_reports import (
    compared_row,
    report_of,
    results_of,
    row_of,
    rows_of,
    text_of,
    two_arms,
    with_failures,
)

FILES = {
    "report.md", "runs.csv", "comparisons.csv", "families.csv", "words.csv", "arms.png",
    "curves.png",
}  # fmt: skip


def picture_of(content: bytes) -> Any:
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"), dtype=np.int64)


def coloured(picture: Any) -> int:
    """How many pixels are neither white nor black nor grey."""
    return int((picture.max(axis=2) - picture.min(axis=2) > 40).sum())


def test_means_are_those_over_seeds() -> None:
    report = ablation_report(two_arms())
    assert (report["measure"], report["compared_with"]) == ("accuracy", "parser=plain")
    plain, better = report["arms"]
    assert [arm["arm"] for arm in (plain, better)] == ["parser=plain", "parser=better"]
    assert better["choices"] == {"parser": "better"}
    assert (plain["runs"], plain["failed"]) == (2, [])
    assert plain["accuracy"]["mean"] == pytest.approx(3 / 8)
    assert (plain["accuracy"]["lowest"], plain["accuracy"]["highest"]) == (0.25, 0.5)
    # t of one degree of freedom times s / sqrt(2) = 12.706 * 0.125, which is more than there is
    assert plain["accuracy"]["interval"] == (0.0, 1.0)
    assert better["well_typed"] == {
        "mean": 1.0, "interval": (1.0, 1.0), "lowest": 1.0, "highest": 1.0, "seeds": 2
    }  # fmt: skip
    assert plain["training_seconds"] == 80.0
    assert plain["by_family"]["exists"]["mean"] == pytest.approx(3 / 4)
    assert plain["by_words"]["6 to 10"]["mean"] == 0.0
    assert better["by_words"]["6 to 10"]["mean"] == pytest.approx(3 / 4)


def test_others_are_tested_against_the_first() -> None:
    plain, better = ablation_report(two_arms())["arms"]
    assert "against_first" not in plain
    test = better["against_first"]
    assert test["difference"] == pytest.approx(4 / 8)
    # Six questions differ, all one way: two of the 64 ways to flip give as much.
    assert test["p"] == pytest.approx(2 / 64, abs=0.01)
    assert test["p_holm"] == test["p"]  # there is nothing else to correct for
    assert test["questions"] == {"better": 6, "worse": 0, "equal": 2}
    assert test["seeds"] == {"better": 2, "worse": 0, "equal": 0}


def test_where_nothing_is_trained_there_are_no_seconds() -> None:
    results = results_of(plain=[report_of("10")], retrieval=[report_of("11", trained=False)])
    report = ablation_report(results)
    assert report["arms"][1]["training_seconds"] is None
    files = files_of(report, results)
    text = files["report.md"].decode()
    assert row_of(text, "arm")[-1] == "training seconds"
    assert [row_of(text, f"parser={name}")[-1] for name in ("plain", "retrieval")] == ["20", "-"]
    heading, *rows = rows_of(files["runs.csv"])
    assert [row[heading.index("training_seconds")] for row in rows] == ["20.0", ""]


def test_the_report_says_what_right_answers_are() -> None:
    text = text_of(two_arms())
    assert "- right answers: the program gives the right answer on the scene." in text
    assert "In learning curves it counts once, and only if the answers on all its scenes" in text


def test_the_same_results_give_the_same_report() -> None:
    one, two = two_arms(), two_arms()
    assert ablation_report(one) == ablation_report(two)
    texts = [files_of(ablation_report(found), found)["report.md"] for found in (one, two)]
    assert texts[0] == texts[1]


def test_a_report_is_json() -> None:
    report = ablation_report(with_failures())
    text = json.dumps(report, allow_nan=False)
    assert json.loads(text)["arms"][0]["failed"] == report["arms"][0]["failed"]


def test_another_measure_is_tested_and_grouped() -> None:
    results = results_of(
        plain=[report_of("1100", exact_match="1000")], other=[report_of("1100", exact_match="1111")]
    )
    other = ablation_report(results, "exact_match")["arms"][1]
    assert other["against_first"]["difference"] == pytest.approx(3 / 4)
    assert other["by_family"]["exists"]["mean"] == 1.0
    assert ablation_report(results)["arms"][1]["against_first"]["difference"] == 0.0
    text = text_of(results, "exact_match")
    assert "## exact match by words" in text
    assert "## Compared with `parser=plain`" in text
    assert "The difference in exact match" in text


def test_failed_runs_are_left_out_of_means_and_tests() -> None:
    plain, worse = ablation_report(with_failures())["arms"]
    assert plain["failed"] == ["parser=plain,seed=1: its process died (signal 9)"]
    assert worse["failed"] == ['parser=worse,seed=0: a "quoted", problem']
    assert plain["accuracy"]["mean"] == pytest.approx((2 / 4 + 3 / 4) / 2)
    assert (plain["runs"], plain["accuracy"]["seeds"]) == (3, 2)
    test = worse["against_first"]  # only seed 2 is there on both sides
    assert test["difference"] == pytest.approx(-3 / 4)
    assert test["seeds"] == {"better": 0, "worse": 1, "equal": 0}


def test_arms_without_a_seed_in_common_are_not_tested() -> None:
    results = results_of(plain=[report_of("10"), "died"], other=["died", report_of("11")])
    assert ablation_report(results)["arms"][1]["against_first"] is None
    assert compared_row(text_of(results), "parser=other")[1:] == ["-"] * 8


def test_questions_whose_program_is_not_known_do_not_count_in_a_test() -> None:
    results = results_of(
        plain=[report_of("1111", exact_match="10--")], other=[report_of("1111", exact_match="11--")]
    )
    plain, other = ablation_report(results, "exact_match")["arms"]
    expected = other["exact_match"]["mean"] - plain["exact_match"]["mean"]
    assert expected == pytest.approx(1 / 2)
    assert other["against_first"]["difference"] == pytest.approx(expected)


def test_where_no_program_is_known_exact_match_is_not_told() -> None:
    results = results_of(
        plain=[report_of("11", exact_match="--")], other=[report_of("10", exact_match="--")]
    )
    report = ablation_report(results, "exact_match")
    assert report["arms"][0]["exact_match"] is None
    assert report["arms"][1]["against_first"] is None
    files = files_of(report, results)
    assert row_of(files["report.md"].decode(), "parser=plain")[2] == "-"
    assert rows_of(files["families.csv"])[1:] == []
    assert rows_of(files["runs.csv"])[1][2] == ""


def test_seeds_with_other_numbers_of_questions_are_tested_too() -> None:
    # What is generated for another seed need not be as many questions.
    results = results_of(
        plain=[report_of("0000"), report_of("000")], other=[report_of("0000"), report_of("111")]
    )
    test = ablation_report(results)["arms"][1]["against_first"]
    assert test["seeds"] == {"better": 1, "worse": 0, "equal": 1}
    assert test["questions"] == {"better": 3, "worse": 0, "equal": 1}
    assert test["difference"] > 0


def test_groups_by_words_begin_with_the_fewest() -> None:
    results = results_of(plain=[report_of("11", groups="ll"), report_of("11", groups="sl")])
    report = ablation_report(results)
    assert list(report["arms"][0]["by_words"]) == ["1 to 5", "6 to 10"]
    assert report["arms"][0]["by_words"]["1 to 5"]["seeds"] == 1


def test_markdown_states_means_intervals_and_tests() -> None:
    text = text_of(
        results_of(
            plain=[report_of("1" * n + "0" * (100 - n)) for n in (50, 60, 70)],
            other=[report_of("1" * n + "0" * (100 - n)) for n in (90, 90, 90)],
        )
    )
    heading = row_of(text, "arm")
    assert heading[:2] == ["arm", "runs"]
    assert heading[3:] == ["right answers", "well-typed", "training seconds"]
    plain, other = row_of(text, "parser=plain"), row_of(text, "parser=other")
    assert plain[1:] == [
        "3", "60.0 (35.2 to 84.8)", "60.0 (35.2 to 84.8)", "100.0 (100.0 to 100.0)", "1000"
    ]  # fmt: skip
    assert other[3:] == ["90.0 (90.0 to 90.0)", "100.0 (100.0 to 100.0)", "1000"]
    assert compared_row(text, "parser=other")[1:] == [
        "+30.0", "0.0001", "0.0001", "100", "40", "0", "60", "3, 0, 0"
    ]  # fmt: skip
    assert "The difference in right answers" in text
    assert "Failed runs" not in text


def test_markdown_has_no_interval_of_one_seed() -> None:
    text = text_of(results_of(plain=[report_of("1110")], other=[report_of("1000")]))
    assert row_of(text, "parser=plain")[3] == "75.0"
    cells = compared_row(text, "parser=other")
    assert (cells[1], cells[-1]) == ("-50.0", "0, 1, 0")


def test_markdown_names_the_runs_that_failed() -> None:
    text = text_of(with_failures())
    assert row_of(text, "parser=plain")[1] == "2 of 3"
    assert "Failed runs:" in text
    assert "- parser=plain,seed=1: its process died (signal 9)" in text.splitlines()
    assert '- parser=worse,seed=0: a "quoted", problem' in text.splitlines()


def test_markdown_has_a_table_by_words_and_one_by_family() -> None:
    text = text_of(two_arms())
    assert row_of(text, "1 to 5") == ["1 to 5", "75.0", "100.0"]
    assert row_of(text, "6 to 10") == ["6 to 10", "0.0", "75.0"]
    assert row_of(text, "exists, 1 relation") == ["exists, 1 relation", "0.0", "75.0"]
    words, families = text.index("## right answers by words"), text.index("by family")
    assert words < text.index("| 6 to 10 |") < families < text.index("| exists |")
    lines = text.splitlines()
    assert "![arms](arms.png)" in lines
    assert "![learning curves](curves.png)" in lines


def test_tables_have_as_many_cells_in_every_row() -> None:
    for results in (two_arms(), with_failures()):
        widths: list[set[int]] = [set()]
        for line in text_of(results).splitlines():
            if line.startswith("|"):
                widths[-1].add(line.count("|"))
            elif widths[-1]:
                widths.append(set())
        assert [len(found) for found in widths if found] == [1, 1, 1, 1]


def test_csv_of_runs_is_read_back() -> None:
    results = with_failures()
    heading, *rows = rows_of(files_of(ablation_report(results), results)["runs.csv"])
    assert heading == ["parser", "seed", *MEASURES, "training_seconds", "problem"]
    assert rows == [
        ["plain", "0", "0.5", "0.5", "1.0", "40.0", ""],
        ["plain", "1", "", "", "", "", "its process died (signal 9)"],
        ["plain", "2", "0.75", "0.75", "1.0", "40.0", ""],
        ["worse", "0", "", "", "", "", 'a "quoted", problem'],
        ["worse", "1", "1.0", "1.0", "1.0", "40.0", ""],
        ["worse", "2", "0.0", "0.0", "1.0", "40.0", ""],
    ]


def test_csv_of_groups_is_read_back() -> None:
    results = two_arms()
    report = ablation_report(results)
    files = files_of(report, results)
    for name, kind in (("families.csv", "by_family"), ("words.csv", "by_words")):
        heading, *rows = rows_of(files[name])
        assert heading == ["arm", "group", "mean", "low", "high", "seeds"]
        expected = [
            (arm["arm"], group, mean["mean"], *mean["interval"], mean["seeds"])
            for arm in report["arms"]
            for group, mean in arm[kind].items()
        ]
        assert len(expected) == 4
        assert [(*row[:2], *map(float, row[2:5]), int(row[5])) for row in rows] == expected


def test_csv_leaves_intervals_of_one_seed_empty() -> None:
    results = results_of(plain=[report_of("1110")])
    rows = rows_of(files_of(ablation_report(results), results)["words.csv"])
    assert rows[1:] == [["parser=plain", "1 to 5", "0.75", "", "", "1"]]


def test_all_files_are_there_and_pictures_show_something() -> None:
    results = results_of(
        plain=[report_of("1100", curve=(0.2, 0.5)), report_of("1110", curve=(0.3, 0.6))],
        other=[report_of("1111", curve=(0.5, 0.9)), report_of("1110", curve=(0.6, 1.0))],
    )
    files = files_of(ablation_report(results), results)
    assert files.keys() == FILES
    bars, curves = picture_of(files["arms.png"]), picture_of(files["curves.png"])
    assert coloured(bars) > 10_000
    assert coloured(curves) > 500


def test_more_arms_make_a_higher_picture() -> None:
    few, many = (
        results_of(**{f"arm{number}": [report_of("1110")] for number in range(count)})
        for count in (1, 5)
    )
    low, high = (
        picture_of(files_of(ablation_report(results), results)["arms.png"])
        for results in (few, many)
    )
    assert low.shape[0] < high.shape[0]
    assert low.shape[1] == high.shape[1]


def test_bars_are_as_long_as_the_rates() -> None:
    short, long = (
        picture_of(files_of(ablation_report(results), results)["arms.png"])
        for results in (
            results_of(plain=[report_of("1000", exact_match="0000")]),
            results_of(plain=[report_of("1111", exact_match="0000")]),
        )
    )
    assert coloured(short) < coloured(long)


def test_without_evaluations_the_picture_of_curves_is_empty_and_says_so() -> None:
    none = results_of(plain=[report_of("1100")], other=[report_of("1111")])
    other = results_of(plain=[report_of("1100", curve=(0.2, 0.5))], other=[report_of("1111")])
    empty, half = (
        picture_of(files_of(ablation_report(results), results)["curves.png"])
        for results in (none, other)
    )
    assert coloured(empty) == 0
    assert (empty < 128).any()
    assert coloured(half) > 100


def test_curves_end_where_the_shortest_does() -> None:
    """Runs with patience end at different steps; a mean over fewer seeds would jump."""
    uneven = results_of(
        plain=[report_of("1100", curve=(0.2, 0.5)), report_of("1100", curve=(0.4, 0.5, 0.9, 0.9))]
    )
    even = results_of(
        plain=[report_of("1100", curve=(0.2, 0.5)), report_of("1100", curve=(0.4, 0.5))]
    )
    one, other = (
        files_of(ablation_report(results), results)["curves.png"] for results in (uneven, even)
    )
    assert (picture_of(one) == picture_of(other)).all()


def test_where_every_run_failed_the_report_says_that() -> None:
    results = results_of(plain=["died"], other=["died too"])
    report = ablation_report(results)
    assert report["arms"][1]["against_first"] is None
    files = files_of(report, results)
    assert files.keys() == FILES
    text = files["report.md"].decode()
    assert row_of(text, "parser=plain") == ["parser=plain", "0 of 1", "-", "-", "-", "-"]
    assert "- parser=other,seed=0: died too" in text.splitlines()
    assert coloured(picture_of(files["curves.png"])) == 0
    assert picture_of(files["arms.png"]).shape[0] > 0


def test_where_the_first_arm_failed_others_are_told_all_the_same() -> None:
    results = results_of(plain=["died"], other=[report_of("1110")])
    text = text_of(results)
    assert row_of(text, "parser=other")[3] == "75.0"
    assert row_of(text, "1 to 5") == ["1 to 5", "75.0"]


def test_a_reference_is_told_by_all_its_choices() -> None:
    results = two_arms()
    assert "reference" not in text_of(results)
    named = {
        replace(arm, named=("parser",) if row else ()): runs
        for row, (arm, runs) in enumerate(results.items())
    }
    choices = ", ".join(f"{axis}={name}" for axis, name in next(iter(named)).choices.items())
    assert f"- reference: {choices}; each other arm" in text_of(named)
