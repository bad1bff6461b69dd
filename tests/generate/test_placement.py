import numpy as np
import pytest

from nmn.errors import ConfigError
from nmn.generate.combinations import Combinations, allowed_kinds
from nmn.generate.placement import draft_of, half_heights, place_all
from nmn.generate.scene_config import SceneConfig


def test_circles_keep_their_distance() -> None:
    config = SceneConfig(min_objects=8, max_objects=8, min_distance=0.5)
    table = allowed_kinds(Combinations(), config.attributes, "train")
    drafts = [draft_of(config, 1, "train", index) for index in range(20)]
    place_all(drafts, config, table)
    for draft in drafts:
        radii = half_heights(config, table)[draft.kinds]
        apart = np.linalg.norm(draft.places[:, None] - draft.places, axis=-1)
        gaps = (apart - radii - radii[:, None])[~np.eye(8, dtype=bool)]
        assert gaps.min() >= 0.5 - 1e-9


def test_more_objects_than_fit_end_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nmn.generate.placement._ALONE", 300)
    config = SceneConfig(min_objects=16, max_objects=16)
    table = allowed_kinds(Combinations(), config.attributes, "train")
    with pytest.raises(ConfigError, match=r"16 objects do not fit.*nearest: max_objects=1\d"):
        place_all([draft_of(config, 1, "train", index) for index in range(3)], config, table)
