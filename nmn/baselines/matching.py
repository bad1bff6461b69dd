"""What queries say of objects, held against those of a scene: one query for each object.

Carion et al. (2020, section 3.1): the matching is the cheapest one (Kuhn 1955, the Hungarian
method, by scipy), its cost what is wrong about place and values; unlike theirs, whether a query
says that there is an object at all does not count. Queries that are left over learn that there is
nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional

from nmn.data.states import States, state_channels
from nmn.domain import Domain
from nmn.nn.precision import at_least_single

_AXES = 3
"""Columns of states before those of concepts."""
_POINT = 2.0
"""How much the distance of points counts."""


@dataclass(frozen=True, eq=False)
class ObjectsSaid:
    """What queries say of objects.

    Attributes:
        present: logit of there being one.
        points: where it is in the picture, x and y in [-1, 1].
        concepts: logits of its values, in the order of the domain's concepts.
    """

    present: Float[Tensor, "batch query"]
    points: Float[Tensor, "batch query 2"]
    concepts: Float[Tensor, "batch query concept"]

    def wide(self) -> "ObjectsSaid":
        """The same in single precision at least."""
        said = self.present, self.points, self.concepts
        return ObjectsSaid(*map(at_least_single, said))


def matched_loss(
    said: ObjectsSaid, states: States, picture: Sequence[int], domain: Domain
) -> Float[Tensor, ""]:
    """The mean loss of all queries under the cheapest matching.

    Args:
        states: of the objects of each picture.
        picture: for each question, the index of its picture.
    """
    device = said.present.device
    rows = np.asarray(picture)
    points = torch.from_numpy(states.positions[rows]).to(device)
    truth = torch.from_numpy(states.values[rows][:, :, _AXES:]).to(device)
    costs = _costs(said, points, truth, domain)
    there = states.present[rows]
    wanted = torch.zeros_like(said.present)
    matched = said.present.new_zeros(())
    plain = costs.detach().cpu().numpy()
    for row, known in enumerate(there):
        objects = np.flatnonzero(known)
        query, place = linear_sum_assignment(plain[row][:, objects])
        wanted[row, query] = 1.0
        matched = matched + costs[row, query, objects[place]].sum()
    presence = functional.binary_cross_entropy_with_logits(said.present, wanted)
    return presence + matched / max(1, int(there.sum()))


def _costs(
    said: ObjectsSaid,
    points: Float[Tensor, "batch object 2"],
    truth: Float[Tensor, "batch object concept"],
    domain: Domain,
) -> Float[Tensor, "batch query object"]:
    """What each query would lose if it stood for each object."""
    cost = _POINT * torch.cdist(said.points, points, p=1)
    names = state_channels(domain)[_AXES:]
    for attribute in domain.attributes:
        chosen = [names.index(value) for value in attribute.values]
        likely = said.concepts[:, :, chosen].log_softmax(2)
        cost = cost - torch.einsum("bqc,boc->bqo", likely, truth[:, :, chosen])
    return cost
