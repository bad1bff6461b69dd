"""How long one question about one picture takes, from Python and as a command.

    python benchmarks/asking.py --image FILE [--repeats 7] [--json]

In Python a loaded model is asked different questions, one after the other; the first one is told
apart, and "refused" is the share that rules found to mean nothing on the picture. As a command,
`nmn ask` is started anew each time. Both by modules and by rules.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from nmn.engine import checkpoint_for, load
from nmn.errors import DataError
from nmn.memory import keep_freed_memory

QUESTIONS = (
    "are there more big green things than large purple shiny cubes",
    "how many other things are the same shape as the green metal thing",
    "what number of things are large things or cyan balls",
    "are there any cubes behind the green metal thing",
    "is there a big thing that is the same color as the metal sphere",
    "how many small matte things are right of the large cube and in front of the ball",
)


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def measure(image: Path, executor: Any, repeats: int) -> dict[str, float]:
    """Seconds of one executor."""
    script = Path(sys.executable).with_name("nmn")
    command = [str(script), "ask", QUESTIONS[0], "--image", str(image)]
    command += ["--executor", executor]

    def run() -> None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    commands = [seconds(run) for _ in range(repeats)]
    engine = load(checkpoint_for(image, executor))

    refused = 0

    def answer(question: str) -> None:
        nonlocal refused
        try:
            engine.ask(question, image)
        except DataError:  # the rules have no answer where the scene leaves none
            refused += 1

    asked = [seconds(partial(answer, each)) for _ in range(repeats) for each in QUESTIONS]
    return {
        "command": statistics.median(commands),
        "slowest_command": max(commands),
        "first_question": asked[0],
        "question": statistics.median(asked[1:]),
        "slowest_question": max(asked[1:]),
        "refused": refused / len(asked),
    }


def main() -> None:
    """Print the seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    keep_freed_memory()
    report = {
        name: measure(options.image, name, options.repeats) for name in ("neural", "symbolic")
    }
    if options.json:
        print(json.dumps(report))
        return
    print(f"{platform.machine()}, {os.cpu_count()} cores; seconds, medians of {options.repeats}")
    for name, row in report.items():
        print(f"{name:10}" + "   ".join(f"{key} {value:.3f}" for key, value in row.items()))


if __name__ == "__main__":
    main()
