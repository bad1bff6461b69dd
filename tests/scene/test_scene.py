import pytest

from nmn.domain import Domain
from nmn.errors import DataError, NMNError
from nmn.scene.scene import Scene, SceneObject, grid_scene

RED = {"color": "red", "shape": "circle"}
BLUE = {"color": "blue", "shape": "square"}


def test_a_grid_is_read_row_by_row() -> None:
    scene = grid_scene(((RED, None, BLUE), (None, BLUE, RED)))
    assert scene.grid == (2, 3)
    assert [item.present for item in scene.objects] == [True, False, True, False, True, True]
    assert [item.position for item in scene.objects[:4]] == [(0, 0), (1, 0), (2, 0), (0, 1)]
    assert scene.objects[4].attributes == BLUE


def test_relations_of_a_grid_mean_the_neighbouring_cell() -> None:
    scene = grid_scene(((RED, RED, RED), (None, None, None)))
    # 0 1 2
    # 3 4 5
    assert scene.relations["left_of"] == ((), (0,), (1,), (), (3,), (4,))
    assert scene.relations["right_of"] == ((1,), (2,), (), (4,), (5,), ())
    assert scene.relations["above"] == ((), (), (), (0,), (1,), (2,))
    assert scene.relations["below"] == ((3,), (4,), (5,), (), (), ())


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 4), (3, 3), (4, 2)])
def test_opposite_relations_of_a_grid_mirror_each_other(rows: int, columns: int) -> None:
    relations = grid_scene(tuple((None,) * columns for _ in range(rows))).relations
    for one, other in (("left_of", "right_of"), ("above", "below")):
        pairs = {(a, b) for b, row in enumerate(relations[one]) for a in row}
        assert pairs == {(a, b) for a, row in enumerate(relations[other]) for b in row}
    assert len(relations["left_of"]) == rows * columns
    assert sum(map(len, relations["left_of"])) == rows * (columns - 1)
    assert sum(map(len, relations["above"])) == (rows - 1) * columns


def test_a_grid_scene_fits_the_domain_shapes(shapes: Domain) -> None:
    grid_scene(((RED, None), (BLUE, RED))).check(shapes)


def test_a_place_without_attributes_is_empty() -> None:
    assert not SceneObject({}).present
    assert SceneObject(RED).present


@pytest.mark.parametrize(
    ("relations", "message"),
    [
        ({"above": ((),)}, "pic: 'above' has 1 rows for 2 objects"),
        ({"above": ((), (), ())}, "pic: 'above' has 3 rows for 2 objects"),
        ({"above": ((), (2,))}, "pic, object 1: 'above' names object 2 of 2"),
        ({"above": ((-1,), ())}, "pic, object 0: 'above' names object -1 of 2"),
    ],
    ids=["too few rows", "too many rows", "no such object", "negative"],
)
def test_relations_that_do_not_fit_the_objects_are_refused(
    relations: dict[str, tuple[tuple[int, ...], ...]], message: str
) -> None:
    with pytest.raises(DataError) as caught:
        Scene((SceneObject(RED), SceneObject(BLUE)), relations, name="pic")
    assert str(caught.value) == message


def test_a_scene_without_a_relation_of_the_domain_does_not_fit_it(clevr: Domain) -> None:
    relations = dict.fromkeys(("left", "right", "front"), ((),))
    with pytest.raises(DataError) as caught:
        Scene((SceneObject({"color": "red"}),), relations, name="pic").check(clevr)
    assert str(caught.value) == "pic: relation 'behind' is missing"


def test_a_value_that_the_domain_does_not_have_names_the_nearest(shapes: Domain) -> None:
    scene = grid_scene(((RED, {"color": "gren", "shape": "circle"}),), name="pic")
    with pytest.raises(DataError) as caught:
        scene.check(shapes)
    assert str(caught.value).startswith("pic, object 1: unknown color 'gren'; nearest: 'green'")


def test_an_attribute_that_the_domain_does_not_have_is_refused(shapes: Domain) -> None:
    with pytest.raises(NMNError, match="unknown attribute 'size'"):
        grid_scene((({"size": "small"},),)).check(shapes)
