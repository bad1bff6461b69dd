from pathlib import Path

import pytest

from nmn.errors import ConfigError, DataError, UnknownNameError
from nmn.training.preset import load_preset, preset_files


def test_every_shipped_preset_is_valid_and_its_name_unique() -> None:
    files = preset_files()
    assert "shapes" in files
    folders = Path(files["shapes"]).parents[2]
    assert len(list(folders.glob("*/presets/*.toml"))) == len(files)
    for name in files:
        assert load_preset(name).kind == "train"


def test_overrides_reach_nested_settings() -> None:
    preset = load_preset("shapes", ["seed=4", "data.world.empty=0.5", "model.bank.offsets=5"])
    assert (preset.seed, preset.data.world.empty, preset.model.bank) == (4, 0.5, {"offsets": 5})
    assert preset.training == load_preset("shapes").training


def test_a_file_is_a_preset(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('kind = "train"\ndomain = "shapes"\n[data]\nexamples = 8\n')
    assert load_preset(str(file)).data.examples == 8


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("training.step=5", "unknown key 'training.step'; nearest: 'steps'"),
        ("training.steps=many", "'training.steps': .* got 'many'"),
        ("training.steps=0", "'training.steps': .*greater than 0, got 0"),
        ("domain=clevr", "'domain': .*'shapes'"),
        ("seed", "wanted key=value"),
        ("seed.x=1", "'seed' is a value, not a table"),
    ],
)
def test_wrong_overrides_are_named(override: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        load_preset("shapes", [override])
    assert "\n" not in str(caught.value)


def test_unknown_presets_and_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown preset 'shape'; nearest: 'shapes'"):
        load_preset("shape")
    with pytest.raises(DataError, match="no such file"):
        load_preset(str(tmp_path / "none.toml"))
    (tmp_path / "broken.toml").write_text("kind = ")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_preset(str(tmp_path / "broken.toml"))


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("training.learning_rate=1e40", "less than or equal to 10"),
        ("data.examples=1000000000000", "less than or equal to 10000000"),
        ("model.stem.layers=[]", "'model.stem': a stem needs at least one layer"),
        ("model.stem.layers=[[8,40,1]]", "layer 1: a kernel of 40 on 30x30"),
        (
            "model.stem.layers=[[8,10,10],[8,0,1]]",
            "layer 2: channels .up to 4096., kernel and stride",
        ),
        ("data.world.relation_counts=[0,0]", "a positive, finite sum"),
        ("data.world.relation_counts=[-1,2]", "greater than or equal to 0, got -1"),
        ("data.world.train_share=0.95", "leave nothing for test"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(override: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        load_preset("shapes", [override])
    assert "\n" not in str(caught.value)
