"""Sort-of-CLEVR (Santoro et al. 2017, section 4.2): flat pictures, half the questions relational.

A picture has a square or circle of each of six colours. Half of its questions are about one
object (its shape, whether it is on the left or right, at the top or bottom), half about how it
stands to the others (the shape of the closest and of the furthest one, how many have its shape).
Here they are programs too, said in English, and counts leave the object itself out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from nmn.config import Config
from nmn.data.clevr_scenes import scene_from_json
from nmn.domain import Domain, load_domain
from nmn.errors import ConfigError
from nmn.program.clevr import to_clevr
from nmn.program.program import Program, call
from nmn.render.sort_of_clevr import COLORS, SHAPES, draw_objects
from nmn.scene.symbolic import execute
from nmn.seeding import generator

NAME = "sort_of_clevr"

_GAP = 1.0
"""Pixels between two objects, and from each to the border, at least."""
_CLEAR = 0.5
"""Pixels by which nothing is a tie: sides of the picture, the closest and the furthest object."""
_TRIES = 64
_ROUNDS = 500
_DECIMALS = 3


class SortOfClevrConfig(Config):
    """What the pictures and questions are like; the published data by default.

    Attributes:
        objects: in each picture, each of another colour.
        size: of a side of a picture, in pixels.
        radius: half the width of an object, in pixels.
        non_relational, relational: questions of each sort about a picture.
    """

    objects: int = Field(6, ge=2, le=len(COLORS))
    size: int = Field(75, ge=16, le=1024)
    radius: float = Field(5.0, ge=1)
    non_relational: int = Field(10, ge=0)
    relational: int = Field(10, ge=0)

    @model_validator(mode="after")
    def _is_possible(self) -> "SortOfClevrConfig":
        fits = int((self.size - _GAP) // (2 * self.radius + _GAP)) ** 2
        if fits < self.objects:
            raise ValueError(
                f"objects is {self.objects}, but at most {fits} with radius {self.radius:g} "
                f"fit into a picture of size {self.size}"
            )
        for name in ("non_relational", "relational"):
            most = self.objects * sum(family.sort == name for family in FAMILIES)
            if getattr(self, name) > most:
                raise ValueError(
                    f"{name} is {getattr(self, name)}, but there are {most} different questions "
                    f"about {self.objects} objects"
                )
        return self


@dataclass(frozen=True)
class Family:
    """Questions that differ only in the object that they are about.

    Attributes:
        sort: `non_relational` or `relational`.
        forms: ways to ask it, each a text with a place for the colour and its program.
    """

    sort: str
    forms: tuple[tuple[str, Callable[[Program], Program]], ...]


def _shape_of(things: Program) -> Program:
    return call("query", call("unique", things), argument="shape")


def _is_on(side: str) -> Callable[[Program], Program]:
    return lambda thing: call("exists", call("filter", thing, argument=side))


def _shape_of_related(relation: str) -> Callable[[Program], Program]:
    return lambda thing: _shape_of(call("relate", call("unique", thing), argument=relation))


def _how_many_alike(thing: Program) -> Program:
    return call("count", call("same", call("unique", thing), argument="shape"))


FAMILIES = (
    Family(
        "non_relational",
        (
            ("What is the shape of the {} object?", _shape_of),
            ("What shape is the {} object?", _shape_of),
        ),
    ),
    Family(
        "non_relational",
        (
            ("Is the {} object on the left?", _is_on("left")),
            ("Is the {} object on the right?", _is_on("right")),
        ),
    ),
    Family(
        "non_relational",
        (
            ("Is the {} object at the top?", _is_on("top")),
            ("Is the {} object at the bottom?", _is_on("bottom")),
        ),
    ),
    Family(
        "relational",
        (
            (
                "What is the shape of the object that is closest to the {} object?",
                _shape_of_related("closest"),
            ),
            (
                "What shape is the object closest to the {} object?",
                _shape_of_related("closest"),
            ),
        ),
    ),
    Family(
        "relational",
        (
            (
                "What is the shape of the object that is furthest from the {} object?",
                _shape_of_related("furthest"),
            ),
            (
                "What shape is the object furthest from the {} object?",
                _shape_of_related("furthest"),
            ),
        ),
    ),
    Family(
        "relational",
        (
            ("How many other objects have the same shape as the {} object?", _how_many_alike),
            ("How many other objects have the shape of the {} object?", _how_many_alike),
        ),
    ),
)
"""The kinds of questions, by their index in question files."""


def sort_of_clevr_shard(
    config: SortOfClevrConfig, seed: int, split: str, indices: Sequence[int]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], NDArray[np.uint8]]:
    """Scenes, questions and pictures `indices` of `split`.

    Each picture has random streams of its own: it is the same whichever others are made with it.

    Returns:
        Records of a scene file and of a question file (without `question_index`), as of CLEVR,
        and the pictures, `(picture, size, size, 3)`, RGB. Equal programs are one list, to be
        written and not to be changed.

    Raises:
        ConfigError: the objects do not fit.
    """
    domain = load_domain(NAME)
    draws = [_draw(config, generator(seed, NAME, split, "scene", index)) for index in indices]
    centers = _place(config, draws)
    shapes = np.array([draw.shapes for draw in draws], np.int64).reshape(-1, config.objects)
    colors = np.array([draw.colors for draw in draws], np.int64).reshape(-1, config.objects)
    scenes = [
        _scene_record(config, split, *parts)
        for parts in zip(
            indices,
            centers.tolist(),
            shapes.tolist(),
            colors.tolist(),
            _nearest_first(centers).tolist(),
            strict=True,
        )
    ]
    questions = [
        question
        for scene, index in zip(scenes, indices, strict=True)
        for question in _questions(
            config, domain, scene, generator(seed, NAME, split, "question", index)
        )
    ]
    return scenes, questions, draw_objects(centers, shapes, colors, config.radius, config.size)


@dataclass(frozen=True, eq=False)
class _Draw:
    """What the objects of a picture are; its stream goes on to say where."""

    shapes: NDArray[np.int64]
    colors: NDArray[np.int64]
    random: np.random.Generator


def _draw(config: SortOfClevrConfig, random: np.random.Generator) -> _Draw:
    colors = random.permutation(len(COLORS))[: config.objects]
    return _Draw(random.integers(len(SHAPES), size=config.objects), colors, random)


def _place(config: SortOfClevrConfig, draws: Sequence[_Draw]) -> NDArray[np.float64]:
    """Centres of the objects, `(picture, object, 2)`, uniform over all that keep the rules."""
    centers = np.zeros((len(draws), config.objects, 2))
    low, high = config.radius + _GAP, config.size - config.radius - _GAP
    pending = np.arange(len(draws))
    for _ in range(_ROUNDS):
        if not len(pending):
            return centers
        size = (_TRIES, config.objects, 2)
        tries = np.stack([draws[row].random.uniform(low, high, size) for row in pending.tolist()])
        tries = np.round(tries, _DECIMALS)
        good = _keeps_rules(config, tries.reshape(-1, config.objects, 2)).reshape(-1, _TRIES)
        found = good.any(axis=1)
        centers[pending[found]] = tries[found, good[found].argmax(axis=1)]
        pending = pending[~found]
    problem = (
        f"in {_ROUNDS * _TRIES} attempts there was no place for {config.objects} objects with "
        f"radius {config.radius:g} in a picture of size {config.size}; lower objects or radius"
    )
    raise ConfigError(NAME, problem)


def _keeps_rules(config: SortOfClevrConfig, centers: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether no objects touch, and no question has two answers.

    Args:
        centers: `(N, object, 2)`.
    """
    apart = np.abs(centers[:, :, None] - centers[:, None])
    itself = np.eye(config.objects, dtype=bool)
    free = (apart.max(axis=-1) >= 2 * config.radius + _GAP) | itself
    sided = np.abs(centers - config.size / 2) >= _CLEAR
    good: NDArray[np.bool_] = free.all(axis=(1, 2)) & sided.all(axis=(1, 2))
    # the rest only of the few that are still in it
    distances = np.sort(np.hypot(*np.moveaxis(apart[good], -1, 0)), axis=-1)[..., 1:]
    if config.objects > 2:
        closest = distances[..., 1] - distances[..., 0]
        furthest = distances[..., -1] - distances[..., -2]
        good[good] = (np.minimum(closest, furthest) >= _CLEAR).all(axis=1)
    return good


def _nearest_first(centers: NDArray[np.float64]) -> NDArray[np.int64]:
    """For each object all objects by their distance, itself first, `(picture, object, object)`."""
    apart = centers[:, :, None] - centers[:, None]
    return np.argsort(np.hypot(apart[..., 0], apart[..., 1]), axis=-1)


def _scene_record(
    config: SortOfClevrConfig,
    split: str,
    index: int,
    centers: list[list[float]],
    shapes: list[int],
    colors: list[int],
    order: list[list[int]],
) -> dict[str, Any]:
    names, middle = list(COLORS), config.size / 2
    return {
        "image_index": index,
        "image_filename": f"CLEVR_{split}_{index:06d}.png",
        "split": split,
        "objects": [
            {
                "color": names[color],
                "shape": SHAPES[shape],
                "horizontal": "left" if x < middle else "right",
                "vertical": "top" if y < middle else "bottom",
                "pixel_coords": [x, y],
            }
            for (x, y), shape, color in zip(centers, shapes, colors, strict=True)
        ],
        "relationships": {
            "closest": [[row[1]] for row in order],
            "furthest": [[row[-1]] for row in order],
        },
    }


def _questions(
    config: SortOfClevrConfig, domain: Domain, record: dict[str, Any], random: np.random.Generator
) -> list[dict[str, Any]]:
    """Question records about one picture, no two with the same program."""
    scene = scene_from_json(record, domain, NAME)
    chosen = [
        pair
        for sort, count in (
            ("non_relational", config.non_relational),
            ("relational", config.relational),
        )
        for pair in random.permutation(_pairs(sort, config.objects))[:count].tolist()
    ]
    ways = random.random(len(chosen)).tolist()
    questions: list[dict[str, Any]] = []
    for (family, number), way in zip(chosen, ways, strict=True):
        form = int(way * len(FAMILIES[family].forms))
        color = record["objects"][number]["color"]
        question, program, nodes = _question(domain, family, form, color)
        questions.append(
            {
                "question_family_index": family,
                "image_index": record["image_index"],
                "image_filename": record["image_filename"],
                "split": record["split"],
                "question": question,
                "answer": execute(program, scene).answer,
                "program": nodes,
                "template_filename": f"{FAMILIES[family].sort}.json",
            }
        )
    return questions


@lru_cache
def _pairs(sort: str, objects: int) -> list[tuple[int, int]]:
    """Each family of `sort` with each object."""
    families = [index for index, family in enumerate(FAMILIES) if family.sort == sort]
    return [(family, number) for family in families for number in range(objects)]


@lru_cache
def _question(
    domain: Domain, family: int, form: int, color: str
) -> tuple[str, Program, list[dict[str, Any]]]:
    """A question, its program, and that as CLEVR writes it."""
    text, build = FAMILIES[family].forms[form]
    program = build(call("find", argument=color))
    return text.format(color), program, to_clevr(program, domain)
