"""One run of a grid, in a process of its own: `python -m nmn.training.grid_worker FOLDER`."""

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from nmn.data.files import read_json
from nmn.errors import NMNError
from nmn.memory import keep_freed_memory
from nmn.resources import write_text
from nmn.training.compare import CHECKPOINT as CHECKPOINT_SETTING
from nmn.training.compare_run import loaded_report, trained_report
from nmn.training.grid import JOB, RESULT
from nmn.training.log import curve_of
from nmn.training.parser_checkpoint import load_parser
from nmn.training.parser_preset import ParserPreset, build_preset
from nmn.training.parser_report import MEASURES, clusters_of, outcomes, parsed_by, parser_report
from nmn.training.parser_run import HowToRun, train_parser
from nmn.training.preset import TrainPreset
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
    where = str(folder.parent / JOB)
    if CHECKPOINT_SETTING in settings:
        asked = build_preset(settings["data"], where)
        assert isinstance(asked, TrainPreset)
        return loaded_report(Path(settings[CHECKPOINT_SETTING]), asked, device)
    preset = build_preset(settings, where)
    if isinstance(preset, TrainPreset):
        return trained_report(folder, preset, device)
    return _parser_report(folder, preset, device)


def _parser_report(folder: Path, preset: ParserPreset, device: str) -> dict[str, Any]:
    questions = held_out_questions(preset)  # first, as training may take an hour
    if finished(folder, preset) is None:
        train_parser(preset, HowToRun(folder, resume=True, device=device))
    checkpoint = load_parser(folder)
    checkpoint.model.to(device)
    found = parsed_by(checkpoint, questions)
    return {
        **parser_report(questions, found),
        "outcomes": outcomes(found),
        "clusters": clusters_of(questions).tolist(),
        "curve": curve_of(folder, MEASURES),
        "made": dict(checkpoint.made),
    }


if __name__ == "__main__":
    keep_freed_memory()
    end_with_parent()
    work(Path(sys.argv[1]))
