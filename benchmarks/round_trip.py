"""Say random programs of CLEVR in English and parse them: each must come back as it was.

    python benchmarks/round_trip.py [--count 100000] [--depth 8] [--seed 0] [--sampled] [--json]

Compared are canonical forms. A program that the realiser refuses is a failure too, as the programs
are drawn from what can be said. `--sampled` draws phrasings and synonyms in place of the preferred
ones. Exit code 1 where anything failed. Progress goes to standard error.
"""

import argparse
import json
import os
import platform
import sys
import time

import numpy as np

from nmn.domain import load_domain
from nmn.errors import QuestionError, RealisationError
from nmn.generate.programs import random_program
from nmn.parsing import GrammarParser, realise
from nmn.program.canonical import canonical
from nmn.program.program import Program

SHOWN = 20
EVERY = 10_000


def problem_of(
    program: Program, parser: GrammarParser, words: np.random.Generator | None
) -> str | None:
    """What went wrong on the way there and back; None where nothing did."""
    try:
        sentence = realise(program, parser.domain, generator=words)
        reading = parser.parse(sentence)[0].program
    except (RealisationError, QuestionError) as error:
        return f"{program}: {error}"
    if canonical(reading) != canonical(program):
        return f"{program}: {sentence!r} is read as {reading}"
    return None


def main() -> None:
    """Print what came back, and how fast."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--depth", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sampled", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    reader = GrammarParser(load_domain("clevr"))
    drawn, words = (np.random.default_rng([options.seed, part]) for part in range(2))
    failures: list[str] = []
    failed = deepest = nodes = 0
    different: set[int] = set()
    started = time.perf_counter()
    for number in range(1, options.count + 1):
        program = random_program(reader.domain, options.depth, drawn)
        different.add(hash(canonical(program)))
        deepest, nodes = max(deepest, program.depth), nodes + len(program)
        problem = problem_of(program, reader, words if options.sampled else None)
        if problem is not None:
            failed += 1
            failures += [problem] if len(failures) < SHOWN else []
        if number % EVERY == 0 and number < options.count:
            print(f"{number:,} programs, {failed} failures", file=sys.stderr)
    seconds = time.perf_counter() - started
    report = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}",
        "threads": 1,
        "words": "sampled" if options.sampled else "preferred",
        "seed": options.seed,
        "count": options.count,
        "different": len(different),
        "nodes_per_program": round(nodes / max(options.count, 1), 1),
        "deepest": deepest,
        "failures": failed,
        "failure_examples": failures,
        "seconds": round(seconds, 1),
        "programs_per_second": round(options.count / seconds),
    }
    if options.json:
        print(json.dumps(report))
    else:
        print(
            f"{report['machine']}, {report['threads']} thread\n"
            f"{options.count:,} programs ({len(different):,} different, {report['words']} words, "
            f"seed {options.seed}, depth up to {deepest}, {report['nodes_per_program']} nodes each)"
            f"\n{failed} failures, {report['programs_per_second']:,} programs/s, {seconds:.1f} s"
        )
        for failure in failures:
            print(failure, file=sys.stderr)
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
