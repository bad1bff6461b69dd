"""CLEVR's camera: where points of a scene land in a picture, and back.

A perspective camera that looks at the origin, up is +z; 35 mm lens, 32 mm sensor (measured on the
assets of Johnson et al. 2017). With forward `f`, right `r` and up `u`, a point `P` seen from `C`
lands at `x = w/2 + 1.09375 w (P-C).r / D`, `y = h/2 - 1.09375 w (P-C).u / D`, `D = (P-C).f`.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

BASE = (7.48113, -6.50764, 5.34367)
"""The camera without jitter, in scene units."""

LAMPS = {
    "key": (6.44671, -2.90517, 4.25840),
    "back": (-1.16850, 2.64602, 5.81574),
    "fill": (-4.67112, -4.01360, 3.01122),
}
"""The lamps without jitter."""

DIRECTIONS: dict[str, tuple[float, float, float]] = {
    "right": (0.6563112735748291, 0.7544902563095093, -0.0),
    "behind": (-0.754490315914154, 0.6563112735748291, 0.0),
    "above": (0.0, 0.0, 1.0),
    "below": (-0.0, -0.0, -1.0),
    "left": (-0.6563112735748291, -0.7544902563095093, 0.0),
    "front": (0.754490315914154, -0.6563112735748291, -0.0),
}
"""CLEVR's directions on the ground, those of the camera without jitter."""

FOCAL = 35 / 32
"""Focal length, in widths of the picture."""

PUBLISHED_SIZE = (480, 320)
"""Width and height of CLEVR's pictures, which `pixel_coords` are counted in."""

_ROUNDING = 0.3
_DEPTH_ERROR = 1e-5
_JITTER = 0.29
_STEPS = 12
_NUDGE = 1e-5
_SOLVED = 1e-9


def frame(camera: Float[Tensor, "picture 3"]) -> Float[Tensor, "picture 3 3"]:
    """Unit vectors of each camera: right, up and forward, as rows."""
    forward = -camera / camera.norm(dim=-1, keepdim=True)
    up = torch.zeros_like(forward)
    up[..., 2] = 1
    right = torch.linalg.cross(forward, up)
    right = right / right.norm(dim=-1, keepdim=True)
    return torch.stack([right, torch.linalg.cross(right, forward), forward], dim=-2)


def project(
    points: Float[Tensor, "picture point 3"],
    camera: Float[Tensor, "picture 3"],
    width: int,
    height: int,
) -> Float[Tensor, "picture point 3"]:
    """Where points are seen.

    Returns:
        x and y in pixels from the upper left corner, and the depth along the view, in scene units.
    """
    seen = torch.einsum("pac,pnc->pna", frame(camera), points - camera[:, None])
    depth = seen[..., 2]
    x = width / 2 + FOCAL * width * seen[..., 0] / depth
    y = height / 2 - FOCAL * width * seen[..., 1] / depth
    return torch.stack([x, y, depth], dim=-1)


def solve_camera(
    points: Sequence[Sequence[float]], seen: Sequence[Sequence[float]]
) -> tuple[float, float, float]:
    """The camera that sees `points` at `seen`: Gauss-Newton from the one without jitter.

    One or two objects do not say enough; the likeliest camera for CLEVR's jitter is taken.

    Args:
        points: x, y, z of the centres of objects.
        seen: x and y in a picture of CLEVR's size, rounded, and the exact depth.
    """
    known = torch.tensor(points, dtype=torch.float64).expand(4, -1, -1)
    target = torch.tensor(seen, dtype=torch.float64)
    weights = 1 / torch.tensor([_ROUNDING, _ROUNDING, _DEPTH_ERROR], dtype=torch.float64)
    aside = _NUDGE * torch.cat([torch.zeros(1, 3), torch.eye(3)]).double()
    camera = torch.tensor(BASE, dtype=torch.float64)
    base = camera
    for _ in range(_STEPS):
        landed = (project(known, camera + aside, *PUBLISHED_SIZE) - target) * weights
        jitter = (camera + aside - base) / _JITTER
        wrong = torch.cat([landed.flatten(1), jitter], dim=1).numpy()
        slope = (wrong[1:] - wrong[0]).T / _NUDGE
        step = np.linalg.lstsq(slope, -wrong[0], rcond=None)[0]
        camera = camera + torch.from_numpy(step)
        if np.abs(step).max() < _SOLVED:
            break
    x, y, z = camera.tolist()
    return x, y, z


def misplaced(
    points: Sequence[Sequence[float]],
    seen: Sequence[Sequence[float]],
    camera: Sequence[float],
) -> float:
    """How far from `seen` a camera sees `points`, at most, in pixels; see `solve_camera`."""
    known, target, place = (
        torch.tensor([part], dtype=torch.float64) for part in (points, seen, camera)
    )
    landed = project(known, place, *PUBLISHED_SIZE)
    return float((landed - target)[..., :2].abs().nan_to_num(torch.inf).max())
