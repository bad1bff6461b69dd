"""One run of a comparison: a model is trained or loaded, and asked what all are asked."""

import time
from pathlib import Path
from typing import Any

import torch

from nmn.memory import peak_memory
from nmn.nn.threads import cpu_threads
from nmn.training.checkpoint import Checkpoint, load_checkpoint, parser_of
from nmn.training.compare import check_answers
from nmn.training.data import held_out_data
from nmn.training.evaluate import answer_all, evaluation
from nmn.training.log import curve_of
from nmn.training.models import needs_scenes, stem_of, supervision_of
from nmn.training.preset import TrainPreset
from nmn.training.run import run_training
from nmn.training.stored import finished

_MOST_CURVES = ("accuracy",)


def trained_report(folder: Path, preset: TrainPreset, device: str) -> dict[str, Any]:
    """Train a model, or take it as it was trained, and ask it the held-out questions.

    Raises:
        ConfigError, DataError, NotFiniteError, UnknownNameError: see `run_training`.
    """
    if finished(folder, preset) is None:
        run_training(preset, folder, resume=True, device=device)
    return {
        **_report(load_checkpoint(folder), preset, device),
        "curve": curve_of(folder, _MOST_CURVES),
    }


def loaded_report(folder: Path, asked: TrainPreset, device: str) -> dict[str, Any]:
    """Ask a checkpoint the held-out questions of a preset.

    Raises:
        DataError: it is damaged.
        ConfigError: it answers other questions or looks at other pictures.
    """
    checkpoint = load_checkpoint(folder)
    check_answers(checkpoint.preset, asked, str(folder))
    changes = {"model": checkpoint.preset.model, "frozen_stem": False, "initial_stem": None}
    return {**_report(checkpoint, asked.model_copy(update=changes), device), "curve": []}


def _report(checkpoint: Checkpoint, preset: TrainPreset, device: str) -> dict[str, Any]:
    """What the model of a checkpoint says to the held-out questions of a preset."""
    model = checkpoint.model.to(device)
    data = held_out_data(preset, scenes=needs_scenes(preset.model), device=device)
    with cpu_threads(preset.training.threads):
        began = time.perf_counter()
        answers = answer_all(checkpoint, data, parser_of(checkpoint))
        seconds = time.perf_counter() - began
    learned = [value for value in model.parameters() if value.requires_grad]
    stem = 0
    if preset.frozen_stem:
        stem = sum(value.numel() for value in stem_of(model).parameters() if value.requires_grad)
    return {
        **evaluation(checkpoint, answers),
        "parameters": sum(value.numel() for value in learned) - stem,
        "supervision": supervision_of(checkpoint.preset.model),
        "questions_per_second": len(answers) / seconds,
        "memory": _memory(device),
        "made": dict(checkpoint.made),
    }


def _memory(device: str) -> float | None:
    """Bytes that the run took at most: of the accelerator, else of the process."""
    if device.startswith("cuda"):
        return float(torch.cuda.max_memory_allocated(device))
    return peak_memory()
