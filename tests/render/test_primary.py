import pytest
import torch
from torch import Tensor

from nmn.render.bodies import FAR, dot, normalized
from nmn.render.objects import Objects, View
from nmn.render.primary import Seen, fragments, look
from nmn.render.scenes import Look, Scenes, scenes_of
from tests.render.worlds import record, some_of_each, thing, traced, world

WIDTH, HEIGHT = 240, 160


def owners(scenes: Scenes, seen: Seen, objects: Objects) -> Tensor:
    """The slot of the object that is first at each sample, -1 without any."""
    ids = torch.full((len(scenes) * HEIGHT * WIDTH,), -1)
    slots = objects.slot[seen.tiles.owner][:, None].expand_as(seen.place)
    ids[seen.place[seen.first]] = slots[seen.first]
    return ids.view(len(scenes), HEIGHT, WIDTH)


def looked(scenes: Scenes) -> tuple[Objects, View, Seen]:
    objects, view = Objects.of(scenes), View(scenes.camera, WIDTH, HEIGHT)
    return objects, view, look(objects, view)


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    crowd = [thing("cube", 1.5 * i - 1.5, 1.5 * j - 1.5) for i in range(3) for j in range(3)]
    return scenes_of([record(*some_of_each()), record(), record(*crowd)], Look())


@pytest.fixture(scope="module")
def brute(scenes: Scenes) -> dict[int, tuple[Tensor, Tensor]]:
    filled = {0: scenes.part(0, 1), 2: scenes.part(2, 3)}
    kept = {
        at: Scenes(
            part.shapes[:, : (n := int((part.shapes >= 0).sum()))],
            part.places[:, :n],
            part.sizes[:, :n],
            part.rotations[:, :n],
            part.colors[:, :n],
            part.metal[:, :n],
            part.camera,
            part.lamps,
        )
        for at, part in filled.items()
    }
    return {at: traced(part, 0, WIDTH, HEIGHT) for at, part in kept.items()}


def test_the_nearest_object_is_seen(
    scenes: Scenes, brute: dict[int, tuple[Tensor, Tensor]]
) -> None:
    objects, _, seen = looked(scenes)
    ids = owners(scenes, seen, objects)
    assert (ids[1] == -1).all()
    for picture, (depth, _) in brute.items():
        wanted = torch.where(depth.amin(0) < FAR, depth.argmin(0), -1)
        assert (ids[picture] != wanted).sum() <= 3  # rays that only touch, in single precision


def test_depth_and_normals_are_those_of_the_surface(
    scenes: Scenes, brute: dict[int, tuple[Tensor, Tensor]]
) -> None:
    objects, _, seen = looked(scenes)
    picture = objects.picture[seen.tiles.owner]
    for at, (depth, normal) in brute.items():
        mine = (picture == at)[:, None] & seen.first
        slot = objects.slot[seen.tiles.owner][:, None].expand_as(mine)[mine]
        place = seen.place[mine] - at * WIDTH * HEIGHT
        wanted = depth.flatten(1)[slot, place]
        off = (seen.depth[mine] - wanted).abs()[wanted < FAR]
        assert off.quantile(0.99) < 1e-3
        directions = normalized(normal.flatten(1, 2)[slot, place].T)
        agree = dot(normalized(seen.normal[:, mine]).double(), directions)
        assert agree.quantile(0.01) > 0.999


def test_no_sample_has_two_owners(scenes: Scenes) -> None:
    _, _, seen = looked(scenes)
    place = seen.place[seen.first]
    assert len(place) == len(set(place.tolist()))


def test_where_surfaces_coincide_the_first_object_is_seen() -> None:
    scenes = world(thing("cylinder", 0.5, 0.1), thing("cube", 0.2, 0.0), thing("cube", -0.3, 0.0))
    objects, _, seen = looked(scenes)
    place = seen.place[seen.first]
    assert len(place) == len(set(place.tolist()))
    ids, depth = owners(scenes, seen, objects)[0], traced(scenes, 0, WIDTH, HEIGHT)[0]
    nearest = depth.amin(0)
    both = ((depth - nearest).abs() < 1e-6).sum(0).gt(1) & (nearest < FAR)
    assert both.sum() > 100
    wanted = ((depth - nearest).abs() < 1e-6).double().argmax(0)
    assert (ids == wanted)[both].double().mean() > 0.99


def test_fragments_cover_pixels_by_their_share_of_samples(scenes: Scenes) -> None:
    objects, view, seen = looked(scenes)
    parts = fragments(seen, objects, view)
    owner = owners(scenes, seen, objects)
    pixels = owner.view(len(scenes), HEIGHT // 2, 2, WIDTH // 2, 2).transpose(2, 3).flatten(3)
    flat = pixels.flatten(0, 2)
    for index in range(len(objects)):
        mine = parts.owner == index
        cover = torch.zeros(len(flat)).index_add(
            0, parts.place[mine].flatten(), parts.cover[mine].flatten()
        )
        at = torch.arange(len(flat)) // (WIDTH * HEIGHT // 4) == objects.picture[index]
        wanted = (flat == objects.slot[index]).float().mean(1) * at
        torch.testing.assert_close(cover, wanted)


def test_fragments_are_points_on_their_object() -> None:
    scenes = world(thing("sphere", 0.5, -0.3))
    objects, view, seen = looked(scenes)
    parts = fragments(seen, objects, view)
    full = parts.cover == 1
    outward = parts.point[:, full] - objects.center
    torch.testing.assert_close(
        outward.norm(dim=0), torch.full((int(full.sum()),), 0.7 * 0.999), atol=0.01, rtol=0
    )
    assert dot(normalized(outward), normalized(parts.normal[:, full])).min() > 0.99
    toward = parts.point - view.origins(objects.picture[parts.owner])
    along = dot(normalized(toward), normalized(parts.ray))[parts.cover > 0]
    torch.testing.assert_close(along, torch.ones_like(along))


def test_what_is_behind_the_camera_is_not_seen() -> None:
    scenes = world(thing("sphere", 12.0, -11.0), thing("cube", 14.0, -12.0))
    assert len(looked(scenes)[2].tiles) == 0


def test_nothing_to_see() -> None:
    objects, view, seen = looked(scenes_of([record(), record()], Look()))
    assert len(seen.tiles) == 0
    assert fragments(seen, objects, view).cover.numel() == 0
