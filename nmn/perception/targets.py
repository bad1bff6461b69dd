"""What a detector should say of each cell, from scenes and what is seen of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from nmn.data.batch import Batch
from nmn.data.sight import NOTHING, Sight
from nmn.domain import Domain
from nmn.errors import DataError
from nmn.nn.features import grid_positions
from nmn.scene.scene import Scene


@dataclass(frozen=True, eq=False)
class Targets:
    """The objects of a batch of pictures, and which cells stand for them.

    Of the cells that show an object, the one nearest to the middle of them all stands for it:
    its representative. The cells next to that which show the same object could do so as well.

    Attributes:
        chosen: which cells are representatives.
        open: which are next to the representative of the object that they show.
        picture, cell, owner: of each cell of these two kinds: where it is, and its object.
        share: of each of them, 1 / how many its object has.
        values: of each object the value of each attribute, as its place among them.
        ground: where each object stands.
        box: left, top, right and bottom of the cells that show it, in [-1, 1].
    """

    chosen: Bool[Tensor, "picture cell"]
    open: Bool[Tensor, "picture cell"]
    picture: Int[Tensor, " near"]
    cell: Int[Tensor, " near"]
    owner: Int[Tensor, " near"]
    share: Float[Tensor, " near"]
    values: Int[Tensor, "object attribute"]
    ground: Float[Tensor, "object 2"]
    box: Float[Tensor, "object 4"]


def targets_of(batch: Batch, domain: Domain, grid: tuple[int, int]) -> Targets:
    """The targets of the pictures of a batch.

    Raises:
        DataError: a picture without a scene or without a sight, or whose sight is of another grid
            or another scene.
    """
    device = batch.pictures.device
    pairs = batch.known_scenes()
    scenes = [scene for scene, _ in pairs]
    sights = [_checked(row, *pair, grid) for row, pair in enumerate(pairs)]
    counts = [len(scene.objects) for scene in scenes]
    cells = torch.stack([torch.from_numpy(sight.cells).flatten().long() for sight in sights])
    begins = torch.tensor([0, *counts]).cumsum(0)[:-1]
    picture, cell = (cells != NOTHING).nonzero(as_tuple=True)
    owner = cells[picture, cell] + begins[picture]
    # A cell's sides, in [-1, 1], and how far it is from the middle of its object's cells.
    place = grid_positions(*grid)[cell]
    steps = torch.tensor([2 / grid[1], 2 / grid[0]])
    objects = sum(counts)
    middle = _reduced(place, owner, objects, "mean")
    far = ((place - middle[owner]) / steps).square().sum(1)
    # Of cells that are as near, the first.
    far += torch.arange(len(far)) * (1e-3 / max(1, len(far)))
    nearest = far == _reduced(far, owner, objects, "amin")[owner]
    standing = torch.zeros(objects, 2).index_copy(0, owner[nearest], place[nearest])
    near = ((place - standing[owner]) / steps).abs().amax(1) < 1.5
    low = _reduced(place - steps / 2, owner, objects, "amin")
    high = _reduced(place + steps / 2, owner, objects, "amax")
    chosen = torch.zeros(cells.shape, dtype=torch.bool)
    chosen[picture[nearest], cell[nearest]] = True
    beside = torch.zeros(cells.shape, dtype=torch.bool)
    beside[picture[near], cell[near]] = True
    share = 1 / torch.bincount(owner[near], minlength=objects)[owner[near]]
    made = (chosen, beside & ~chosen, picture[near], cell[near], owner[near], share)
    ground = torch.cat([torch.from_numpy(sight.ground) for sight in sights])
    known = (_values(scenes, domain), ground, torch.cat([low, high], 1))
    return Targets(*(part.to(device) for part in (*made, *known)))


def _checked(row: int, scene: Scene, sight: Sight, grid: tuple[int, int]) -> Sight:
    where = f"picture {row}"
    if sight.cells.shape != grid:
        raise DataError("batch", f"a sight of {sight.cells.shape} cells; wanted {grid}", where)
    if len(sight.ground) != len(scene.objects):
        got = f"{len(sight.ground)} objects; its scene has {len(scene.objects)}"
        raise DataError("batch", f"a sight of {got}", where)
    return sight


def _values(scenes: Sequence[Scene], domain: Domain) -> Tensor:
    places = [{value: at for at, value in enumerate(a.values)} for a in domain.attributes]
    rows = [
        [place[item.attributes[a.name]] for place, a in zip(places, domain.attributes, strict=True)]
        for scene in scenes
        for item in scene.objects
    ]
    return torch.tensor(rows, dtype=torch.long).view(-1, len(domain.attributes))


def _reduced(values: Tensor, owner: Tensor, objects: int, how: str) -> Tensor:
    """Mean, least or largest of the values of each object; 0 for an object without any."""
    shape = (objects, *values.shape[1:])
    index = owner.view(-1, *[1] * (values.ndim - 1)).expand_as(values)
    return torch.zeros(shape).scatter_reduce(0, index, values, how, include_self=False)
