from pathlib import Path

import pytest

from nmn.config import build
from nmn.errors import ConfigError, DataError, UnknownNameError
from nmn.execution.network import ModuleNetworkConfig
from nmn.training.ablation import jobs_of, load_ablation
from nmn.training.compare import comparison_jobs, load_comparison
from nmn.training.parser_preset import load_any_preset
from nmn.training.preset import (
    AddedData,
    ClevrDataConfig,
    ShapesData,
    TrainPreset,
    load_preset,
    preset_files,
    read_preset,
)


def test_every_shipped_preset_is_valid_and_its_name_unique() -> None:
    files = preset_files()
    assert "shapes" in files
    folders = Path(files["shapes"]).parents[2]
    assert len(list(folders.glob("*/presets/*.toml"))) == len(files)
    for name in files:
        if read_preset(name)["kind"] == "ablate":
            assert jobs_of(load_ablation(name), Path("runs"))
        elif read_preset(name)["kind"] == "compare":
            assert comparison_jobs(load_comparison(name), Path("runs"))
        else:
            added = ["data.added.folder=mine"] if name.endswith("-added") else []
            assert load_any_preset(name, added).kind == "train"


def test_a_preset_says_what_differs_from_its_base(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('base = "clevr"\nseed = 1\n[training]\nsteps = 5\n')
    said = ["seed=1", "training.steps=5"]
    assert load_preset(str(file)) == load_preset("clevr", said)
    assert load_preset(str(file), ["seed=2"]) == load_preset("clevr", [*said, "seed=2"])
    file.write_text("base = [1]\n")
    with pytest.raises(UnknownNameError, match=r"unknown base of preset"):
        load_preset(str(file))
    file.write_text('base = "clever"\n')
    with pytest.raises(UnknownNameError, match=r"unknown base of preset .* 'clever'.*'clevr'"):
        load_preset(str(file))


def test_pictures_of_others_must_be_somewhere() -> None:
    with pytest.raises(ConfigError, match=r"'data\.added\.folder': .*required"):
        load_preset("clevr-added")


def test_overrides_reach_nested_settings() -> None:
    preset = load_preset("shapes", ["seed=4", "data.world.empty=0.5", "model.bank.offsets=5"])
    assert isinstance(preset.data, ShapesData)
    assert isinstance(preset.model, ModuleNetworkConfig)
    assert (preset.seed, preset.data.world.empty, preset.model.bank) == (4, 0.5, {"offsets": 5})
    assert preset.training == load_preset("shapes").training


def test_a_file_is_a_preset(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('kind = "train"\ndomain = "shapes"\n[data]\nexamples = 8\n')
    assert load_preset(str(file)).data == ShapesData(examples=8)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("training.step=5", "unknown key 'training.step'; nearest: 'steps'"),
        ("training.steps=many", "'training.steps': .* got 'many'"),
        ("training.steps=0", "'training.steps': .*greater than 0, got 0"),
        ("domain=nlvr", "'domain': .*'shapes', 'clevr' or 'sort_of_clevr', got 'nlvr'"),
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


def test_data_are_of_the_domain() -> None:
    clevr = load_preset("clevr", ["data.pictures=7", "data.world.scenes.max_objects=4"])
    assert isinstance(clevr.data, ClevrDataConfig)
    assert (clevr.data.pictures, clevr.data.held_out) == (7, 1000)
    assert clevr.data.world.scenes.min_visible == 89
    assert build(TrainPreset, clevr.model_dump(mode="json"), "x") == clevr
    with pytest.raises(ConfigError, match=r"unknown key 'data\.examples'; nearest: 'pictures'"):
        load_preset("clevr", ["data.examples=8"])
    with pytest.raises(ConfigError, match=r"unknown key 'data\.pictures'"):
        load_preset("shapes", ["data.pictures=8"])


def test_pictures_are_as_large_as_the_stem_wants_them() -> None:
    assert load_preset("shapes").size == (30, 30)
    assert load_preset("clevr", ["model.stem.width=48", "model.stem.height=32"]).size == (48, 32)
    with pytest.raises(ConfigError, match=r"the size of pictures is that of model\.stem"):
        load_preset("clevr", ["data.world.render.width=320"])


@pytest.mark.parametrize("images", ["500", "a:b", "0:500:9", "-1:5"])
def test_pictures_of_others_are_chosen_by_a_span(images: str) -> None:
    chosen = ["data.added.folder=there", "data.added.images=0:500"]
    preset = load_preset("clevr", chosen)
    assert isinstance(preset.data, ClevrDataConfig)
    assert preset.data.added == AddedData(folder=Path("there"), images="0:500")
    with pytest.raises(ConfigError, match=r"'data\.added\.images'"):
        load_preset("clevr", [*chosen, f"data.added.images={images}"])


def test_shapes_has_no_scenes_to_learn_from() -> None:
    with pytest.raises(ConfigError, match="supervision by scenes, and shapes has none"):
        load_preset("shapes", ["model.supervision=scene"])


@pytest.mark.parametrize("domain", ["shapes", "sort_of_clevr"])
def test_states_are_those_of_objects_in_space(domain: str) -> None:
    name = {"shapes": "shapes", "sort_of_clevr": "sort-of-clevr-relation"}[domain]
    with pytest.raises(ConfigError, match=f"states of the objects of {domain}.*wanted domain = cl"):
        load_preset(name, ["model={kind='answerer', sees='states'}"])
