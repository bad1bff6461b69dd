"""How the cost of batched execution grows: with the batch, the programs, and the pictures.

    python benchmarks/growth.py [--plot FILE.png] [--rounds 3] [--json]

Questions a second, forward and backward, on one thread, of both families at 32 channels: the best
of some rounds over all points, as machines have slower and faster minutes. Without a mention
otherwise 64 questions, 10 about a picture, 12x12 cells, and the programs of
`benchmarks/executor.py`. Lengths are of programs made for it: `relate` and `filter` in turn.
"""

import argparse
import json
import platform
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from workload import (
    WIDTHS,
    Width,
    batch_of,
    clevr_programs,
    executor,
    programs_of,
    step_seconds,
)

from nmn.domain import Domain, load_domain
from nmn.memory import keep_freed_memory
from nmn.nn.stem import StemConfig
from nmn.program.program import Node, Program
from nmn.seeding import generator

BATCHES = tuple(1 << power for power in range(13))
LENGTHS = (3, 4, 6, 8, 12, 16, 20, 30, 40, 50, 60)
SIDES = (7, 8, 10, 12, 14, 16, 20, 24, 28)
FAMILIES = ("tbd", "attention")


@dataclass(frozen=True)
class Point:
    """What is executed for one point of a curve."""

    curve: str
    at: int
    programs: tuple[Program, ...]
    width: Width


def chain(domain: Domain, length: int, number: int) -> Program:
    """A program of `length` nodes: `exists` of a chain of relations and filters."""
    random = generator(0, "chain", length, number)
    nodes = [Node("find", str(random.choice(domain.concepts)))]
    steps = (("relate", domain.relations), ("filter", domain.concepts))
    for place in range(length - 2):
        operation, names = steps[place % 2]
        nodes.append(Node(operation, str(random.choice(names)), (place,)))
    return Program((*nodes, Node("exists", None, (length - 2,))))


def points() -> Iterator[Point]:
    """All points of all curves."""
    domain, small = load_domain("clevr"), WIDTHS["small"]
    usual = tuple(programs_of(0, 64))
    for count in BATCHES:
        yield Point("batch size", count, tuple(programs_of(0, count)), small)
    for length in LENGTHS:
        made = tuple(chain(domain, length, number) for number in range(64))
        yield Point("program length", length, made, small)
    for side in SIDES:
        stem = StemConfig(height=side, width=side, layers=((32, 1, 1),))
        yield Point("cells in a row", side, usual, replace(small, stem=stem))


def measure(point: Point, family: str) -> float:
    """Questions a second."""
    made = executor("batched", family, point.width)
    batch = batch_of(point.programs, 10, point.width)
    return len(point.programs) / step_seconds(made, batch, "forward+backward")


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw all curves into a file."""
    curves = list(dict.fromkeys(row["curve"] for row in rows))
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(curves), sharey=True))
    for axis, curve in zip(axes, curves, strict=True):
        for family in FAMILIES:
            found = [row for row in rows if row["curve"] == curve]
            at, speeds = [row["at"] for row in found], [row[family] for row in found]
            axis.plot(at, speeds, marker="o", label=family)
        axis.set(xlabel=curve, xscale="log", yscale="log")
        shown = at if len(at) < 10 else at[::2]
        axis.set_xticks(shown, [str(place) for place in shown])
        axis.minorticks_off()
        axis.grid(visible=True, which="both", alpha=0.3)
    axes[0].set_ylabel("questions a second, forward+backward")
    axes[0].legend()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Print the table, and draw it where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    machine = f"{platform.machine()}, torch {torch.__version__}, {clevr_programs()[0]}, 1 thread"
    everything = list(points())
    best = [dict.fromkeys(FAMILIES, 0.0) for _ in everything]
    for _ in range(options.rounds):
        for point, speeds in zip(everything, best, strict=True):
            for family in FAMILIES:
                speeds[family] = max(speeds[family], measure(point, family))
    rows: list[dict[str, Any]] = [
        {"curve": point.curve, "at": point.at, **speeds}
        for point, speeds in zip(everything, best, strict=True)
    ]
    if not options.json:
        print(machine)
        print(f"{'':15} {'at':>5}" + "".join(f" {family:>11}" for family in FAMILIES))
        for row in rows:
            columns = "".join(f" {row[family]:>11.1f}" for family in FAMILIES)
            print(f"{row['curve']:15} {row['at']:>5}{columns}")
    if options.plot:
        plot(rows, options.plot)
    if options.json:
        print(json.dumps({"machine": machine, "rows": rows}))


if __name__ == "__main__":
    main()
