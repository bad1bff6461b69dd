"""How fast batches come out of the reader for training, against decoding every time.

    python benchmarks/loader.py --data FOLDER [--split train] [--size 240x160] [--batch-size 64]
        [--rounds 3] [--json]

An epoch is made in each way in turn, and medians are taken over the rounds: "decoded" decodes and
resizes the pictures of each batch, once each; "stored" takes them out of the memory-mapped store;
"cold" likewise, but after the system was told to forget it, as where it is larger than the memory.
`ratio` says how many times longer the epoch of "decoded" takes. "first pass" makes the store, in a
cache folder of its own. `anonymous_mib` is the memory of this process without mapped files.
"""

import argparse
import gc
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from nmn.data.batch import Batch, collate
from nmn.data.clevr_folder import ClevrData, read_clevr
from nmn.data.loader import BatchLoader
from nmn.data.picture_store import PictureStore, open_store
from nmn.data.vocabulary import vocabulary_of

COLUMNS = ("way", "seconds", "pictures_per_second", "questions_per_second", "ratio")


def decoded(
    loader: BatchLoader, data: ClevrData, size: tuple[int, int], epoch: int
) -> Iterator[Batch]:
    """The batches of an epoch with each picture decoded for it."""
    assert data.files is not None
    for rows in loader.plan(epoch):
        wanted = set(data.questions.pictures[rows].tolist())
        shown = {row: data.files.read(row, size) for row in wanted}
        examples = [
            replace(data.question(row), picture=shown[int(data.questions.pictures[row])])
            for row in rows
        ]
        yield collate(examples, data.domain, loader.vocabulary)


def forget(store: PictureStore) -> None:
    """Let the system drop what it keeps of the file in memory."""
    with store.path.open("rb") as stream:
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def seconds_of(batches: Iterable[Batch]) -> float:
    """How long it takes until all have come."""
    started = time.perf_counter()
    for _ in batches:
        pass
    return time.perf_counter() - started


def anonymous_mib() -> float | None:
    """Memory of this process that is of no file, where the system says."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    found = [float(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon")]
    return round(found[0], 1) if found else None


def measure(options: argparse.Namespace, size: tuple[int, int]) -> dict[str, Any]:
    """All ways in turn."""
    started = time.perf_counter()
    data = read_clevr(options.data, options.split)
    opening = time.perf_counter() - started
    assert data.files is not None
    started = time.perf_counter()
    store = open_store(data.files, size)
    first = time.perf_counter() - started
    stored = data.with_store(PictureStore(store.path, store.shape))
    vocabulary = vocabulary_of(data.question(place).tokens for place in range(len(data)))

    times: dict[str, list[float]] = {"decoded": [], "stored": [], "cold": []}
    loader = BatchLoader(stored, vocabulary, options.batch_size, 0)
    seconds_of(loader.epoch(0))
    for epoch in range(options.rounds):
        times["decoded"].append(seconds_of(decoded(loader, data, size, epoch)))
        times["stored"].append(seconds_of(loader.epoch(epoch)))
    # what is mapped stays in memory
    del loader, stored
    for epoch in range(options.rounds):
        gc.collect()
        fresh = data.with_store(PictureStore(store.path, store.shape))
        loader = BatchLoader(fresh, vocabulary, options.batch_size, 0)
        forget(store)
        times["cold"].append(seconds_of(loader.epoch(epoch)))
        del fresh, loader
    medians = {way: statistics.median(values) for way, values in times.items()}
    slowest = medians["decoded"]
    return {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "data": data.name,
        "size": options.size,
        "pictures": len(store),
        "questions": len(data),
        "seconds_to_open": round(opening, 2),
        "bytes_per_question": round(data.questions.bytes / len(data)),
        "store_mib": round(store.path.stat().st_size / 2**20, 1),
        "anonymous_mib": anonymous_mib(),
        "ways": [
            {
                "way": way,
                "seconds": round(value, 3),
                "pictures_per_second": round(len(store) / value),
                "questions_per_second": round(len(data) / value),
                "ratio": round(slowest / value, 2),
            }
            for way, value in {"first pass": first, **medians}.items()
        ],
    }


def main() -> None:
    """Print a row for each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="train")
    parser.add_argument("--size", default="240x160")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NMN_HOME"] = folder
        result = measure(options, (width, height))
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        if name != "ways":
            print(f"{name.replace('_', ' ')}: {value}")
    print(" ".join(f"{column:>20}" for column in COLUMNS))
    for row in result["ways"]:
        print(" ".join(f"{row[column]:>20}" for column in COLUMNS))


if __name__ == "__main__":
    main()
