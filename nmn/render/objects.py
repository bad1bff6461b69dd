"""All objects of a batch in one row, and the camera that sees them."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from nmn.render.bodies import Vectors
from nmn.render.camera import FOCAL, frame, project
from nmn.render.scenes import CUBE, CYLINDER, SPHERE, Scenes


@dataclass(frozen=True, eq=False)
class Objects:
    """Objects of several pictures, those of a shape beside each other.

    Attributes:
        picture: which picture each is in.
        slot: its place among the objects of the picture.
        shape: index into `SHAPES`.
        size: half its height.
        turn: cosine and sine of its rotation.
        color: linear reflectance.
    """

    picture: Int[Tensor, " object"]
    slot: Int[Tensor, " object"]
    shape: Int[Tensor, " object"]
    center: Float[Tensor, "3 object"]
    size: Float[Tensor, " object"]
    turn: Float[Tensor, "2 object"]
    color: Float[Tensor, "3 object"]
    metal: Bool[Tensor, " object"]

    @staticmethod
    def of(scenes: Scenes) -> "Objects":
        """The objects of `scenes`."""
        picture, slot = (scenes.shapes >= 0).nonzero(as_tuple=True)
        order = scenes.shapes[picture, slot].argsort(stable=True)
        at = picture[order], slot[order]
        rotation = scenes.rotations[at]
        return Objects(
            *at,
            scenes.shapes[at],
            scenes.centers[at].T.contiguous(),
            scenes.sizes[at],
            torch.stack([rotation.cos(), rotation.sin()]),
            scenes.colors[at].T.contiguous(),
            scenes.metal[at],
        )

    def __len__(self) -> int:
        return len(self.picture)

    def of_shape(self, shape: int) -> Int[Tensor, " object"]:
        """The indices of the objects of a shape."""
        return (self.shape == shape).nonzero()[:, 0]

    def neighbours(self) -> Bool[Tensor, "object object"]:
        """Which objects are in one picture, but not the same."""
        together = self.picture[:, None] == self.picture
        return together & ~torch.eye(len(self), dtype=torch.bool, device=together.device)

    def into_body(
        self, owner: Int[Tensor, " tile"], points: Tensor, rays: Vectors
    ) -> tuple[Vectors, Vectors]:
        """Points and rays in the coordinates of the object of each tile (see `bodies`)."""
        scale, turn = 1 / self.size[owner, None], self.turn[:, owner, None]
        origin = turned((points - self.center[:, owner, None]) * scale, turn, back=True)
        return origin, turned(rays * scale, turn, back=True)

    def out_of_body(self, owner: Int[Tensor, " tile"], normals: Vectors) -> Vectors:
        """Directions in the coordinates of the scene."""
        return turned(normals, self.turn[:, owner, None])


def turned(vectors: Tensor, turn: Tensor, *, back: bool = False) -> Tensor:
    """Vectors rotated around the vertical, or back."""
    cosine, sine = turn[0], -turn[1] if back else turn[1]
    x, y, z = vectors
    turned_x, turned_y = cosine * x - sine * y, sine * x + cosine * y
    result: Tensor = torch.stack([turned_x, turned_y, z.expand_as(turned_x)])
    return result


class View:
    """The cameras of a batch and the raster of their pictures.

    Attributes:
        width, height: of a picture, in samples.
    """

    def __init__(self, camera: Float[Tensor, "picture 3"], width: int, height: int) -> None:
        self.camera = camera
        self.width, self.height = width, height
        self.axes = frame(camera)

    def __len__(self) -> int:
        return len(self.camera)

    def rays(self, picture: Int[Tensor, " tile"], column: Tensor, row: Tensor) -> Vectors:
        """Rays through places of the pictures, as long as one unit of depth.

        Args:
            column, row: in samples from the left and upper border, `#tile sample`.
        """
        right, up, forward = self.axes[picture].permute(1, 2, 0)[..., None]
        across = (column - self.width / 2) / (FOCAL * self.width)
        down = (row - self.height / 2) / (FOCAL * self.width)
        rays: Tensor = forward + across * right - down * up
        return rays

    def origins(self, picture: Int[Tensor, " tile"]) -> Float[Tensor, "3 tile 1"]:
        """The camera of each tile."""
        return self.camera[picture].T[..., None]

    def bounds(
        self, picture: Int[Tensor, " box"], corners: Float[Tensor, "box corner 3"]
    ) -> tuple[Float[Tensor, "box 2"], Float[Tensor, "box 2"]]:
        """The rectangles, in samples, in which the hulls of `corners` are seen."""
        seen = project(corners, self.camera[picture], self.width, self.height)[..., :2]
        return seen.amin(1), seen.amax(1)

    def outlines(
        self, objects: Objects, chosen: Int[Tensor, " box"], shape: int
    ) -> tuple[Float[Tensor, "box 2"], Float[Tensor, "box 2"]]:
        """The rectangles in which objects of a shape are seen."""
        picture, size = objects.picture[chosen], objects.size[chosen, None, None]
        hull = torch.tensor(_HULLS[shape], device=size.device)
        if shape == SPHERE:
            right, up, _ = self.axes[picture].unbind(1)
            around = hull[:, :1] * right[:, None] + hull[:, 1:2] * up[:, None]
        else:
            turn = objects.turn[:, chosen, None]
            around = turned(hull.T[:, None].expand(-1, len(chosen), -1), turn).permute(1, 2, 0)
        return self.bounds(picture, objects.center[:, chosen].T[:, None] + around * size)


_CORNERS = [(x, y, z) for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)]
_EIGHTHS = [math.pi / 4 * step for step in range(8)]
_AROUND = 1 / math.cos(math.pi / 8)
_STRETCHED = 1.08
_HULLS = {
    # in the plane that faces the camera; away from the middle a sphere is seen as an ellipse
    SPHERE: [(x, y, 0.0) for x in (-_STRETCHED, _STRETCHED) for y in (-_STRETCHED, _STRETCHED)],
    CUBE: _CORNERS,
    CYLINDER: [
        (_AROUND * math.cos(angle), _AROUND * math.sin(angle), z)
        for angle in _EIGHTHS
        for z in (-1.0, 1.0)
    ],
}
"""For each shape, points around it, in half its heights."""
