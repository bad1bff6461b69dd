"""What an ablation found: tables, tests between arms, learning curves."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from nmn.seeding import generator
from nmn.training.ablation import Arm
from nmn.training.comparison import mean_over_seeds, paired_test
from nmn.training.grid import Result
from nmn.training.metrics import natural_order
from nmn.training.parser_report import MEASURES

_DPI = 100
_HEADINGS = {"exact_match": "exact match", "accuracy": "right answers", "well_typed": "well-typed"}

Results = Mapping[Arm, Sequence[Result]]


def ablation_report(results: Results, measure: str = "accuracy") -> dict[str, Any]:
    """Means over seeds of each arm, and tests against the first one.

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
            entry["seconds"] = sum(report["made"]["seconds"] for report in reports) / len(reports)
            entry["by_family"] = _means_by(reports, "by_family", measure)
            entry["by_words"] = _means_by(reports, "by_words", measure)
        if arm is not first:
            entry["against_first"] = _test(results[first], runs, measure)
        arms.append(entry)
    return {"measure": measure, "compared_with": first.name, "arms": arms}


def files_of(report: Mapping[str, Any], results: Results) -> dict[str, bytes]:
    """The report as Markdown, CSV and PNG, by file name."""
    return {
        "report.md": _markdown(report).encode(),
        "runs.csv": _runs(results).encode(),
        "families.csv": _groups(report, "by_family").encode(),
        "words.csv": _groups(report, "by_words").encode(),
        "arms.png": _bars(report),
        "curves.png": _curves(results, report["measure"]),
    }


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
        if one.report is None or two.report is None:
            continue
        if one.report["clusters"] == two.report["clusters"]:  # else there is nothing to pair
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


def _markdown(report: Mapping[str, Any]) -> str:
    measure = report["measure"]
    columns = ["arm", "runs", *_HEADINGS.values(), "seconds", "difference", "p", "better"]
    lines = [
        "# Ablation",
        "",
        f"Means over seeds with 95% intervals (Student's t). The last columns compare "
        f"{_HEADINGS[measure]} with those of `{report['compared_with']}` on the same questions: "
        "the difference, p of a paired permutation test over questions, and for how many seeds "
        "the arm was better, of those that were not even. p is about these trained parsers on "
        "other questions, and not corrected for the number of arms.",
        "",
        "| " + " | ".join(columns) + " |",
        "|---" * len(columns) + "|",
    ]
    for arm in report["arms"]:
        rates = [_stated(arm.get(name)) for name in _HEADINGS]
        seconds = f"{arm['seconds']:.0f}" if "seconds" in arm else "-"
        test = arm.get("against_first")
        tested = ["", "", ""]
        if test is not None:
            better = f"{test['seeds_better']} of {test['seeds']}"
            tested = [f"{100 * test['difference']:+.1f}", f"{test['p']:.4f}", better]
        runs = str(arm["runs"] - len(arm["failed"]))
        runs += f" of {arm['runs']}" if arm["failed"] else ""
        lines.append(f"| {arm['arm']} | {' | '.join([runs, *rates, seconds, *tested])} |")
    failed = [problem for arm in report["arms"] for problem in arm["failed"]]
    if failed:
        lines += ["", "Failed runs:", "", *(f"- {problem}" for problem in failed)]
    for kind in ("words", "family"):
        lines += ["", f"## {_HEADINGS[measure]} by {kind}", "", *_table(report, f"by_{kind}")]
    lines += ["", "![arms](arms.png)", "", "![learning curves](curves.png)", ""]
    return "\n".join(lines)


def _table(report: Mapping[str, Any], kind: str) -> list[str]:
    arms = [arm for arm in report["arms"] if kind in arm]
    names = sorted({name for arm in arms for name in arm[kind]}, key=natural_order)
    lines = ["| | " + " | ".join(arm["arm"] for arm in arms) + " |", "|---" * (len(arms) + 1) + "|"]
    for name in names:
        cells = [_share(arm[kind].get(name)) for arm in arms]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _share(mean: Mapping[str, Any] | None) -> str:
    return "-" if mean is None else f"{100 * mean['mean']:.1f}"


def _stated(mean: Mapping[str, Any] | None) -> str:
    if mean is None:
        return "-"
    if mean["interval"] is None:
        return f"{100 * mean['mean']:.1f}"
    low, high = mean["interval"]
    return f"{100 * mean['mean']:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def _runs(results: Results) -> str:
    axes = list(next(iter(results)).choices)
    rows: list[list[Any]] = [[*axes, "seed", *MEASURES, "seconds", "problem"]]
    for arm, runs in results.items():
        for run in runs:
            report = run.report
            measured: list[Any] = [""] * (len(MEASURES) + 1)
            if report is not None:
                measured = [report[name]["rate"] for name in MEASURES]
                measured.append(report["made"]["seconds"])
            rows.append([*arm.choices.values(), run.job.settings["seed"], *measured, run.problem])
    return _csv(rows)


def _groups(report: Mapping[str, Any], kind: str) -> str:
    rows: list[list[Any]] = [["arm", "group", "mean", "low", "high", "seeds"]]
    for arm in report["arms"]:
        for name, mean in arm.get(kind, {}).items():
            if mean is not None:
                low, high = mean["interval"] or ("", "")
                rows.append([arm["arm"], name, mean["mean"], low, high, mean["seeds"]])
    return _csv(rows)


def _csv(rows: Sequence[Sequence[Any]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()


def _bars(report: Mapping[str, Any]) -> bytes:
    """Every measure of every arm, with its interval."""
    arms = [arm for arm in report["arms"] if arm.get("accuracy")]
    figure = Figure(figsize=(8, 1.2 + 0.5 * len(arms)), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    height = 0.8 / len(_HEADINGS)
    for place, (name, heading) in enumerate(_HEADINGS.items()):
        known = [(row, arm[name]) for row, arm in enumerate(arms) if arm.get(name)]
        rates = [mean["mean"] for _, mean in known]
        reach = [
            [mean["mean"] - (mean["interval"] or (mean["mean"],))[0] for _, mean in known],
            [(mean["interval"] or (mean["mean"],))[-1] - mean["mean"] for _, mean in known],
        ]
        rows = [row + (place - 1) * height for row, _ in known]
        axes.barh(rows, rates, height, xerr=reach, label=heading, error_kw={"elinewidth": 1})
    axes.set_yticks(range(len(arms)), [arm["arm"] for arm in arms])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=3, frameon=False)
    return _png(figure)


def _curves(results: Results, measure: str) -> bytes:
    """The measure on what was kept from training, step by step: means over seeds and all seeds."""
    figure = Figure(figsize=(8, 4.5), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    drawn = False
    for arm, runs in results.items():
        curves = [
            {line["step"]: line[measure] for line in run.report["curve"] if measure in line}
            for run in runs
            if run.report is not None
        ]
        shared = sorted(set.intersection(*map(set, curves))) if curves else []
        if not shared:
            continue
        drawn = True
        means = [sum(curve[step] for curve in curves) / len(curves) for step in shared]
        (line,) = axes.plot(shared, means, marker=".", label=arm.name)
        for curve in curves if len(curves) > 1 else ():
            rates = [curve[step] for step in shared]
            axes.plot(shared, rates, color=line.get_color(), alpha=0.25, linewidth=0.8)
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("step")
    axes.set_ylabel(f"{_HEADINGS[measure]}, kept questions")
    if drawn:
        axes.legend(frameon=False)
    else:
        axes.set_title("no curves: training.evaluate_every is 0")
    return _png(figure)


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()
