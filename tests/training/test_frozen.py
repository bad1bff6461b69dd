"""What a frozen stem gives of pictures: computed once, kept, and the same as the stem gives."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from nmn.data.clevr_folder import ClevrData
from nmn.data.loader import BatchLoader
from nmn.data.vocabulary import vocabulary_of
from nmn.errors import ConfigError, DataError
from nmn.nn.features import Features
from nmn.training import frozen
from nmn.training.data import held_out_data, training_data
from nmn.training.frozen import open_seen
from nmn.training.models import stem_of
from nmn.training.preset import TrainPreset, load_preset
from nmn.training.run import run_training
from tests.training.tiny_clevr import TINY

SMALL = (*TINY[1:], "data_seed=6", "training.minutes=0")


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory, tiny_home: Path) -> Path:
    """A checkpoint whose stem others begin with."""
    folder = tmp_path_factory.mktemp("begun")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NMN_HOME", str(tiny_home))
        patch.setattr("joblib.cpu_count", lambda: 1)
        run_training(load_preset("clevr-scene", [*TINY, "training.steps=2"]), folder)
    return folder


def preset_of(begun: Path, name: str = "clevr-frozen", *settings: str) -> TrainPreset:
    pool = () if "modules" in name else ("model.pool=[2,3]",)
    return load_preset(name, [*SMALL, f"initial_stem={begun}", *pool, *settings])


@pytest.mark.usefixtures("tiny_clevr")
def test_examples_have_what_the_stem_gives_in_place_of_pictures(begun: Path) -> None:
    preset = preset_of(begun)
    data = training_data(preset)
    assert isinstance(data, ClevrData)
    assert data.files is not None
    assert data.store is None
    example = data[0]
    assert example.picture is None
    assert example.seen is not None
    assert example.seen.shape == (4, 6, 16)
    vocabulary = vocabulary_of(data.question(row).tokens for row in range(len(data)))
    batch = next(BatchLoader(data, vocabulary, 20, 0).epoch(0))
    assert batch.features is not None
    assert batch.features.grid == (4, 6)
    assert batch.pictures.numel() == 0
    pictures = np.stack([data.picture(row) for row in range(len(data.files))])
    from nmn.training.checkpoint import load_checkpoint

    stem = stem_of(load_checkpoint(begun).model)
    with torch.no_grad():
        wanted: Features = stem(torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255)
    assert data.seen is not None
    got = torch.from_numpy(np.array(data.seen)).float().flatten(1, 2)
    torch.testing.assert_close(got, wanted.values, rtol=1e-3, atol=1e-3)


@pytest.mark.usefixtures("tiny_clevr")
def test_the_stem_is_asked_once_for_each_choice_of_weights(
    begun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset = preset_of(begun)
    first = training_data(preset)
    assert isinstance(first, ClevrData)
    assert first.files is not None
    monkeypatch.setattr(frozen, "_seen", lambda *_: pytest.fail("asked again"))
    training_data(preset)
    other = torch.nn.Conv2d(3, 4, 4, 4)
    with pytest.raises(pytest.fail.Exception, match="asked again"):
        open_seen(first.files, (48, 32), other)


@pytest.mark.usefixtures("tiny_clevr")
@pytest.mark.parametrize("name", ["clevr-frozen", "clevr-relation", "clevr-modules-frozen"])
def test_the_stem_stays_and_the_checkpoint_looks_at_pictures(
    begun: Path, tmp_path: Path, name: str
) -> None:
    preset = preset_of(begun, name, "training.steps=3")
    checkpoint = run_training(preset, tmp_path)
    before = load_file(begun / "model.safetensors")
    after = dict(stem_of(checkpoint.model).state_dict())
    assert after
    for key, value in after.items():
        assert torch.equal(value, before[f"stem.{key}"])
    stored = held_out_data(preset)
    pictures = held_out_data(preset.model_copy(update={"frozen_stem": False}))
    said = []
    for data in (stored, pictures):
        loader = BatchLoader(data, checkpoint.vocabulary, 20, 0)
        said.append(checkpoint.model.predict(next(loader.epoch(0))).log_probabilities)
    torch.testing.assert_close(said[0], said[1], rtol=1e-2, atol=1e-2)


@pytest.mark.usefixtures("tiny_clevr")
def test_a_detector_learns_objects_from_scenes(begun: Path, tmp_path: Path) -> None:
    settings = ("model.reasoner.objects=1.0", "model.reasoner.units=8", "training.log_every=1")
    preset = preset_of(begun, "clevr-detector", *settings, "training.steps=3")
    checkpoint = run_training(preset, tmp_path)
    assert checkpoint.made["supervision"] == "answers and objects"
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert all(line["parts"]["objects"] > 0 for line in lines)


@pytest.mark.usefixtures("tiny_clevr")
def test_a_frozen_stem_has_nothing_upon_it(begun: Path, tmp_path: Path) -> None:
    preset = preset_of(begun, "clevr-frozen", "model.stem.levels=[[8,1],[16,1],[8,0]]")
    with pytest.raises(DataError, match=r"model\.stem, which is frozen: 'levels'"):
        run_training(preset, tmp_path)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("initial_stem=",), "frozen_stem without initial_stem"),
        (("model.augment.light=0.1",), "changed or mirrored"),
        (("model.kind=scene_parser",), "wanted model.kind = modules or answerer"),
        (("model.pool=[30,30]",), r"wanted up to \(20, 30\)"),
        (("model.pool=[0,3]",), r"wanted up to \(20, 30\)"),
    ],
)
def test_settings_that_do_not_go_with_it(settings: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_preset("clevr-frozen", settings)
