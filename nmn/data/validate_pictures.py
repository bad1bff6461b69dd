"""A check of the picture files of one split."""

import io
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from nmn.data.clevr_folder import is_picture
from nmn.data.clevr_scenes import image_name
from nmn.data.files import read_picture
from nmn.errors import DataError, NMNError, shortened

_JPEG_END = b"\xff\xd9"
_SHOWN_EVERY = 100


class Pictures:
    """The pictures that records name, and those that there are.

    Args:
        folder: of the pictures; where there is none, the data has none and nothing is checked.
        found: called with the kind of each problem and the problem.
    """

    def __init__(self, folder: Path, found: Callable[[str, NMNError], None]) -> None:
        self.folder = folder
        self._found = found
        self._expected: dict[str, int] = {}
        self._farthest: dict[str, tuple[float, float, str]] = {}
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        self._there = {image_name(n): n for n in names if is_picture(n)}

    def expect(self, record: Mapping[str, Any], index: int, where: str, source: str) -> None:
        """A record of a scene or question that is about a picture."""
        stated = record.get("image_filename") or record.get("image")
        if not isinstance(stated, str) or not stated:
            return
        name = image_name(stated)
        if name not in self._expected:
            if Path(stated).name != stated or not stated.isprintable():
                problem = f"wanted the name of a picture, got '{shortened(stated)}'"
                self._found("picture", DataError(source, problem, where))
            elif self.folder.is_dir() and name not in self._there:
                problem = f"no such file, which {where} is about"
                self._found("picture", DataError(str(self.folder / stated), problem))
        elif self._expected[name] != index:
            problem = (
                f"'{shortened(stated)}' is image {index} here and {self._expected[name]} before"
            )
            self._found("index", DataError(source, problem, where))
        self._expected.setdefault(name, index)
        self._note_objects(name, record.get("objects", ()), where)

    def check(self, decode: bool, stage: Callable[[str, int, int | None], None]) -> int:
        """Look at all files, and return how many there are."""
        common: tuple[int, int] | None = None
        what = f"{self.folder.name}: pictures"
        for number, (stem, name) in enumerate(self._there.items()):
            path = self.folder / name
            if stem not in self._expected:
                error = DataError(str(path), "no scene and no question is about it")
                self._found("picture", error)
            try:
                size = _decoded_size(path) if decode else _stated_size(path)
            except DataError as error:
                self._found("picture", error)
                continue
            if number % _SHOWN_EVERY == 0:
                stage(what, number, len(self._there))
            common = common or size
            if size != common:
                problem = f"is {size[0]}x{size[1]}, others are {common[0]}x{common[1]}"
                self._found("picture", DataError(str(path), problem))
            x, y, where = self._farthest.get(stem, (0.0, 0.0, ""))
            if x > size[0] or y > size[1]:
                problem = f"an object of {where} is at {x:g}, {y:g} of {size[0]}x{size[1]}"
                self._found("scene", DataError(str(path), problem))
        return len(self._there)

    def _note_objects(self, name: str, objects: Any, where: str) -> None:
        """How far to the right and down anything is."""
        stated: list[Any] = [item.get("pixel_coords") or () for item in objects]
        places = [place for place in stated if len(place) > 1]
        if not places:
            return
        low = min(min(place[:2]) for place in places)
        if low < 0:
            problem = f"an object lies outside of the picture, at {low:g}"
            self._found("scene", DataError(str(self.folder / name), problem, where))
        self._farthest[name] = max(p[0] for p in places), max(p[1] for p in places), where


def _decoded_size(path: Path) -> tuple[int, int]:
    height, width, _ = read_picture(path).shape
    return width, height


def _stated_size(path: Path) -> tuple[int, int]:
    """Width and height, where the file is whole as far as can be seen without decoding it."""
    try:
        content = path.read_bytes()
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(content)) as image:
            size = image.size
            if image.format == "JPEG":
                if not content.rstrip(b"\0").endswith(_JPEG_END):
                    raise DataError(str(path), "the picture breaks off")
            else:
                image.verify()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise DataError(str(path), (error.strerror or "unreadable").lower()) from error
        raise DataError(str(path), "not a picture, or a broken one") from error
    return size
