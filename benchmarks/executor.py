"""The batched executor against the reference, in questions a second.

    python benchmarks/executor.py [--width small paper] [--threads 1 2] [--rounds 5] [--json]

In each round all contenders execute the same batch of 64 questions in turn, quick ones several
times; figures are medians, ratios are those of a round to the one-by-one execution of the `tbd`
family in single precision. "forward" is one of many batches in a session without gradient.
`GF/q` are billions of operations a question (two for a multiplication with its addition, backward
twice forward), as the modules define them. `limit` is the ratio that would be reached if all these
operations ran at the speed of a large convolution (128 channels, 14x14 cells, 64 examples, in the
same precision), which is measured in the same rounds; `share` is how much of it is reached. The
first column of `stem` says whether the convolutions that make features of pictures are in it.
"""

import argparse
import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Literal

import torch
from torch.nn import functional
from workload import (
    WIDTHS,
    Executor,
    Pass,
    Width,
    batch_of,
    clevr_programs,
    executor,
    programs_of,
    seconds,
    step,
    step_seconds,
)

from nmn.data.batch import Batch
from nmn.errors import OutOfMemoryError
from nmn.execution.batched import BatchedExecutor
from nmn.execution.costs import plan_cost
from nmn.memory import keep_freed_memory

QUESTIONS = 64
PASSES: tuple[Pass, ...] = ("forward", "forward+backward")
GPU_BATCHES = (64, 256, 1024, 4096)


@dataclass(frozen=True)
class Contender:
    """One way to execute."""

    name: str
    kind: Literal["reference", "batched"]
    family: str
    precision: Literal["float32", "bfloat16"] = "float32"

    def make(self, width: Width, **options: Any) -> Executor:
        """Its executor."""
        return executor(self.kind, self.family, width, precision=self.precision, **options)


BASE = Contender("tbd one by one", "reference", "tbd")
CONTENDERS = (
    BASE,
    Contender("tbd batched", "batched", "tbd"),
    Contender("tbd batched bf16", "batched", "tbd", "bfloat16"),
    Contender("attention one by one", "reference", "attention"),
    Contender("attention batched", "batched", "attention"),
)


@dataclass(frozen=True)
class Case:
    """What is executed, and on how many threads."""

    width: str
    per_picture: int
    direction: Pass
    stem: bool
    threads: int


def operations(made: Executor, batch: Batch, direction: Pass, width: Width) -> float:
    """Billions of operations of one batch, without a stem."""
    programs = [program for program in batch.programs if program is not None]
    cells = width.side**2
    if isinstance(made, BatchedExecutor):
        adds = plan_cost(made.plan(programs, batch.picture.tolist()), made.bank, cells)
        count = adds.multiply_adds
    else:
        names = [node.operation for program in programs for node in program.nodes]
        count = sum(made.bank.cost(name, cells).multiply_adds for name in names)
        count += len(programs) * made.bank.answer_cost(cells).multiply_adds
    return 2e-9 * count * (1 if direction == "forward" else 3)


def convolution_speed(direction: Pass, precision: str) -> float:
    """Billions of operations a second of a large convolution."""
    dtype = getattr(torch, precision)
    channels, side, count = 128, 14, 64
    shape = (count, channels, side, side)
    rows = torch.rand(shape, dtype=dtype).contiguous(memory_format=torch.channels_last)
    weight = torch.rand(channels, channels, 3, 3, dtype=dtype)
    backward = direction != "forward"
    rows.requires_grad_(backward)
    weight.requires_grad_(backward)

    def run() -> None:
        found = functional.conv2d(rows, weight, padding=1)
        if backward:
            torch.autograd.grad(found, (rows, weight), torch.ones_like(found))

    run()
    count_each = 2e-9 * 9 * channels * channels * side * side * count
    return count_each * (3 if backward else 1) / seconds(run)


def planning() -> float:
    """Milliseconds that planning a batch takes, its programs compiled, 10 questions a picture."""
    made = executor("batched", "attention", WIDTHS["small"])
    assert isinstance(made, BatchedExecutor)
    taken = []
    for turn in range(20):
        batch = programs_of(turn * QUESTIONS, QUESTIONS)
        pictures = [place // 10 for place in range(QUESTIONS)]
        for _ in range(2):  # remembered from the second time on
            made.plan(batch, pictures)
        taken.append(seconds(partial(made.plan, batch, pictures)))
    return 1e3 * median(taken)


def measure(case: Case, rounds: int) -> list[dict[str, Any]]:
    """A row for each contender."""
    torch.set_num_threads(case.threads)
    width = WIDTHS[case.width]
    made = {each: each.make(width, with_stem=case.stem) for each in CONTENDERS}
    taken: dict[str, list[float]] = {each.name: [] for each in CONTENDERS}
    counts: dict[str, list[float]] = {each.name: [] for each in CONTENDERS}
    speeds: dict[str, list[float]] = {"float32": [], "bfloat16": []}
    for turn in range(rounds):
        programs = programs_of(turn * QUESTIONS, QUESTIONS)
        batch = batch_of(programs, case.per_picture, width, with_stem=case.stem)
        for each, one in made.items():
            taken[each.name].append(step_seconds(one, batch, case.direction))
            counts[each.name].append(operations(one, batch, case.direction, width))
        for precision, found in speeds.items():
            found.append(convolution_speed(case.direction, precision))
    rows = []
    for each in CONTENDERS:
        ratios = [base / own for base, own in zip(taken[BASE.name], taken[each.name], strict=True)]
        row: dict[str, Any] = {
            **asdict(case),
            "contender": each.name,
            "questions_per_second": QUESTIONS / median(taken[each.name]),
            "ratio": median(ratios),
            "gflop_per_question": median(counts[each.name]) / QUESTIONS,
        }
        if each.family == "tbd" and not case.stem:
            least = median(counts[each.name]) / median(speeds[each.precision])
            row["limit"] = median(taken[BASE.name]) / least
            row["share"] = least / median(taken[each.name])
        rows.append(row)
    for precision, found in speeds.items():
        speed = {"contender": f"large convolution, {precision}", "gflops": median(found)}
        rows.append({**asdict(case), **speed})
    return rows


def peak(name: str, width: str) -> None:
    """Print the memory that forward and backward of a batch add, in MiB."""
    torch.set_num_threads(1)
    contender = next(each for each in CONTENDERS if each.name == name)
    made = contender.make(WIDTHS[width])
    batch = batch_of(programs_of(0, QUESTIONS), 10, WIDTHS[width])
    before = resident()
    Path("/proc/self/clear_refs").write_text("5")  # the peak from here on
    step(made, batch, "forward+backward")()
    print(resident("VmHWM") - before)


def resident(field: str = "VmRSS") -> int:
    """Memory of this process in MiB, now or at its peak (`VmHWM`)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith(field))


def peaks(width: str) -> dict[str, int]:
    """Peak memory of each contender, each in a process of its own."""
    command = [sys.executable, __file__, "--width", width, "--peak"]
    found = {}
    for each in CONTENDERS:
        done = subprocess.run([*command, each.name], check=True, capture_output=True)
        found[each.name] = int(done.stdout)
    return found


def on_gpu(width: str, direction: Pass, rounds: int) -> Iterator[dict[str, Any]]:
    """A row for each contender, each at its best number of questions at once."""
    base = 0.0
    for each in CONTENDERS:
        made = each.make(WIDTHS[width], device="cuda")
        best, at, memory = 0.0, 0, 0
        for questions in GPU_BATCHES[:1] if each.kind == "reference" else GPU_BATCHES:
            batch = batch_of(programs_of(0, questions), 10, WIDTHS[width], device="cuda")
            torch.cuda.reset_peak_memory_stats()
            try:
                taken = [step_seconds(made, batch, direction) for _ in range(rounds)]
                speed = questions / median(taken)
            except (torch.OutOfMemoryError, OutOfMemoryError):
                break
            if speed > best:
                best, at, memory = speed, questions, torch.cuda.max_memory_allocated() >> 20
        base = base or best
        yield {
            "width": width,
            "direction": direction,
            "contender": each.name,
            "questions_per_second": best,
            "ratio": best / base,
            "batch": at,
            "peak_mib": memory,
        }


def cases(widths: list[str], threads: list[int]) -> Iterator[Case]:
    """All that is measured on the CPU."""
    for width in widths:
        for count in threads:
            for per_picture in (10, 1):
                for direction in PASSES:
                    yield Case(width, per_picture, direction, stem=False, threads=count)
                yield Case(width, per_picture, PASSES[-1], stem=True, threads=count)


def table(rows: list[dict[str, Any]]) -> str:
    """The rows of one case, to print."""
    case = rows[0]
    with_stem = "with the stem" if case["stem"] else "without the stem"
    lines = [
        f"\n{case['width']}, {case['per_picture']} questions a picture, {case['direction']}, "
        f"{with_stem}, threads: {case['threads']}",
        f"{'':28} {'q/s':>9} {'ratio':>7} {'GF/q':>7} {'limit':>6} {'share':>6}",
    ]
    for row in rows:
        if "gflops" in row:
            lines.append(f"{row['contender']:28} {row['gflops']:>9.0f} GFLOP/s")
            continue
        limit = f"{row['limit']:>6.2f} {row['share']:>6.0%}" if "limit" in row else ""
        lines.append(
            f"{row['contender']:28} {row['questions_per_second']:>9.1f} {row['ratio']:>7.2f} "
            f"{row['gflop_per_question']:>7.4f} {limit}"
        )
    return "\n".join(lines)


def measure_all(options: argparse.Namespace, *, silent: bool) -> dict[str, Any]:
    """Everything, printed as it comes."""
    what = f"{platform.machine()}, torch {torch.__version__}, {clevr_programs()[0]}"
    say = (lambda *_: None) if silent else print
    report: dict[str, Any] = {"machine": what, "cases": [], "peak_mib": {}, "cuda": []}
    say(f"{what}; batches of {QUESTIONS}, medians of {options.rounds}")
    report["planning_ms"] = planning()
    say(f"planning of {QUESTIONS} compiled questions: {report['planning_ms']:.2f} ms")
    for case in cases(options.width, options.threads):
        rows = measure(case, options.rounds)
        report["cases"] += rows
        say(table(rows))
    for width in options.width if sys.platform == "linux" else ():
        report["peak_mib"][width] = found = peaks(width)
        say(f"\n{width}: memory of forward+backward above that of model and batch, in MiB")
        say("\n".join(f"{name:28} {mib:>9}" for name, mib in found.items()))
    if not torch.cuda.is_available():
        say("\nno CUDA device here: nothing measured on one")
        return report
    for direction in PASSES:
        rows = list(on_gpu("paper", direction, options.rounds))
        report["cuda"] += rows
        say(f"\n{torch.cuda.get_device_name()}, paper, {direction}, best batch of each")
        for row in rows:
            say(
                f"{row['contender']:28} {row['questions_per_second']:>9.0f} "
                f"{row['ratio']:>7.1f}  batch {row['batch']}, {row['peak_mib']} MiB"
            )
    return report


def main() -> None:
    """Measure, and print a table a case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", nargs="+", default=list(WIDTHS), choices=list(WIDTHS))
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    keep_freed_memory()
    if options.peak:
        peak(options.peak, options.width[0])
        return
    report = measure_all(options, silent=options.json)
    if options.json:
        print(json.dumps(report))


if __name__ == "__main__":
    main()
