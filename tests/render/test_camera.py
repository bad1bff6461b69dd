from pathlib import Path

import numpy as np
import pytest
import torch

from nmn.data.files import read_json
from nmn.render.camera import BASE, DIRECTIONS, frame, project, solve_camera
from nmn.render.scenes import Look, scenes_of
from tests.render.worlds import record, thing

AXES = ((0.65631, 0.75449, 0.0), (-0.35794, 0.31136, 0.88030), (-0.66418, 0.57775, -0.47441))
"""Of the base camera, as measured on the original assets."""


def cameras(count: int) -> np.ndarray:
    return np.array(BASE) + np.random.default_rng(3).uniform(-0.5, 0.5, (count, 3))


def seen_from(camera: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The closed formula, at 480x320, in double precision."""
    forward = -camera / np.linalg.norm(camera)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    up = np.cross(right, forward)
    way = points - camera
    depth = way @ forward
    x, y = 240 + 525 * (way @ right) / depth, 160 - 525 * (way @ up) / depth
    return np.stack([x, y, depth], -1)


def objects_of(random: np.random.Generator, count: int) -> np.ndarray:
    heights = random.choice([0.35, 0.7], (count, 1))
    return np.concatenate([random.uniform(-3, 3, (count, 2)), heights], 1)


def test_the_base_camera_has_the_measured_axes() -> None:
    torch.testing.assert_close(
        frame(torch.tensor([BASE]))[0], torch.tensor(AXES), atol=1e-5, rtol=0
    )


def test_axes_are_orthonormal_and_right_handed_and_look_at_the_origin() -> None:
    at = torch.tensor(cameras(50))
    axes = frame(at)
    torch.testing.assert_close(axes @ axes.mT, torch.eye(3).double().expand(50, 3, 3))
    torch.testing.assert_close(torch.linalg.cross(axes[:, 0], axes[:, 1]), -axes[:, 2])
    torch.testing.assert_close(axes[:, 2] * at.norm(dim=-1, keepdim=True), -at)
    assert axes[:, 0, 2].abs().max() < 1e-12
    assert (axes[:, 1, 2] > 0).all()


def test_directions_are_those_of_the_base_camera_on_the_ground() -> None:
    right, _, forward = frame(torch.tensor([BASE]))[0]
    behind = torch.nn.functional.normalize(forward[:2], dim=0)
    for name, wanted in (("right", right[:2]), ("behind", behind)):
        torch.testing.assert_close(torch.tensor(DIRECTIONS[name][:2]), wanted, atol=1e-5, rtol=0)
    for one, other in (("left", "right"), ("front", "behind"), ("above", "below")):
        assert DIRECTIONS[one] == tuple(-part for part in DIRECTIONS[other])


@pytest.mark.parametrize("scale", [1.0, 0.5, 2.5])
def test_points_land_where_the_formula_says(scale: float) -> None:
    random, at = np.random.default_rng(0), cameras(20)
    points = random.uniform(-3, 3, (20, 9, 3))
    landed = project(
        torch.tensor(points), torch.tensor(at), round(480 * scale), round(320 * scale)
    ).numpy()
    wanted = np.stack([seen_from(c, p) for c, p in zip(at, points, strict=True)])
    np.testing.assert_allclose(landed, wanted * [scale, scale, 1], rtol=1e-10)


def test_the_origin_is_in_the_middle_and_as_deep_as_the_camera_is_far() -> None:
    landed = project(torch.zeros(1, 1, 3), torch.tensor([BASE]), 480, 320)[0, 0].tolist()
    assert landed == pytest.approx([240, 160, np.linalg.norm(BASE)], rel=1e-6)


@pytest.mark.parametrize(
    ("count", "error"), [(1, 0.5), (2, 0.5), (3, 5e-3), (4, 1e-4), (5, 1e-4), (10, 1e-4)]
)
def test_a_camera_is_found_again_from_rounded_pixels(count: int, error: float) -> None:
    random = np.random.default_rng(count)
    for camera in cameras(20):
        points = objects_of(random, count)
        exact = seen_from(camera, points)
        seen = np.concatenate([exact[:, :2].round(), exact[:, 2:]], 1)
        solved = np.array(solve_camera(points.tolist(), seen.tolist()))
        np.testing.assert_allclose(solved, camera, atol=error)
        again = seen_from(solved, points)
        np.testing.assert_allclose(again[:, 2], seen[:, 2], atol=1e-4)
        assert np.abs(again - seen)[:, :2].max() < 1


def test_a_scene_without_pixel_coords_is_seen_from_the_base() -> None:
    scenes = scenes_of([record(thing(), camera=None), record(camera=None)], Look())
    torch.testing.assert_close(scenes.camera, torch.tensor([BASE, BASE]))


def test_a_stated_camera_goes_before_pixel_coords() -> None:
    item = {**thing(), "pixel_coords": [100, 100, 9.0]}
    scenes = scenes_of([record(item, camera=(7.0, -6.0, 5.0))], Look())
    assert scenes.camera.tolist() == [[7.0, -6.0, 5.0]]


def test_cameras_of_a_thousand_real_scenes(real_data: Path) -> None:
    records = read_json(real_data / "clevr" / "CLEVR_train_scenes.json.gz")["scenes"]
    assert len(records) == 1000
    assert all("camera" not in stated for stated in records)
    scenes = scenes_of(records, Look())
    landed = project(scenes.centers, scenes.camera, 480, 320).numpy()
    for stated, found in zip(records, landed, strict=True):
        wanted = np.array([item["pixel_coords"] for item in stated["objects"]])
        assert np.abs(found[: len(wanted)] - wanted)[:, :2].max() <= 1
        assert np.abs(found[: len(wanted)] - wanted)[:, 2].max() < 1e-4
    lamps = read_json(real_data / "clevr" / "blender" / "lamps.json")
    known = torch.tensor([lamps[str(stated["image_index"])]["camera"] for stated in records])
    torch.testing.assert_close(scenes.camera, known, atol=1e-3, rtol=0)
