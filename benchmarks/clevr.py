"""How well trained models answer questions about CLEVR pictures, near to and far from their own.

    python benchmarks/clevr.py CHECKPOINT ... [--pictures 1000] [--real FOLDER] [--worlds NAME ...]
        [--json]

Each checkpoint answers 10 questions about each of so many pictures of several worlds, all drawn
anew with another seed and kept in the cache folder: "same", that of its own preset's held-out
pictures; "clevr", with the settings of CLEVR's generator; and, as that of its preset but for one
thing, more objects, other cameras, other lamps, darker or paler colours. With `--real` also the
Blender pictures in FOLDER (of CLEVR's layout, split `train`) from index 500 up. English is parsed;
models see nothing but pictures. Models with masks: precision and recall of `filter` and `relate`.
"""

import argparse
import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nmn.config import build
from nmn.errors import ConfigError
from nmn.generate.clevr import ClevrWorldConfig
from nmn.memory import keep_freed_memory
from nmn.parsing.grammar_parser import GrammarParser
from nmn.render.scenes import Look
from nmn.training.checkpoint import Checkpoint, load_checkpoint
from nmn.training.data import data_folder
from nmn.training.evaluate import answer_all, evaluation
from nmn.training.faithfulness import masks_of
from nmn.training.models import supervision_of
from nmn.training.preset import ClevrDataConfig, TrainPreset
from nmn.training.selection import open_questions, with_truth
from nmn.training.stored import find_checkpoint

COLORS = Look().colors
DARKER = {name: [round(0.6 * level) for level in color] for name, color in COLORS.items()}
PALER = {name: [round(0.7 * level + 48) for level in color] for name, color in COLORS.items()}

WORLDS: Mapping[str, Mapping[str, Any]] = {
    "same": {},
    "clevr": {"min_visible": 200},
    "11 to 13 objects": {"min_objects": 11, "max_objects": 13, "min_margin": 0.2},
    "camera moved 3 times as far": {"camera_jitter": 1.5},
    "lamps moved twice as far": {"lamp_jitter": 2.0},
    "darker colours": {"look": {"colors": DARKER}},
    "paler colours": {"look": {"colors": PALER}},
}
SEED = 1_000_003
REAL = "Blender, from 500 up"
COLUMNS = ("accuracy", "interval", "ece", "filter", "relate", "reasons")


def world_of(preset: TrainPreset, changes: Mapping[str, Any], pictures: int) -> TrainPreset:
    """A preset with pictures of another world."""
    if not isinstance(preset.data, ClevrDataConfig):
        raise ConfigError("checkpoint", f"wanted one for clevr, got {preset.domain}")
    values = preset.data.world.model_dump(exclude_defaults=True)
    values["scenes"] = {**values.get("scenes", {}), **changes}
    world = build(ClevrWorldConfig, values, "world")
    data = ClevrDataConfig(pictures=1, held_out=pictures, world=world)
    return preset.model_copy(update={"seed": SEED, "data": data})


def measure(checkpoint: Checkpoint, folder: Path, split: str, images: str = ":") -> dict[str, Any]:
    """Accuracy, and where there are masks how faithful they are."""
    try:
        masks_of(checkpoint.model)
        steps = True
    except ConfigError:
        steps = False
    data = open_questions(checkpoint.preset, folder, split, images)
    if steps:
        data = with_truth(data, checkpoint.preset, folder, split)
    parser = GrammarParser(checkpoint.domain)
    report = evaluation(checkpoint, answer_all(checkpoint, data, parser, steps=steps))
    row = {name: report[name] for name in ("accuracy", "correct", "total", "interval", "by_root")}
    row["ece"] = report["calibration"]["ece"]
    if steps:
        found = report["faithfulness"]
        for name in ("filter", "relate"):
            scores = found["by_operation"].get(name, {})
            row[name] = [scores.get("precision"), scores.get("recall")]
        row["reasons"] = found["right_answers"]["share"]
    return row


def text_of(value: Any) -> str:
    """A rate, or several."""
    if value is None:
        return "-"
    if isinstance(value, list):
        return " ".join(map(text_of, value))
    return f"{value:.2%}"


def main() -> None:
    """Measure, and print a table a checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoints", nargs="+")
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--worlds", nargs="*", default=list(WORLDS), choices=list(WORLDS))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    keep_freed_memory()
    if not options.json:
        print(f"{platform.machine()}, {os.cpu_count()} cores, {options.pictures} pictures a world")
    report: dict[str, Any] = {}
    for name in options.checkpoints:
        checkpoint = load_checkpoint(find_checkpoint(name))
        minutes = checkpoint.made.get("training_seconds", 0.0) / 60
        learned = supervision_of(checkpoint.preset.model)
        rows = report[name] = {"minutes": minutes, "supervision": learned, "worlds": {}}
        if not options.json:
            print(f"\n{name}: supervised by {learned}, trained in {minutes:.1f} min")
            print(f"{'':28}" + "".join(f"{column:>17}" for column in COLUMNS))
        for world in [*options.worlds, *([REAL] if options.real else [])]:
            if world == REAL:
                row = measure(checkpoint, options.real, "train", "500:")
            else:
                preset = world_of(checkpoint.preset, WORLDS[world], options.pictures)
                row = measure(checkpoint, data_folder(preset), "val")
            rows["worlds"][world] = row
            if not options.json:
                cells = "".join(f"{text_of(row.get(column)):>17}" for column in COLUMNS)
                print(f"{world:28}{cells}", flush=True)
    if options.json:
        print(json.dumps(report))


if __name__ == "__main__":
    main()
