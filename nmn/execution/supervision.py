"""Supervision by scenes: each operation is shown what it should mean, on inputs that are right.

A module of `filter` sees all objects of a picture and is to find those of its concept; one of
`relate` or `same` sees a single object. So each learns from every object of every picture, whatever
the questions ask. Whether a mask means an object is decided by the largest cell of its visible
region, as where faithfulness is measured; in families in which one cell stands for a thing, by that
cell and those around it, and `scene` teaches which one it is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from nmn.data.batch import Batch
from nmn.data.sight import NOTHING
from nmn.domain import Domain
from nmn.modules.base import ModuleBank, Nodes
from nmn.nn.features import Features
from nmn.program.ops import OPERATIONS, arguments_of

STANDING = "scene"
"""The lesson which cells stand for objects."""

_SMALLEST = 1e-6
"""Probabilities are kept this far from 0 and 1, where single precision has no more digits."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What is so of the objects of some pictures.

    Attributes:
        present: which objects there are.
        concepts: which concepts they have.
        relations: `relations[p, r, j, i]`: object `i` is in relation `r` to object `j`.
        cells: see `nmn.data.sight.Sight`.
    """

    present: Bool[Tensor, "picture object"]
    concepts: Bool[Tensor, "picture concept object"]
    relations: Bool[Tensor, "picture relation object object"]
    cells: Int[Tensor, "picture cell"]


@dataclass(frozen=True, eq=False)
class Lessons:
    """What nodes of one operation are to do.

    Attributes:
        given: the objects that the input of each node means.
        wanted: those that its mask should mean.
    """

    argument: Int[Tensor, " node"]
    picture: Int[Tensor, " node"]
    given: Bool[Tensor, "node object"]
    wanted: Bool[Tensor, "node object"]

    def some(self, count: int, generator: torch.Generator) -> "Lessons":
        """As many of them, at most; in ascending order of the argument, as `Nodes` wants them."""
        chosen = torch.randperm(len(self.argument), generator=generator)[:count]
        chosen = chosen.to(self.argument.device)
        order = chosen[self.argument[chosen].argsort(stable=True)]
        return Lessons(
            self.argument[order], self.picture[order], self.given[order], self.wanted[order]
        )


def scene_loss(
    bank: ModuleBank, features: Features, truth: Truth, lessons: int, generator: torch.Generator
) -> dict[str, Float[Tensor, ""]]:
    """Cross entropy of what masks mean with what they should mean, by operation, an object.

    Args:
        features: prepared.
        lessons: how many nodes of each operation a picture, at most.
    """
    objects = truth.present.shape[1]
    count = truth.present.sum().clamp_min(1)
    stands, near = bank.stands(features), truth.cells != NOTHING
    standing, losses = near, {}
    if stands is not None:
        # One cell of each object is to stand for it: the one that does so most. The cells around
        # it could, and are to know as well what it is like and where it is.
        standing = near & _largest(stands.detach(), truth.cells, objects)
        if features.grid is not None:
            near = _around(standing, truth.cells, features.grid)
        losses[STANDING] = _cross_entropy(stands, standing).sum() / count
        features = bank.assuming(near, features)
    for operation in bank.taught:
        chosen = _LESSONS[operation](truth, bank.domain)
        chosen = chosen.some(lessons * len(truth.present), generator)
        if not len(chosen.argument):
            continue
        place = torch.where(near, truth.cells, objects)[chosen.picture]
        start = torch.where(standing, truth.cells, objects)[chosen.picture]
        given = _in_cells(chosen.given, place if operation == "filter" else start)
        masks = _masks(bank, operation, chosen, bank.certain(given), features)
        none = masks.new_zeros(len(masks), objects + 1)
        if stands is not None:
            wrong = _cross_entropy(masks, _in_cells(chosen.wanted, place))
            errors = none.scatter_reduce(1, place, wrong, "mean", include_self=False)[:, :-1].sum()
        else:
            largest = none.scatter_reduce(1, place, masks, "amax")[:, :-1]
            seen = none.scatter(1, place, 1.0)[:, :-1]
            nothing = _cross_entropy(masks, torch.zeros_like(masks, dtype=torch.bool))
            nothing = nothing.masked_fill(place != objects, 0.0).sum() / masks.shape[1]
            errors = (_cross_entropy(largest, chosen.wanted) * seen).sum() + nothing
        # A sum over arguments, a mean over what is given: as much as there is to know.
        arguments = len(arguments_of(OPERATIONS[operation].argument, bank.domain))
        losses[operation] = arguments * errors / len(place) * len(truth.present) / count
    return losses


def truth_of(batch: Batch, domain: Domain) -> Truth:
    """What is so in the pictures of a batch.

    Raises:
        DataError: a picture without scene or sight.
    """
    device = batch.pictures.device
    known = batch.known_scenes()
    cells = [torch.from_numpy(sight.cells).flatten().long() for _, sight in known]
    most = max(len(scene.objects) for scene, _ in known)
    present = torch.zeros(len(cells), most, dtype=torch.bool)
    concepts = torch.zeros(len(cells), len(domain.concepts), most, dtype=torch.bool)
    relations = torch.zeros(len(cells), len(domain.relations), most, most, dtype=torch.bool)
    number = {concept: index for index, concept in enumerate(domain.concepts)}
    for picture, (scene, _) in enumerate(known):
        for place, item in enumerate(scene.objects):
            present[picture, place] = True
            concepts[picture, [number[name] for name in item.attributes.values()], place] = True
            for relation, name in enumerate(domain.relations):
                relations[picture, relation, place, list(scene.relations[name][place])] = True
    parts = (present, concepts, relations, torch.stack(cells))
    return Truth(*(part.to(device) for part in parts))


def _masks(
    bank: ModuleBank, operation: str, lessons: Lessons, inputs: Tensor, features: Features
) -> Float[Tensor, "node cell"]:
    """The masks of these nodes."""
    counts = lessons.argument.bincount().tolist()
    runs = tuple((argument, count) for argument, count in enumerate(counts) if count)
    seen = bank.look(operation, lessons.argument, lessons.picture, features)
    nodes = Nodes(lessons.argument, lessons.picture, runs, seen)
    return bank.mask_probabilities(bank.run(operation, nodes, (inputs,), features))


def _filters(truth: Truth, _: Domain) -> Lessons:
    """Each concept among all objects of each picture."""
    picture, argument = torch.ones_like(truth.concepts[:, :, 0]).nonzero().unbind(1)
    return Lessons(argument, picture, truth.present[picture], truth.concepts[picture, argument])


def _relates(truth: Truth, _: Domain) -> Lessons:
    """Each relation to each object."""
    return _from_each(truth.relations, truth)


def _sames(truth: Truth, domain: Domain) -> Lessons:
    """Each attribute of each object."""
    alike = []
    for name in domain.attribute_names:
        of = [domain.attribute_of(concept) == name for concept in domain.concepts]
        has = truth.concepts[:, of].float()
        alike.append(torch.einsum("pcj,pci->pji", has, has) > 0)
    objects = torch.eye(truth.present.shape[1], dtype=torch.bool, device=truth.present.device)
    return _from_each(torch.stack(alike, 1) & ~objects, truth)


def _from_each(wanted: Bool[Tensor, "picture argument object object"], truth: Truth) -> Lessons:
    """A node for each argument and object, which is given that object."""
    there = truth.present[:, None].expand(wanted.shape[:3])
    picture, argument, item = there.nonzero().unbind(1)
    given = torch.zeros_like(truth.present[picture]).scatter(1, item[:, None], value=True)
    return Lessons(argument, picture, given, wanted[picture, argument, item])


_LESSONS: Mapping[str, Callable[[Truth, Domain], Lessons]] = {
    "filter": _filters,
    "relate": _relates,
    "same": _sames,
}


def _cross_entropy(probabilities: Tensor, wanted: Tensor) -> Tensor:
    right = torch.where(wanted, probabilities, 1 - probabilities)
    return -right.clamp_min(_SMALLEST).log()


def _in_cells(
    objects: Bool[Tensor, "node object"], place: Int[Tensor, "node cell"]
) -> Bool[Tensor, "node cell"]:
    """Which cells show one of these objects; the number of all objects stands for none."""
    return torch.cat([objects, objects.new_zeros(len(objects), 1)], 1).gather(1, place)


def _around(
    chosen: Bool[Tensor, "picture cell"],
    cells: Int[Tensor, "picture cell"],
    grid: tuple[int, int],
) -> Bool[Tensor, "picture cell"]:
    """The chosen cells and those next to them that show the same object."""
    objects = torch.where(chosen, cells, NOTHING).to(torch.float32).view(-1, 1, *grid)
    padded = functional.pad(objects, [1] * 4, value=NOTHING)
    alike = functional.unfold(padded, 3) == cells[:, None]
    return alike.any(1) & (cells != NOTHING)


def _largest(
    values: Float[Tensor, "picture cell"], cells: Int[Tensor, "picture cell"], objects: int
) -> Bool[Tensor, "picture cell"]:
    """Of each object the cell with the largest value, of its cells; the first of them."""
    place = torch.where(cells == NOTHING, objects, cells)
    none = values.new_zeros(len(values), objects + 1)
    most = none.scatter_reduce(1, place, values, "amax", include_self=False)
    number = torch.arange(cells.shape[1], device=cells.device).expand_as(cells)
    among = torch.where(values == most.gather(1, place), number, cells.shape[1])
    first = none.long().scatter_reduce(1, place, among, "amin", include_self=False)
    return (number == first.gather(1, place)) & (cells != NOTHING)
