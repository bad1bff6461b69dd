"""What is seen where: against the pictures' own ids, and against stored relations."""

from pathlib import Path

import numpy as np
import pytest
import torch

from nmn.data.clevr_scenes import read_scenes
from nmn.data.json_records import read_records
from nmn.data.sight import NOTHING
from nmn.domain import Domain
from nmn.errors import DataError
from nmn.generate.sights import read_sights, shown, sights_of
from nmn.render.camera import project
from nmn.render.scenes import Look, scenes_of
from nmn.resources import dataset_folder

MINI = dataset_folder("clevr") / "mini"
FILE = MINI / "scenes" / "CLEVR_mini_scenes.json"


def test_a_cell_shows_what_most_of_it_is() -> None:
    ids = torch.tensor([[[0, 0, 1, 1], [0, 1, -1, -1], [-1, -1, -1, -1], [-1, -1, 1, -1]]])
    cells = shown(ids, 3, (2, 2))
    # three of four pixels; two of four; none; a fourth is enough
    assert cells.tolist() == [[[0, 1], [NOTHING, 1]]]


def test_an_object_that_is_seen_has_a_cell() -> None:
    ids = torch.full((1, 8, 8), NOTHING)
    ids[0, :4, :4] = 0
    ids[0, 3, 3] = 1
    ids[0, 7, 7] = 2
    cells = shown(ids, 4, (2, 2))[0]
    assert cells.tolist() == [[0, NOTHING], [NOTHING, 2]]  # the only cell of another stays
    finer = shown(ids, 4, (4, 4))[0]
    assert (finer == 0).sum() == 3
    assert (finer == 1).sum() == (finer == 2).sum() == 1
    assert (finer == 3).sum() == 0


def test_sides_that_are_no_multiples_of_cells() -> None:
    ids = torch.tensor([0, 0, 1, 2, 2]).repeat(3, 1)[None]
    assert shown(ids, 4, (1, 2)).tolist() == [[[0, 2]]]


def test_relations_compare_where_things_stand(clevr: Domain) -> None:
    sights = read_sights(MINI, "mini", (96, 64), (8, 12))
    scenes = read_scenes(FILE, clevr)
    assert sights.keys() == scenes.keys()
    axes = {"left": (0, -1), "right": (0, 1), "front": (1, 1), "behind": (1, -1)}
    pairs = 0
    for index, scene in scenes.items():
        ground = sights[index].ground
        assert len(ground) == len(scene.objects)
        for name, (axis, sign) in axes.items():
            for j, row in enumerate(scene.relations[name]):
                along = sign * (ground[:, axis] - ground[j, axis])
                assert set(np.flatnonzero(along > 0).tolist()) == set(row)
                pairs += len(row)
    assert pairs > 20


def test_objects_are_seen_where_they_are() -> None:
    records = [record for _, record in read_records(FILE, "scenes")]
    sights = list(sights_of(records, Look(), (480, 320), (40, 60)))
    scenes = scenes_of(records, Look())
    pixels = project(scenes.centers, scenes.camera, 480, 320)[..., :2]
    seen = [
        sight.cells[y // 8, x // 8] == item
        for sight, places in zip(sights, pixels.long().tolist(), strict=True)
        for item, (x, y) in enumerate(places[: len(sight.ground)])
    ]
    assert len(seen) > 10
    assert sum(seen) > 0.7 * len(seen)  # some stand behind others


def test_without_stated_directions_they_are_those_of_the_camera() -> None:
    _, record = next(read_records(FILE, "scenes"))
    stated, seen = (
        next(sights_of([each], Look(), (96, 64), (8, 12)))
        for each in (record, {k: v for k, v in record.items() if k != "directions"})
    )
    np.testing.assert_array_equal(stated.cells, seen.cells)
    assert 0 <= np.abs(stated.ground - seen.ground).max() < 0.5


def test_broken_scenes_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_sights(tmp_path, "train", (96, 64), (8, 12))
    _, record = next(read_records(FILE, "scenes"))
    record["directions"] = {"right": [1, 0], "front": [0, 1, 0]}
    with pytest.raises(DataError, match="wanted three numbers as 'directions of right'"):
        next(sights_of([record], Look(), (96, 64), (8, 12)))
