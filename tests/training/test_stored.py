"""What a checkpoint folder says; its damages are in the tests of both kinds of checkpoints."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from nmn.data.vocabulary import WordVocabulary
from nmn.domain import Domain, load_domain
from nmn.errors import DataError, UnknownNameError
from nmn.training.parser_preset import ParserPreset
from nmn.training.preset import TrainPreset, load_preset
from nmn.training.stored import Stored, find_checkpoint, finished, read_stored, write_stored
from tests.training.tiny_parsers import mini_preset

PRESETS: dict[str, tuple[TrainPreset | ParserPreset, str, str]] = {
    "model": (load_preset("shapes"), "shapes", "grammar"),
    "parser": (mini_preset(), "clevr", "lstm"),
}


@pytest.fixture(params=PRESETS)
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Stored:
    preset, domain, parser = PRESETS[request.param]
    words = WordVocabulary(("how", "many"))
    return Stored(tmp_path / "saved", preset, load_domain(domain), words, {"data": "x"}, parser)


def test_what_is_written_is_read(stored: Stored) -> None:
    model = nn.Linear(3, 2)
    write_stored(stored, model)
    found = read_stored(stored.folder)
    assert type(found.preset) is type(stored.preset)
    for name in ("folder", "preset", "domain", "vocabulary", "parser"):
        assert getattr(found, name) == getattr(stored, name), name
    assert found.made["data"] == "x"
    assert found.made["torch"] == torch.__version__
    other = nn.Linear(3, 2)
    found.load(other)
    assert torch.equal(other.weight, model.weight)
    assert not other.training


def test_weights_of_another_model_are_refused(stored: Stored) -> None:
    write_stored(stored, nn.Linear(3, 2))
    with pytest.raises(DataError, match=r"model\.safetensors: does not fit the model"):
        read_stored(stored.folder).load(nn.Linear(4, 2))


def test_a_preset_of_another_domain_is_refused(stored: Stored, shapes: Domain) -> None:
    write_stored(stored, nn.Linear(3, 2))
    others = {"shapes": load_domain("clevr"), "clevr": shapes}
    other = others[stored.domain.name]
    (stored.folder / "domain.json").write_text(json.dumps(other.to_json()))
    with pytest.raises(DataError, match=f"trained for \\({stored.domain.name}\\)"):
        read_stored(stored.folder)


def test_what_cannot_be_written_is_named(stored: Stored) -> None:
    stored.folder.write_text("in the way")
    with pytest.raises(DataError, match="saved"):
        write_stored(stored, nn.Linear(3, 2))


def test_names_of_both_kinds_are_looked_up(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_stored(stored, nn.Linear(3, 2))
    (tmp_path / "runs").mkdir()
    stored.folder.rename(tmp_path / "runs" / "mine")
    assert find_checkpoint("mine") == Path("runs/mine")
    assert read_stored(find_checkpoint("mine")).preset == stored.preset
    with pytest.raises(UnknownNameError, match="unknown checkpoint 'mien'; nearest: 'mine'"):
        find_checkpoint("mien")


def test_a_folder_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not a checkpoint: it has no config\.json"):
        find_checkpoint(str(tmp_path))
    raised = str(find_checkpoint.__doc__).partition("Raises:")[2]
    assert "DataError" in raised


@pytest.mark.parametrize("stored", ["parser"], indirect=True)
def test_a_checkpoint_of_before_gives_all_programs(stored: Stored) -> None:
    """What is now `all` was null."""
    write_stored(stored, nn.Linear(3, 2))
    path = stored.folder / "config.json"
    config = json.loads(path.read_text())
    assert config["preset"]["data"]["programs"] == "all"
    config["preset"]["data"]["programs"] = None
    path.write_text(json.dumps(config))
    assert read_stored(stored.folder).preset == stored.preset


@pytest.mark.parametrize("broken", [{}, {"words": 3, "program_tokens": []}, {"words": []}, []])
def test_a_damaged_vocabulary_is_named(stored: Stored, broken: object) -> None:
    write_stored(stored, nn.Linear(3, 2))
    path = stored.folder / "vocab.json"
    path.write_text(json.dumps(broken))
    with pytest.raises(DataError, match=f"^{path}: damaged"):
        read_stored(stored.folder)


def test_only_a_run_of_the_same_preset_is_finished(stored: Stored) -> None:
    assert finished(stored.folder, stored.preset) is None
    write_stored(stored, nn.Linear(3, 2))
    found = finished(stored.folder, stored.preset)
    assert found is not None
    assert found.made["data"] == "x"
    other = stored.preset.model_copy(update={"seed": stored.preset.seed + 1})
    with pytest.raises(DataError, match="a finished run of other settings"):
        finished(stored.folder, other)
    (stored.folder / "resume").mkdir()
    (stored.folder / "resume" / "state.safetensors").write_bytes(b"")
    assert finished(stored.folder, stored.preset) is None
