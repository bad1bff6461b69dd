"""The published CLEVR files through the commands, and files too large for memory."""

import gzip
import json
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from nmn.data.clevr import read_info
from nmn.program.canonical import exact_match
from nmn.program.clevr import (
    from_clevr,
)
from tests.cli.conftest import Result, Run
from tests.cli.question_files import (
    CLEVR,
    MADE,
    REPORT,
    answer,
    lines_of,
    parse,
    questions_of,
)


@pytest.fixture
def process(tmp_path: Path) -> Run:
    """Runs `nmn ...` in a process of its own, where types are not checked at every call."""

    def run_command(*arguments: str | Path) -> Result:
        command = [sys.executable, "-m", "nmn.cli.main", *map(str, arguments)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        return Result(done.returncode, done.stdout, done.stderr)

    return run_command


@pytest.fixture(scope="session")
def published(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The published files as plain JSON."""
    folder = tmp_path_factory.mktemp("published")
    paths = folder / "scenes.json", folder / "questions.json"
    for path in paths:
        packed = real_data / "clevr" / f"CLEVR_train_{path.name}.gz"
        path.write_bytes(gzip.decompress(packed.read_bytes()))
    return paths


def test_the_published_questions_are_all_parsed(
    process: Run, published: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    found = parse(process, published[1], "--out", out)
    counts = [found[name] for name in ("total", "parsed", "compared", "exact_match", "errors")]
    assert counts == [10_000] * 4 + [0]
    assert list(found["by_family"])[9:12] == ["comparison 0", "comparison 1", "comparison 2"]
    assert read_info(out) == read_info(published[1])
    with_programs = questions_of(out)
    assert len(with_programs) == 10_000
    for written, record in islice(zip(with_programs, questions_of(published[1]), strict=True), 500):
        assert {**written, "program": record["program"]} == record
        assert exact_match(*(from_clevr(one["program"], CLEVR) for one in (written, record)))


def test_the_published_programs_give_the_published_answers(process: Run, real_data: Path) -> None:
    folder = real_data / "clevr"
    packed = folder / "CLEVR_train_scenes.json.gz", folder / "CLEVR_train_questions.json.gz"
    found = answer(process, packed)
    assert [found[name] for name in REPORT] == [10_000] * 4 + [0, 0]
    assert (found["accuracy"], found["steps"], found["equal_steps"]) == (1.0, 111_715, 111_715)


def test_the_published_questions_give_the_published_answers(
    process: Run, published: tuple[Path, Path], tmp_path: Path
) -> None:
    found = answer(process, published, "--parse", "--predictions", tmp_path / "p")
    assert [found[name] for name in REPORT] == [10_000] * 4 + [0, 0]
    assert (found["accuracy"], found["steps"]) == (1.0, 0)
    lines = lines_of(tmp_path / "p")
    assert [line["question_index"] for line in lines] == list(range(10_000))


PEAKS = """
import re
import sys
from nmn.cli.main import main

command, files = sys.argv[1].split(), sys.argv[2:]
for file in files:
    sys.argv = ["nmn", *command, "--questions", file, "--json"]
    try:
        main()
    except SystemExit as done:
        assert done.code == 0
    with open("/proc/self/status") as status:
        print(re.search(r"VmHWM:\\s*(\\d+)", status.read())[1])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is not told here")
@pytest.mark.parametrize(
    ("command", "sizes"),
    [
        ("execute --scenes scenes.json --predictions p", (4_100, 9_000)),
        ("parse --domain clevr --out out.json", (400, 2_500)),
    ],
)
def test_memory_does_not_grow_with_the_number_of_questions(
    tmp_path: Path, command: str, sizes: tuple[int, int]
) -> None:
    """Many times as many questions take not even a quarter of their own bytes more."""
    MADE["v1"].copy().write(tmp_path)
    nodes = [{"function": "scene", "inputs": []}, {"function": "exist", "inputs": [0]}]
    paths = [tmp_path / f"{size}.json" for size in sizes]
    for path, size in zip(paths, sizes, strict=True):
        records = (
            {"question_index": i, "image_index": i % 4, "question": "Are there any things?"}
            | {"program": nodes, "answer": "yes", "padding": f"{i:06}" * 200}
            for i in range(size)
        )
        path.write_text(json.dumps({"questions": list(records)}))
    done = subprocess.run(
        [sys.executable, "-c", PEAKS, command, *map(str, paths)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert [json.loads(line)["total"] for line in lines[::2]] == list(sizes)
    small, large = (int(line) * 1024 for line in lines[1::2])
    assert large - small < paths[1].stat().st_size / 4
