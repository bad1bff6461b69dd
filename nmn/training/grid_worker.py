"""One run of a grid, in a process of its own: `python -m nmn.training.grid_worker FOLDER`."""

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from nmn.data.files import read_json
from nmn.errors import ConfigError, NMNError
from nmn.memory import keep_freed_memory
from nmn.resources import write_text
from nmn.training.grid import JOB, RESULT
from nmn.training.log import log_lines, log_of
from nmn.training.parser_checkpoint import load_parser
from nmn.training.parser_preset import ParserPreset, build_preset
from nmn.training.parser_report import MEASURES, clusters_of, outcomes, parsed_by, parser_report
from nmn.training.parser_run import HowToRun, train_parser
from nmn.training.question_data import held_out_questions
from nmn.training.stored import finished

CHECKPOINT = "checkpoint"
"""The checkpoint folder within that of a run."""


_SECONDS = 1.0
"""Between looks whether the grid is still there."""


def work(folder: Path) -> None:
    """Do what `job.json` says, and write `result.json`: a report, or what the problem was."""
    job = read_json(folder / JOB)
    values: dict[str, Any]
    try:
        values = {"report": _report(folder / CHECKPOINT, job["settings"], job["device"])}
    except NMNError as error:
        values = {"problem": str(error)}
    write_text(folder / RESULT, json.dumps(values) + "\n")


def end_with_parent() -> None:
    """End this process as soon as the one that began it has ended, however that was."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _report(folder: Path, settings: dict[str, Any], device: str) -> dict[str, Any]:
    preset = build_preset(settings, str(folder.parent / JOB))
    if not isinstance(preset, ParserPreset):
        raise ConfigError("ablate", "a preset of a model; wanted that of a parser")
    questions = held_out_questions(preset)  # first, as training may take an hour
    if finished(folder, preset) is None:
        train_parser(preset, HowToRun(folder, resume=True, device=device))
    checkpoint = load_parser(folder)
    checkpoint.model.to(device)
    found = parsed_by(checkpoint, questions)
    curve = [
        {key: line[key] for key in ("step", "seconds", *MEASURES) if key in line}
        for line in log_lines(log_of(folder))
        if "accuracy" in line
    ]
    return {
        **parser_report(questions, found),
        "outcomes": outcomes(found),
        "clusters": clusters_of(questions).tolist(),
        "curve": curve,
        "made": dict(checkpoint.made),
    }


if __name__ == "__main__":
    keep_freed_memory()
    end_with_parent()
    work(Path(sys.argv[1]))
