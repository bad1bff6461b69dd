"""Train the preset `shapes` on several seeds; time, peak memory, accuracy on a SHAPES folder.

    python benchmarks/shapes.py --data FOLDER [--split val] [--seeds 5] [--reference] [--json]

Every training is a process of its own, timed from its start to its end with all imports and the
generation of its pictures; "training" is the part from the first step to the last. Questions are
parsed from their English. With `--reference` each seed is also trained with the reference executor,
one program after the other, and `ratio` says how much longer its training takes.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def nmn(*arguments: str) -> tuple[dict[str, Any], float, float]:
    """Run a command: its report, wall-clock seconds, and peak memory in MiB."""
    command = [sys.executable, "-m", "nmn.cli.main", *arguments, "--json"]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    kib = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    report: dict[str, Any] = json.loads(output)
    return report, seconds, kib / 1024


def measure(seed: int, data: str, split: str, executor: str = "batched") -> dict[str, Any]:
    """One training and its evaluation."""
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "model")
        chosen = ("--set", f"seed={seed}", "--set", f"model.executor={executor}")
        made, seconds, peak = nmn("train", "shapes", *chosen, "--out", out, "--device", "cpu")
        report, _, _ = nmn("evaluate", out, "--data", data, "--split", split)
    unseen = report["by_composition"].get("unseen", {"total": 0})["total"]
    return {
        "seed": seed,
        "seconds": round(seconds, 1),
        "training": made["training_seconds"],
        "peak_mib": round(peak),
        "unseen": unseen,
        **{name: report[name] for name in ("correct", "total", "accuracy", "interval")},
    }


def main() -> None:
    """Print a row a seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--split", default="val")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--reference", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    runs = []
    columns = ["seed", "seconds", "training", "peak_mib", "correct", "total", "unseen"]
    if options.reference:
        columns += ["reference_training", "reference_correct", "ratio"]
    if not options.json:
        print(f"{platform.machine()}, {os.cpu_count()} cores")
        print(" ".join(f"{column:>8}" for column in columns))
    for seed in range(options.seeds):
        run = measure(seed, options.data, options.split)
        if options.reference:
            other = measure(seed, options.data, options.split, "reference")
            run["reference_training"] = other["training"]
            run["reference_correct"] = other["correct"]
            run["ratio"] = round(other["training"] / run["training"], 2)
        runs.append(run)
        if not options.json:
            widths = [max(8, len(column)) for column in columns]
            cells = zip(columns, widths, strict=True)
            print(" ".join(f"{run[column]:>{width}}" for column, width in cells), flush=True)
    if options.json:
        print(json.dumps({"cores": os.cpu_count(), "runs": runs}))


if __name__ == "__main__":
    main()
