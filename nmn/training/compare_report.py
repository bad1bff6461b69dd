"""What a comparison found: one table of all models, plots, and the same for machines."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from nmn.training.comparison import mean_over_seeds
from nmn.training.grid import Result
from nmn.training.metrics import natural_order
from nmn.training.tables import csv_text, markdown_table, stated_mean

Results = Mapping[str, Sequence[Result]]
"""What came of the runs of each model."""

_KINDS = ("sort", "root", "family", "type")
"""Ways to group questions, the best first for a table."""

_LEGEND = """\
Right answers in percent, on questions kept from training. Several seeds: the mean, with a 95% \
interval by Student's t, which is about other seeds. One seed: the interval (Wilson) is about \
other questions of that kind on other pictures, and this trained model.

- learned from: what training looks at. "answers alone": questions and answers. "answers": \
programs too. "scene": programs and what is seen where. A frozen stem aside.
- parameters: those that are learned; not those of a stem that is frozen.
- training: seconds, without the making of data; a model that was loaded had a budget of its own.
- questions/s: the whole of answering, without what a frozen stem does, beside what else the \
computer did.
- memory: the most that the process (on a GPU: its tensors) ever held, in MiB, with the data."""


def comparison_report(results: Results, same: Mapping[str, str]) -> dict[str, Any]:
    """Means over seeds of each model.

    Args:
        same: what was the same for all.
    """
    reports = {
        name: [run.report for run in runs if run.report is not None]
        for name, runs in results.items()
    }
    known = [report for found in reports.values() for report in found]
    kind = next((kind for kind in _KINDS if all(f"by_{kind}" in report for report in known)), "")
    models = [
        {
            "model": name,
            "runs": len(runs),
            "failed": [f"{run.job.name}: {run.problem}" for run in runs if run.problem],
            **(_means(reports[name], f"by_{kind}") if reports[name] else {}),
        }
        for name, runs in results.items()
    ]
    questions = max((report["total"] for report in known), default=0)
    return {"same": dict(same), "kind": kind, "questions": questions, "models": models}


def _means(reports: Sequence[Mapping[str, Any]], by: str) -> dict[str, Any]:
    """What the runs of one model have in common.

    Args:
        by: how questions are grouped.
    """
    groups = sorted({name for report in reports for name in report.get(by, {})}, key=natural_order)
    return {
        "accuracy": _mean(reports),
        by: {
            name: _mean([report[by][name] for report in reports if name in report[by]])
            for name in groups
        },
        "supervision": reports[0]["supervision"],
        "parameters": reports[0]["parameters"],
        "training_seconds": fmean(report["made"]["training_seconds"] for report in reports),
        "steps": fmean(report["made"]["steps"] for report in reports),
        "questions_per_second": fmean(report["questions_per_second"] for report in reports),
        "memory": max(report["memory"] or 0.0 for report in reports) or None,
    }


def comparison_files(report: Mapping[str, Any], results: Results) -> dict[str, bytes]:
    """The report as Markdown, CSV and PNG, by file name."""
    return {
        "report.md": _markdown(report).encode(),
        "models.csv": _models_csv(report).encode(),
        "runs.csv": _runs_csv(report, results).encode(),
        "models.png": _bars(report),
        "curves.png": _curves(results),
    }


def _mean(reports: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The mean accuracy; of one run with the interval over its questions."""
    rated = [report for report in reports if report["accuracy"] is not None]
    if not rated:
        return None
    mean = asdict(mean_over_seeds([report["accuracy"] for report in rated]))
    return mean if len(rated) > 1 else {**mean, "interval": rated[0]["interval"]}


def _groups(report: Mapping[str, Any]) -> list[str]:
    names = {name for model in report["models"] for name in model.get(f"by_{report['kind']}", {})}
    return sorted(names, key=natural_order)


def _markdown(report: Mapping[str, Any]) -> str:
    groups, by = _groups(report), f"by_{report['kind']}"
    measured = ["learned from", "seeds", "parameters", "training", "questions/s", "memory"]
    rows = [["model", "all", *groups, *measured]]
    for model in report["models"]:
        ended = model["runs"] - len(model["failed"])
        if not ended:
            rows.append([model["model"], *["-"] * (1 + len(groups) + len(measured))])
            continue
        shares = [stated_mean(model["accuracy"])]
        shares += [stated_mean(model[by].get(group), interval=False) for group in groups]
        rows.append(
            [
                model["model"],
                *shares,
                model["supervision"],
                str(ended),
                f"{model['parameters']:,}",
                f"{model['training_seconds']:.0f}",
                f"{model['questions_per_second']:.0f}",
                "-" if model["memory"] is None else f"{model['memory'] / 2**20:.0f}",
            ]
        )
    lines = ["# Comparison", "", f"{report['questions']:,} questions. {_LEGEND}", ""]
    lines += [*(f"- {name}: {told}." for name, told in report["same"].items()), ""]
    lines += markdown_table(rows)
    failed = [problem for model in report["models"] for problem in model["failed"]]
    if failed:
        lines += ["", "Failed runs:", "", *(f"- {problem}" for problem in failed)]
    return "\n".join([*lines, "", "![models](models.png)", "", "![curves](curves.png)", ""])


def _models_csv(report: Mapping[str, Any]) -> str:
    rows: list[list[Any]] = [["model", "group", "mean", "low", "high", "seeds"]]
    for model in report["models"]:
        if "accuracy" not in model:
            continue
        for group, mean in {"all": model["accuracy"], **model[f"by_{report['kind']}"]}.items():
            if mean is not None:
                low, high = mean["interval"] or ("", "")
                rows.append([model["model"], group, mean["mean"], low, high, mean["seeds"]])
    return csv_text(rows)


def _runs_csv(report: Mapping[str, Any], results: Results) -> str:
    groups, by = _groups(report), f"by_{report['kind']}"
    measured = ["parameters", "training_seconds", "steps", "questions_per_second", "memory"]
    rows: list[list[Any]] = [["model", "seed", "accuracy", *groups, *measured, "problem"]]
    for name, runs in results.items():
        for run in runs:
            found = run.report
            cells: list[Any] = [""] * (1 + len(groups) + len(measured))
            if found is not None:
                of_groups = [found.get(by, {}).get(group, {}).get("accuracy") for group in groups]
                made = {**found["made"], **found}
                cells = [found["accuracy"], *of_groups, *(made[key] for key in measured)]
            rows.append([name, run.job.settings.get("seed", ""), *cells, run.problem])
    return csv_text(rows)


def _bars(report: Mapping[str, Any]) -> bytes:
    """The accuracy of every model, with its interval."""
    models = [model for model in report["models"] if model.get("accuracy")]
    figure = Figure(figsize=(8, 1.0 + 0.32 * len(models)), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    means = [model["accuracy"]["mean"] for model in models]
    ends = [
        (model["accuracy"]["interval"] or [mean, mean])
        for model, mean in zip(models, means, strict=True)
    ]
    reach = [
        [
            mean - end[place] if place == 0 else end[place] - mean
            for mean, end in zip(means, ends, strict=True)
        ]
        for place in (0, 1)
    ]
    axes.barh(range(len(models)), means, xerr=reach, error_kw={"elinewidth": 1})
    axes.set_yticks(range(len(models)), [model["model"] for model in models])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("right answers, questions kept from training")
    return _png(figure)


def _curves(results: Results) -> bytes:
    """The accuracy on what was kept from training, over its minutes."""
    figure = Figure(figsize=(10, 4.5), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    drawn = False
    for place, (name, runs) in enumerate(results.items()):
        shown = False
        for run in runs:
            curve = run.report["curve"] if run.report is not None else []
            if not curve:
                continue
            minutes = [line["seconds"] / 60 for line in curve]
            style = "-" if place < 10 else "--"
            label = None if shown else name
            rates = [line["accuracy"] for line in curve]
            axes.plot(minutes, rates, style, color=f"C{place % 10}", label=label, linewidth=1)
            drawn = shown = True
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("minutes of training")
    axes.set_ylabel("right answers, kept questions")
    if drawn:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    else:
        axes.set_title("no curves: training.evaluate_every is 0")
    return _png(figure)


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()
