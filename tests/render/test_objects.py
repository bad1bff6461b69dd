import math

import pytest
import torch

from nmn.render.bodies import FAR
from nmn.render.camera import BASE, project
from nmn.render.objects import Objects, View, turned
from nmn.render.scenes import CUBE, CYLINDER, SPHERE, Look, scenes_of
from tests.render.worlds import record, some_of_each, thing, traced, world

ONE = torch.zeros(1, dtype=torch.long)


def test_objects_of_a_batch_are_in_one_row_by_shape() -> None:
    scenes = scenes_of([record(*some_of_each()), record(), record(thing("cube", 1, 2))], Look())
    objects = Objects.of(scenes)
    assert len(objects) == 7
    assert objects.shape.tolist() == sorted(objects.shape.tolist())
    assert sorted(zip(objects.picture.tolist(), objects.slot.tolist(), strict=True)) == [
        *((0, slot) for slot in range(6)),
        (2, 0),
    ]
    for shape in (SPHERE, CUBE, CYLINDER):
        assert (objects.shape[objects.of_shape(shape)] == shape).all()
    at = objects.picture, objects.slot
    assert objects.center.T.equal(scenes.centers[at])
    assert objects.size.equal(scenes.sizes[at])
    assert objects.color.T.equal(scenes.colors[at])
    assert objects.metal.equal(scenes.metal[at])
    torch.testing.assert_close(torch.atan2(objects.turn[1], objects.turn[0]), scenes.rotations[at])


def test_neighbours_are_others_of_the_same_picture() -> None:
    scenes = scenes_of([record(*some_of_each()[:3]), record(thing(), thing("cube", 2))], Look())
    objects = Objects.of(scenes)
    neighbours = objects.neighbours()
    for i in range(len(objects)):
        for j in range(len(objects)):
            assert neighbours[i, j].item() == (
                i != j and objects.picture[i].item() == objects.picture[j].item()
            )


def test_turning_is_around_the_vertical_and_can_be_undone() -> None:
    quarter = torch.tensor([0.0, 1.0]).view(2, 1, 1)
    vector = torch.tensor([1.0, 0.0, 5.0]).view(3, 1, 1)
    assert turned(vector, quarter).flatten().tolist() == [0.0, 1.0, 5.0]
    angle = torch.tensor([math.cos(0.7), math.sin(0.7)]).view(2, 1, 1)
    random = torch.randn(3, 2, 5)
    torch.testing.assert_close(turned(turned(random, angle), angle, back=True), random)


def test_the_middle_and_top_of_an_object_in_its_own_coordinates() -> None:
    objects = Objects.of(world(thing("cube", 1.0, 2.0, size="small", rotation=math.pi / 2)))
    points = torch.tensor([[1.0, 2.0, 0.35], [1.0, 2.0, 0.7], [1.35, 2.0, 0.35]]).T[:, None]
    inside, ray = objects.into_body(ONE, points, torch.tensor([[0.0, 0.35, 0.0]]).T[:, None])
    wanted = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]).T[:, None]
    torch.testing.assert_close(inside, wanted, atol=1e-6, rtol=0)
    torch.testing.assert_close(ray.flatten(), torch.tensor([1.0, 0, 0]), atol=1e-6, rtol=0)
    torch.testing.assert_close(
        objects.out_of_body(ONE, ray).flatten(), torch.tensor([0.0, 1.0, 0]), atol=1e-6, rtol=0
    )


def test_rays_go_through_the_places_where_points_are_seen() -> None:
    points = torch.rand(1, 30, 3, generator=torch.Generator().manual_seed(0)) * 4 - 2
    camera = torch.tensor([BASE])
    column, row, depth = project(points, camera, 480, 320)[0].T
    view = View(camera, 480, 320)
    found = view.origins(ONE) + view.rays(ONE, column[None], row[None]) * depth
    torch.testing.assert_close(found[:, 0].T, points[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", ["sphere", "cube", "cylinder"])
@pytest.mark.parametrize("size", ["large", "small"])
def test_outlines_hold_all_that_is_seen(shape: str, size: str) -> None:
    random = torch.Generator().manual_seed(5)
    for _ in range(12):
        x, y = (torch.rand(2, generator=random) * 6 - 3).tolist()
        camera = (torch.tensor(BASE) + torch.rand(3, generator=random) - 0.5).tolist()
        scenes = world(thing(shape, x, y, size=size, rotation=x + 2 * y), camera=camera)
        objects, view = Objects.of(scenes), View(scenes.camera, 480, 320)
        low, high = view.outlines(objects, ONE, int(objects.shape[0]))
        row, column = (traced(scenes, 0, 480, 320)[0][0] < FAR).nonzero().T
        assert len(row) > 0
        seen = torch.tensor([[column.min(), row.min()], [column.max() + 1, row.max() + 1]])
        assert (low[0] < seen[0] + 0.5).all()
        assert (high[0] > seen[1] - 0.5).all()
        # and are not much larger
        assert (high - low)[0].prod() < 1.8 * (seen[1] - seen[0]).prod()
