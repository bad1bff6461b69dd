"""The SHAPES world: scenes, questions with their programs, balanced answers, splits.

Scenes are 3x3 grids of which a cell is empty with probability 0.2 (as in the published data).
Questions are sampled as programs and said by the realiser. A question's composition (the
canonical form of its program) decides alone whether it belongs to train, val or test, so no seed
ever puts a test composition into training.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from nmn.config import Config
from nmn.data.example import Example, ListDataset, question_type
from nmn.domain import Domain, load_domain
from nmn.errors import ConfigError, RealisationError
from nmn.parsing.realise import realise
from nmn.program.canonical import canonical
from nmn.program.program import Program, call
from nmn.render.flat import draw_cells
from nmn.scene.scene import Scene, grid_scene
from nmn.scene.symbolic import execute
from nmn.seeding import fraction, generator

GRID = 3
"""Rows and columns of a picture."""

Split = Literal["train", "val", "test"]

_TRIES = 100
_MAX_IN_VAIN = 5_000
CHUNK = 512
"""Questions made at a time; a longer data set begins with the whole chunks of a shorter."""


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
        pictures_per_question: pictures in a row that a question is asked of, half of them to be
            answered yes, half no (64 in the published data).
        train_share, val_share: parts of all compositions that are for train and val; the rest
            is for test.
    """

    empty: float = Field(0.2, ge=0, lt=1)
    relation_counts: tuple[Annotated[float, Field(ge=0)], ...] = (0.2, 0.4, 0.4)
    two_concepts: float = Field(0.4, ge=0, le=1)
    anything: float = Field(0.05, ge=0, le=1)
    nested: float = Field(0.2, ge=0, le=1)
    alternatives: float = Field(0.1, ge=0, le=1)
    pictures_per_question: int = Field(4, ge=1, le=64)
    train_share: float = Field(0.8, gt=0, lt=1)
    val_share: float = Field(0.1, gt=0, lt=1)

    @model_validator(mode="after")
    def _is_possible(self) -> "ShapesWorldConfig":
        if not 0 < sum(self.relation_counts) < math.inf:
            raise ValueError("relation_counts must have a positive, finite sum")
        if self.train_share + self.val_share >= 1:
            raise ValueError("train_share and val_share leave nothing for test")
        return self


def split_of(program: Program, config: ShapesWorldConfig) -> Split:
    """The one split that questions with this composition belong to.

    Questions after a single concept ("is there a circle") are all for training. Those of the
    published form are all for test, so whoever trains on this world has never seen a question
    of the published data: each is a new composition.
    """
    if len(program) <= 2:
        return "train"
    if has_published_form(program):
        return "test"
    place = fraction(str(canonical(program)))
    if place < config.train_share:
        return "train"
    return "val" if place < config.train_share + config.val_share else "test"


def has_published_form(program: Program) -> bool:
    """Whether it is `(is concept (relation ... concept))` with at most two relations."""
    operations = [node.operation for node in program.preorder()]
    relations = operations.count("relate")
    form = ["exists", "and", "find", *["relate"] * relations, "find"]
    return relations <= 2 and operations == form


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

    Raises:
        ConfigError: with these settings the split has no question that can be balanced.

    Args:
        progress: called now and then with the number of questions done.
    """
    world = _World(config, seed, split)
    examples: list[Example] = []
    for start in range(0, count, CHUNK):
        examples.extend(world.chunk(start, min(CHUNK, count - start)))
        progress(len(examples))
    return ListDataset(world.domain, f"generated shapes/{split}, seed {seed}", tuple(examples))


def random_scene(config: ShapesWorldConfig, random: np.random.Generator) -> Scene:
    """A grid whose cells are independent: empty, or of any colour and shape alike."""
    return ScenePool(config, random, 1).scenes[0]


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
        pool = ScenePool(self.config, self.scenes, 2 * count + _TRIES)
        drawn: list[tuple[Program, str, str, int]] = []
        in_vain = 0
        while len(drawn) < count:
            found = self._question(pool)
            drawn.extend(found)
            in_vain = 0 if found else in_vain + 1
            if in_vain > _MAX_IN_VAIN:
                problem = f"no question for split {self.split} has pictures for both answers"
                raise ConfigError("shapes world", problem)
        del drawn[count:]
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

    def _question(self, pool: "ScenePool") -> list[tuple[Program, str, str, int]]:
        """One program of this split with its pictures; none where it cannot be balanced."""
        program = _Questions(self.config, self.domain, self.questions).question()
        question = self._sentence(program)
        if question is None:
            return []
        count = self.config.pictures_per_question
        answers = ["yes", "no"] * (count // 2 + 1)
        answers = answers[int(self.questions.integers(2)) :][:count]
        scenes = [pool.take(program, answer) for answer in answers]
        if None in scenes:
            self.said[program] = None
            pool.give_back([scene for scene in scenes if scene is not None])
            return []
        pairs = zip(answers, scenes, strict=True)
        return [(program, question, answer, scene) for answer, scene in pairs if scene is not None]

    def _sentence(self, program: Program) -> str | None:
        """The English of a program of this split; None for others and for those given up."""
        if program not in self.said:
            self.said[program] = None
            if split_of(program, self.config) == self.split:
                with suppress(RealisationError):
                    self.said[program] = realise(program, self.domain)
        return self.said[program]


class ScenePool:
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
        for place, index in enumerate(self._free[:_TRIES]):
            if execute(program, self.scenes[index]).answer == answer:
                return self._free.pop(place)
        return None

    def give_back(self, scenes: list[int]) -> None:
        """Undo `take`."""
        self._free.extend(scenes)


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
        kinds = (self.concept, self.two_concepts, self.either, self.both)
        return call("exists", kinds[int(self.random.integers(len(kinds)))]())

    def both(self) -> Program:
        subject = self.either() if self._chance(0.5) else self.concept()
        return call("and", subject, self.concept())

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
            return self.either()
        return self.thing()

    def thing(self) -> Program:
        if self._chance(self.config.two_concepts):
            return self.two_concepts()
        return call("scene") if self._chance(self.config.anything) else self.concept()

    def two_concepts(self) -> Program:
        color, shape = (self._choice(a.values) for a in self.domain.attributes)
        return call("filter", call("find", argument=shape), argument=color)

    def either(self) -> Program:
        return call("or", self.concept(), self.concept())

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
