"""Scene graphs: the things in a picture, what is so of each, and how they stand to each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from nmn.domain import Domain
from nmn.errors import DataError, UnknownNameError


@dataclass(frozen=True)
class SceneObject:
    """One thing, or one empty place.

    Attributes:
        attributes: value of each attribute. Without any it is an empty place (a cell of SHAPES
            with nothing in it): relations may mean it, `scene` and `find` never do.
        position: coordinates in scene units, where known.
        pixel: `(x, y)` of its centre in the picture, where known.
    """

    attributes: Mapping[str, str]
    position: tuple[float, ...] = ()
    pixel: tuple[float, ...] = ()

    @property
    def present(self) -> bool:
        """Whether there is a thing at all."""
        return bool(self.attributes)


@dataclass(frozen=True)
class Scene:
    """Objects and, for each relation and object, which objects are so placed to it.

    Attributes:
        relations: `relations["above"][j]` are the indices of the objects above object `j`.
        grid: `(rows, columns)` where the objects are the cells of a grid, in row-major order.
        name: what to call it in messages.

    Raises:
        DataError: a relation that does not list every object, or an index of no object.
    """

    objects: tuple[SceneObject, ...]
    relations: Mapping[str, tuple[tuple[int, ...], ...]] = field(default_factory=dict)
    grid: tuple[int, int] | None = None
    name: str = "scene"

    def __post_init__(self) -> None:
        count = len(self.objects)
        for relation, rows in self.relations.items():
            if len(rows) != count:
                problem = f"'{relation}' has {len(rows)} rows for {count} objects"
                raise DataError(self.name, problem)
            for index, row in enumerate(rows):
                for other in row:
                    if not 0 <= other < count:
                        problem = f"'{relation}' names object {other} of {count}"
                        raise DataError(self.name, problem, f"object {index}")

    def check(self, domain: Domain) -> None:
        """Raises DataError where attributes, values or relations are not those of `domain`."""
        for relation in domain.relations:
            if relation not in self.relations:
                raise DataError(self.name, f"relation '{relation}' is missing")
        for index, item in enumerate(self.objects):
            for attribute, value in item.attributes.items():
                values = domain.values_of(attribute)
                if value not in values:
                    problem = UnknownNameError(attribute, value, values)
                    raise DataError(self.name, str(problem), f"object {index}")


_STEPS = {"left_of": (0, -1), "right_of": (0, 1), "above": (-1, 0), "below": (1, 0)}


def grid_scene(
    cells: tuple[tuple[Mapping[str, str] | None, ...], ...], name: str = "scene"
) -> Scene:
    """The scene of a grid of cells, where relations mean the directly neighbouring cell.

    Args:
        cells: rows of cells; None is an empty one.
    """
    rows, columns = len(cells), len(cells[0])
    objects = tuple(
        SceneObject(cell or {}, position=(float(column), float(row)))
        for row, line in enumerate(cells)
        for column, cell in enumerate(line)
    )
    return Scene(objects, _neighbours(rows, columns), (rows, columns), name)


@cache
def _neighbours(rows: int, columns: int) -> Mapping[str, tuple[tuple[int, ...], ...]]:
    """For each relation and cell, the cell that is so placed to it, if it is in the grid."""
    places = [(row, column) for row in range(rows) for column in range(columns)]
    return {
        relation: tuple(
            (place[0] * columns + place[1],) if place in places else ()
            for place in ((row + down, column + right) for row, column in places)
        )
        for relation, (down, right) in _STEPS.items()
    }
