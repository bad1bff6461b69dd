"""A convolutional detector: what each cell of a picture says of the object that it shows."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from nmn.domain import Domain
from nmn.nn.features import Features, FeatureSize
from nmn.perception.targets import Targets

_RARE = -4.0
"""The first logit of a cell's being a representative; there are some 6 in 600."""


@dataclass(frozen=True, eq=False)
class Views:
    """What the cells of pictures say, each for itself.

    Attributes:
        presence: logit that the cell is the representative of an object (see `Targets`).
        attributes: for each attribute the logits of its values.
        ground: where the object stands.
        box: left, top, right and bottom of what is seen of it, in [-1, 1].
    """

    presence: Float[Tensor, "picture cell"]
    attributes: tuple[Float[Tensor, "picture cell _"], ...]
    ground: Float[Tensor, "picture cell 2"]
    box: Float[Tensor, "picture cell 4"]

    def mirrored(self, grid: tuple[int, int]) -> "Views":
        """The same of the mirrored pictures."""

        def turned(maps: Tensor) -> Tensor:
            cells = maps.reshape(len(maps), *grid, *maps.shape[2:])
            return cells.flip(2).flatten(1, 2)

        left, top, right, bottom = turned(self.box).unbind(-1)
        return Views(
            turned(self.presence),
            tuple(map(turned, self.attributes)),
            turned(self.ground) * self.ground.new_tensor([-1, 1]),
            torch.stack([-right, top, -left, bottom], -1),
        )

    def mean(self, other: "Views") -> "Views":
        """What two say together."""
        attributes = zip(self.attributes, other.attributes, strict=True)
        return Views(
            (self.presence + other.presence) / 2,
            tuple((ours + theirs) / 2 for ours, theirs in attributes),
            (self.ground + other.ground) / 2,
            (self.box + other.box) / 2,
        )


class Detector(nn.Module):
    """Two layers that look at the features of each cell and its position.

    As in CenterNet (Zhou et al. 2019) one cell stands for an object and tells all about it. There
    a cell wins by being the highest of its neighbourhood; here objects whose middles are neighbours
    are told apart by where they stand on the ground (`nmn.perception.detections`).
    """

    def __init__(self, domain: Domain, size: FeatureSize, hidden: int) -> None:
        super().__init__()
        self.sizes = [1, *(len(attribute.values) for attribute in domain.attributes), 2, 4]
        self.first = nn.Linear(size.channels + 2, hidden)
        self.last = nn.Linear(hidden, sum(self.sizes))
        nn.init.constant_(self.last.bias[:1], _RARE)

    def forward(self, features: Features) -> Views:
        """What each cell says."""
        places = features.positions.float()
        # In low precision an object could not be placed well enough.
        with torch.autocast(places.device.type, enabled=False):
            seen = torch.cat([features.values.float(), places], -1)
            said = self.last(functional.relu(self.first(seen)))
        presence, *attributes, ground, box = said.split(self.sizes, -1)
        box = places.repeat(1, 1, 2) + box
        return Views(presence.squeeze(-1), tuple(attributes), ground, box)


def losses(views: Views, targets: Targets) -> dict[str, Float[Tensor, ""]]:
    """The parts of the loss, as means over the objects: how far cells are from their targets.

    Presence counts at all cells but the open ones; all else at the representatives and the open
    ones, together one for each object.
    """
    objects = max(1, len(targets.values))
    wanted = targets.chosen.to(views.presence)
    surprise = functional.binary_cross_entropy_with_logits(views.presence, wanted, reduction="none")
    near = (targets.picture, targets.cell)
    wrong = sum(
        functional.cross_entropy(
            logits[near], targets.values[targets.owner, place], reduction="none"
        )
        for place, logits in enumerate(views.attributes)
    )
    ground = functional.smooth_l1_loss(
        views.ground[near], targets.ground[targets.owner], beta=0.1, reduction="none"
    )
    box = functional.smooth_l1_loss(
        views.box[near], targets.box[targets.owner], beta=0.02, reduction="none"
    )
    parts = {"attributes": wrong, "ground": ground.sum(1), "box": box.sum(1)}
    return {
        "presence": surprise.masked_fill(targets.open, 0).sum() / objects,
        **{name: (part * targets.share).sum() / objects for name, part in parts.items()},
    }
