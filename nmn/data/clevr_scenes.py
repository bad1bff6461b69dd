"""CLEVR's scene files (Johnson et al. 2017), read one scene at a time.

A file is `{"info": ..., "scenes": [...]}`, plain or `.gz`. Ten thousands of scenes are kept in
memory at once, so that what is alike in them is one object.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from nmn.data.json_records import OnError, Record, read_records
from nmn.domain import Domain
from nmn.errors import DataError, UnknownNameError, listing, nearest, with_article
from nmn.scene.scene import Scene, SceneObject

Relations = Literal["stored", "directions"]
"""Whether relations are the `relationships` of a file or follow from its `directions`."""
Rows = tuple[tuple[int, ...], ...]
"""For each object, the objects that are so placed to it."""

THRESHOLD = 0.2
"""How far, in scene units, one object must be to the left of another to be left of it."""

_ENDING = re.compile(r"\.(png|jpe?g)$", re.IGNORECASE)
_NUMBER = re.compile(r"(\d{1,18})$", re.ASCII)
_LARGEST = 1e12
_SHARED = 1 << 14


def scene_from_json(
    record: Any, domain: Domain, source: str, place: int = 0, *, relations: Relations = "stored"
) -> Scene:
    """The scene of one record; its name is that of its picture file.

    Args:
        source: the file, for messages.
        place: which of its scenes, for messages.

    Raises:
        DataError: an attribute or relation is missing, or one that the domain does not have.
    """
    return _indexed_scene(record, domain, source, place, relations)[1]


def read_scenes(
    path: Path,
    domain: Domain,
    on_error: OnError | None = None,
    *,
    relations: Relations = "stored",
) -> dict[int, Scene]:
    """The scenes of a file by image index.

    Args:
        on_error: called with the error of each bad scene, which then is passed over; without
            it the first error is raised.
        relations: `"directions"` for files without `relationships`.

    Raises:
        DataError: the file cannot be read, a scene is bad, or an image index occurs twice.
    """
    scenes: dict[int, Scene] = {}
    for place, record in read_records(path, "scenes", on_error):
        try:
            index, scene = _indexed_scene(record, domain, str(path), place, relations)
            if index in scenes:
                where = f"scene {place} (image {index})"
                raise DataError(str(path), f"image index {index} occurs twice", where)
            scenes[index] = scene
        except DataError as error:
            if on_error is None:
                raise
            on_error(error)
    return scenes


def relations_from_directions(
    coordinates: Sequence[Sequence[float]],
    directions: Mapping[str, Sequence[float]],
    threshold: float = THRESHOLD,
) -> dict[str, Rows]:
    """For each direction and object, the objects that lie that way from it.

    Object `j` is left of object `i` if `(p_j - p_i) . left > threshold`: CLEVR's own rule.

    Args:
        coordinates: `p` of each object, in scene units.
        directions: a unit vector for each relation, in the same coordinates.
    """
    relations: dict[str, Rows] = {}
    for name, direction in directions.items():
        along = [sum(p * d for p, d in zip(place, direction, strict=True)) for place in coordinates]
        relations[name] = tuple(
            _row(tuple(j for j, far in enumerate(along) if far - near > threshold))
            for near in along
        )
    return relations


def picture_of(record: Record) -> str:
    """The name of the picture file as stated, empty where it is not."""
    return record.text("image_filename") or record.text("image")


def image_index(record: Record, images: Mapping[str, int] | None = None) -> int:
    """The index of the picture, if it is not stated that of its name."""
    index = record.whole("image_index")
    if index is not None:
        return index
    name = image_name(picture_of(record))
    if not name:
        raise record.problem("wanted 'image_index' or 'image_filename', got neither")
    if images is not None:
        if name not in images:
            choices = listing(nearest(name, images)) or "there are none"
            raise record.error(f"the picture of a scene (nearest: {choices})", name)
        return images[name]
    number = _NUMBER.search(name)
    if number is None:
        raise record.error("'image_index', or a picture whose name ends in a number", name)
    return int(number[1])


def image_name(file: str) -> str:
    """`CLEVR_train_000012` of `CLEVR_train_000012.png`."""
    return _ENDING.sub("", file)


def image_indices(scenes: Mapping[int, Scene]) -> dict[str, int]:
    """The image index of each picture name, for questions that state no index."""
    return {image_name(scene.name): index for index, scene in scenes.items()}


def _indexed_scene(
    record: Any, domain: Domain, source: str, place: int, relations: Relations
) -> tuple[int, Scene]:
    fields = Record.of(record, source, f"scene {place}")
    index = image_index(fields)
    fields = fields.at(f"scene {place} (image {index})")
    entries = fields.values.get("objects")
    if not isinstance(entries, list):
        raise fields.error("a list as 'objects'", entries)
    objects = tuple(_object(fields, number, entry, domain) for number, entry in enumerate(entries))
    if relations not in _RELATIONS:
        raise UnknownNameError("choice of relations", relations, tuple(_RELATIONS))
    rows = _RELATIONS[relations](fields, objects, domain)
    return index, Scene(objects, rows, name=picture_of(fields) or f"image {index}")


def _object(fields: Record, number: int, entry: Any, domain: Domain) -> SceneObject:
    part = f"object {number}"
    if not isinstance(entry, dict):
        raise fields.error("an object", entry, part)
    values: list[tuple[str, str]] = []
    for attribute in domain.attributes:
        value = entry.get(attribute.name)
        if not isinstance(value, str) or value not in attribute.values:
            known = attribute.values
            choices = nearest(value, known) if isinstance(value, str) else known[:3]
            wanted = f"{with_article(attribute.name)} ({listing(choices)})"
            if value is None:
                raise fields.problem(f"wanted {wanted}, got none", part)
            raise fields.error(wanted, value, part)
        values.append((attribute.name, value))
    return SceneObject(
        _attributes(tuple(values)),
        _numbers(fields, entry, "3d_coords", part),
        _numbers(fields, entry, "pixel_coords", part)[:2],
    )


def _numbers(fields: Record, entry: Mapping[str, Any], key: str, part: str) -> tuple[float, ...]:
    """A list of finite numbers, empty where there is none."""
    numbers = entry.get(key)
    if numbers is None:
        return ()
    if not isinstance(numbers, list):
        raise fields.error(f"a list of numbers as '{key}'", numbers, part)
    for number in numbers:
        # not `>=`, which is false of NaN
        if type(number) not in (int, float) or not abs(number) < _LARGEST:
            raise fields.error(f"numbers in '{key}'", number, part)
    return tuple(map(float, numbers))


def _stored_relations(
    fields: Record, objects: tuple[SceneObject, ...], domain: Domain
) -> dict[str, Rows]:
    count = len(objects)
    stored = fields.values.get("relationships")
    if stored is None:
        advice = "--relations directions takes them from 'directions' and '3d_coords'"
        raise fields.problem(f"'relationships' is missing; {advice}")
    if not isinstance(stored, dict):
        raise fields.error("an object as 'relationships'", stored)
    relations: dict[str, Rows] = {}
    for name in domain.relations:
        rows = stored.get(name)
        if not isinstance(rows, list):
            if rows is not None:
                raise fields.error(f"a list as relation '{name}'", rows)
            raise fields.problem(f"relation '{name}' is missing{_there_are(stored)}")
        if len(rows) != count:
            raise fields.problem(f"relation '{name}' has {len(rows)} rows for {count} objects")
        relations[name] = tuple(
            _stored_row(fields, name, number, row, count) for number, row in enumerate(rows)
        )
    return relations


def _stored_row(
    fields: Record, relation: str, number: int, row: Any, count: int
) -> tuple[int, ...]:
    part = f"object {number}"
    if not isinstance(row, list):
        raise fields.error(f"a list of objects that are '{relation}' of it", row, part)
    for other in row:
        if type(other) is not int or not 0 <= other < count:
            wanted = f"objects of 0 to {count - 1} that are '{relation}' of it"
            raise fields.error(wanted, other, part)
    if number in row or len(set(row)) < len(row):
        got = "itself" if number in row else "one of them twice"
        raise fields.problem(f"wanted others that are '{relation}' of it, got {got}", part)
    return _row(tuple(row))


def _directed_relations(
    fields: Record, objects: tuple[SceneObject, ...], domain: Domain
) -> dict[str, Rows]:
    stored = fields.values.get("directions")
    if not isinstance(stored, dict):
        raise fields.error("an object as 'directions'", stored)
    directions: dict[str, tuple[float, ...]] = {}
    for name in domain.relations:
        directions[name] = _numbers(fields, stored, name, "directions")
        if not directions[name]:
            raise fields.problem(f"direction '{name}' is missing{_there_are(stored)}")
        for number, item in enumerate(objects):
            if len(item.position) != len(directions[name]):
                wanted = f"{len(directions[name])} numbers in '3d_coords'"
                raise fields.error(wanted, len(item.position), f"object {number}")
    return relations_from_directions([item.position for item in objects], directions)


_RELATIONS: Mapping[str, Callable[[Record, tuple[SceneObject, ...], Domain], dict[str, Rows]]] = {
    "stored": _stored_relations,
    "directions": _directed_relations,
}


def _there_are(stored: Mapping[str, Any]) -> str:
    return f"; there are {listing(sorted(stored)[:8], 'and')}" if stored else ""


@lru_cache(maxsize=_SHARED)
def _attributes(values: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    """One mapping for all objects that are alike: scenes by the ten thousand stay small."""
    return dict(values)


@lru_cache(maxsize=_SHARED)
def _row(row: tuple[int, ...]) -> tuple[int, ...]:
    """One tuple for all equal rows, likewise."""
    return row
