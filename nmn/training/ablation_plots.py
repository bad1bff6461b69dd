"""What an ablation found, drawn: every measure of every arm, and learning curves."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from nmn.training.ablation import Arm
from nmn.training.grid import Result
from nmn.training.parser_report import HEADINGS

_DPI = 100

Results = Mapping[Arm, Sequence[Result]]
"""What came of the runs of each arm."""


def bars(report: Mapping[str, Any]) -> bytes:
    """Every measure of every arm, with its interval."""
    arms = [arm for arm in report["arms"] if arm.get("accuracy")]
    figure = Figure(figsize=(8, 1.2 + 0.5 * len(arms)), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    height = 0.8 / len(HEADINGS)
    for place, (name, heading) in enumerate(HEADINGS.items()):
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


def curves(results: Results, measure: str) -> bytes:
    """The measure on what was kept from training, step by step: means over seeds and all seeds.

    Where questions are kept that have no programs, their answers are what is known of every step;
    so they are drawn in place of a measure that is not.
    """
    reports = [run.report for runs in results.values() for run in runs if run.report is not None]
    if not any(measure in line for report in reports for line in report["curve"]):
        measure = "accuracy"
    figure = Figure(figsize=(10, 4.5), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    colors = colormaps["tab10"](range(10)).tolist()
    axes.set_prop_cycle(color=colors * 2, linestyle=["-"] * 10 + ["--"] * 10)
    drawn = False
    for arm, runs in results.items():
        each = [
            {line["step"]: line[measure] for line in run.report["curve"] if measure in line}
            for run in runs
            if run.report is not None
        ]
        shared = sorted(set.intersection(*map(set, each))) if each else []
        if not shared:
            continue
        drawn = True
        means = [sum(curve[step] for curve in each) / len(each) for step in shared]
        (line,) = axes.plot(shared, means, marker=".", label=arm.name)
        for curve in each if len(each) > 1 else ():
            rates = [curve[step] for step in shared]
            color, style = line.get_color(), line.get_linestyle()
            axes.plot(shared, rates, color=color, linestyle=style, alpha=0.25, linewidth=0.8)
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("step")
    right_everywhere = "right on all scenes of a question"
    told = right_everywhere if measure == "accuracy" else HEADINGS[measure]
    axes.set_ylabel(f"{told}, kept questions")
    if drawn:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    else:
        axes.set_title("no curves: training.evaluate_every is 0")
    return _png(figure)


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()
