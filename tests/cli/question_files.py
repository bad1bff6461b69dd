"""Small scene and question files, made anew, and commands run on them."""

import gzip
import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator

from nmn.data.clevr import relations_from_directions, scene_from_json
from nmn.domain import load_domain
from nmn.errors import ExecutionError, RealisationError
from nmn.generate.programs import random_program
from nmn.parsing import realise
from nmn.program.clevr import (
    GENERATOR,
    SIDE_INPUTS,
    V1,
    Dialect,
    decode_clevr,
    to_clevr,
)
from nmn.scene.symbolic import execute
from tests.cli.conftest import Result, Run

Records = list[dict[str, Any]]

CLEVR = load_domain("clevr")
INFO = {"split": "val", "version": "1.0"}
DIRECTIONS = {
    "left": (-1.0, 0.0, 0.0),
    "right": (1.0, 0.0, 0.0),
    "front": (0.0, -1.0, 0.0),
    "behind": (0.0, 1.0, 0.0),
}
DIALECTS = {"v1": V1, "generator": GENERATOR, "side inputs": SIDE_INPUTS}
REPORT = ["questions", "answered", "total", "correct", "errors", "skipped"]


def scene_record(index: int, generator: Generator) -> dict[str, Any]:
    """A scene of a few random things."""
    things: Records = []
    for _ in range(int(generator.integers(3, 7))):
        place = [round(float(x), 3) for x in generator.uniform(-3, 3, 2)]
        values = {a.name: str(generator.choice(a.values)) for a in CLEVR.attributes}
        things.append({**values, "3d_coords": [*place, 0.35], "pixel_coords": [1, 2, 3.5]})
    rows = relations_from_directions([thing["3d_coords"] for thing in things], DIRECTIONS)
    return {
        "image_index": index,
        "image_filename": f"CLEVR_val_{index:06}.png",
        "objects": things,
        "directions": {name: list(direction) for name, direction in DIRECTIONS.items()},
        "relationships": {name: [list(row) for row in value] for name, value in rows.items()},
    }


def question_records(scenes: Records, generator: Generator, dialect: Dialect) -> Iterator[Any]:
    """Questions of random programs that can be said and have an answer, on one scene by turns.

    In v1.0 answers are text and nothing else is known; the generator writes booleans and numbers,
    the results of all steps, and the family.
    """
    for index in count():
        scene = scenes[index % len(scenes)]
        record: dict[str, Any] = {
            "question_index": index,
            "image_index": scene["image_index"],
            "image_filename": scene["image_filename"],
            "split": "val",
        }
        while "question" not in record:
            nodes = to_clevr(random_program(CLEVR, 7, generator), CLEVR, dialect)
            program, places = decode_clevr(nodes, CLEVR)
            try:
                record["question"] = realise(program, CLEVR, generator=generator)
                done = execute(program, scene_from_json(scene, CLEVR, "made"))
            except (RealisationError, ExecutionError):
                record.pop("question", None)
        record["program"] = nodes
        record["answer"] = done.answer
        if dialect is not V1:
            record["answer"] = {"yes": True, "no": False}.get(done.answer, done.answer)
            if done.answer.isdecimal():
                record["answer"] = int(done.answer)
            record["template_filename"] = "zero_hop.json"
            record["question_family_index"] = index % 12
            for node, place in zip(nodes, places, strict=True):
                node["_output"] = stated(done.results[place], node)
        yield record


def stated(result: Any, node: Mapping[str, Any]) -> Any:
    """A result as the generator writes it."""
    if not isinstance(result, frozenset):
        return result
    objects = sorted(result)
    return objects[0] if "unique" in node.values() else objects


@dataclass(frozen=True)
class Files:
    """Scenes and questions, which `write` puts into a folder."""

    scenes: Records
    questions: Records

    def copy(self) -> "Files":
        return Files(deepcopy(self.scenes), deepcopy(self.questions))

    def write(self, folder: Path, suffix: str = "") -> tuple[Path, Path]:
        paths = folder / f"scenes.json{suffix}", folder / f"questions.json{suffix}"
        for path, key, records in zip(
            paths, ("scenes", "questions"), (self.scenes, self.questions), strict=True
        ):
            text = json.dumps({"info": INFO, key: records}).encode()
            path.write_bytes(gzip.compress(text) if suffix else text)
        return paths


def made_files(dialect: Dialect) -> Files:
    generator = np.random.default_rng(5)
    scenes = [scene_record(index, generator) for index in range(4)]
    return Files(scenes, list(islice(question_records(scenes, generator, dialect), 24)))


MADE = {name: made_files(dialect) for name, dialect in DIALECTS.items()}


def parse(run: Run, path: Path, *arguments: str | Path) -> dict[str, Any]:
    return report(run, "parse", "--questions", path, "--domain", "clevr", *arguments)


def answer(run: Run, paths: tuple[Path, Path], *arguments: str | Path) -> dict[str, Any]:
    return report(run, "execute", "--scenes", paths[0], "--questions", paths[1], *arguments)


def report(run: Run, *arguments: str | Path) -> dict[str, Any]:
    """The report of a command: one line of JSON on standard output and nothing else anywhere."""
    result = run(*arguments, "--json")
    assert result.err == ""
    assert result.code == 0
    assert result.out.endswith("}\n")
    assert result.out.count("\n") == 1
    found: dict[str, Any] = json.loads(result.out)
    return found


def lines_of(path: Path) -> Records:
    return [json.loads(line) for line in path.read_text().splitlines()]


def questions_of(path: Path) -> Records:
    raw = path.read_bytes()
    records: Records = json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)[
        "questions"
    ]
    return records


def refused(result: Result, *said: str) -> None:
    """One line that says all this, and nothing else."""
    assert result.code == 2
    assert result.out == ""
    assert len(result.err.splitlines()) == 1, result.err
    assert result.err.startswith("error: ")
    assert result.err[:-1].isprintable()
    for fragment in said:
        assert fragment in result.err
