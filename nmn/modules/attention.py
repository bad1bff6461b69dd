"""The light family: masks over cells, made by comparing features with tables of concepts.

A mask holds for each cell a doubt, the inverse odds that it is meant (`nmn.nn.soft_logic`). `and`
is the conjunction of doubts, `or` the disjunction, a relation the disjunction of all ways from a
meant cell to this one, `exists` that of all cells, `query` for each value whether a meant cell has
it. Outside of training the connectives are minimum and maximum (Goedel's logic). They commute with
deciding each cell at even odds: once every concept in every cell and every pair of cells is on its
right side, every program over them is answered as exact execution does, at any depth and however
small the margins.

While training, minimum and maximum are softened, so that gradient reaches every candidate and not
only the one that decided. Even so, training can end with two concepts confused for each other;
presets learn concepts before relations, and begin anew where the loss stays high.

All concepts in all cells are one matrix product a batch; each node then only looks up its row.
On a grid the relations depend on the offset of two cells alone and are one table for all pictures.

Concept tables and relations as functions of relative position follow Stack-NMN (Hu et al. 2018)
and NS-CL (Mao et al. 2019); the logic in place of products and normalised attention is ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import ClassVar, Literal

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from nmn.config import Config
from nmn.domain import Domain
from nmn.errors import ShapeError
from nmn.modules.answer_columns import AnswerColumns
from nmn.modules.base import Cost, Module, ModuleBank, Nodes
from nmn.nn.competition import Competition
from nmn.nn.features import Features, FeatureSize
from nmn.nn.relations import Plane, RelativePositions
from nmn.nn.soft_logic import IMPOSSIBLE, any_of, any_other, both, doubts, either, reached
from nmn.program.types import Kind

Rows = tuple[Tensor, ...]

_EVEN = 0.5

_FEW_CELLS = 32
"""Up to so many cells, a copy of the table for each node is cheaper than a step a relation."""


class AttentionConfig(Config):
    """Sizes of the family.

    Attributes:
        relations: `table`: a table over the relative positions of two cells, which makes relations
            of any kind. `plane`: each cell says where on a plane its thing stands, and a relation
            is a direction in it: for pictures in which things are smaller or larger than cells.
        offsets: entries of such a table in each direction, over [-2, 2].
        starts: with `plane`, relations start from at most so many cells of a picture, those with
            things; things are few and cells many.
        empty_places: whether relations may mean cells with nothing in them, as in SHAPES.
        things: how probable it is at first that a cell has a thing, as a logit.
        exclusive: whether a thing has at most one value of each attribute; `decided`: outside of
            training alone, as things are found from answers alone only where it may have several.
        competition: whether neighbouring cells of a grid compete to stand for a thing, for pictures
            in which things are larger than cells.
        both_ways: whether, outside of training, pictures are looked at once more, mirrored, and
            the mean is taken of what their things are like.
        sharpness: by how many logits a difference of one object decides a comparison of counts.
    """

    relations: Literal["table", "plane"] = "table"
    offsets: int = Field(7, gt=1, le=255)
    starts: int = Field(32, gt=0)
    empty_places: bool = True
    things: float = 0.0
    exclusive: bool | Literal["decided"] = False
    competition: bool = False
    both_ways: bool = False
    sharpness: float = Field(6.0, gt=0)


@dataclass(frozen=True, eq=False, kw_only=True)
class AttentionFeatures(Features):
    """Features with what all modules read off them, computed once for a batch.

    Attributes:
        things: doubt that there is a thing.
        concepts: doubt of each concept.
        relations: `relations[t, r, i, j]`: doubt that cell `i` is in relation `r` to start `j`;
            one table a picture, or one for all pictures where they are the same grid.
        starts: the cell of each start; None where every cell is one.
    """

    things: Float[Tensor, "picture cell"]
    concepts: Float[Tensor, "picture concept cell"]
    relations: Float[Tensor, "table relation cell start"]
    starts: Int[Tensor, "picture start"] | None = None


class AttentionBank(ModuleBank):
    """Rows: masks `(node, cell)`, Bool `(node,)` and values `(node, concept)`, all as doubts.

    A Number `(node, 2)` is the mean and the variance of the count.
    """

    transparent: ClassVar[frozenset[str]] = frozenset({"unique"})
    taught: ClassVar[tuple[str, ...]] = ("filter", "relate")

    def __init__(self, domain: Domain, size: FeatureSize, config: AttentionConfig) -> None:
        # Without a competition it does not matter how cells lie.
        super().__init__(domain, size if config.competition else FeatureSize(size.channels))
        self.config = config
        self.things = nn.Linear(size.channels, 1)
        if config.competition and size.grid is None:
            raise ShapeError("features", "a grid of cells, which compete", str(size))
        self.competition = Competition(size.channels) if config.competition else None
        self.concepts = nn.Linear(size.channels, len(domain.concepts))
        self.relations: RelativePositions | Plane = (
            Plane(size.channels, len(domain.relations))
            if config.relations == "plane"
            else RelativePositions(len(domain.relations), config.offsets)
        )
        belongs = [
            [domain.attribute_of(concept) == name for concept in domain.concepts]
            for name in domain.attribute_names
        ]
        self.register_buffer("_belongs", torch.tensor(belongs), persistent=False)
        self._belongs: Tensor
        alike = self._belongs.T.float() @ self._belongs.float()
        self.register_buffer("_rivals", alike.fill_diagonal_(0.0), persistent=False)
        self._rivals: Tensor
        self._answers = AnswerColumns(domain)

    @property
    def wants_mirrored(self) -> bool:
        """See `ModuleBank`."""
        return self.config.both_ways and not self.training

    def prepare(self, features: Features) -> AttentionFeatures:
        """Concepts of all cells and relations of all pairs of cells, once for all nodes."""
        weight = torch.cat([self.things.weight, self.concepts.weight])
        bias = torch.cat([self.things.bias, self.concepts.bias])
        logits = functional.linear(features.values, weight, bias).transpose(1, 2)
        if features.mirrored is not None:
            other = functional.linear(features.mirrored, weight, bias).transpose(1, 2)
            # Where a thing is seen to stand differs by half a cell, what it is like does not.
            logits = torch.cat([logits[:, :1], (logits + other)[:, 1:] / 2], 1)
        # Logits of narrow types are doubts in single precision: masks keep their differences.
        dtype = torch.promote_types(features.values.dtype, torch.float32)
        logits = logits.to(dtype).contiguous()
        logits[:, 0] += self.config.things
        seen = doubts(logits)
        known = {field.name: getattr(features, field.name) for field in fields(Features)}
        things, places = seen[:, 0], None
        if isinstance(self.relations, Plane):
            places = self.relations.places(features.values, features.positions)
        if self.competition is not None and features.grid is not None:
            won = self.competition(features.values, places, features.grid, soft=self.training)
            things = both(things, won, soft=self.training)
        things = things.masked_fill(~features.present, IMPOSSIBLE)
        starts = None
        if isinstance(self.relations, Plane) and places is not None:
            count = min(self.config.starts, things.shape[1])
            least = things.detach().topk(count, largest=False, sorted=not self.training)
            starts = least.indices
            if self.competition is not None and not self.training:
                of_starts = places.gather(1, starts[:, :, None].expand(-1, -1, 2))
                again = self.competition.again(least.values, of_starts)
                things = things.scatter(1, starts, least.values.masked_fill(again, IMPOSSIBLE))
            relations = doubts(self.relations(places, starts))
        else:
            relations = self._relations(features)
        return AttentionFeatures(
            **known,
            things=things,
            concepts=self._against_rivals(seen[:, 1:].contiguous()),
            relations=relations,
            starts=starts,
        )

    def _against_rivals(self, seen: Float[Tensor, "picture concept cell"]) -> Tensor:
        """Doubts of concepts, each against the other values of its attribute and none of them.

        The odds of a value are `exp(z_v) / (1 + sum_u exp(z_u))` over its rivals `u`.
        """
        if not self.config.exclusive or (self.training and self.config.exclusive == "decided"):
            return seen
        others = self._rivals.to(seen.dtype) @ seen.reciprocal()
        return (seen * (1 + others)).clamp_max(IMPOSSIBLE)

    def look(
        self,
        operation: str,
        argument: Int[Tensor, " node"],
        picture: Int[Tensor, " node"],
        features: Features,
    ) -> Tensor | None:
        """The concept that a filter asks for, in all cells."""
        if operation not in {"find", "filter"}:
            return None
        concepts = _prepared(features).concepts
        row = picture * concepts.shape[1] + argument
        return concepts.flatten(0, 1).index_select(0, row)

    def _relations(self, features: Features) -> Float[Tensor, "table relation cell cell"]:
        """Doubts of all relations between all cells."""
        if features.grid is not None:
            found = self._relations_on_grid(features.positions[0], *features.grid)[None]
            if features.present.all():
                return found
            found = found.expand(len(features.values), -1, -1, -1)
        else:
            offsets = features.positions[:, :, None] - features.positions[:, None, :]
            found = doubts(self.relations(offsets)).permute(0, 3, 1, 2)
        return found.masked_fill(~features.present[:, None, :, None], IMPOSSIBLE).contiguous()

    def _relations_on_grid(
        self, positions: Float[Tensor, "cell 2"], height: int, width: int
    ) -> Float[Tensor, "relation cell cell"]:
        """The same, from a table of all offsets between two cells of a grid."""
        # The offsets from the last cell and from the first one are all that there are, as
        # coordinates do not depend on each other.
        x, y = positions[:width, 0], positions[::width, 1]
        across = torch.cat([x - x[-1], x[1:] - x[0]])
        down = torch.cat([y - y[-1], y[1:] - y[0]])
        offsets = torch.stack(torch.meshgrid(across, down, indexing="xy"), dim=-1)
        table = doubts(self.relations(offsets)).permute(2, 0, 1)
        # All cells i as seen from one cell j are a window of the table; as j moves on, the window
        # moves back.
        return functional.unfold(table[:, None], (height, width)).flip(2)

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

    def _scene(self, nodes: Nodes, _: Rows, features: Features) -> Tensor:
        return _prepared(features).things.index_select(0, nodes.picture)

    def _find(self, nodes: Nodes, _: Rows, features: Features) -> Tensor:
        return self._filter(nodes, (self._scene(nodes, (), features),), features)

    def _filter(self, nodes: Nodes, inputs: Rows, _: Features) -> Tensor:
        assert nodes.seen is not None
        return both(inputs[0], nodes.seen, soft=self.training)

    def _relate(self, nodes: Nodes, inputs: Rows, features: Features) -> Tensor:
        prepared = _prepared(features)
        mask = inputs[0]
        if prepared.starts is not None:
            mask = mask.gather(1, prepared.starts.index_select(0, nodes.picture))
        found = self._related(nodes, mask, prepared.relations)
        if self.config.empty_places:
            return found
        return both(found, prepared.things.index_select(0, nodes.picture), soft=self.training)

    def _related(self, nodes: Nodes, starts: Tensor, relations: Tensor) -> Tensor:
        """Which cells are so placed to a meant start."""
        if len(relations) == 1 and relations.shape[2] > _FEW_CELLS:
            return reached(starts, relations[0], nodes.runs, soft=self.training)
        row = nodes.argument
        if len(relations) > 1:
            row = row + nodes.picture * relations.shape[1]
        ways = relations.flatten(0, 1).index_select(0, row)
        return reached(starts, ways, soft=self.training)

    def _same(self, nodes: Nodes, inputs: Rows, features: Features) -> Tensor:
        # The disjunction over values v and cells j of "i is v, j is v, j is meant" is, as "and"
        # distributes over "or", that over v of "i is v, and another cell is v and meant".
        prepared = _prepared(features)
        things = prepared.things[nodes.picture, None]
        has = both(prepared.concepts[nodes.picture], things, soft=self.training)
        has = has.masked_fill(~self._belongs[nodes.argument][:, :, None], IMPOSSIBLE)
        others = any_other(both(has, inputs[0][:, None], soft=self.training), soft=self.training)
        return any_of(both(has, others, soft=self.training), 1, soft=self.training)

    def _unique(self, _: Nodes, inputs: Rows, __: Features) -> Tensor:
        return inputs[0]

    def _and(self, _: Nodes, inputs: Rows, __: Features) -> Tensor:
        return both(*inputs, soft=self.training)

    def _or(self, _: Nodes, inputs: Rows, __: Features) -> Tensor:
        return either(*inputs, soft=self.training)

    def _exists(self, _: Nodes, inputs: Rows, __: Features) -> Tensor:
        return any_of(inputs[0], 1, soft=self.training)

    def _count(self, _: Nodes, inputs: Rows, __: Features) -> Tensor:
        # A sum of as many independent coins as there are cells; outside of training each is
        # decided first, as by the other connectives.
        each = _probabilities(inputs[0])
        meant = each if self.training else (each > _EVEN).to(each.dtype)
        return torch.stack([meant.sum(1), (each * (1 - each)).sum(1)], dim=1)

    def _query(self, nodes: Nodes, inputs: Rows, features: Features) -> Tensor:
        concepts = _prepared(features).concepts.index_select(0, nodes.picture)
        has = any_of(both(concepts, inputs[0][:, None], soft=self.training), 2, soft=self.training)
        return has.masked_fill(~self._belongs[nodes.argument], IMPOSSIBLE)

    def _equal(self, _: Nodes, inputs: Rows, __: Features) -> Tensor:
        return any_of(both(*inputs, soft=self.training), 1, soft=self.training)

    def _equal_number(self, _: Nodes, inputs: Rows, __: Features) -> Tensor:
        difference, sharpness = self._difference(inputs)
        return doubts(sharpness * (0.5 - difference.abs()))

    def _less_than(self, _: Nodes, inputs: Rows, __: Features) -> Tensor:
        difference, sharpness = self._difference(inputs)
        return doubts(sharpness * (-difference - 0.5))

    def _greater_than(self, _: Nodes, inputs: Rows, __: Features) -> Tensor:
        difference, sharpness = self._difference(inputs)
        return doubts(sharpness * (difference - 0.5))

    def _difference(self, inputs: Rows) -> tuple[Tensor, Tensor]:
        """Of two counts, and by how many logits an object more decides a comparison of them."""
        first, second = inputs
        variance = first[:, 1] + second[:, 1]
        return first[:, 0] - second[:, 0], self._sharpness(variance)

    def _sharpness(self, variance: Tensor) -> Tensor:
        """`sharpness` where a count is certain, as a normal distribution has it where it is not."""
        return (1 / self.config.sharpness + 2 * variance).reciprocal()

    def answer_logits(self, kind: Kind, rows: Tensor) -> Float[Tensor, "node answer"]:
        """See `ModuleBank`."""
        if kind is Kind.NUMBER:
            distance = (rows[:, :1] - self._answers.number).square()
            return -self._sharpness(rows[:, 1:]) * distance
        logits = -rows.log()
        if kind is Kind.BOOL:
            return logits[:, None] * self._answers.yes
        return logits.index_select(1, self._answers.concept)

    def certain(self, meant: Bool[Tensor, "node cell"]) -> Tensor:
        """Rows of these masks."""
        sure = torch.tensor([IMPOSSIBLE, 1 / IMPOSSIBLE], device=meant.device)
        return sure[meant.long()]

    def stands(self, features: Features) -> Float[Tensor, "picture cell"]:
        """How much each cell has a thing."""
        return _probabilities(_prepared(features).things)

    def assuming(self, things: Bool[Tensor, "picture cell"], features: Features) -> Features:
        """See `ModuleBank`."""
        return replace(_prepared(features), things=self.certain(things))

    def mask_probabilities(self, rows: Tensor) -> Float[Tensor, "node cell"]:
        """How probably each cell is meant."""
        return _probabilities(rows)

    def cost(self, operation: str, cells: int) -> Cost:
        """What a node takes; concepts and relations of the pictures are not in it."""
        values = cells * len(self.domain.concepts)
        counts = {
            "relate": Cost(cells * cells, cells),
            "same": Cost(4 * values, 6 * values),
            "query": Cost(2 * values, 2 * values),
            "equal": Cost(2 * len(self.domain.concepts), len(self.domain.concepts)),
        }
        small = operation in {"equal_number", "less_than", "greater_than"}
        return counts.get(operation, Cost(1, 1) if small else Cost(cells, cells))

    def answer_cost(self, cells: int) -> Cost:  # noqa: ARG002 - contract
        """A few operations an answer."""
        return Cost(2 * len(self.domain.answers), 2 * len(self.domain.answers))


def _probabilities(doubt: Tensor) -> Tensor:
    return (1 + doubt).reciprocal()


def _prepared(features: Features) -> AttentionFeatures:
    if not isinstance(features, AttentionFeatures):
        raise TypeError("features must go through AttentionBank.prepare first")
    return features
