"""From what cells say to objects: of cells that speak of the same object, only one is heard."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from nmn.perception.detector import Views

_MOST = 64
"""Cells of a picture that are looked at: those with the highest presence."""


@dataclass(frozen=True)
class Detection:
    """What is known of one object.

    Attributes:
        probability: that there is such an object.
        attributes: for each attribute the probability of each of its values.
        ground: how far to the right and to the front it stands, in scene units.
        box: left, top, right and bottom of what is seen of it, as fractions of the picture.
    """

    probability: float
    attributes: tuple[tuple[float, ...], ...]
    ground: tuple[float, float]
    box: tuple[float, float, float, float]


def detect(views: Views, least: float, apart: float) -> tuple[tuple[Detection, ...], ...]:
    """The objects of each picture, the most certain first.

    Of two cells whose objects stand nearer to each other than `apart`, in scene units, the surer
    one is right; objects that hide each other in the picture are far enough apart on the ground.

    Args:
        least: probability from which an object is one at all.
    """
    presence, cells = views.presence.sigmoid().topk(min(_MOST, views.presence.shape[1]), dim=1)
    picture = torch.arange(len(cells), device=cells.device)[:, None]
    ground = views.ground[picture, cells]
    close = torch.cdist(ground, ground) < apart
    heard = _heard(close, presence >= least)
    presence = _together(presence, close, heard)
    kept = heard.nonzero(as_tuple=True)
    where = (kept[0], cells[kept])
    columns = [
        presence[kept].tolist(),
        zip(
            *(logits[where].softmax(-1).tolist() for logits in views.attributes),
            strict=True,
        ),
        ground[kept].tolist(),
        ((views.box[where] + 1) / 2).clamp(0, 1).tolist(),
    ]
    found: list[list[Detection]] = [[] for _ in cells]
    for row, probability, attributes, place, box in zip(kept[0].tolist(), *columns, strict=True):
        values = tuple(map(tuple, attributes))
        found[row].append(Detection(probability, values, tuple(place), tuple(box)))
    return tuple(map(tuple, found))


def _together(
    presence: Float[Tensor, "picture cell"],
    close: Bool[Tensor, "picture cell cell"],
    heard: Bool[Tensor, "picture cell"],
) -> Float[Tensor, "picture cell"]:
    """With the probability of the cells that are not heard added to the surest close one that is.

    One cell is the representative of an object, so that these exclude each other: of a thing that
    is hardly seen, it is often not clear which cell that is.
    """
    claims = close & heard[:, None]
    owner = claims.float().argmax(2)
    given = presence.masked_fill(~claims.any(2), 0.0)
    return torch.zeros_like(presence).scatter_add(1, owner, given).clamp_max(1.0)


def _heard(
    close: Bool[Tensor, "picture cell cell"], allowed: Bool[Tensor, "picture cell"]
) -> Bool[Tensor, "picture cell"]:
    """Which cells are not close to a surer one that is heard; cells in descending order."""
    heard = allowed.clone()
    for place in range(1, heard.shape[1]):
        heard[:, place] &= ~(close[:, place, :place] & heard[:, :place]).any(1)
    return heard
