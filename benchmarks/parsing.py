"""Questions a second of the parser, on one core: preferred readings, lexing, and all readings.

    python benchmarks/parsing.py [--data FOLDER] [--repeats 7] [--sample 200] [--json]

FOLDER holds `clevr/`; the default is `NMN_REAL_DATA`. Without either, 2,000 programs of depth up to
8 are drawn and said. Nothing is cached from one parse to the next. The ways are timed in turn and
the medians are given; `slowest` is the slowest repeat. `ratio` is to LALR with its lexing, which
gives the preferred reading. Earley, which gives all of them, is timed on a sample with the others.
"""

import argparse
import gc
import json
import os
import platform
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from nmn.data.clevr import read_questions
from nmn.domain import Domain, load_domain
from nmn.generate.programs import random_program
from nmn.parsing import GrammarParser, realise

GENERATED, DEPTH = 2_000, 8


def questions_of(folder: str | None, domain: Domain) -> tuple[str, list[str]]:
    """Where the questions are from, and the questions."""
    if folder is not None:
        path = Path(folder) / "clevr" / "CLEVR_train_questions.json.gz"
        return "CLEVR", [question.example.question for question in read_questions(path, domain)]
    generator = np.random.default_rng(0)
    programs = [random_program(domain, DEPTH, generator) for _ in range(GENERATED)]
    return "generated", [realise(program, domain, generator=generator) for program in programs]


def timed(action: Callable[[str], object], questions: Sequence[str]) -> float:
    """Seconds for all the questions."""
    gc.collect()
    started = time.perf_counter()
    for question in questions:
        action(question)
    return time.perf_counter() - started


def measure(
    domain: Domain, questions: Sequence[str], sample: int, repeats: int
) -> list[dict[str, Any]]:
    """Median seconds of each way."""
    preferred, every = GrammarParser(domain), GrammarParser(domain, all_readings=True)
    some = random.Random(0).sample(questions, min(sample, len(questions)))
    ways: Mapping[str, tuple[Callable[[str], object], Sequence[str]]] = {
        "parse (LALR)": (preferred.parse, questions),
        "lexing alone": (preferred.lexicon.tokens, questions),
        "sample, parse (LALR)": (preferred.parse, some),
        "sample, all readings (Earley)": (every.parse, some),
    }
    seconds: dict[str, list[float]] = {}
    for action, given in ways.values():
        timed(action, given[:100])
    for _ in range(repeats):
        for name, (action, given) in ways.items():
            seconds.setdefault(name, []).append(timed(action, given))
    rates = {name: len(ways[name][1]) / statistics.median(times) for name, times in seconds.items()}
    return [
        {
            "way": name,
            "questions": len(ways[name][1]),
            "questions_per_second": round(rate),
            "slowest": round(len(ways[name][1]) / max(seconds[name])),
            "ratio": round(
                rate / rates["sample, parse (LALR)" if "sample" in name else "parse (LALR)"], 3
            ),
        }
        for name, rate in rates.items()
    ]


def main() -> None:
    """Print a row a way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=os.environ.get("NMN_REAL_DATA"))
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    domain = load_domain("clevr")
    source, questions = questions_of(options.data, domain)
    ways = measure(domain, questions, options.sample, options.repeats)
    words = sum(len(question.split()) for question in questions)
    report = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, lark {version('lark')}",
        "threads": 1,
        "from": source,
        "questions": len(questions),
        "words_per_question": round(words / len(questions), 1),
        "repeats": options.repeats,
        "lexing_share": round(ways[0]["questions_per_second"] / ways[1]["questions_per_second"], 3),
        "ways": ways,
    }
    print(json.dumps(report) if options.json else as_table(report))


def as_table(report: Mapping[str, Any]) -> str:
    """The report as text."""
    lines = [
        f"{report['machine']}, {report['threads']} thread",
        f"{report['questions']} questions ({report['from']}), {report['words_per_question']} words "
        f"each; medians of {report['repeats']}; lexing takes {report['lexing_share']:.0%}",
        f"{'way':<30} {'questions':>9} {'questions/s':>12} {'slowest':>9} {'ratio':>7}",
    ]
    lines += [
        f"{way['way']:<30} {way['questions']:>9,} {way['questions_per_second']:>12,} "
        f"{way['slowest']:>9,} {way['ratio']:>7.2f}"
        for way in report["ways"]
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
