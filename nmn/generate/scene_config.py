"""What CLEVR's scenes are like: the settings, and what is impossible with them."""

import math

import numpy as np
from pydantic import Field, model_validator

from nmn.config import Config
from nmn.render.camera import DIRECTIONS
from nmn.render.renderer import VISIBLE_SIZE
from nmn.render.scenes import Look
from nmn.scene.table import MAX_OBJECTS

_PIXELS = VISIBLE_SIZE[0] * VISIBLE_SIZE[1]

AXES = np.array([DIRECTIONS["left"][:2], DIRECTIONS["front"][:2]])
"""Directions along which objects keep a margin, which is then one along their opposites too."""


class SceneConfig(Config):
    """What scenes are like; lengths in scene units.

    Attributes:
        min_objects, max_objects: how many objects; each number between is as frequent.
        area: x and y of each object are in [-area, area].
        min_distance: between the circles that objects stand in (half as wide as they are high).
        min_margin: between the centres of any two objects, along each of the four directions.
        min_visible: pixels by which each object is to be seen in a picture of 320x240.
        camera_jitter, lamp_jitter: how far the camera and each lamp are moved, on each axis, at
            most.
        look: the attributes of objects, and how they look.
    """

    min_objects: int = Field(3, ge=1)
    max_objects: int = Field(10, ge=1, le=MAX_OBJECTS)
    area: float = Field(3.0, gt=0, le=6)
    min_distance: float = Field(0.25, ge=0)
    min_margin: float = Field(0.4, ge=0)
    min_visible: int = Field(200, ge=0)
    camera_jitter: float = Field(0.5, ge=0, le=3)
    lamp_jitter: float = Field(1.0, ge=0, le=2)
    look: Look = Look()

    @model_validator(mode="after")
    def _is_possible(self) -> "SceneConfig":
        if self.min_objects > self.max_objects:
            raise ValueError(
                f"min_objects is {self.min_objects}, more than max_objects, {self.max_objects}"
            )
        known: dict[str, str] = {}
        for attribute, values in self.attributes.items():
            if not values:
                raise ValueError(f"look: there is no {attribute}; wanted at least one")
            for value in values:
                if value in known:
                    raise ValueError(f"look: '{value}' is both a {known[value]} and a {attribute}")
                known[value] = attribute
        if self.max_objects > self._most:
            raise ValueError(
                f"max_objects is {self.max_objects}, but at most {self._most:g} objects fit into "
                f"area {self.area:g} with min_margin {self.min_margin:g}"
            )
        if self.min_visible * self.max_objects > _PIXELS:
            raise ValueError(
                f"min_visible is {self.min_visible}, but a picture of 320x240 has at most "
                f"{_PIXELS // self.max_objects} pixels for each of {self.max_objects} objects"
            )
        return self

    @property
    def attributes(self) -> dict[str, tuple[str, ...]]:
        """The values of each attribute, in the order in which they are drawn."""
        return {
            "shape": tuple(self.look.shapes),
            "color": tuple(self.look.colors),
            "material": tuple(self.look.materials),
            "size": tuple(self.look.sizes),
        }

    @property
    def _most(self) -> float:
        """More objects than this cannot keep their margins along any one direction."""
        length = float(2 * self.area * np.abs(AXES).sum(axis=1).min())
        return length // self.min_margin + 1 if self.min_margin > 0 else math.inf
