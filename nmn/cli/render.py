"""`nmn render`."""

import time
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from nmn.cli.generate import parse_size
from nmn.cli.output import DeviceName, Json, console, device_of, print_json, progress_bar
from nmn.errors import DataError, shortened

_AT_ONCE = 25


def render(
    scenes: Annotated[Path, typer.Option(help="A CLEVR scene file, plain or .gz.")],
    out: Annotated[Path, typer.Option(help="The folder for the pictures.")],
    size: Annotated[str, typer.Option(metavar="WxH", help="Of a picture.")] = "480x320",
    lamps: Annotated[
        Path | None,
        typer.Option(
            help="JSON: by image index the positions of camera, key, back and fill.",
            show_default="those of the scene",
        ),
    ] = None,
    first: Annotated[int, typer.Option(min=0, help="The place of the first scene.")] = 0,
    count: Annotated[int | None, typer.Option(min=1, help="How many.", show_default="all")] = None,
    device: DeviceName = "cpu",
    as_json: Json = False,
) -> None:
    """Draw the scenes of any CLEVR scene file as PNG pictures.

    A camera that the file does not state follows from its pixel coordinates; lamps that it does
    not state are at their usual places.
    """
    from nmn.config import build
    from nmn.data.files import read_json, write_picture
    from nmn.data.json_records import read_records
    from nmn.generate.card import look_of
    from nmn.nn.threads import cpu_threads
    from nmn.render.renderer import RenderConfig, Renderer
    from nmn.render.scenes import scenes_of

    started = time.perf_counter()
    width, height = parse_size(size)
    config = build(RenderConfig, {"width": width, "height": height}, f"--size {size}")
    renderer = Renderer(config, device_of(device))
    look = look_of(scenes)
    stated = {} if lamps is None else read_json(lamps)
    if not isinstance(stated, dict):
        raise DataError(str(lamps), "wanted an object with positions by image index")
    wanted = islice(read_records(scenes, "scenes"), first, None if count is None else first + count)
    records = _records(wanted, scenes, stated, lamps)
    done = 0
    with progress_bar(hidden=as_json) as stage:
        while part := list(islice(records, _AT_ONCE)):
            paths = [
                out / _name(record, first + done + place, scenes)
                for place, record in enumerate(part)
            ]
            for place, path in enumerate(paths):
                if path.exists() or path in paths[:place]:
                    raise DataError(str(path), "is there already; nothing is overwritten")
            with cpu_threads(1):
                pictures = renderer.render(scenes_of(part, look, str(scenes))).numpy()
            for path, picture in zip(paths, pictures, strict=True):
                write_picture(path, picture)
            done += len(part)
            stage("drawing", done, count)
    if not done:
        raise DataError(str(scenes), f"there is no scene {first}")
    seconds = time.perf_counter() - started
    if as_json:
        print_json({"images": done, "seconds": seconds, "images_per_second": done / seconds})
    else:
        told = f"{done} pictures in {seconds:.1f} s ({done / seconds:.1f} a second)"
        console.print(f"{out}: {told}", markup=False)


def _records(
    entries: Iterator[tuple[int, Any]],
    scenes: Path,
    stated: Mapping[str, Any],
    lamps: Path | None,
) -> Iterator[dict[str, Any]]:
    """The scenes, with the positions that are stated elsewhere."""
    for place, record in entries:
        if not isinstance(record, dict):
            raise DataError(str(scenes), "wanted an object", f"scene {place}")
        if lamps is None:
            yield record
            continue
        index = str(record.get("image_index", place))
        positions = stated.get(index)
        if not isinstance(positions, dict):
            raise DataError(str(lamps), f"there are no positions for image {index}")
        rest = {name: where for name, where in positions.items() if name != "camera"}
        camera = {"camera": positions["camera"]} if "camera" in positions else {}
        yield {**record, **camera, "lamps": rest}


def _name(record: Mapping[str, Any], place: int, scenes: Path) -> str:
    """The name of a picture file, which can be anything that somebody wrote.

    Args:
        place: of the scene in the file, for one that has neither name nor number.
    """
    stated = record.get("image_filename") or f"image_{record.get('image_index', place)}.png"
    if not isinstance(stated, str) or Path(stated).name != stated or not stated.isprintable():
        raise DataError(
            str(scenes), f"wanted the name of a picture, got '{shortened(str(stated))}'"
        )
    return f"{Path(stated).stem}.png"
