"""What an ablation found: tables, tests between arms, learning curves."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from nmn.seeding import generator
from nmn.training.ablation import REFERENCE
from nmn.training.ablation_plots import Results, bars, curves
from nmn.training.comparison import holm, mean_over_seeds, paired_test
from nmn.training.grid import Result
from nmn.training.metrics import natural_order
from nmn.training.parser_report import HEADINGS, MEASURES
from nmn.training.tables import csv_text, markdown_table, stated_mean

_LEGEND = """\
Means over seeds with 95% intervals (Student's t), on the questions kept for testing. They are \
about other seeds: other initial weights and orders, and where questions are generated other ones \
too. Where all seeds do equally well, the interval has no width.

- exact match: the program is the stored one, in canonical form.
- right answers: the program gives the right answer on the scene. A question that is asked of \
several scenes counts once for each of them. In learning curves it counts once, and only if the \
answers on all its scenes are right.
- well-typed: what is said is a program.
- training seconds: without the making of data; `-` where nothing is trained."""
_TESTED, _TALLY = ("difference", "p", "p_holm"), ("better", "worse", "equal")


def ablation_report(results: Results, measure: str = "accuracy") -> dict[str, Any]:
    """Means over seeds of each arm, and tests against the first one, with Holm's correction.

    Args:
        measure: what the tests are about.
    """
    first = next(iter(results))
    arms = []
    for arm, runs in results.items():
        reports = [run.report for run in runs if run.report is not None]
        entry: dict[str, Any] = {
            "arm": arm.name,
            "choices": dict(arm.choices),
            "runs": len(runs),
            "failed": [f"{run.job.name}: {run.problem}" for run in runs if run.problem],
        }
        if reports:
            entry |= {name: _mean(reports, name) for name in MEASURES}
            entry["training_seconds"] = _training_seconds(reports)
            entry["by_family"] = _means_by(reports, "by_family", measure)
            entry["by_words"] = _means_by(reports, "by_words", measure)
        if arm is not first:
            entry["against_first"] = _test(results[first], runs, measure)
            pairs = zip(results[first], runs, strict=True)
            entry["asked_otherwise"] = sum(_asked_otherwise(*pair) for pair in pairs)
        arms.append(entry)
    tests = [arm["against_first"] for arm in arms if arm.get("against_first")]
    for test, p in zip(tests, holm([test["p"] for test in tests]), strict=True):
        test["p_holm"] = p
    return {
        "measure": measure,
        "compared_with": first.name,
        "comparisons": len(tests),
        "arms": arms,
    }


def files_of(report: Mapping[str, Any], results: Results) -> dict[str, bytes]:
    """The report as Markdown, CSV and PNG, by file name."""
    return {
        "report.md": _markdown(report).encode(),
        "runs.csv": _runs(results).encode(),
        "comparisons.csv": _comparisons(report).encode(),
        "families.csv": _groups(report, "by_family").encode(),
        "words.csv": _groups(report, "by_words").encode(),
        "arms.png": bars(report),
        "curves.png": curves(results, report["measure"]),
    }


def _training_seconds(reports: Sequence[Mapping[str, Any]]) -> float | None:
    """Their mean; None where nothing is trained."""
    known = [report["made"].get("training_seconds") for report in reports]
    taken = [seconds for seconds in known if seconds is not None]
    return sum(taken) / len(taken) if taken else None


def _mean(reports: Sequence[Mapping[str, Any]], measure: str) -> dict[str, Any] | None:
    rates = [report[measure]["rate"] for report in reports]
    known = [rate for rate in rates if rate is not None]
    return asdict(mean_over_seeds(known)) if known else None


def _means_by(
    reports: Sequence[Mapping[str, Any]], kind: str, measure: str
) -> dict[str, dict[str, Any] | None]:
    names = {name for report in reports for name in report[kind]}
    return {
        name: _mean([report[kind][name] for report in reports if name in report[kind]], measure)
        for name in sorted(names, key=natural_order)
    }


def _test(first: Sequence[Result], other: Sequence[Result], measure: str) -> dict[str, Any] | None:
    """The paired test over the seeds that both arms have finished, and what is known in both."""
    differences, clusters, seeds = [], [], []
    for one, two in zip(first, other, strict=True):
        if one.report is None or two.report is None or _asked_otherwise(one, two):
            continue
        compared = zip(
            one.report["outcomes"][measure],
            two.report["outcomes"][measure],
            two.report["clusters"],
            strict=True,
        )
        for mine, its, cluster in compared:
            if "-" not in (mine, its):
                differences.append(float(its) - float(mine))
                clusters.append(cluster)
                seeds.append(two.job.settings["seed"])
    if not differences:
        return None
    rng = generator(0, "permutations")
    found = paired_test(np.array(differences), np.array(clusters), np.array(seeds), rng)
    return asdict(found)


def _asked_otherwise(one: Result, two: Result) -> bool:
    """Whether two runs were tested on other questions, so that there is nothing to pair."""
    if one.report is None or two.report is None:
        return False
    return bool(one.report["clusters"] != two.report["clusters"])


def _markdown(report: Mapping[str, Any]) -> str:
    measure = report["measure"]
    rows = [["arm", "runs", *HEADINGS.values(), "training seconds"]]
    for arm in report["arms"]:
        runs = str(arm["runs"] - len(arm["failed"]))
        runs += f" of {arm['runs']}" if arm["failed"] else ""
        rates = [stated_mean(arm.get(name)) for name in HEADINGS]
        seconds = arm.get("training_seconds")
        rows.append([arm["arm"], runs, *rates, "-" if seconds is None else f"{seconds:.0f}"])
    lines = ["# Ablation", "", _LEGEND, *_reference(report), "", *markdown_table(rows)]
    failed = [problem for arm in report["arms"] for problem in arm["failed"]]
    if failed:
        lines += ["", "Failed runs:", "", *(f"- {problem}" for problem in failed)]
    lines += _compared(report)
    for kind in ("words", "family"):
        lines += ["", f"## {HEADINGS[measure]} by {kind}", "", *_table(report, f"by_{kind}")]
    lines += ["", "![arms](arms.png)", "", "![learning curves](curves.png)", ""]
    return "\n".join(lines)


def _reference(report: Mapping[str, Any]) -> list[str]:
    """What the first arm is, where its name does not tell."""
    first = report["arms"][0]
    if first["arm"] != REFERENCE:
        return []
    choices = ", ".join(f"{axis}={name}" for axis, name in first["choices"].items())
    return [f"- {REFERENCE}: {choices}; each other arm differs from it as its name says"]


def _compared(report: Mapping[str, Any]) -> list[str]:
    """The tests against the first arm, if there are other arms."""
    heading, others = HEADINGS[report["measure"]], report["arms"][1:]
    if not others:
        return []
    columns = ["difference", "p", "p (Holm)", "questions", *_TALLY, "seeds better, worse, equal"]
    rows = [["arm", *columns]]
    for arm in others:
        cells = ["-"] * len(columns)
        if (test := arm["against_first"]) is not None:
            tally = [test["questions"][name] for name in _TALLY]
            cells = [f"{100 * test['difference']:+.1f}", f"{test['p']:.4f}"]
            cells += [f"{test['p_holm']:.4f}", str(sum(tally)), *map(str, tally)]
            cells.append(", ".join(str(test["seeds"][name]) for name in _TALLY))
        rows.append([arm["arm"], *cells])
    text = (
        f"The difference in {heading}, in percentage points, on the same questions and for the "
        "seeds that both arms have finished; p of a paired permutation test over questions, which "
        "is about these trained parsers on other questions; and p corrected by Holm's method for "
        f"the {report['comparisons']} comparisons of this table, not for those of other measures "
        "or reports. Then how many different questions are compared, and on how many of them the "
        "arm is better, worse and equal, all seeds and scenes of a question together; and the "
        "same of seeds."
    )
    lines = [
        "",
        f"## Compared with `{report['compared_with']}`",
        "",
        text,
        "",
        *markdown_table(rows),
    ]
    for arm in others:
        if count := arm["asked_otherwise"]:
            lines += ["", f"- {arm['arm']}: {count} seeds left out, tested on other questions"]
    return lines


def _table(report: Mapping[str, Any], kind: str) -> list[str]:
    arms = [arm for arm in report["arms"] if kind in arm]
    names = sorted({name for arm in arms for name in arm[kind]}, key=natural_order)
    rows = [
        [name, *(stated_mean(arm[kind].get(name), interval=False) for arm in arms)]
        for name in names
    ]
    return markdown_table([["", *(arm["arm"] for arm in arms)], *rows])


def _runs(results: Results) -> str:
    axes = list(next(iter(results)).choices)
    rows: list[list[Any]] = [[*axes, "seed", *MEASURES, "training_seconds", "problem"]]
    for arm, runs in results.items():
        for run in runs:
            report = run.report
            measured: list[Any] = [""] * (len(MEASURES) + 1)
            if report is not None:
                measured = [report[name]["rate"] for name in MEASURES]
                measured.append(report["made"].get("training_seconds"))
            rows.append([*arm.choices.values(), run.job.settings["seed"], *measured, run.problem])
    return csv_text(rows)


def _comparisons(report: Mapping[str, Any]) -> str:
    tallied = [f"{kind}_{name}" for kind in ("questions", "seeds") for name in _TALLY]
    rows: list[list[Any]] = [["arm", "compared_with", "measure", *_TESTED, *tallied]]
    for arm in report["arms"]:
        test = arm.get("against_first")
        if test is not None:
            counts = [test[kind][name] for kind in ("questions", "seeds") for name in _TALLY]
            named = [arm["arm"], report["compared_with"], report["measure"]]
            rows.append([*named, *(test[name] for name in _TESTED), *counts])
    return csv_text(rows)


def _groups(report: Mapping[str, Any], kind: str) -> str:
    rows: list[list[Any]] = [["arm", "group", "mean", "low", "high", "seeds"]]
    for arm in report["arms"]:
        for name, mean in arm.get(kind, {}).items():
            if mean is not None:
                low, high = mean["interval"] or ("", "")
                rows.append([arm["arm"], name, mean["mean"], low, high, mean["seeds"]])
    return csv_text(rows)
