import math
from pathlib import Path

import numpy as np
import pytest
import torch

from nmn.config import build
from nmn.data.files import read_picture
from nmn.errors import ConfigError
from nmn.render.bodies import FAR
from nmn.render.camera import project
from nmn.render.renderer import NOTHING, RenderConfig, Renderer, developed, radiance
from nmn.render.scenes import Look, Scenes, scenes_of
from tests.render.worlds import record, rendered_by_others, some_of_each, thing, traced, world

SIZE = {"width": 240, "height": 160}


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(RenderConfig(**SIZE))


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    """Full, empty, with one object; more than are drawn at once."""
    filled = record(*some_of_each())
    lone = record(thing("cube", 1.0, 1.0), camera=(7.9, -6.1, 5.0))
    return scenes_of([filled, record(), lone, *[filled, lone] * 6], Look())


def test_pictures_of_a_batch_are_those_of_each_alone(renderer: Renderer, scenes: Scenes) -> None:
    together = renderer.render(scenes)
    assert together.shape == (15, 160, 240, 3)
    assert together.dtype == torch.uint8
    for picture in range(3):
        alone = renderer.render(scenes.part(picture, picture + 1))[0]
        off = (together[picture].int() - alone.int()).abs()
        assert off.max() <= 1
        assert (off > 0).double().mean() < 1e-3
    assert together[0].equal(together[3])


def test_the_same_scene_gives_the_same_bytes(renderer: Renderer, scenes: Scenes) -> None:
    assert renderer.render(scenes).equal(renderer.render(scenes))
    assert Renderer(RenderConfig(**SIZE)).render(scenes).equal(renderer.render(scenes))


def test_no_pictures_and_pictures_without_objects(renderer: Renderer) -> None:
    none = scenes_of([], Look())
    assert renderer.render(none).shape == (0, 160, 240, 3)
    assert renderer.visible_pixels(none).shape == (0, 0)
    assert renderer.maps(none).ids.shape == (0, 160, 240)
    empty = scenes_of([record(), record()], Look())
    pictures = renderer.render(empty)
    assert pictures[0].equal(pictures[1])
    assert pictures.min() > 60
    assert (renderer.maps(empty).ids == NOTHING).all()
    assert renderer.visible_pixels(empty).shape == (2, 0)


def test_floor_colours_are_those_of_pictures_made_with_the_original_assets() -> None:
    picture = Renderer().render(world())[0].float()
    for rows, columns, wanted in (
        (slice(0, 10), slice(230, 250), (106, 106, 106)),
        (slice(305, 320), slice(225, 255), (146, 144, 140)),
        (slice(150, 170), slice(0, 10), (133, 135, 141)),
    ):
        found = picture[rows, columns].flatten(0, 1).median(0).values
        torch.testing.assert_close(found, torch.tensor(wanted).float(), atol=4, rtol=0)


def test_grain_is_as_strong_as_wished_and_of_a_seed(scenes: Scenes) -> None:
    two = scenes.part(0, 2)
    clean = Renderer(RenderConfig(**SIZE)).render(two).float()
    grainy = Renderer(RenderConfig(**SIZE, grain=3.0))
    pictures = grainy.render(two, seeds=[8, 5])
    noise = pictures.float() - clean
    # both pictures are rounded to whole levels
    assert noise.std().item() == pytest.approx(math.hypot(3.0, 1 / math.sqrt(6)), rel=0.03)
    assert abs(noise.mean().item()) < 0.05
    assert grainy.render(two, seeds=[8, 5]).equal(pictures)
    assert grainy.render(two.part(1, 2), seeds=[5])[0].equal(pictures[1])
    other = grainy.render(two, seeds=[9, 5])
    assert other[1].equal(pictures[1])
    assert not other[0].equal(pictures[0])
    assert grainy.render(two).equal(grainy.render(two, seeds=[0, 1]))


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"width": 241}, "'width': input should be a multiple of 2, got 241"),
        ({"height": 0}, "'height'"),
        ({"width": 100_000}, "'width'"),
        ({"grain": -1}, "'grain'"),
        ({"grains": 1}, "nearest: 'grain'"),
    ],
)
def test_impossible_settings_are_named(values: dict[str, float], named: str) -> None:
    with pytest.raises(ConfigError) as raised:
        build(RenderConfig, values, "render")
    assert named in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("device", ["tpu9", "cuda:99", ""])
def test_devices_that_are_not_there_are_named(device: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Renderer(device=device)
    assert f"no device '{device}' here" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("size", [(16, 16), (64, 400), (402, 34)])
def test_pictures_of_odd_proportions(size: tuple[int, int], scenes: Scenes) -> None:
    renderer = Renderer(RenderConfig(width=size[0], height=size[1]))
    assert renderer.render(scenes.part(0, 3)).shape == (3, size[1], size[0], 3)
    assert renderer.maps(scenes.part(0, 3)).depth.isfinite().all()


@pytest.mark.parametrize("camera", [(0.01, 0.0, 0.01), (5e5, -5e5, 9e5), (5.0, 5.0, 0.05)])
def test_strange_cameras_and_lamps_give_pictures(camera: tuple[float, float, float]) -> None:
    lamps = {"key": [9e5, 0, 1e-3], "back": [0, 0, 1e-3], "fill": [0.1, -0.1, 9e5]}
    stated = {**record(*some_of_each(), thing(x=5e5, y=-8.0), camera=camera), "lamps": lamps}
    scenes = scenes_of([stated], Look())
    renderer = Renderer(RenderConfig(width=64, height=48))
    assert renderer.render(scenes).shape == (1, 48, 64, 3)
    with torch.inference_mode():
        assert radiance(scenes, 64, 48).isfinite().all()
    maps = renderer.maps(scenes)
    assert maps.depth.isfinite().all()
    assert maps.normals.isfinite().all()


def test_maps_say_what_is_where(renderer: Renderer, scenes: Scenes) -> None:
    maps = renderer.maps(scenes)
    torch.testing.assert_close(maps.normals.norm(dim=1), torch.ones(15, 160, 240))
    full = scenes.part(0, 1)
    depth, normal = traced(full, 0, **SIZE)
    nearest, index = depth.min(0)
    wanted = torch.where(nearest < FAR, index, NOTHING)
    assert (maps.ids[0] != wanted).sum() <= 3
    agree = (maps.ids[0] == wanted) & (wanted >= 0)
    assert (maps.depth[0].double() - nearest).abs()[agree].quantile(0.99) < 1e-3
    chosen = normal.gather(0, index[None, ..., None].expand(1, -1, -1, 3))[0]
    unit = chosen / chosen.norm(dim=-1, keepdim=True)
    assert (maps.normals[0].movedim(0, -1).double() * unit).sum(-1)[agree].quantile(0.01) > 0.999
    toward = maps.normals[:, 2][maps.ids == NOTHING]
    assert (toward > 0).all()


def test_depth_at_the_middle_of_an_object_is_that_of_its_surface(renderer: Renderer) -> None:
    scenes = world(thing("sphere", 0.5, -0.4))
    x, y, depth = project(scenes.centers, scenes.camera, **SIZE)[0, 0].tolist()
    maps = renderer.maps(scenes)
    way = (scenes.camera[0] - scenes.centers[0, 0]).norm().item()
    # along the ray to its middle, the surface is a radius nearer
    wanted = depth * (1 - 0.7 * 0.999 / way)
    assert maps.depth[0, int(y), int(x)].item() == pytest.approx(wanted, abs=0.01)
    assert maps.ids[0, int(y), int(x)] == 0


def test_visible_pixels_are_counts_of_ids(renderer: Renderer, scenes: Scenes) -> None:
    counts = renderer.visible_pixels(scenes)
    ids = renderer.maps(scenes).ids
    for picture in range(3):
        for slot in range(6):
            share = (ids[picture] == slot).double().mean().item()
            assert counts[picture, slot].item() == pytest.approx(share * 320 * 240, abs=0.51)
    hidden = world(thing("sphere", 0.6, -0.6, size="small"), thing("cube", 1.5, -1.4))
    assert (
        renderer.visible_pixels(hidden)[0, 0]
        < renderer.visible_pixels(world(thing("sphere", 0.6, -0.6, size="small")))[0, 0]
    )
    assert Renderer().visible_pixels(scenes).equal(counts)


def test_the_output_curve_is_that_of_srgb() -> None:
    levels = torch.tensor([0.0, 0.001, 0.0031308, 0.2140, 1.0, 7.0, -1.0])
    wanted = [0.0, 0.01292, 0.04045, 0.5, 1.0, 1.0, 0.0]
    torch.testing.assert_close(developed(levels), torch.tensor(wanted), atol=2e-4, rtol=0)


def test_real_scenes_look_as_blender_draws_them(real_data: Path) -> None:
    records = rendered_by_others(real_data, 6)
    images = real_data / "clevr" / "blender" / "images" / "train"
    theirs = [read_picture(images / f"CLEVR_train_{r['image_index']:06}.jpg") for r in records]
    scenes, renderer = scenes_of(records, Look()), Renderer()
    off = np.abs(renderer.render(scenes).numpy().astype(float) - np.stack(theirs))
    ids = renderer.maps(scenes).ids.numpy()
    for found, where in zip(off, ids, strict=True):
        assert (found.mean((0, 1)) <= 4).all()
        assert (found[where != NOTHING].mean(0) <= 10).all()
    assert off.mean() < 2


def test_a_cuda_device_draws_the_same(scenes: Scenes, renderer: Renderer) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA here")
    there = Renderer(RenderConfig(**SIZE), device="cuda")
    off = (there.render(scenes).int() - renderer.render(scenes).int()).abs()
    assert (off > 1).double().mean() < 1e-3
    off = (there.visible_pixels(scenes) - renderer.visible_pixels(scenes)).abs()
    assert off.max() <= 4
    assert (there.maps(scenes).ids != renderer.maps(scenes).ids).double().mean() < 1e-4
