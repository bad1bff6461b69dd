"""All pairs of cells of a relation network: in bounded memory, and as they are written.

    python benchmarks/pairs.py [--grid 14] [--units 256] [--layers 4] [--questions 16] [--threads 2]
                               [--repeats 3] [--hard 0.25] [--json]

The plain form builds all concatenations of two cells and the question in one tensor; it has the
same weights and gives the same sums. Both are measured alternately, forward and in training
(forward and gradient), with many input channels and with few. Memory is what a process of its own
comes to hold above what it held before. The last rows are hard attention, which lets a share of
the cells through: numbers that the layers of pairs compute, and the time of the whole.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nmn.baselines.base import Asked
from nmn.baselines.hard_attention import HardAttention
from nmn.baselines.relation_network import RelationNetwork, RelationNetworkConfig
from nmn.memory import keep_freed_memory
from nmn.nn.features import FeatureSize, grid_features
from nmn.nn.pairs import PairSums
from nmn.nn.question_encoder import EncodedQuestions

ASKED = 128
CHANNELS = (256, 26)
MODES = ("forward", "training")
FORMS = ("bounded", "plain")
TOLERANCE = 1e-5


def plain(pairs: PairSums, values: Tensor, picture: Tensor, question: Tensor) -> Tensor:
    """The sums of all pairs, as the paper writes them: concatenate, then layer by layer."""
    cells = values[picture]
    count = cells.shape[1]
    one = cells[:, :, None].expand(-1, -1, count, -1)
    other = cells[:, None].expand(-1, count, -1, -1)
    asked = question[:, None, None].expand(-1, count, count, -1)
    said = torch.cat([one, other, asked], 3)
    weights = torch.cat([pairs.one.weight, pairs.other.weight, pairs.question.weight], 1)
    said = torch.nn.functional.linear(said, weights, pairs.question.bias).relu()
    for layer in pairs.layers:
        said = layer(said).relu()
    return said.sum(2)


class Case:
    """Questions about two pictures, and what says all pairs of their cells."""

    def __init__(self, channels: int, arguments: argparse.Namespace) -> None:
        torch.manual_seed(0)
        cells, count = arguments.grid**2, arguments.questions
        self.pairs = PairSums(channels, ASKED, [arguments.units] * arguments.layers)
        self.values = torch.randn(2, cells, channels)
        self.present = torch.ones(2, cells, dtype=torch.bool)
        self.picture = torch.arange(count) % 2
        self.question = torch.randn(count, ASKED)

    def forward(self, form: str) -> Tensor:
        """The sums over all pairs of each question."""
        if form == "plain":
            return plain(self.pairs, self.values, self.picture, self.question).sum(1)
        sums: Tensor = self.pairs(self.values, self.present, self.picture, self.question)
        return sums.sum(1)

    def run(self, form: str, mode: str) -> None:
        """Compute them once."""
        if mode == "forward":
            with torch.no_grad():
                self.forward(form)
            return
        self.pairs.zero_grad(set_to_none=True)
        loss = self.forward(form).square().mean()
        loss.backward()  # type: ignore[no-untyped-call]

    def check(self) -> float:
        """How far both forms are apart, in parts of the largest sum."""
        with torch.no_grad():
            wanted, got = self.forward("plain"), self.forward("bounded")
        return float((wanted - got).abs().max() / wanted.abs().max())


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def held(channels: int, form: str, mode: str) -> float:
    """Bytes that a process of its own comes to hold for it."""
    own = [argument for argument in sys.argv[1:] if argument != "--json"]
    command = [sys.executable, __file__, *own, "--held", str(channels), form, mode]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def measure_held(arguments: argparse.Namespace) -> float:
    """The same, in that process."""
    channels, form, mode = arguments.held
    case = Case(int(channels), arguments)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    before = memory("VmRSS")
    case.run(form, mode)
    return memory("VmHWM") - before


def memory(field: str) -> float:
    """What Linux says of the memory of this process, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(f"{field}:"))) * 1024


def measure(channels: int, mode: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Time and memory of both forms, and their ratios."""
    case = Case(channels, arguments)
    apart = case.check()
    assert apart < TOLERANCE, f"the forms are {apart:.1e} apart"
    took: dict[str, list[float]] = {form: [] for form in FORMS}
    for form in FORMS:
        case.run(form, mode)  # the first time is slower
    for _ in range(arguments.repeats):
        for form in FORMS:
            took[form].append(seconds(partial(case.run, form, mode)))
    time_of = {form: statistics.median(took[form]) for form in FORMS}
    memory_of = {form: held(channels, form, mode) for form in FORMS}
    return {
        "channels": channels,
        "mode": mode,
        "seconds": time_of,
        "bytes": memory_of,
        "times_faster": time_of["plain"] / time_of["bounded"],
        "times_less_memory": memory_of["plain"] / memory_of["bounded"],
        "apart": apart,
    }


def measure_hard(arguments: argparse.Namespace) -> dict[str, Any]:
    """A relation network over all cells, and over a share of them."""
    torch.manual_seed(0)
    side, channels, count = arguments.grid, 64, 16
    config = RelationNetworkConfig(pairs=(arguments.units,) * arguments.layers, dropout=0.0)
    size = FeatureSize(channels, (side, side))
    whole = RelationNetwork(size, ASKED, 10, config).eval()
    behind = RelationNetwork(size, ASKED, 10, config).eval()
    hard = HardAttention(channels, ASKED, arguments.hard, "norm", behind).eval()
    words = EncodedQuestions(
        torch.randn(count, ASKED), torch.zeros(count, 1, ASKED), torch.ones(count, 1).bool()
    )
    features = grid_features(torch.randn(2, channels, side, side))
    asked = Asked(features, torch.arange(count) % 2, words)
    numbers: dict[str, int] = {}
    took: dict[str, list[float]] = {"all": [], "hard": []}
    models = {"all": whole, "hard": hard}
    with torch.no_grad():
        for name, model in models.items():
            numbers[name] = numbers_of_pairs(model, asked)
        for _ in range(arguments.repeats):
            for name, model in models.items():
                took[name].append(seconds(partial(model, asked)))
    time_of = {name: statistics.median(values) for name, values in took.items()}
    return {
        "share": arguments.hard,
        "numbers": numbers,
        "times_fewer": numbers["all"] / numbers["hard"],
        "seconds": time_of,
        "times_faster": time_of["all"] / time_of["hard"],
    }


def numbers_of_pairs(model: torch.nn.Module, asked: Asked) -> int:
    """How many numbers the layers of pairs give, counted where they are computed."""
    counted = 0

    def count(_module: torch.nn.Module, _given: object, said: Tensor) -> None:
        nonlocal counted
        counted += said.numel()

    sums = next(module for module in model.modules() if isinstance(module, PairSums))
    hooks = [layer.register_forward_hook(count) for layer in sums.layers]
    model(asked)
    for hook in hooks:
        hook.remove()
    return counted


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (
        ("grid", 14),
        ("units", 256),
        ("layers", 4),
        ("questions", 16),
        ("threads", 2),
        ("repeats", 3),
    ):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--hard", type=float, default=0.25)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--held", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.held:
        print(measure_held(arguments))
        return
    keep_freed_memory()
    rows = [measure(channels, mode, arguments) for channels in CHANNELS for mode in MODES]
    hard = measure_hard(arguments)
    if arguments.json:
        print(json.dumps({"threads": arguments.threads, "rows": rows, "hard": hard}))
        return
    side = arguments.grid
    print(f"{platform.machine()}, {arguments.threads} threads, {side}x{side} cells, ", end="")
    print(f"{arguments.layers} layers of {arguments.units} units, {arguments.questions} questions")
    print(f"{'channels':>8} {'mode':9} {'plain':>8} {'bounded':>8} {'faster':>7} ", end="")
    print(f"{'plain':>9} {'bounded':>9} {'less':>6} {'apart':>8}")
    for row in rows:
        time_of = " ".join(f"{row['seconds'][form]:7.3f}s" for form in reversed(FORMS))
        held_by = " ".join(f"{row['bytes'][form] / 2**20:6.0f}MiB" for form in reversed(FORMS))
        print(f"{row['channels']:>8} {row['mode']:9} {time_of}", end=" ")
        print(f"{row['times_faster']:>7.2f} {held_by} ", end="")
        print(f"{row['times_less_memory']:>6.1f} {row['apart']:>8.1e}")
    print(
        f"hard attention, {hard['share']:.0%} of the cells: {hard['times_fewer']:.1f} times fewer "
        f"numbers of pairs, {hard['times_faster']:.1f} times faster"
    )


if __name__ == "__main__":
    main()
