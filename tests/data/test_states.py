from dataclasses import replace

import numpy as np
import pytest
import torch

from nmn.data.clevr_scenes import scene_from_json
from nmn.data.states import object_states, state_channels
from nmn.domain import Domain
from nmn.errors import DataError
from nmn.nn.features import Features
from nmn.scene.scene import Scene
from tests.data.clevr_folders import scene


def scenes_of(domain: Domain, *images: int) -> list[Scene]:
    return [scene_from_json(scene("val", image), domain, "scenes.json") for image in images]


def test_columns_are_named(clevr: Domain) -> None:
    channels = state_channels(clevr)
    assert channels[:3] == ("x", "y", "z")
    assert channels[3:] == clevr.concepts
    assert len(channels) == 3 + 15


def test_one_object(clevr: Domain) -> None:
    states = object_states(scenes_of(clevr, 2), clevr)
    row = dict(zip(state_channels(clevr), states.values[0, 0].tolist(), strict=True))
    assert {name: value for name, value in row.items() if value} == {
        "x": 1.0,
        "y": -2.0,
        "z": pytest.approx(0.7),
        "cube": 1.0,
        "large": 1.0,
        "red": 1.0,
        "metal": 1.0,
    }
    np.testing.assert_allclose(states.positions[0, 0], [-0.5, 0.5])


def test_scenes_with_fewer_objects_are_padded(clevr: Domain) -> None:
    states = object_states(scenes_of(clevr, 2, 3), clevr)
    assert states.present.tolist() == [[True, False], [True, True]]
    assert not states.values[0, 1].any()
    assert not states.positions[0, 1].any()


def test_states_fit_the_features_of_models(clevr: Domain) -> None:
    states = object_states(scenes_of(clevr, 2, 3), clevr)
    values, positions, present = map(
        torch.from_numpy, (states.values, states.positions, states.present)
    )
    features = Features(values, positions, present)
    assert features.values.shape == (2, 2, 18)
    assert features.grid is None


def test_no_scenes(clevr: Domain) -> None:
    assert object_states([], clevr).values.shape == (0, 1, 18)


def test_a_scene_without_objects_has_a_place_where_nothing_is(clevr: Domain) -> None:
    (known,) = scenes_of(clevr, 1)
    states = object_states([replace(known, objects=(), relations={})], clevr)
    assert states.values.shape == (1, 1, 18)
    assert not states.present.any()


def test_pixels_of_other_pictures(clevr: Domain) -> None:
    states = object_states(scenes_of(clevr, 2), clevr, (240, 480))
    np.testing.assert_allclose(states.positions[0, 0], [0, 0])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"position": ()}, "object 0: wanted 3 numbers in '3d_coords', got 0"),
        ({"pixel": (1.0,)}, "object 0: wanted 2 numbers in 'pixel_coords', got 1"),
        ({"attributes": {"color": "pink"}}, "object 0: 'pink' is no concept of domain clevr"),
    ],
)
def test_unfit_objects_are_named(clevr: Domain, change: dict[str, object], said: str) -> None:
    (whole,) = scenes_of(clevr, 2)
    broken = replace(whole, objects=(replace(whole.objects[0], **change),))  # type: ignore[arg-type]
    with pytest.raises(DataError) as caught:
        object_states([broken], clevr)
    assert said in str(caught.value)
