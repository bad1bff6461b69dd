import pytest

from nmn.data.example import Example
from nmn.program.text import parse_program
from nmn.scene.scene import Scene, SceneObject
from nmn.training.groups import Groups
from nmn.training.preset import load_preset

CLEVR, SHAPES = Groups(load_preset("clevr")), Groups(load_preset("shapes"))


@pytest.mark.parametrize(
    ("program", "root", "length", "relations"),
    [
        ("exists(find[red])", "exist", "1 to 5", "0"),
        ("count(relate[left](unique(find[red])))", "count", "1 to 5", "1"),
        (
            "less_than(count(find[red]), count(relate[left](relate[left](find[red]))))",
            "compare numbers",
            "6 to 10",
            "2",
        ),
        (
            "equal[color](query[color](find[cube]), query[color](same[size](find[cube])))",
            "compare attribute",
            "6 to 10",
            "0",
        ),
        ("query[size](filter[red](filter[red](filter[red](find[cube]))))", "query", "6 to 10", "0"),
    ],
)
def test_what_a_program_is_like(program: str, root: str, length: str, relations: str) -> None:
    groups = CLEVR.of(Example("?", 0, 0, program=parse_program(program)))
    assert (groups["root"], groups["length"], groups["relations"]) == (root, length, relations)
    assert "composition" not in groups


def test_objects_are_counted_where_the_scene_is_known() -> None:
    things = SceneObject({"color": "red"}), SceneObject({}), SceneObject({"color": "red"})
    assert CLEVR.of(Example("?", 0, 0, scene=Scene(things))) == {"objects": "2"}
    assert CLEVR.of(Example("?", 0, 0)) == {}


def test_families_are_those_of_the_data() -> None:
    program = parse_program("exists(relate[above](find[red]))")
    named = Example("?", 0, 0, program=program, family="one_hop 3")
    assert CLEVR.of(named)["family"] == "one_hop 3"
    # Those of SHAPES say what the type says.
    plain = Example("?", 0, 0, program=program, family="exists, 1 relation")
    assert "family" not in SHAPES.of(plain)
    assert SHAPES.of(plain)["type"] == "exists, 1 relation"


def test_what_was_executed_counts_where_the_data_says_nothing() -> None:
    other, own = parse_program("exists(find[red])"), parse_program("count(find[red])")
    assert CLEVR.of(Example("?", 0, 0), other)["root"] == "exist"
    assert CLEVR.of(Example("?", 0, 0, program=own), other)["root"] == "count"


def test_compositions_are_new_or_not_in_shapes_alone() -> None:
    names = [f"exists(and(find[{a}], find[{b}]))" for a in ("red", "blue") for b in ("circle",)]
    programs = [parse_program(name) for name in (*names, "exists(find[red])")]
    groups = [SHAPES.of(Example("?", 0, 0, program=program)) for program in programs]
    assert {group["composition"] for group in groups} <= {"seen", "unseen"}
    assert "root" not in groups[0]
