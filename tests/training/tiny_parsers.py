"""Settings that make presets of parsers tiny, and runs that break off."""

from pathlib import Path

import pytest
from safetensors.torch import load_file
from torch import Tensor

from nmn.resources import dataset_folder
from nmn.training.parser_preset import ParserPreset, load_any_preset
from nmn.training.parser_run import HowToRun, train_parser

MINI = dataset_folder("clevr") / "mini"
"""Questions and scenes in CLEVR's layout: 15 questions on the images 0 and 1, 7 on image 2."""

_TRAINING = (
    "learning.samples=2",
    "training.steps=6",
    "training.batch_size=6",
    "training.log_every=1",
    "training.checkpoint_every=3",
    "training.evaluate_every=0",
)
TINY_SHAPES = (
    "data.generated.examples=32",
    "data.generated.held_out=12",
    "data.generated.programs=0",
    "data.generated.world.pictures_per_question=2",
    "parser.hidden=16",
    "parser.embedding=8",
    *_TRAINING,
)
TINY_CLEVR = (
    f"data.folder={MINI}",
    "data.split=mini",
    "data.images=:2",
    "data.test_images=2:",
    'parser={kind="lstm",hidden=16,embedding=8}',
    *_TRAINING,
)
KINDS = {
    "lstm": 'parser={kind="lstm",hidden=16,embedding=8}',
    "lstm without attention": 'parser={kind="lstm",hidden=16,embedding=8,attention=false}',
    "transformer": 'parser={kind="transformer",hidden=16,heads=2}',
    "retrieval": 'parser={kind="retrieval"}',
}


class InterruptedRunError(Exception):
    """Stands for the power going out."""


def parser_preset(name: str, *settings: str) -> ParserPreset:
    preset = load_any_preset(name, settings)
    assert isinstance(preset, ParserPreset)
    return preset


def shapes_preset(*settings: str) -> ParserPreset:
    return parser_preset("parser-shapes", *TINY_SHAPES, *settings)


def mini_preset(*settings: str) -> ParserPreset:
    return parser_preset("parser-clevr", *TINY_CLEVR, *settings)


def interrupted(preset: ParserPreset, folder: Path, at: int) -> None:
    """Train up to a step, where the power goes out."""

    def stage(what: str, done: int, total: int | None, note: str = "") -> None:
        assert note.startswith("loss ") == what.startswith("training")
        if what == "training" and done == at:
            raise InterruptedRunError(total)

    with pytest.raises(InterruptedRunError):
        train_parser(preset, HowToRun(folder, stage=stage))


def weights_of(folder: Path) -> dict[str, Tensor]:
    return load_file(folder / "model.safetensors")
