import tomllib
from collections import Counter
from typing import Any

import numpy as np
import pytest

from nmn.config import build
from nmn.errors import ConfigError
from nmn.generate.combinations import Combinations, KindTable, allowed_kinds
from nmn.generate.scene_config import SceneConfig
from nmn.resources import dataset_folder

ATTRIBUTES = {
    "shape": ("cube", "sphere", "cylinder"),
    "color": ("red", "green", "blue", "gray"),
    "size": ("small", "large"),
}
GROUP = {"gray", "blue", "brown", "yellow"}
OTHERS = {"red", "green", "purple", "cyan"}


def table_of(*rules: dict[str, Any]) -> KindTable:
    return allowed_kinds(build(Combinations, {"rules": rules}, "test"), ATTRIBUTES, "train")


def test_without_rules_all_objects_are_equally_frequent() -> None:
    table = table_of()
    assert len(set(table.kinds)) == len(table.kinds) == 24
    assert np.allclose(table.chances, 1 / 24)
    drawn = Counter(table.draw(np.random.default_rng(0), 24_000).tolist())
    assert len(drawn) == 24
    assert all(850 < count < 1_150 for count in drawn.values())


def test_only_forces_values() -> None:
    table = table_of({"when": {"shape": "cube"}, "only": {"color": ["red", "blue"]}})
    colors = {shape: {k[1] for k in table.kinds if k[0] == shape} for shape in ATTRIBUTES["shape"]}
    assert colors["cube"] == {"red", "blue"}
    assert colors["sphere"] == colors["cylinder"] == set(ATTRIBUTES["color"])


def test_values_are_drawn_one_after_the_other() -> None:
    table = table_of({"when": {"shape": "cube"}, "only": {"color": "red"}})
    chances = dict(zip(table.kinds, table.chances, strict=True))
    assert np.isclose(sum(table.chances), 1)
    assert np.isclose(chances["cube", "red", "small"], 1 / 3 / 2)
    assert np.isclose(chances["sphere", "red", "small"], 1 / 3 / 4 / 2)


def test_never_forbids_what_is_so_in_all_attributes() -> None:
    kinds = table_of({"never": {"color": ["red", "green"], "size": "small"}}).kinds
    forbidden = {k for k in kinds if k[1] in {"red", "green"} and k[2] == "small"}
    assert not forbidden
    assert len(kinds) == 24 - 6


def test_rules_hold_together() -> None:
    kinds = table_of(
        {"only": {"size": "large"}},
        {"when": {"shape": ["cube", "sphere"], "color": "gray"}, "never": {"size": "large"}},
    ).kinds
    assert len(kinds) == 12 - 2
    assert ("cylinder", "gray", "large") in kinds


@pytest.mark.parametrize("split", ["trainA", "valA", "testA", "valB", "testB"])
def test_cogent_is_as_published(split: str) -> None:
    world = tomllib.loads((dataset_folder("clevr") / "worlds" / "cogent.toml").read_text())
    rules = build(Combinations, world["splits"][split], "cogent.toml")
    table = allowed_kinds(rules, SceneConfig().attributes, split)
    colors = {s: {k[1] for k in table.kinds if k[0] == s} for s in ("cube", "cylinder", "sphere")}
    cube, cylinder = (GROUP, OTHERS) if split.endswith("A") else (OTHERS, GROUP)
    assert colors == {"cube": cube, "cylinder": cylinder, "sphere": GROUP | OTHERS}
    for shape in colors:
        pairs = zip(table.kinds, table.chances, strict=True)
        assert np.isclose(sum(chance for kind, chance in pairs if kind[0] == shape), 1 / 3)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([{"only": {"colour": "red"}}], ["split train, rule 0", "attribute 'colour'", "'color'"]),
        ([{"only": {"color": "gren"}}], ["split train, rule 0", "color 'gren'", "'green'"]),
        ([{"when": {"shape": "cub"}, "only": {"color": "red"}}], ["shape 'cub'", "'cube'"]),
        (
            [{"only": {"color": "red"}}, {"only": {"color": "blue"}}],
            ["split train", "no object at all"],
        ),
        (
            [
                {"when": {"shape": "cube"}, "only": {"color": ["red"]}},
                {"when": {"shape": "cube"}, "never": {"color": ["red"]}},
            ],
            ["split train", "no object of those that rule 0 is about (shape cube)"],
        ),
        ([{"when": {"shape": "cube"}}], ["a rule needs 'only' or 'never'"]),
        ([{"only": {"color": []}}], ["rules.0.only.color", "at least 1 item"]),
        ([{"only": {"color": "red"}, "nevr": {}}], ["unknown key 'rules.0.nevr'"]),
    ],
)
def test_impossible_rules_are_said_in_one_line(
    rules: list[dict[str, Any]], words: list[str]
) -> None:
    with pytest.raises(ConfigError) as error:
        table_of(*rules)
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)
