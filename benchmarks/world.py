"""Pictures and questions a second of the CLEVR world, on the CPU and on a GPU where there is one.

    python benchmarks/world.py [--pictures 400] [--jobs 2] [--json]
    python benchmarks/world.py --whole [--jobs 2] [--out FOLDER] [--json]

A picture is complete with its scene and the check that every object of it is visible; processes
have one thread each and are started before the clock is. Then, on one thread of this process: what
a PNG file costs (level and all as in `nmn generate`), and questions of scenes that are there.

`--whole` runs `nmn generate clevr --images 10000 --size 240x160` and prints what that says of
itself: seconds of the whole command with 100,000 questions, files and data card, rates, and the
memory of all its processes together; then what the data card says of guessing without a picture,
and what `nmn check` finds wrong in all of it.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import joblib
import torch

from nmn.data.example import Picture
from nmn.generate.clevr import ClevrWorldConfig, questions_of, renderer_of
from nmn.generate.scenes import sample_scenes
from nmn.generate.shards import SHARD, Job, Shard, make_shard
from nmn.memory import keep_freed_memory
from nmn.nn.threads import cpu_threads
from nmn.render.renderer import RenderConfig
from nmn.render.scenes import scenes_of

SIZES = ((480, 320), (240, 160))
CHUNK = 50
"""Pictures that a process makes at a time on the CPU."""
MORE = 20
"""How many times more pictures a GPU makes than the CPU, so that there is something to time."""

Config = ClevrWorldConfig


def sampled(config: Config, indices: Sequence[int]) -> list[dict[str, Any]]:
    """Scenes of which every object is visible."""
    visible = renderer_of(RenderConfig(), config.device).visible_pixels
    return sample_scenes(config.scenes, 0, "train", indices, visible, None, *config.size)


def drawn(config: Config, indices: Sequence[int]) -> list[Picture]:
    """Scenes and their pictures."""
    keep_freed_memory()
    with cpu_threads(1):
        scenes = scenes_of(sampled(config, indices), config.scenes.look)
        return list(renderer_of(config.render, config.device).render(scenes).numpy())


def count_drawn(config: Config, indices: Sequence[int]) -> int:
    """`drawn` without sending the pictures anywhere."""
    return len(drawn(config, indices))


def pictures_a_second(config: Config, pictures: int, jobs: int) -> float:
    """Of several processes together."""
    size = CHUNK if config.device == "cpu" else SHARD
    chunks = [range(start, start + size) for start in range(0, pictures, size)]
    with joblib.Parallel(jobs) as parallel:
        parallel(joblib.delayed(count_drawn)(config, range(4)) for _ in range(2 * jobs))
        started = time.perf_counter()
        made = parallel(joblib.delayed(count_drawn)(config, chunk) for chunk in chunks)
        return float(sum(made) / (time.perf_counter() - started))


def file_seconds(config: Config) -> tuple[float, int]:
    """Seconds and bytes of a PNG file, as `make_shard` writes it."""
    pictures = drawn(config, range(CHUNK))
    with tempfile.TemporaryDirectory() as name:
        images, records = Path(name) / "images", Path(name) / "records"
        images.mkdir()
        records.mkdir()

        records_of = [{"image_filename": f"{index:06}.png"} for index in range(CHUNK)]
        job = Job(
            lambda config, seed, split, indices: Shard(records_of, (), pictures),
            *(config, 0, "train", range(CHUNK), images, records),
        )
        started = time.perf_counter()
        make_shard(job)
        seconds = time.perf_counter() - started
        return seconds / CHUNK, sum(path.stat().st_size for path in images.iterdir()) // CHUNK


def questions_a_second(config: Config) -> float:
    """Of one process, for the scenes of a shard."""
    scenes = sampled(config, range(SHARD))
    questions_of(config, 0, "train", 0, scenes[:5])
    started = time.perf_counter()
    return len(questions_of(config, 0, "train", 0, scenes)) / (time.perf_counter() - started)


def parts(pictures: int, jobs: int) -> dict[str, Any]:
    """All but the whole command."""
    rows = []
    devices = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
    for device, (width, height) in product(devices, SIZES):
        config = Config(render=RenderConfig(width=width, height=height), device=device)
        seconds, size = file_seconds(config)
        many = pictures if device == "cpu" else MORE * pictures
        rows.append(
            {
                "size": f"{width}x{height}",
                "device": device,
                "pictures_per_second": round(pictures_a_second(config, many, jobs), 1),
                "png_milliseconds": round(1000 * seconds, 2),
                "png_bytes": size,
            }
        )
    with cpu_threads(1):
        questions = questions_a_second(Config())
    return {"jobs": jobs, "sizes": rows, "questions_per_second_and_core": round(questions)}


def whole(out: Path, jobs: int) -> dict[str, Any]:
    """What the commands say of themselves."""
    size = ("--images", "10000", "--size", "240x160", "--jobs", str(jobs))
    report = nmn("generate", "clevr", "--out", str(out), *size)
    del report["splits"]
    card = json.loads((out / "card.json").read_text(encoding="utf-8"))
    guessed = card["splits"]["train"]["question_only"]
    started = time.perf_counter()
    problems = nmn("check", str(out))["problems"]
    return {
        **report,
        "majority_of_family": guessed["majority"],
        "bag_of_words": guessed["bag_of_words"],
        "check_seconds": time.perf_counter() - started,
        "problems": problems,
    }


def nmn(*arguments: str) -> dict[str, Any]:
    """The report of a command, whose exit code may say that there are problems."""
    command = [sys.executable, "-m", "nmn.cli.main", *arguments, "--json"]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)} failed")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def as_table(report: Mapping[str, Any]) -> str:
    """The report as text."""
    lines = [str(report["machine"])]
    if "sizes" in report:
        lines.append(f"{'size':<10} {'device':<8} {'pictures/s':>12} {'PNG ms':>9} {'PNG KiB':>9}")
        for row in report["sizes"]:
            size, rate = f"{row['size']:<10} {row['device']:<8}", row["pictures_per_second"]
            kib = row["png_bytes"] / 1024
            lines.append(f"{size} {rate:>12} {row['png_milliseconds']:>9} {kib:>9.0f}")
        lines.append(f"{report['questions_per_second_and_core']} questions a second and core")
    else:
        lines += [f"{name}: {value}" for name, value in report.items() if name != "machine"]
    return "\n".join(lines)


def main() -> None:
    """Print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=400)
    parser.add_argument("--jobs", type=int, default=joblib.cpu_count())
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--out", type=Path, help="keep what --whole makes")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not options.whole:
        found = parts(options.pictures, options.jobs)
    elif options.out is not None:
        found = whole(options.out, options.jobs)
    else:
        with tempfile.TemporaryDirectory() as name:
            found = whole(Path(name) / "clevr", options.jobs)
    machine = (
        f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}, "
        f"{options.jobs} processes of one thread"
    )
    report = {"machine": machine, **found}
    print(json.dumps(report) if options.json else as_table(report))


if __name__ == "__main__":
    main()
