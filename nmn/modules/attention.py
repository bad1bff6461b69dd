"""The light family: masks over cells, made by comparing features with tables of concepts.

Masks are logits, one a cell. `and` is the minimum, `or` the maximum, a relation the best of all
ways from a meant cell to this one, `exists` the best cell, `query` for each value whether a meant
cell has it. These connectives (Goedel's logic) commute with deciding each cell at logit 0: once
every concept in every cell and every pair of cells is on its right side, every program over them
is answered as exact execution does, at any depth and however small the margins.

While training, minimum and maximum are softened (`logaddexp`), so that gradient reaches every
candidate and not only the one that decided. Even so, training can end with two concepts confused
for each other; presets learn concepts before relations, and begin anew where the loss stays high.

Concept tables and relations as functions of relative position follow Stack-NMN (Hu et al. 2018)
and NS-CL (Mao et al. 2019); the logic in place of products and normalised attention is ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from nmn.config import Config
from nmn.domain import Domain
from nmn.modules.base import Module, ModuleBank
from nmn.nn.features import Features
from nmn.program.typecheck import answers_of
from nmn.program.types import Kind, Type

Arguments = Int[Tensor, " node"]
Pictures = Int[Tensor, " node"]
Rows = tuple[Tensor, ...]

_NEVER = -30.0
"""A logit that means no for certain, without the trouble of infinities."""

_RELATION_GAIN = 8.0
"""Relations learn this much faster than concepts: tables have no layers below them to help."""

_FIRST_RELATION = -0.125


class AttentionConfig(Config):
    """Sizes of the family.

    Attributes:
        offsets: entries of the tables of relations in each direction, over [-2, 2].
        sharpness: by how many logits a difference of one object decides a comparison of counts.
    """

    offsets: int = Field(7, gt=1, le=255)
    sharpness: float = Field(6.0, gt=0)


@dataclass(frozen=True, eq=False, kw_only=True)
class AttentionFeatures(Features):
    """Features with what all modules read off them, computed once for a batch.

    Attributes:
        things: logit that there is a thing.
        concepts: logit of each concept.
        relations: `relations[p, r, i, j]`: logit that cell `i` is in relation `r` to cell `j`.
    """

    things: Float[Tensor, "picture cell"]
    concepts: Float[Tensor, "picture concept cell"]
    relations: Float[Tensor, "picture relation cell cell"]


class RelativePositions(nn.Module):
    """For each relation a table over relative positions, interpolated bilinearly.

    The table has `offsets` x `offsets` entries over [-2, 2] in both directions; with 7 of them
    the offsets between the cells of a 3x3 grid fall right on entries.
    """

    def __init__(self, relations: int, offsets: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.full((offsets, offsets, relations), _FIRST_RELATION))
        self.register_buffer("_centres", torch.linspace(-2, 2, offsets), persistent=False)
        self._centres: Tensor

    def forward(self, offsets: Float[Tensor, "*pairs 2"]) -> Float[Tensor, "*pairs relation"]:
        """Logit of each relation for offsets, x then y, to a cell from the one it is related to."""
        spacing = self._centres[1] - self._centres[0]
        near = (1 - (offsets[..., None] - self._centres).abs() / spacing).clamp(min=0)
        table = _RELATION_GAIN * self.table
        return torch.einsum("...x,...y,yxr->...r", near[..., 0, :], near[..., 1, :], table)


class AttentionBank(ModuleBank):
    """Rows: masks `(node, cell)`, Bool and Number `(node,)`, values `(node, concept)`.

    Masks and Bool are logits, a Number is the expected count, and of values the logits of the
    attribute's own concepts count, the others are minus infinity.
    """

    def __init__(self, domain: Domain, channels: int, config: AttentionConfig) -> None:
        super().__init__(domain)
        self.config = config
        self.things = nn.Linear(channels, 1)
        self.concepts = nn.Linear(channels, len(domain.concepts))
        self.relations = RelativePositions(len(domain.relations), config.offsets)
        belongs = [
            [domain.attribute_of(concept) == name for concept in domain.concepts]
            for name in domain.attribute_names
        ]
        self.register_buffer("_belongs", torch.tensor(belongs), persistent=False)
        self._belongs: Tensor

    def prepare(self, features: Features) -> AttentionFeatures:
        """Concepts of all cells and relations of all pairs of cells, once for all nodes."""
        offsets = features.positions[:, :, None] - features.positions[:, None, :]
        absent = ~features.present
        things = self.things(features.values).squeeze(2).masked_fill(absent, _NEVER)
        return AttentionFeatures(
            features.values,
            features.positions,
            features.present,
            features.grid,
            things=things,
            concepts=self.concepts(features.values).transpose(1, 2),
            relations=self.relations(offsets)
            .permute(0, 3, 1, 2)
            .masked_fill(absent[:, None, :, None], _NEVER),
        )

    def modules_by_operation(self) -> Mapping[str, Module]:
        """One method an operation."""
        return {
            "scene": self._scene,
            "find": self._find,
            "filter": self._filter,
            "relate": self._relate,
            "same": self._same,
            "unique": self._unique,
            "and": self._and,
            "or": self._or,
            "exists": self._exists,
            "count": self._count,
            "query": self._query,
            "equal": self._equal,
            "equal_number": self._equal_number,
            "less_than": self._less_than,
            "greater_than": self._greater_than,
        }

    def _scene(self, _: Arguments, __: Rows, features: Features, picture: Pictures) -> Tensor:
        return _prepared(features).things[picture]

    def _find(self, argument: Arguments, _: Rows, features: Features, picture: Pictures) -> Tensor:
        things = self._scene(argument, (), features, picture)
        return self._filter(argument, (things,), features, picture)

    def _filter(
        self, argument: Arguments, inputs: Rows, features: Features, picture: Pictures
    ) -> Tensor:
        return self._least(inputs[0], _prepared(features).concepts[picture, argument])

    def _relate(
        self, argument: Arguments, inputs: Rows, features: Features, picture: Pictures
    ) -> Tensor:
        ways = _prepared(features).relations[picture, argument]
        return self._best(self._least(ways, inputs[0][:, None, :]), 2)

    def _same(
        self, argument: Arguments, inputs: Rows, features: Features, picture: Pictures
    ) -> Tensor:
        concepts = _prepared(features).concepts[picture]
        wanted = self._belongs[argument][:, :, None]
        has = self._least(concepts, _prepared(features).things[picture][:, None, :])
        has = has.masked_fill(~wanted, _NEVER)
        both = self._best(self._least(has[:, :, :, None], has[:, :, None, :]), 1)
        itself = torch.eye(both.shape[-1], dtype=torch.bool, device=both.device)
        ways = both.masked_fill(itself, _NEVER)
        return self._best(self._least(ways, inputs[0][:, None, :]), 2)

    def _unique(self, _: Arguments, inputs: Rows, __: Features, ___: Pictures) -> Tensor:
        return inputs[0]

    def _and(self, _: Arguments, inputs: Rows, __: Features, ___: Pictures) -> Tensor:
        return self._least(*inputs)

    def _or(self, _: Arguments, inputs: Rows, __: Features, ___: Pictures) -> Tensor:
        first, second = inputs
        return torch.logaddexp(first, second) if self.training else torch.maximum(first, second)

    def _exists(self, _: Arguments, inputs: Rows, __: Features, ___: Pictures) -> Tensor:
        return self._best(inputs[0], 1)

    def _count(self, _: Arguments, inputs: Rows, __: Features, ___: Pictures) -> Tensor:
        return inputs[0].sigmoid().sum(1)

    def _query(
        self, argument: Arguments, inputs: Rows, features: Features, picture: Pictures
    ) -> Tensor:
        has = self._least(_prepared(features).concepts[picture], inputs[0][:, None, :])
        return self._best(has, 2).masked_fill(~self._belongs[argument], _NEVER)

    def _equal(self, _: Arguments, inputs: Rows, __: Features, ___: Pictures) -> Tensor:
        return self._best(self._least(*inputs), 1)

    def _equal_number(self, _: Arguments, inputs: Rows, __: Features, ___: Pictures) -> Tensor:
        first, second = inputs
        return self.config.sharpness * (0.5 - (first - second).abs())

    def _less_than(self, _: Arguments, inputs: Rows, __: Features, ___: Pictures) -> Tensor:
        first, second = inputs
        return self.config.sharpness * (second - first - 0.5)

    def _greater_than(self, _: Arguments, inputs: Rows, __: Features, ___: Pictures) -> Tensor:
        first, second = inputs
        return self.config.sharpness * (first - second - 0.5)

    def _least(self, first: Tensor, second: Tensor) -> Tensor:
        """The conjunction of two logits."""
        if self.training:
            return -torch.logaddexp(-first, -second)
        return torch.minimum(first, second)

    def _best(self, logits: Tensor, dimension: int) -> Tensor:
        """The disjunction of logits along a dimension."""
        return logits.logsumexp(dimension) if self.training else logits.amax(dimension)

    def log_probabilities(self, output: Type, rows: Tensor) -> Float[Tensor, "node answer"]:
        """The logarithm of each answer's probability; see `ModuleBank`."""
        answers = answers_of(output, self.domain)
        names = [self.domain.answers[index] for index in answers]
        if output.kind is Kind.BOOL:
            signs = rows.new_tensor([1.0 if name == "yes" else -1.0 for name in names])
            chosen = functional.logsigmoid(rows[:, None] * signs)
        elif output.kind is Kind.NUMBER:
            counts = rows.new_tensor([float(name) for name in names])
            distance = (rows[:, None] - counts).square()
            chosen = (-self.config.sharpness * distance).log_softmax(1)
        else:
            columns = [self.domain.concepts.index(name) for name in names]
            chosen = rows[:, columns].log_softmax(1)
        result = rows.new_full((rows.shape[0], len(self.domain.answers)), -torch.inf)
        return result.index_copy(1, torch.tensor(answers, device=rows.device), chosen)

    def mask_probabilities(self, rows: Tensor) -> Float[Tensor, "node cell"]:
        """How probably each cell is meant."""
        return rows.sigmoid()


def _prepared(features: Features) -> AttentionFeatures:
    if not isinstance(features, AttentionFeatures):
        raise TypeError("features must go through AttentionBank.prepare first")
    return features
