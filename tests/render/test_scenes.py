from typing import Any

import pytest
import torch

from nmn.config import build
from nmn.errors import ConfigError, DataError
from nmn.render.camera import BASE, LAMPS, project
from nmn.render.scenes import CUBE, CYLINDER, SPHERE, Look, scenes_of
from tests.render.worlds import record, thing, world

NAN, INFINITE = float("nan"), float("inf")


def test_a_record_becomes_tensors() -> None:
    lamps = {"back": [0.5, 1.0, 6.0]}
    first = thing("cylinder", 1.5, -2.0, size="small", color="blue", material="metal", rotation=99)
    scenes = scenes_of([{**record(first, thing("cube")), "lamps": lamps}, record(thing())], Look())
    assert scenes.shapes.tolist() == [[CYLINDER, CUBE], [SPHERE, -1]]
    assert scenes.places[0, 0].tolist() == [1.5, -2.0]
    assert scenes.rotations[0].tolist() == [99.0, 0.0]
    assert scenes.metal.tolist() == [[True, False], [False, False]]
    torch.testing.assert_close(scenes.colors[0, 0], torch.tensor([42, 75, 215]) / 255)
    torch.testing.assert_close(scenes.centers[0, 0], torch.tensor([1.5, -2.0, 0.35]))
    torch.testing.assert_close(scenes.camera, torch.tensor([BASE, BASE]))
    usual = torch.tensor(list(LAMPS.values()))
    torch.testing.assert_close(scenes.lamps[1], usual)
    torch.testing.assert_close(scenes.lamps[0, 1], torch.tensor([0.5, 1.0, 6.0]))
    torch.testing.assert_close(scenes.lamps[0, ::2], usual[::2])


def test_no_records_and_no_objects() -> None:
    assert len(scenes_of([], Look())) == 0
    assert scenes_of([], Look()).camera.shape == (0, 3)
    empty = world()
    assert (len(empty), empty.shapes.shape, empty.lamps.shape) == (1, (1, 0), (1, 3, 3))


def test_parts_and_devices_keep_everything() -> None:
    scenes = scenes_of([record(thing(x=float(x))) for x in range(5)], Look())
    part = scenes.part(1, 3)
    assert len(part) == 2
    assert part.places[:, 0, 0].tolist() == [1.0, 2.0]
    assert part.to("cpu").places.equal(part.places)


def test_own_words_have_own_looks() -> None:
    look = build(
        Look,
        {
            "shapes": {"ball": "sphere"},
            "sizes": {"huge": 1.2},
            "colors": {"pink": [255, 0, 128]},
            "materials": {"felt": "rubber", "chrome": "metal"},
        },
        "look",
    )
    item = thing() | {"shape": "ball", "size": "huge", "color": "pink", "material": "chrome"}
    scenes = scenes_of([record(item)], look)
    assert (scenes.shapes.item(), scenes.metal.item()) == (SPHERE, True)
    assert scenes.sizes.item() == pytest.approx(1.2)
    torch.testing.assert_close(scenes.colors[0, 0], torch.tensor([1.0, 0.0, 128 / 255]))


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"colors": {"pink": [256, 0, 0]}}, "colors.pink.0"),
        ({"shapes": {"cone": "cone"}}, "shapes.cone"),
        ({"sizes": {"none": 0}}, "sizes.none"),
        ({"colours": {}}, "nearest: 'colors'"),
    ],
)
def test_impossible_looks_are_refused(values: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        build(Look, values, "look")


OBJECTS: list[tuple[dict[str, Any], str]] = [
    ({"color": "gren"}, "no look for color 'gren' (nearest: 'green'"),
    ({"shape": "cone"}, "no look for shape 'cone'"),
    ({"size": None}, "no look for size 'None'"),
    ({"material": ["metal"]}, "no look for material"),
    ({"3d_coords": None}, "wanted three numbers as '3d_coords', got None"),
    ({"3d_coords": [1, 2]}, "wanted three numbers as '3d_coords', got [1, 2]"),
    ({"3d_coords": [1, NAN, 0.7]}, "'3d_coords', got [1, nan, 0.7]"),
    ({"3d_coords": [1, INFINITE, 0.7]}, "'3d_coords'"),
    ({"3d_coords": [1, 10**400, 0.7]}, "'3d_coords'"),
    ({"3d_coords": ["1", "2", "3"]}, "'3d_coords'"),
    ({"3d_coords": "123"}, "'3d_coords'"),
    ({"rotation": "left"}, "wanted a number as 'rotation', got 'left'"),
    ({"rotation": NAN}, "wanted a number as 'rotation', got nan"),
    ({"rotation": None}, "wanted a number as 'rotation', got None"),
    ({"pixel_coords": 5}, "wanted three numbers as 'pixel_coords', got 5"),
    ({"pixel_coords": [1, 2]}, "'pixel_coords', got [1, 2]"),
    ({"pixel_coords": "abc"}, "'pixel_coords', got 'abc'"),
    ({"pixel_coords": [1, 2, NAN]}, "'pixel_coords'"),
]


@pytest.mark.parametrize(("change", "problem"), OBJECTS)
def test_an_object_that_cannot_be_drawn_is_named(change: dict[str, Any], problem: str) -> None:
    broken = record(thing(), thing() | change, camera=None)
    with pytest.raises(DataError) as raised:
        scenes_of([broken], Look(), "scenes.json")
    message = str(raised.value)
    assert problem in message
    assert "\n" not in message
    assert all(part in message for part in ("scenes.json", "image 7, object 1"))


PICTURES: list[tuple[dict[str, Any], str]] = [
    ({"objects": None}, "wanted a list of objects as 'objects'"),
    ({"objects": {}}, "wanted a list of objects as 'objects'"),
    ({"objects": ["cube"]}, "wanted a list of objects as 'objects'"),
    ({"camera": [1, 2]}, "wanted three numbers as 'camera', got [1, 2]"),
    ({"camera": [1, 2, NAN]}, "wanted three numbers as 'camera'"),
    ({"camera": {"x": 1}}, "wanted three numbers as 'camera'"),
    ({"camera": [0, 0, 5]}, "wanted a 'camera' above the ground that looks aslant"),
    ({"camera": [5, 5, -1]}, "wanted a 'camera' above the ground"),
    ({"lamps": [1, 2, 3]}, "wanted a table as 'lamps', got list"),
    ({"lamps": {"key": 5}}, "wanted three numbers as 'lamps.key', got 5"),
    ({"lamps": {"fill": [1, INFINITE, 3]}}, "'lamps.fill'"),
    ({"lamps": {"back": [0, 0, 0]}}, "wanted 'lamps' above the ground"),
]


@pytest.mark.parametrize(("change", "problem"), PICTURES)
def test_a_picture_that_cannot_be_drawn_is_named(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(DataError) as raised:
        scenes_of([record() | change], Look(), "scenes.json")
    message = str(raised.value)
    assert problem in message
    assert "\n" not in message
    assert all(part in message for part in ("scenes.json", "image 7"))


def test_pixel_coords_that_no_camera_fits_are_refused() -> None:
    impossible = [
        thing(x=x, y=y) | {"pixel_coords": [pixel, pixel, depth]}
        for x, y, pixel, depth in [(0, 0, 0, -90.0), (2, 1, 400, 5e5), (-2, 1, 9, -40.0)]
    ]
    with pytest.raises(DataError, match="image 7: no camera sees the objects"):
        scenes_of([record(*impossible, camera=None)], Look())


def test_pixel_coords_of_a_picture_of_another_size_are_refused() -> None:
    items = [thing(x=x, y=y) for x, y in [(0, 0), (2, 1), (-2, 1), (1, -2)]]
    points = torch.tensor([[item["3d_coords"] for item in items]])
    landed = project(points, torch.tensor([BASE]), 240, 160)[0].tolist()
    for item, (x, y, depth) in zip(items, landed, strict=True):
        item["pixel_coords"] = [round(x), round(y), depth]
    with pytest.raises(DataError, match=r"off by \d+ pixels; wanted those of a picture of 480x320"):
        scenes_of([record(*items, camera=None)], Look())
