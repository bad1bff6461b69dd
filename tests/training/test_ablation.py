"""Which runs an ablation consists of."""

from pathlib import Path
from typing import Any

import pytest

from nmn.errors import ConfigError, UnknownNameError
from nmn.training.ablation import AblationPreset, arms_of, jobs_of, load_ablation
from nmn.training.parser_preset import build_preset, load_any_preset

AXES: dict[str, dict[str, dict[str, Any]]] = {
    "estimator": {
        "reinforce": {},
        "marginal": {"learning": {"estimator": "marginal", "memory": 2}},
    },
    "attention": {"yes": {}, "no": {"parser": {"attention": False}}},
    "size": {"small": {"parser": {"hidden": 16}}, "large": {"parser": {"hidden": 32}}},
}
OUT = Path("out")


def preset_of(**values: Any) -> AblationPreset:
    return AblationPreset.model_validate(
        {"kind": "ablate", "train": "parser-shapes", "axes": AXES, **values}
    )


def written(folder: Path, text: str) -> str:
    path = folder / "taken-apart.toml"
    path.write_text(text)
    return str(path)


def settings_of(preset: AblationPreset) -> dict[str, dict[str, Any]]:
    return {job.name: job.settings for runs in jobs_of(preset, OUT).values() for job in runs}


def test_a_grid_has_all_combinations_the_first_ones_first() -> None:
    arms = arms_of(preset_of())
    assert len({arm.name for arm in arms}) == len(arms) == 8
    assert arms[0].name == "estimator=reinforce,attention=yes,size=small"
    assert arms[-1].name == "estimator=marginal,attention=no,size=large"
    assert dict(arms[-1].choices) == {"estimator": "marginal", "attention": "no", "size": "large"}


def test_one_at_a_time_differs_from_the_first_in_one_axis_and_names_it() -> None:
    arms = {arm.name: dict(arm.choices) for arm in arms_of(preset_of(design="one_at_a_time"))}
    assert next(iter(arms)) == "reference"
    reference = {"estimator": "reinforce", "attention": "yes", "size": "small"}
    assert arms == {
        "reference": reference,
        "estimator=marginal": reference | {"estimator": "marginal"},
        "attention=no": reference | {"attention": "no"},
        "size=large": reference | {"size": "large"},
    }


def test_each_arm_is_trained_once_for_each_seed() -> None:
    preset = preset_of(seeds=[3, 1], axes={"size": AXES["size"]})
    jobs = jobs_of(preset, OUT)
    assert [arm.name for arm in jobs] == ["size=small", "size=large"]
    assert [[job.name for job in runs] for runs in jobs.values()] == [
        ["size=small,seed=3", "size=small,seed=1"],
        ["size=large,seed=3", "size=large,seed=1"],
    ]
    assert [job.settings["seed"] for runs in jobs.values() for job in runs] == [3, 1, 3, 1]


def test_settings_are_those_of_the_training_then_of_all_arms_then_of_each() -> None:
    preset = preset_of(
        seeds=[0],
        settings={"parser": {"embedding": 8, "hidden": 8}, "training": {"steps": 7}},
        axes={"attention": AXES["attention"], "size": {"as_it_is": {}, **AXES["size"]}},
    )
    found = settings_of(preset)
    base = load_any_preset("parser-shapes").model_dump(mode="json")
    plain = found["attention=yes,size=as_it_is,seed=0"]
    changed = {
        **base,
        "parser": {**base["parser"], "embedding": 8, "hidden": 8},
        "training": {**base["training"], "steps": 7},
    }
    assert plain == changed
    other = found["attention=no,size=large,seed=0"]
    assert other == {**changed, "parser": {**changed["parser"], "attention": False, "hidden": 32}}


def test_a_later_axis_has_the_last_word() -> None:
    axes = {"one": {"a": {"parser": {"hidden": 16}}}, "two": {"b": {"parser": {"hidden": 32}}}}
    (settings,) = settings_of(preset_of(seeds=[0], axes=axes)).values()
    assert settings["parser"]["hidden"] == 32


def test_settings_of_a_job_are_whole_and_are_read_back_as_they_were() -> None:
    (settings,) = settings_of(preset_of(seeds=[4], axes={"all": {"same": {}}})).values()
    assert build_preset(settings, "job") == load_any_preset("parser-shapes", ["seed=4"])


def test_a_parser_of_another_kind_is_an_arm() -> None:
    kinds = {kind: {"parser": {"kind": kind}} for kind in ("lstm", "transformer", "retrieval")}
    found = settings_of(preset_of(seeds=[0], axes={"parser": kinds}))
    assert [settings["parser"]["kind"] for settings in found.values()] == list(kinds)


def test_folders_lie_below_that_of_the_ablation_and_differ() -> None:
    jobs = [job for runs in jobs_of(preset_of(), OUT).values() for job in runs]
    folders = {job.folder for job in jobs}
    assert len(folders) == len(jobs) == 24
    assert all(folder.is_relative_to(OUT.resolve() / "runs") for folder in folders)
    assert all(len(folder.relative_to(OUT.resolve()).parts) == 3 for folder in folders)


def test_folders_differ_though_names_are_alike() -> None:
    axes: dict[str, Any] = {"a": {"x": {}, "x_b-y": {}}, "b": {"y": {}, "y_b-y": {}}}
    jobs = [job for runs in jobs_of(preset_of(seeds=[0], axes=axes), OUT).values() for job in runs]
    assert len({job.folder for job in jobs}) == len(jobs) == 4


def test_an_ablation_is_read_from_a_file_and_overridden(tmp_path: Path) -> None:
    name = written(
        tmp_path,
        'kind = "ablate"\ntrain = "parser-shapes"\nseeds = [1]\n'
        "[axes.size]\nsmall = {parser = {hidden = 16}}\nlarge = {}\n",
    )
    preset = load_ablation(name, ["seeds=[5, 6]", "settings.training.steps=3"])
    assert (preset.train, preset.design, preset.seeds) == ("parser-shapes", "grid", (5, 6))
    found = settings_of(preset)
    assert [settings["training"]["steps"] for settings in found.values()] == [3] * 4
    assert [settings["parser"]["hidden"] for settings in found.values()] == [16, 16, 64, 64]


BROKEN: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("misspelt key", {"desing": "grid"}, ("unknown key 'desing'", "'design'")),
    ("unknown design", {"design": "random"}, ("'design'", "'one_at_a_time'", "got 'random'")),
    ("no seeds", {"seeds": []}, ("'seeds'",)),
    ("the same seed twice", {"seeds": [1, 2, 1]}, ("'seeds'", "different seeds")),
    ("a seed below 0", {"seeds": [0, -1]}, ("'seeds'", "0 or more")),
    ("no axes", {"axes": {}}, ("'axes'",)),
    ("an axis without arms", {"axes": {"size": {}}}, ("axis size has no arms",)),
    ("a bad axis", {"axes": {"Size": {"a": {}}}}, ("'Size' is no name", "wanted a-z")),
    ("a bad arm", {"axes": {"size": {"a": {}, "b/../c": {}}}}, ("'b/../c' is no name",)),
    ("a hidden arm", {"axes": {"size": {"..": {}}}}, ("'..' is no name",)),
    ("an arm with a comma", {"axes": {"size": {"a,b=c": {}}}}, ("'a,b=c' is no name",)),
    ("an arm of a wrong kind", {"axes": {"size": {"a": 3}}}, ("axes.size.a", "got 3")),
]


@pytest.mark.parametrize(
    ("values", "said"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN]
)
def test_what_is_no_ablation_is_told_in_one_line(
    tmp_path: Path, values: dict[str, Any], said: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = {"kind": "ablate", "train": "parser-shapes", "axes": AXES, **values}
    monkeypatch.setattr("nmn.training.ablation.read_preset", lambda *_: whole)
    with pytest.raises(ConfigError) as caught:
        load_ablation(str(tmp_path / "a.toml"))
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(f"preset {tmp_path / 'a.toml'}: ")
    for fragment in said:
        assert fragment in line


ARMS: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    (
        "misspelt setting",
        {"learning": {"estimatr": "marginal"}},
        ("arm a=b of parser-shapes", "unknown key 'learning.estimatr'", "nearest: 'estimator'"),
    ),
    ("out of range", {"training": {"steps": 0}}, ("arm a=b", "'training.steps'", "got 0")),
    ("unknown value", {"learning": {"estimator": "x"}}, ("arm a=b", "'marginal'", "got 'x'")),
    ("unknown kind", {"parser": {"kind": "gru"}}, ("arm a=b", "'retrieval'", "got 'gru'")),
    ("against each other", {"learning": {"estimator": "marginal"}}, ("arm a=b", "memory")),
]


@pytest.mark.parametrize(("arm", "said"), [row[1:] for row in ARMS], ids=[row[0] for row in ARMS])
def test_settings_of_an_arm_that_are_not_valid_are_told_before_any_run(
    tmp_path: Path, arm: dict[str, Any], said: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigError) as caught:
        jobs_of(preset_of(axes={"a": {"first": {}, "b": arm}}), tmp_path)
    line = str(caught.value)
    assert "\n" not in line
    for fragment in said:
        assert fragment in line
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_training_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown preset 'parser-shaps'.*'parser-shapes'"):
        jobs_of(preset_of(train="parser-shaps"), OUT)


def test_models_are_not_ablated() -> None:
    with pytest.raises(ConfigError, match="a preset of a model; wanted that of a parser"):
        jobs_of(preset_of(train="shapes", axes={"all": {"same": {}}}), OUT)


def test_a_training_is_no_ablation() -> None:
    with pytest.raises(ConfigError, match="of kind train; wanted one of kind ablate"):
        load_ablation("parser-shapes")


def test_an_unknown_ablation_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown preset 'ablate-shaps'.*'ablate-shapes'"):
        load_ablation("ablate-shaps")
