"""Programs a second of exact execution, vectorised and one by one, on the real CLEVR questions.

    python benchmarks/symbolic.py [--data FOLDER] [--repeats 7] [--json]

FOLDER holds `clevr/`; the default is `NMN_REAL_DATA`. All is checked before it is timed: every
answer and every intermediate result that the files store, and that both executors agree. The ways
are timed in turn, on one thread, and the medians are given; `ratio` is to the plain executor, one
program after the other from `Program` objects. The ways from JSON decode and type-check it first.
The table of the scenes is made once, its time stands by itself.
"""

import argparse
import gc
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmn.data.clevr import read_questions, read_scenes
from nmn.domain import Domain, load_domain
from nmn.execution.question_files import same_result
from nmn.program.clevr import from_clevr
from nmn.program.program import Node, Program
from nmn.scene import Scene, SceneTable, compile_programs, execute, run

PLAIN = "one by one"


@dataclass(frozen=True)
class Questions:
    """What is executed.

    Attributes:
        lists: the node list of each question, as decoded JSON.
        outputs: the stored result of each of its nodes, None where the file has none.
        scene: the index of its scene.
        answers: the stored answers.
    """

    domain: Domain
    scenes: list[Scene]
    lists: list[list[dict[str, Any]]]
    outputs: list[Sequence[Any]]
    scene: NDArray[np.intp]
    answers: list[str | None]


def read(folder: Path, domain: Domain) -> Questions:
    """The questions of `folder` and their scenes."""
    scenes = read_scenes(folder / "CLEVR_train_scenes.json.gz", domain)
    questions = list(read_questions(folder / "CLEVR_train_questions.json.gz", domain))
    places = {image: place for place, image in enumerate(scenes)}
    lists = [question.record["program"] for question in questions]
    return Questions(
        domain,
        list(scenes.values()),
        lists,
        [q.outputs or [None] * len(nodes) for q, nodes in zip(questions, lists, strict=True)],
        np.array([places[q.example.image_index] for q in questions], dtype=np.intp),
        [question.example.answer for question in questions],
    )


def check(questions: Questions, table: SceneTable) -> None:
    """End the script where anything is not as stored, or the executors differ."""
    programs = [from_clevr(nodes, questions.domain) for nodes in questions.lists]
    execution = run(compile_programs(programs, questions.domain), table, questions.scene)
    if execution.failed.any():
        raise SystemExit(f"{execution.failed.sum()} programs failed")
    for index, program in enumerate(programs):
        plain = execute(program, questions.scenes[questions.scene[index]])
        results = execution.results(index)
        if results != plain.results or execution.answer(index) != plain.answer:
            raise SystemExit(f"question {index}: the executors differ")
        if plain.answer != questions.answers[index]:
            raise SystemExit(f"question {index}: not the stored answer")
        if questions.domain.answers[execution.answers[index]] != plain.answer:
            raise SystemExit(f"question {index}: not the index of the answer")
        for node, output in enumerate(questions.outputs[index]):
            if output is not None and not same_result(output, results[node]):
                raise SystemExit(f"question {index}, node {node}: not the stored result")


def fresh(programs: Sequence[Program]) -> list[Program]:
    """Equal programs of which nothing was computed yet."""
    return [
        Program(tuple(Node(n.operation, n.argument, n.inputs) for n in program.nodes))
        for program in programs
    ]


def timed(action: Callable[[], object]) -> float:
    """Seconds of a call."""
    gc.collect()
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def measure(questions: Questions, table: SceneTable, repeats: int) -> dict[str, float]:
    """Median seconds of each way to execute all programs."""
    domain, scenes, where = questions.domain, questions.scenes, questions.scene.tolist()
    texts = [json.dumps(nodes) for nodes in questions.lists]
    programs = [from_clevr(nodes, domain) for nodes in questions.lists]
    plan = compile_programs(programs, domain)

    def vectorised(given: Sequence[Program]) -> None:
        run(compile_programs(given, domain), table, questions.scene)

    def plain(given: Sequence[Program]) -> None:
        for program, index in zip(given, where, strict=True):
            _ = execute(program, scenes[index]).answer

    seconds: dict[str, list[float]] = {}
    for _ in range(repeats):
        first, second = fresh(programs), fresh(programs)
        ways: Mapping[str, Callable[[], object]] = {
            PLAIN: lambda given=first: plain(given),  # type: ignore[misc]
            "compiled": lambda: run(plan, table, questions.scene),
            "programs": lambda given=second: vectorised(given),  # type: ignore[misc]
            "decoded JSON": lambda: vectorised([from_clevr(n, domain) for n in questions.lists]),
            "JSON text": lambda: vectorised([from_clevr(json.loads(t), domain) for t in texts]),
        }
        for name, way in ways.items():
            seconds.setdefault(name, []).append(timed(way))
    return {name: statistics.median(times) for name, times in seconds.items()}


def main() -> None:
    """Print a row a way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=os.environ.get("NMN_REAL_DATA"))
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.data is None:
        parser.error("--data is missing, and NMN_REAL_DATA is not set")
    questions = read(Path(options.data) / "clevr", load_domain("clevr"))
    table = SceneTable.of(questions.scenes, questions.domain)
    check(questions, table)
    making = statistics.median(
        timed(lambda: SceneTable.of(questions.scenes, questions.domain))
        for _ in range(options.repeats)
    )
    seconds = measure(questions, table, options.repeats)
    count = len(questions.lists)
    report = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, numpy {np.__version__}",
        "threads": 1,
        "programs": count,
        "nodes": sum(map(len, questions.lists)),
        "scenes": len(questions.scenes),
        "scene_table_seconds": round(making, 4),
        "ways": [
            {
                "from": name,
                "seconds": round(value, 5),
                "programs_per_second": round(count / value),
                "ratio": round(seconds[PLAIN] / value, 2),
            }
            for name, value in seconds.items()
        ],
    }
    print(json.dumps(report) if options.json else as_table(report))


def as_table(report: Mapping[str, Any]) -> str:
    """The report as text."""
    lines = [
        f"{report['machine']}, {report['threads']} thread",
        f"{report['programs']} programs, {report['nodes']} nodes, {report['scenes']} scenes "
        f"(table made in {1000 * report['scene_table_seconds']:.0f} ms); all answers and results "
        "as stored",
        f"{'from':<14} {'ms':>9} {'programs/s':>12} {'ratio':>8}",
    ]
    lines += [
        f"{way['from']:<14} {1000 * way['seconds']:>9.2f} {way['programs_per_second']:>12,} "
        f"{way['ratio']:>8.1f}"
        for way in report["ways"]
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
