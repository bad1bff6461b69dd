"""Small folders in the layout of the published CLEVR."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nmn.seeding import generator

WIDTH, HEIGHT = 60, 40
COUNT_CUBES = [
    {"function": "scene", "inputs": [], "value_inputs": []},
    {"function": "filter_shape", "inputs": [0], "value_inputs": ["cube"]},
    {"function": "count", "inputs": [1], "value_inputs": []},
]
INDICES = (3, 7, 8, 40)
"""Of the pictures: as in a part of a split, with gaps."""


def question(split: str, image: int, number: int) -> dict[str, Any]:
    return {
        "question_index": 100 + number,
        "question_family_index": number % 3,
        "image_index": image,
        "image_filename": f"CLEVR_{split}_{image:06d}.png",
        "split": split,
        "question": f"How many cubes are in picture {image}, asked {number} times?",
        "answer": str(number % 4),
        "program": COUNT_CUBES,
    }


def scene(split: str, image: int) -> dict[str, Any]:
    return {
        "image_index": image,
        "image_filename": f"CLEVR_{split}_{image:06d}.png",
        "split": split,
        "objects": [
            {
                "shape": "cube",
                "size": "large",
                "color": "red",
                "material": "metal",
                "3d_coords": [1.0, -2.0, 0.7],
                "rotation": 45.0,
                "pixel_coords": [120, 240, 9.5],
            }
        ]
        * (1 + image % 2),
        "relationships": {
            name: [[]] * (1 + image % 2) for name in ("left", "right", "front", "behind")
        },
    }


def write_json(path: Path, key: str, records: Sequence[dict[str, Any]], packed: bool) -> None:
    text = json.dumps({"info": {"version": "1.0"}, key: records}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    if packed:
        Path(f"{path}.gz").write_bytes(gzip.compress(text))
    else:
        path.write_bytes(text)


def write_pictures(folder: Path, names: Sequence[str], mode: str = "RGBA") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        # smooth, so that JPEG keeps it
        coarse = generator(0, name).integers(0, 256, (4, 6, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        image.convert(mode).save(folder / name)


def write_split(
    folder: Path,
    split: str,
    *,
    indices: Sequence[int] = INDICES,
    published: bool = True,
    packed: bool = False,
    ending: str = "png",
    each: int = 3,
) -> list[dict[str, Any]]:
    """A split as unzipped; without `published`, no programs, answers and scenes."""
    records = [
        question(split, image, place * each + number)
        for place, image in enumerate(indices)
        for number in range(each)
    ]
    if not published:
        hidden = ("answer", "program", "question_family_index")
        records = [{k: v for k, v in record.items() if k not in hidden} for record in records]
    write_json(folder / f"questions/CLEVR_{split}_questions.json", "questions", records, packed)
    if published:
        scenes = [scene(split, image) for image in indices]
        write_json(folder / f"scenes/CLEVR_{split}_scenes.json", "scenes", scenes, packed)
    names = [f"CLEVR_{split}_{image:06d}.{ending}" for image in indices]
    write_pictures(folder / "images" / split, names, "RGBA" if ending == "png" else "RGB")
    return records
