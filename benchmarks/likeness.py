"""How like CLEVR's pictures ours are: the same scenes, cameras and lamps, side by side.

    python benchmarks/likeness.py [--data FOLDER] [--pictures 20] [--plot FILE] [--json]

FOLDER holds `clevr/`; the default is `NMN_REAL_DATA`. Train scene 0 is compared with the published
picture, whose lamps are not known: their nine coordinates are fitted to it, the camera is solved
from `pixel_coords`. Then scenes that others rendered anew in Blender, with the camera and lamps of
each. Printed are mean absolute differences of 255, per channel over all pixels and over those of
objects, and how far projected centres are from the published `pixel_coords` of all scenes. FILE
gets a page of pictures: theirs, ours, and three times the difference on gray.
"""

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from nmn.data.files import read_json, read_picture
from nmn.memory import keep_freed_memory
from nmn.render.camera import PUBLISHED_SIZE, project
from nmn.render.renderer import NOTHING, Renderer, developed, radiance
from nmn.render.scenes import Look, Scenes, scenes_of

FIT_SIZE = (120, 80)
FIT_STEPS, NUDGE = 8, 0.05
DAMPING = 1e-3


def fitted(scenes: Scenes, picture: np.ndarray[Any, Any]) -> Scenes:
    """The scene with its lamps placed so that it looks most like `picture` (Gauss-Newton)."""
    wanted = torch.tensor(picture).movedim(-1, 0).float()[None] / 255
    wanted = functional.interpolate(wanted, FIT_SIZE[::-1], mode="area").flatten()
    aside = torch.cat([torch.zeros(1, 9), NUDGE * torch.eye(9)]).view(10, 3, 3)
    for _ in range(FIT_STEPS):
        moved = repeated(replace(scenes, lamps=scenes.lamps + aside), 10)
        with torch.inference_mode():
            looks = developed(radiance(moved, *FIT_SIZE)).transpose(0, 1).flatten(1)
        slope = ((looks[1:] - looks[0]) / NUDGE).double()
        matrix = slope @ slope.T
        matrix += DAMPING * matrix.trace() * torch.eye(9)
        step = torch.linalg.solve(matrix, slope @ (wanted - looks[0]).double())
        scenes = replace(scenes, lamps=scenes.lamps + step.float().view(1, 3, 3))
    return scenes


def repeated(scenes: Scenes, times: int) -> Scenes:
    """One scene several times, where it is not already."""
    return Scenes(
        *(
            part.expand(times, *part.shape[1:]).contiguous()
            for part in (getattr(scenes, name) for name in Scenes.__annotations__)
        )
    )


def compared(scenes: Scenes, theirs: Sequence[np.ndarray[Any, Any]]) -> tuple[Any, list[Any]]:
    """Our pictures, and how far each is from theirs."""
    renderer = Renderer()
    ours, ids = renderer.render(scenes).numpy(), renderer.maps(scenes).ids.numpy()
    rows = []
    for mine, picture, where in zip(ours, theirs, ids, strict=True):
        off = np.abs(mine.astype(float) - picture)
        rows.append((off.mean((0, 1)), off[where != NOTHING].mean(0)))
    return ours, rows


def centres(records: Sequence[Mapping[str, Any]], scenes: Scenes) -> float:
    """How many pixels a projected centre is from where the file says, at most, in x or y."""
    landed = project(scenes.centers, scenes.camera, *PUBLISHED_SIZE)[..., :2].numpy()
    worst = 0.0
    for record, line in zip(records, landed, strict=True):
        stated = np.array([item["pixel_coords"][:2] for item in record["objects"]])
        worst = max(worst, float(np.abs(line[: len(stated)] - stated).max()))
    return worst


def page(theirs: Sequence[Any], ours: Sequence[Any], columns: int = 2) -> Image.Image:
    """Rows of theirs, ours and the difference, several a row."""
    strips = [
        np.concatenate([a, b, np.clip(128 + 3.0 * (b.astype(float) - a), 0, 255)], axis=1)
        for a, b in zip(theirs, ours, strict=True)
    ]
    strips += [np.full_like(strips[0], 255)] * (-len(strips) % columns)
    rows = [np.concatenate(strips[i : i + columns], 1) for i in range(0, len(strips), columns)]
    whole = Image.fromarray(np.concatenate(rows).astype(np.uint8))
    return whole.resize((whole.width // 2, whole.height // 2), Image.Resampling.LANCZOS)


def main() -> None:
    """Compare, print, and draw the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=os.environ.get("NMN_REAL_DATA"))
    parser.add_argument("--pictures", type=int, default=20)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("--data is missing, and NMN_REAL_DATA is not set")
    keep_freed_memory()
    folder = Path(arguments.data) / "clevr"
    records = read_json(folder / "CLEVR_train_scenes.json.gz")["scenes"]
    everything = scenes_of(records, Look(), "scenes")
    stated = read_json(folder / "blender" / "lamps.json")

    published = read_picture(folder / "images" / "CLEVR_train_000000.png")
    scene = fitted(everything.part(0, 1), published)
    ours, rows = compared(scene, [published])
    again = [
        {**record, "camera": places["camera"], "lamps": places}
        for record in records[: arguments.pictures]
        for places in [stated[str(record["image_index"])]]
    ]
    images = folder / "blender" / "images" / "train"
    theirs = [read_picture(images / f"CLEVR_train_{r['image_index']:06}.jpg") for r in again]
    more, more_rows = compared(scenes_of(again, Look(), "lamps.json"), theirs)

    names = ["published 0", *(f"Blender {record['image_index']}" for record in again)]
    report: dict[str, Any] = {
        "pictures": [
            {"picture": name, "all": all_.round(2).tolist(), "objects": objects.round(2).tolist()}
            for name, (all_, objects) in zip(names, [*rows, *more_rows], strict=True)
        ],
        "centre_error": centres(records, everything),
        "scenes": len(records),
    }
    if arguments.plot:
        page([published, *theirs], [*ours, *more]).save(arguments.plot)
    if arguments.json:
        print(json.dumps(report))
        return
    print(f"{'picture':<14}{'all pixels (r, g, b)':>24}{'objects (r, g, b)':>24}")
    for row in report["pictures"]:
        texts = ["".join(f"{value:>8.2f}" for value in row[key]) for key in ("all", "objects")]
        print(f"{row['picture']:<14}{texts[0]}{texts[1]}")
    worst = report["centre_error"]
    print(f"largest error of a centre over {len(records)} scenes: {worst:.2f} pixels")


if __name__ == "__main__":
    main()
