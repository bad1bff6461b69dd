"""Random scenes by CLEVR's rules (Johnson et al. 2017, section 3.1 and supplement).

As in the original generator, a scene first gets its number of objects, its camera and its lamps.
Then its objects are placed one after the other, each tried up to 50 times; where one finds no
place, or one of them is not seen enough in the end, all of them are drawn anew. Here many scenes
are drawn side by side, each from a random stream of its own, so that a scene does not depend on
which others are made with it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int
from numpy.typing import NDArray
from torch import Tensor

from nmn.data.clevr_scenes import relations_from_directions
from nmn.errors import ConfigError
from nmn.generate.combinations import Combinations, KindTable, allowed_kinds
from nmn.generate.placement import Draft, draft_of, half_heights, place_all, repeat, rounded
from nmn.generate.scene_config import SceneConfig
from nmn.render.camera import DIRECTIONS, LAMPS, PUBLISHED_SIZE, project
from nmn.render.scenes import SHAPES, Scenes

Visible = Callable[[Scenes], Int[Tensor, "picture object"]]
"""By how many pixels of a picture of 320x240 each object is seen."""

RELATIONS = ("right", "behind", "front", "left")
"""In the order of published files."""

_SEEN_TOGETHER, _SEEN_ALONE = 20, 300


def sample_scenes(
    config: SceneConfig,
    seed: int,
    split: str,
    indices: Sequence[int],
    visible: Visible,
    combinations: Combinations | None = None,
    width: int = PUBLISHED_SIZE[0],
    height: int = PUBLISHED_SIZE[1],
) -> list[dict[str, Any]]:
    """Scene records of CLEVR's format for the pictures `indices` of `split`.

    Each has the keys of the published files, and `camera` and `lamps` with their positions.

    Args:
        visible: says how much is seen of the objects of proposed scenes.
        combinations: the objects that `split` may hold.
        width, height: of the pictures that `pixel_coords` are to be counted in.

    Raises:
        ConfigError: the objects do not fit, or cannot all be seen, or may not be.
    """
    table = allowed_kinds(combinations or Combinations(), config.attributes, split)
    drafts = [draft_of(config, seed, split, index) for index in indices]

    def attempt(pending: list[Draft]) -> list[Draft]:
        place_all(pending, config, table)
        scenes = _as_scenes(pending, config, table)
        failed = (visible(scenes) < config.min_visible) | ~_centred(scenes, width, height)
        hidden = (failed & (scenes.shapes >= 0)).any(dim=1)
        return [draft for draft, bad in zip(pending, hidden.tolist(), strict=True) if bad]

    unseen = repeat(drafts, attempt, _SEEN_TOGETHER, _SEEN_ALONE)
    if unseen is not None:
        problem = (
            f"in {_SEEN_TOGETHER + _SEEN_ALONE} attempts there was no scene of {unseen.count} "
            f"objects in which each is seen by {config.min_visible} pixels; "
            "lower min_visible or max_objects"
        )
        raise ConfigError("scenes", problem)
    seen = _pixel_coordinates(drafts, config, table, width, height)
    return [
        _record(draft, split, config, table, pixels)
        for draft, pixels in zip(drafts, seen, strict=True)
    ]


def _centred(scenes: Scenes, width: int, height: int) -> Bool[Tensor, "picture object"]:
    """Whether the centre of each object is within the picture."""
    x, y, _ = project(scenes.centers, scenes.camera, width, height).unbind(-1)
    return (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)


def _as_scenes(drafts: list[Draft], config: SceneConfig, table: KindTable) -> Scenes:
    """What is to be rendered: the same that `scenes_of` makes of the records."""
    look = config.look
    bodies = [SHAPES.index(look.shapes[shape]) for shape, *_ in table.kinds]
    colors = np.array([look.colors[color] for _, color, *_ in table.kinds]) / 255
    metal = [look.materials[material] == "metal" for _, _, material, _ in table.kinds]
    kinds, present = _padded([draft.kinds for draft in drafts])
    places, _ = _padded([draft.places for draft in drafts])
    rotations, _ = _padded([draft.rotations for draft in drafts])
    halves = half_heights(config, table)[kinds]
    return Scenes(
        shapes=torch.from_numpy(np.where(present, np.array(bodies)[kinds], -1)),
        places=_single(places),
        sizes=_single(np.where(present, halves, 1.0)),
        rotations=_single(rotations),
        colors=_single(colors[kinds] * present[..., None]),
        metal=torch.from_numpy(np.array(metal)[kinds] & present),
        camera=_single(np.stack([draft.camera for draft in drafts])),
        lamps=_single(np.stack([draft.lamps for draft in drafts])),
    )


def _pixel_coordinates(
    drafts: list[Draft], config: SceneConfig, table: KindTable, width: int, height: int
) -> list[list[tuple[int, int, float]]]:
    """For each object, the pixel of its centre, and its depth."""
    if not drafts:
        return []
    places, _ = _padded([draft.places for draft in drafts])
    kinds, _ = _padded([draft.kinds for draft in drafts])
    centers = np.concatenate([places, half_heights(config, table)[kinds][..., None]], axis=-1)
    cameras = torch.from_numpy(np.stack([draft.camera for draft in drafts]))
    seen = rounded(project(torch.from_numpy(centers), cameras, width, height).numpy())
    return [
        [(round(x), round(y), depth) for x, y, depth in row[: draft.count].tolist()]
        for row, draft in zip(seen, drafts, strict=True)
    ]


def _record(
    draft: Draft,
    split: str,
    config: SceneConfig,
    table: KindTable,
    pixels: list[tuple[int, int, float]],
) -> dict[str, Any]:
    objects: list[dict[str, Any]] = []
    coordinates: list[list[float]] = []
    rows = zip(
        draft.kinds.tolist(), draft.places.tolist(), draft.rotations.tolist(), pixels, strict=True
    )
    for kind, (x, y), rotation, pixel in rows:
        shape, color, material, size = table.kinds[kind]
        coordinates.append([x, y, config.look.sizes[size]])
        objects.append(
            {
                "color": color,
                "size": size,
                "rotation": rotation,
                "shape": shape,
                "3d_coords": coordinates[-1],
                "material": material,
                "pixel_coords": list(pixel),
            }
        )
    relations = relations_from_directions(
        coordinates, {name: DIRECTIONS[name] for name in RELATIONS}
    )
    return {
        "image_index": draft.index,
        "objects": objects,
        "relationships": {name: [list(row) for row in rows] for name, rows in relations.items()},
        "image_filename": f"CLEVR_{split}_{draft.index:06d}.png",
        "split": split,
        "directions": {name: list(direction) for name, direction in DIRECTIONS.items()},
        "camera": draft.camera.tolist(),
        "lamps": dict(zip(LAMPS, draft.lamps.tolist(), strict=True)),
    }


def _padded(rows: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Rows of different length as one array, and which of its entries are of a row."""
    lengths = np.array([len(row) for row in rows])
    present = np.arange(lengths.max()) < lengths[:, None]
    padded = np.zeros((*present.shape, *rows[0].shape[1:]), rows[0].dtype)
    padded[present] = np.concatenate(rows)
    return padded, present


def _single(values: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
