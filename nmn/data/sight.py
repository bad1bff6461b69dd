"""What of a scene is seen where in its picture, for supervision by scenes and for faithfulness."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int16

from nmn.errors import ShapeError

NOTHING = -1
"""The object of a cell that shows none."""


@dataclass(frozen=True, eq=False)
class Sight:
    """One picture of a scene, as a grid of cells.

    Attributes:
        cells: the object that each cell shows, as its place in the scene, or `NOTHING`. That is the
            one with most visible pixels in the cell, if they are a fourth of it; and an object
            that is seen at all has at least one cell, if it is not the only one of another.
        ground: where each object stands: how far to the right and to the front, in scene units, by
            the directions that decide which objects are left of, right of, behind and in front of
            which.

    Raises:
        ShapeError: a cell shows an object that has no place.
    """

    cells: Int16[np.ndarray, "row column"]
    ground: Float32[np.ndarray, "object 2"]

    def __post_init__(self) -> None:
        if self.cells.max(initial=NOTHING) >= len(self.ground):
            got = f"object {self.cells.max()}"
            raise ShapeError("sight.cells", f"objects below {len(self.ground)}", got)
