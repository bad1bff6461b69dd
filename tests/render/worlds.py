"""Scenes for tests of the renderer, in few words."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nmn.data.files import read_json
from nmn.render.bodies import FAR, hit_cube, hit_cylinder, hit_sphere
from nmn.render.camera import BASE
from nmn.render.scenes import CUBE, CYLINDER, SPHERE, Look, Scenes, scenes_of

HITS = {SPHERE: hit_sphere, CUBE: hit_cube, CYLINDER: hit_cylinder}


def thing(
    shape: str = "sphere",
    x: float = 0.0,
    y: float = 0.0,
    *,
    size: str = "large",
    color: str = "gray",
    material: str = "rubber",
    rotation: float = 0.0,
) -> dict[str, Any]:
    """An object of a scene file."""
    return {
        "shape": shape,
        "size": size,
        "color": color,
        "material": material,
        "3d_coords": [x, y, Look().sizes[size]],
        "rotation": rotation,
    }


def record(*things: Mapping[str, Any], camera: Sequence[float] | None = BASE) -> dict[str, Any]:
    """A picture of a scene file."""
    stated = {} if camera is None else {"camera": list(camera)}
    return {"image_index": 7, "objects": list(things), **stated}


def world(*things: Mapping[str, Any], camera: Sequence[float] = BASE) -> Scenes:
    """One picture."""
    return scenes_of([record(*things, camera=camera)], Look())


def some_of_each() -> tuple[dict[str, Any], ...]:
    """Objects of all shapes, sizes and materials; some hide parts of others."""
    return (
        thing("cube", 0.3, -0.4, color="red", rotation=0.5),
        thing("sphere", -1.6, 0.9, color="blue", material="metal"),
        thing("cylinder", 1.9, 1.2, color="green", rotation=2.0),
        thing("sphere", 1.3, -1.5, size="small", color="yellow"),
        thing("cylinder", -0.6, -1.7, size="small", color="cyan", material="metal"),
        thing("cube", -2.2, -1.2, size="small", color="purple", material="metal", rotation=1.1),
    )


def rendered_by_others(folder: Path, count: int) -> list[dict[str, Any]]:
    """Real scenes with the cameras and lamps with which others drew them in Blender."""
    records = read_json(folder / "clevr" / "CLEVR_train_scenes.json.gz")["scenes"][:count]
    stated = read_json(folder / "clevr" / "blender" / "lamps.json")
    lamps = [stated[str(record["image_index"])] for record in records]
    return [
        {**r, "camera": place["camera"], "lamps": place}
        for r, place in zip(records, lamps, strict=True)
    ]


def traced(scenes: Scenes, picture: int, width: int, height: int) -> tuple[Tensor, Tensor]:
    """Brute force: a ray through the middle of each sample against each object of a picture.

    Returns:
        depth and normal, not of unit length, `object row column (3)`; `FAR` where it is missed.
    """
    camera = scenes.camera[picture].double()
    forward = -camera / camera.norm()
    right = torch.linalg.cross(forward, torch.tensor([0.0, 0.0, 1.0]).double())
    right = right / right.norm()
    up = torch.linalg.cross(right, forward)
    row, column = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    across = (column.reshape(-1) + 0.5 - width / 2) / (35 / 32 * width)
    down = (row.reshape(-1) + 0.5 - height / 2) / (35 / 32 * width)
    rays = forward + across[:, None] * right - down[:, None] * up
    depths, normals = [], []
    for slot, shape in enumerate(scenes.shapes[picture].tolist()):
        angle = scenes.rotations[picture, slot].double()
        c, s, zero, one = angle.cos(), angle.sin(), torch.zeros(()), torch.ones(())
        turn = torch.stack([c, -s, zero, s, c, zero, zero, zero, one]).view(3, 3)
        size = scenes.sizes[picture, slot].double()
        origin = (camera - scenes.centers[picture, slot].double()) @ turn / size
        depth, normal = HITS[shape](origin.view(3, 1, 1), (rays @ turn / size).T[:, None])
        depths.append(depth.view(height, width).clamp_max(FAR))
        normals.append((normal[:, 0].T @ turn.T).view(height, width, 3))
    return torch.stack(depths), torch.stack(normals)
