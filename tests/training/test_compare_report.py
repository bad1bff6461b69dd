"""What a comparison says of its runs: one table, and the same for machines."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nmn.training.compare_report import Results, comparison_files, comparison_report
from nmn.training.grid import Job, Result


def told(right: int, of: int, low: float, high: float) -> dict[str, Any]:
    return {"accuracy": right / of, "interval": [low, high], "correct": right, "total": of}


def report(right: int, *, seconds: float = 60.0, memory: float | None = 2.0**30) -> dict[str, Any]:
    return {
        **told(right, 100, 0.1, 0.9),
        "by_root": {"exists": told(right, 60, 0.2, 0.8), "count": told(right // 2, 40, 0.3, 0.7)},
        "by_family": {"count": told(right, 60, 0.2, 0.8), "exists 2": told(right // 2, 40, 0, 1)},
        "supervision": "answers alone",
        "parameters": 12_345,
        "questions_per_second": 500.0,
        "memory": memory,
        "made": {"training_seconds": seconds, "steps": 10},
        "curve": [{"step": 5, "seconds": 30.0, "accuracy": 0.5}],
    }


def result(name: str, seed: int, found: dict[str, Any] | None, problem: str = "") -> Result:
    return Result(Job(name, Path(name), {"seed": seed}), found, problem)


@pytest.fixture
def results() -> Results:
    return {
        "film": [result("film", seed, report(49 + seed, seconds=50 + seed)) for seed in (0, 2)],
        "mac": [result("mac", 0, report(30, memory=None)), result("mac,1", 1, None, "it died")],
        "none": [result("none", 0, None, "no memory")],
    }


def test_seeds_are_brought_together(results: Results) -> None:
    found = comparison_report(results, {"budget": "5 minutes"})
    assert (found["kind"], found["questions"]) == ("root", 100)
    film, mac, none = found["models"]
    assert film["accuracy"]["mean"] == pytest.approx(0.5)
    # Student's t with one degree of freedom: 12.706 times the standard error of 0.49 and 0.51.
    low, high = film["accuracy"]["interval"]
    assert (low, high) == pytest.approx((0.5 - 12.706 * 0.01, 0.5 + 12.706 * 0.01))
    assert (film["accuracy"]["lowest"], film["accuracy"]["highest"]) == (0.49, 0.51)
    assert film["by_root"]["exists"]["mean"] == pytest.approx(50 / 60)
    assert (film["training_seconds"], film["memory"], film["failed"]) == (51.0, 2.0**30, [])
    assert mac["accuracy"]["interval"] == [0.1, 0.9]  # of one run, over its questions
    assert (mac["runs"], mac["failed"], mac["memory"]) == (2, ["mac,1: it died"], None)
    assert none == {"model": "none", "runs": 1, "failed": ["none: no memory"]}


def test_the_best_way_to_group_that_all_have_is_taken(results: Results) -> None:
    for run in results["mac"]:
        if run.report is not None:
            del run.report["by_root"]
    assert comparison_report(results, {})["kind"] == "family"


def test_the_table_has_a_row_for_each_model(results: Results) -> None:
    found = comparison_report(results, {"budget": "5 minutes"})
    text = comparison_files(found, results)["report.md"].decode()
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in row] for row in rows]
    assert cells[0][:4] == ["model", "all", "count", "exists"]
    assert [row[0] for row in cells[2:]] == ["film", "mac", "none"]
    assert cells[2][1].startswith("50.0")
    assert cells[2][4:] == ["answers alone", "2", "12,345", "51", "500", "1024"]
    assert cells[3][4:] == ["answers alone", "1", "12,345", "60", "500", "-"]
    assert set(cells[4][1:]) == {"-"}
    assert "- budget: 5 minutes." in text
    assert "- mac,1: it died" in text
    assert "- none: no memory" in text


def test_machines_are_told_the_same(results: Results) -> None:
    found = comparison_report(results, {})
    json.dumps(found, allow_nan=False)
    files = comparison_files(found, results)
    models = list(csv.DictReader(io.StringIO(files["models.csv"].decode())))
    assert [(row["model"], row["group"]) for row in models] == [
        (model, group) for model in ("film", "mac") for group in ("all", "count", "exists")
    ]
    assert float(models[0]["mean"]) == pytest.approx(0.5)
    runs = list(csv.DictReader(io.StringIO(files["runs.csv"].decode())))
    assert [(row["model"], row["seed"], row["problem"]) for row in runs] == [
        ("film", "0", ""),
        ("film", "2", ""),
        ("mac", "0", ""),
        ("mac", "1", "it died"),
        ("none", "0", "no memory"),
    ]
    assert (runs[1]["accuracy"], runs[1]["steps"], runs[3]["accuracy"]) == ("0.51", "10", "")


def test_plots_are_drawn_with_and_without_results(results: Results) -> None:
    for given in (results, {"none": results["none"]}):
        files = comparison_files(comparison_report(given, {}), given)
        for name in ("models.png", "curves.png"):
            picture = Image.open(io.BytesIO(files[name])).convert("L")
            dark, light = picture.getextrema()
            assert dark < light  # type: ignore[operator]
