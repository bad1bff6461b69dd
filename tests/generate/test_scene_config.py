from typing import Any

import pytest

from nmn.config import build
from nmn.errors import ConfigError
from nmn.generate.scene_config import SceneConfig


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"min_objects": 0}, ["min_objects", "greater than or equal to 1"]),
        ({"min_objects": 5, "max_objects": 4}, ["min_objects is 5", "max_objects, 4"]),
        ({"min_objects": 40, "max_objects": 40}, ["max_objects is 40", "at most 22 objects fit"]),
        ({"min_visible": 10_000}, ["min_visible is 10000", "at most 7680 pixels"]),
        ({"look": {"colors": {}}}, ["there is no color"]),
        ({"look": {"colors": {"cube": [1, 2, 3]}}}, ["'cube' is both a shape and a color"]),
        ({"min_object": 3}, ["unknown key 'min_object'", "'min_objects'"]),
        ({"area": 0}, ["'area'", "greater than 0"]),
    ],
)
def test_impossible_settings_are_said_in_one_line(
    settings: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(ConfigError) as error:
        build(SceneConfig, settings, "world.toml")
    assert "\n" not in str(error.value)
    for word in ["world.toml", *words]:
        assert word in str(error.value)
