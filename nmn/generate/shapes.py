"""The SHAPES world: scenes, questions with their programs, balanced answers, splits.

Scenes are 3x3 grids of which a cell is empty with probability 0.2 (as in the published data).
Questions are sampled as programs and said by the realiser. A question's composition (the
canonical form of its program) decides alone whether it belongs to train, val or test, so no seed
ever puts a test composition into training.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from pydantic import Field

from nmn.config import Config
from nmn.data.example import Example, ListDataset, question_type
from nmn.domain import Domain, load_domain
from nmn.parsing.realise import realise
from nmn.program.canonical import canonical
from nmn.program.codecs import from_sexpression
from nmn.program.program import Program, call
from nmn.render.flat import draw_cells
from nmn.scene.scene import Scene, grid_scene
from nmn.scene.symbolic import execute
from nmn.seeding import fraction, generator

GRID = 3
"""Rows and columns of a picture."""

Split = Literal["train", "val", "test"]

_TRIES = 100
_CHUNK = 1024


class ShapesWorldConfig(Config):
    """What the questions and pictures of the world are like.

    Attributes:
        empty: probability that a cell is empty.
        relation_counts: relative frequency of questions with 0, 1, 2, ... relations.
        two_concepts: probability that a thing is called by colour and shape ("a red circle").
        anything: probability that it is called "a shape".
        nested: probability that a relation starts at a described thing ("above a circle left
            of a square") where it could also follow on another ("above left of a square").
        alternatives: probability that a thing is one of two ("a circle or a square").
        train_share, val_share: parts of all compositions that are for train and val; the rest
            is for test.
        held_out: further compositions, as s-expressions, that never occur in train.
    """

    empty: float = Field(0.2, ge=0, lt=1)
    relation_counts: tuple[float, ...] = Field((0.2, 0.4, 0.4), min_length=1)
    two_concepts: float = Field(0.2, ge=0, le=1)
    anything: float = Field(0.05, ge=0, le=1)
    nested: float = Field(0.2, ge=0, le=1)
    alternatives: float = Field(0.05, ge=0, le=1)
    train_share: float = Field(0.5, gt=0, lt=1)
    val_share: float = Field(0.1, gt=0, lt=1)
    held_out: tuple[str, ...] = ()


def split_of(program: Program, config: ShapesWorldConfig) -> Split:
    """The one split that questions with this composition belong to."""
    composition = str(canonical(program))
    if composition in _held_out(config.held_out):
        return "test"
    place = fraction(composition)
    if place < config.train_share:
        return "train"
    return "val" if place < config.train_share + config.val_share else "test"


def generate_shapes(
    config: ShapesWorldConfig,
    seed: int,
    split: Split,
    count: int,
    progress: Callable[[int], None] = lambda done: None,
) -> ListDataset:
    """`count` questions, each about a picture of its own, half of them to be answered yes.

    The same arguments give the same examples, bit for bit. Questions that (nearly) every
    picture answers alike are left out.

    Args:
        progress: called now and then with the number of questions done.
    """
    world = _World(config, seed, split)
    examples: list[Example] = []
    for start in range(0, count, _CHUNK):
        examples.extend(world.chunk(start, min(_CHUNK, count - start)))
        progress(len(examples))
    return ListDataset(world.domain, f"generated shapes/{split}, seed {seed}", tuple(examples))


class _World:
    def __init__(self, config: ShapesWorldConfig, seed: int, split: Split) -> None:
        self.config = config
        self.split = split
        self.domain = load_domain("shapes")
        self.scenes = generator(seed, "shapes", split, "scene")
        self.questions = generator(seed, "shapes", split, "question")
        self.pictures = generator(seed, "shapes", split, "picture")
        self.said: dict[Program, str | None] = {}

    def chunk(self, start: int, count: int) -> list[Example]:
        """`count` examples on scenes that no other example has."""
        pool = _Pool(self.config, self.scenes, 2 * count)
        drawn = [self._question(pool) for _ in range(count)]
        chosen = [scene for *_, scene in drawn]
        pictures = draw_cells(pool.shapes[chosen], pool.colors[chosen], self.pictures)
        return [
            Example(
                question=question,
                question_index=start + index,
                image_index=start + index,
                picture=pictures[index],
                program=program,
                answer=answer,
                family=question_type(program),
                scene=pool.scenes[scene],
            )
            for index, (program, question, answer, scene) in enumerate(drawn)
        ]

    def _question(self, pool: "_Pool") -> tuple[Program, str, str, int]:
        wanted = "yes" if self.questions.random() < 0.5 else "no"
        while True:
            program = _Questions(self.config, self.domain, self.questions).question()
            question = self._sentence(program)
            if question is None:
                continue
            scene = pool.take(program, wanted)
            if scene is not None:
                return program, question, wanted, scene
            self.said[program] = None

    def _sentence(self, program: Program) -> str | None:
        """The English of a program of this split; None for others and for those given up."""
        if program not in self.said:
            ours = split_of(program, self.config) == self.split
            self.said[program] = realise(program, self.domain) if ours else None
        return self.said[program]


class _Pool:
    """Random scenes, each given out once."""

    def __init__(self, config: ShapesWorldConfig, random: np.random.Generator, count: int) -> None:
        domain = load_domain("shapes")
        size = (count, GRID, GRID)
        empty = random.random(size) < config.empty
        color, shape = domain.attributes
        self.shapes = np.where(empty, -1, random.integers(len(shape.values), size=size))
        self.colors = np.where(empty, -1, random.integers(len(color.values), size=size))
        self.scenes = [
            _as_scene(*cells, domain)
            for cells in zip(self.shapes.tolist(), self.colors.tolist(), strict=True)
        ]
        self._free = list(range(count))

    def take(self, program: Program, answer: str) -> int | None:
        """The first free scene on which `program` has `answer`; None after too many tries."""
        for place, index in enumerate(self._free[-_TRIES:]):
            if execute(program, self.scenes[index]).answer == answer:
                return self._free.pop(place - min(_TRIES, len(self._free)))
        return None


@dataclass(frozen=True)
class _Questions:
    """Samples programs; each method gives one kind of phrase."""

    config: ShapesWorldConfig
    domain: Domain
    random: np.random.Generator

    def question(self) -> Program:
        weights = np.array(self.config.relation_counts)
        relations = int(self.random.choice(len(weights), p=weights / weights.sum()))
        if relations:
            return call("exists", self.described(relations))
        if self._chance(0.5):
            return call("exists", call("and", self.concept(), self.concept()))
        return call("exists", self.two_concepts())

    def described(self, relations: int) -> Program:
        return call("and", self.thing(), self.place(relations))

    def place(self, relations: int) -> Program:
        relation = self._choice(self.domain.relations)
        if relations == 1:
            below = self.things()
        elif self._chance(self.config.nested):
            below = self.described(relations - 1)
        else:
            below = self.place(relations - 1)
        return call("relate", below, argument=relation)

    def things(self) -> Program:
        if self._chance(self.config.alternatives):
            return call("or", self.concept(), self.concept())
        return self.thing()

    def thing(self) -> Program:
        if self._chance(self.config.two_concepts):
            return self.two_concepts()
        return call("scene") if self._chance(self.config.anything) else self.concept()

    def two_concepts(self) -> Program:
        color, shape = (self._choice(a.values) for a in self.domain.attributes)
        return call("filter", call("find", argument=shape), argument=color)

    def concept(self) -> Program:
        return call("find", argument=self._choice(self.domain.concepts))

    def _choice(self, names: tuple[str, ...]) -> str:
        return names[int(self.random.integers(len(names)))]

    def _chance(self, probability: float) -> bool:
        return float(self.random.random()) < probability


def _as_scene(shapes: list[list[int]], colors: list[list[int]], domain: Domain) -> Scene:
    color, shape = domain.attributes
    return grid_scene(
        tuple(
            tuple(
                None if s < 0 else {"color": color.values[c], "shape": shape.values[s]}
                for s, c in zip(shape_row, color_row, strict=True)
            )
            for shape_row, color_row in zip(shapes, colors, strict=True)
        )
    )


@cache
def _held_out(expressions: tuple[str, ...]) -> frozenset[str]:
    domain = load_domain("shapes")
    return frozenset(str(canonical(from_sexpression(text, domain))) for text in expressions)
