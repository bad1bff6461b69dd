from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Discriminator, Field, SerializeAsAny, Tag, ValidationError

from nmn.config import Config, build, known_by_kind, merged, read_toml, with_overrides
from nmn.errors import ConfigError, DataError


class Training(Config):
    steps: int = Field(100, ge=1)
    rate: float = 0.1


class Run(Config):
    seed: int
    name: str = "run"
    training: Training = Training()
    sizes: tuple[int, ...] = (1, 2)


def test_build_takes_what_is_given_and_the_defaults_for_the_rest() -> None:
    run = build(Run, {"seed": 3, "training": {"steps": 7}}, "preset")
    assert run == Run(seed=3, name="run", training=Training(steps=7, rate=0.1), sizes=(1, 2))


def test_a_built_configuration_cannot_be_changed() -> None:
    run = build(Run, {"seed": 3}, "preset")
    with pytest.raises(ValidationError, match="frozen"):
        run.seed = 4  # type: ignore[misc]


BROKEN: list[tuple[str, dict[str, Any], str]] = [
    ("missing key", {}, "'seed': field required"),
    (
        "unknown key",
        {"seed": 1, "nam": "x"},
        "unknown key 'nam'; nearest: 'name', 'training' or 'seed'",
    ),
    (
        "unknown nested key",
        {"seed": 1, "training": {"step": 3}},
        "unknown key 'training.step'; nearest: 'steps' or 'rate'",
    ),
    (
        "wrong type",
        {"seed": "many"},
        "'seed': input should be a valid integer, unable to parse string as an integer, got 'many'",
    ),
    (
        "wrong nested type",
        {"seed": 1, "training": {"rate": "fast"}},
        "'training.rate': input should be a valid number, "
        "unable to parse string as a number, got 'fast'",
    ),
    (
        "out of range",
        {"seed": 1, "training": {"steps": 0}},
        "'training.steps': input should be greater than or equal to 1, got 0",
    ),
    (
        "wrong item of a list",
        {"seed": 1, "sizes": [1, "two"]},
        "'sizes.1': input should be a valid integer, "
        "unable to parse string as an integer, got 'two'",
    ),
    (
        "a text of several lines",
        {"seed": "a\nb"},
        "'seed': input should be a valid integer, "
        "unable to parse string as an integer, got 'a\\nb'",
    ),
]


@pytest.mark.parametrize(
    ("values", "problem"), [pytest.param(v, p, id=label) for label, v, p in BROKEN]
)
def test_what_is_wrong_with_a_configuration_is_one_line(
    values: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        build(Run, values, "a.toml")
    assert str(caught.value) == f"a.toml: {problem}"
    assert "\n" not in str(caught.value)


def test_a_value_in_place_of_a_table_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^a\.toml: 'training': .*got 3$"):
        build(Run, {"seed": 1, "training": 3}, "a.toml")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("seed=5", {"seed": 5, "training": {"steps": 10}}),
        ("training.steps=20", {"seed": 1, "training": {"steps": 20}}),
        ("training.rate = 1e-3", {"seed": 1, "training": {"steps": 10, "rate": 0.001}}),
        ("world.empty=0.5", {"seed": 1, "training": {"steps": 10}, "world": {"empty": 0.5}}),
        ("sizes=[3, 4]", {"seed": 1, "training": {"steps": 10}, "sizes": [3, 4]}),
        ("flag=true", {"seed": 1, "training": {"steps": 10}, "flag": True}),
        ("name=plain text", {"seed": 1, "training": {"steps": 10}, "name": "plain text"}),
        ('name="12"', {"seed": 1, "training": {"steps": 10}, "name": "12"}),
        ("name=a=b", {"seed": 1, "training": {"steps": 10}, "name": "a=b"}),
        ("name=", {"seed": 1, "training": {"steps": 10}, "name": ""}),
    ],
)
def test_an_override_sets_one_value_and_leaves_the_original(
    override: str, expected: dict[str, Any]
) -> None:
    original: dict[str, Any] = {"seed": 1, "training": {"steps": 10}}
    assert with_overrides(original, [override]) == expected
    assert original == {"seed": 1, "training": {"steps": 10}}


def test_later_overrides_win() -> None:
    assert with_overrides({}, ["a.b=1", "a.c=2", "a.b=3"]) == {"a": {"b": 3, "c": 2}}


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("seed", "--set seed: wanted key=value, as in training.steps=500"),
        ("=5", "--set =5: wanted key=value, as in training.steps=500"),
        ("", "--set : wanted key=value, as in training.steps=500"),
        ("seed.x=5", "--set seed.x=5: 'seed' is a value, not a table"),
        ("a.b.c=5", "--set a.b.c=5: 'b' is a value, not a table"),
    ],
)
def test_a_broken_override_is_named(override: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        with_overrides({"seed": 1, "a": {"b": 2}}, [override])
    assert str(caught.value) == problem


def test_an_override_of_an_unknown_key_names_its_neighbours_when_built() -> None:
    values = with_overrides({"seed": 1}, ["training.stepps=5"])
    with pytest.raises(ConfigError, match=r"unknown key 'training\.stepps'; nearest: 'steps'"):
        build(Run, values, "preset")


def test_toml_is_read_as_nested_dictionaries(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("seed = 1\n[training]\nsteps = 2\n", encoding="utf-8")
    assert read_toml(path) == {"seed": 1, "training": {"steps": 2}}


def test_toml_that_is_broken_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("seed = 1\nseed = 2\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"a\.toml: not valid TOML: .*line 2") as caught:
        read_toml(path)
    assert "\n" not in str(caught.value)


def test_toml_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.toml: no such file or directory$"):
        read_toml(tmp_path / "a.toml")


class Round(Config):
    kind: Literal["round"] = "round"
    radius: int = Field(1, ge=1)


class Angular(Config):
    kind: Literal["angular"] = "angular"
    corners: int = 4
    inner: Round = Round()


class Drawing(Config):
    shape: Annotated[
        Annotated[Round, Tag("round")] | Annotated[Angular, Tag("angular")], Discriminator("kind")
    ] = Round()


class Sketch(Config):
    shape: Annotated[
        SerializeAsAny[Config], known_by_kind(lambda: {"round": Round, "angular": Angular}, "round")
    ] = Round()


@pytest.mark.parametrize("table", [Drawing, Sketch])
@pytest.mark.parametrize(
    ("shape", "problem"),
    [
        ({"kind": "round", "radius": 0}, "'shape.radius': .* got 0"),
        ({"kind": "round", "corners": 3}, r"unknown key 'shape\.corners'; nearest: .*'radius'"),
        ({"kind": "angular", "cornres": 3}, r"unknown key 'shape\.cornres'; nearest: 'corners'"),
        ({"kind": "angular", "inner": {"radios": 3}}, r"'shape\.inner\.radios'; nearest: 'radius'"),
        ({"kind": "flat"}, "'shape': wanted kind 'round' or 'angular', got 'flat'"),
        ({"kind": "angular", "inner": {"radius": -1}}, r"'shape\.inner\.radius'"),
    ],
)
def test_what_is_of_one_of_several_kinds_is_named_without_its_kind(
    shape: dict[str, Any], problem: str, table: type[Drawing | Sketch]
) -> None:
    with pytest.raises(ConfigError, match=problem):
        build(table, {"shape": shape}, "drawing")
    angular = build(table, {"shape": {"kind": "angular", "corners": 3}}, "drawing")
    assert angular.shape == Angular(corners=3)
    assert table.model_validate_json(angular.model_dump_json()) == angular


@pytest.mark.parametrize("shape", [3, Drawing()])
def test_what_is_no_table_of_a_known_kind_is_refused(shape: object) -> None:
    with pytest.raises(ConfigError, match="'shape': input should be a valid dictionary"):
        build(Sketch, {"shape": shape}, "drawing")
    assert build(Sketch, {"shape": {"radius": 2}}, "drawing").shape == Round(radius=2)
    assert build(Sketch, {"shape": Angular()}, "drawing").shape == Angular()


def test_a_table_of_another_kind_takes_the_place_of_the_old_one() -> None:
    base = {"parser": {"kind": "lstm", "hidden": 8}, "other": {"hidden": 1}}
    assert merged(base, {"parser": {"kind": "transformer", "heads": 2}}) == {
        "parser": {"kind": "transformer", "heads": 2},
        "other": {"hidden": 1},
    }
    same = merged(base, {"parser": {"kind": "lstm", "embedding": 4}})
    assert same["parser"] == {"kind": "lstm", "hidden": 8, "embedding": 4}
    assert merged(base, {"parser": {"hidden": 9}})["parser"] == {"kind": "lstm", "hidden": 9}
    overridden = with_overrides(base, ["parser.kind=transformer", "parser.heads=2"])
    assert overridden["parser"] == {"kind": "transformer", "heads": 2}
    assert with_overrides(base, ["parser.kind=lstm"]) == base
    assert base["parser"] == {"kind": "lstm", "hidden": 8}
