import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmn.domain import Domain
from nmn.errors import ExecutionError
from nmn.program.program import Node, Program, call
from nmn.program.text import parse_program
from nmn.program.typecheck import typecheck
from nmn.program.types import Kind
from nmn.scene.scene import Scene, SceneObject, grid_scene
from nmn.scene.symbolic import Result, as_answer, execute
from tests.strategies import CLEVR, SHAPES, attempt, grid_scenes, programs, scenes


def cell(color: str, shape: str) -> dict[str, str]:
    return {"color": color, "shape": shape}


# 0 red circle   1 green square   2 empty
# 3 empty        4 red square     5 blue triangle
GRID = grid_scene(
    (
        (cell("red", "circle"), cell("green", "square"), None),
        (None, cell("red", "square"), cell("blue", "triangle")),
    )
)

# from left to right 0 1 2 3, from front to back 2 0 3 1
TABLE = Scene(
    tuple(
        SceneObject({"size": size, "color": color, "material": material, "shape": shape})
        for size, color, material, shape in (
            ("small", "red", "metal", "cube"),
            ("large", "red", "rubber", "sphere"),
            ("large", "blue", "metal", "cube"),
            ("small", "gray", "rubber", "cylinder"),
        )
    ),
    {
        "left": ((), (0,), (0, 1), (0, 1, 2)),
        "right": ((1, 2, 3), (2, 3), (3,), ()),
        "front": ((2,), (0, 2, 3), (), (0, 2)),
        "behind": ((1, 3), (), (0, 1, 3), (1,)),
    },
)

MASKS_OF_THE_GRID: list[tuple[str, set[int]]] = [
    ("scene", {0, 1, 4, 5}),
    ("find[red]", {0, 4}),
    ("find[square]", {1, 4}),
    ("filter[red](scene)", {0, 4}),
    ("filter[square](find[red])", {4}),
    ("filter[green](find[red])", set()),
    ("filter[red](find[red])", {0, 4}),
    ("filter[red](relate[below](find[red]))", set()),
    ("relate[right_of](find[red])", {1, 5}),
    ("relate[left_of](find[square])", {0, 3}),
    ("relate[above](find[red])", {1}),
    ("relate[below](find[red])", {3}),
    ("relate[above](relate[below](find[red]))", {0}),
    ("relate[left_of](relate[below](find[red]))", set()),
    ("relate[above](filter[green](find[red]))", set()),
    ("same[shape](find[green])", {4}),
    ("same[shape](find[square])", {1, 4}),
    ("same[color](find[red])", {0, 4}),
    ("same[color](find[blue])", set()),
    ("same[color](relate[below](find[circle]))", set()),
    ("same[color](filter[green](find[red]))", set()),
    ("unique(find[green])", {1}),
    ("unique(relate[below](find[circle]))", {3}),
    ("and(find[red], find[square])", {4}),
    ("and(find[red], find[green])", set()),
    ("and(find[red], relate[below](find[red]))", set()),
    ("or(find[red], find[green])", {0, 1, 4}),
    ("or(find[red], find[red])", {0, 4}),
    ("or(find[red], relate[below](find[red]))", {0, 3, 4}),
]

MASKS_OF_THE_TABLE: list[tuple[str, set[int]]] = [
    ("scene", {0, 1, 2, 3}),
    ("find[metal]", {0, 2}),
    ("filter[large](find[red])", {1}),
    ("relate[left](find[blue])", {0, 1}),
    ("relate[left](find[rubber])", {0, 1, 2}),
    ("relate[right](find[large])", {2, 3}),
    ("relate[front](find[sphere])", {0, 2, 3}),
    ("relate[behind](find[metal])", {0, 1, 3}),
    ("relate[behind](relate[left](find[blue]))", {1, 3}),
    ("relate[front](find[blue])", set()),
    ("same[color](find[cube])", {1}),
    ("same[material](unique(find[sphere]))", {3}),
    ("same[size](find[red])", {2, 3}),
    ("same[size](find[metal])", {1, 3}),
    ("same[shape](find[cube])", {0, 2}),
    ("and(relate[left](find[blue]), find[red])", {0, 1}),
]


@pytest.mark.parametrize(("text", "meant"), MASKS_OF_THE_GRID)
def test_masks_of_a_grid_by_hand(text: str, meant: set[int], shapes: Domain) -> None:
    program = parse_program(text)
    typecheck(program, shapes, whole=False)
    assert execute(program, GRID).results[-1] == frozenset(meant)


@pytest.mark.parametrize(("text", "meant"), MASKS_OF_THE_TABLE)
def test_masks_of_a_table_by_hand(text: str, meant: set[int], clevr: Domain) -> None:
    TABLE.check(clevr)
    program = parse_program(text)
    typecheck(program, clevr, whole=False)
    assert execute(program, TABLE).results[-1] == frozenset(meant)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("exists(find[blue])", "yes"),
        ("exists(filter[blue](find[circle]))", "no"),
        ("exists(relate[below](find[circle]))", "yes"),
        ("exists(and(scene, relate[below](find[circle])))", "no"),
        ("count(scene)", "4"),
        ("count(find[red])", "2"),
        ("count(filter[blue](find[circle]))", "0"),
        ("count(or(scene, relate[below](find[circle])))", "5"),
        ("query[color](find[circle])", "red"),
        ("query[shape](filter[red](find[square]))", "square"),
        ("equal[color](query[color](find[circle]), query[color](find[triangle]))", "no"),
        ("equal[color](query[color](find[circle]), query[color](find[circle]))", "yes"),
        ("equal_number(count(find[red]), count(find[square]))", "yes"),
        ("equal_number(count(find[red]), count(find[circle]))", "no"),
        ("less_than(count(find[circle]), count(find[red]))", "yes"),
        ("less_than(count(find[red]), count(find[square]))", "no"),
        ("greater_than(count(find[red]), count(find[circle]))", "yes"),
        ("greater_than(count(find[red]), count(find[square]))", "no"),
    ],
)
def test_answers_about_a_grid_by_hand(text: str, answer: str, shapes: Domain) -> None:
    assert execute(parse_program(text, shapes), GRID).answer == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("query[material](unique(relate[behind](relate[right](find[blue]))))", "rubber"),
        ("query[size](unique(same[color](unique(find[sphere]))))", "small"),
        ("count(same[size](unique(find[sphere])))", "1"),
        ("equal[size](query[size](find[sphere]), query[size](find[blue]))", "yes"),
        ("less_than(count(find[cube]), count(relate[front](find[sphere])))", "yes"),
        ("exists(relate[left](filter[small](find[cube])))", "no"),
    ],
)
def test_answers_about_a_table_by_hand(text: str, answer: str, clevr: Domain) -> None:
    assert execute(parse_program(text, clevr), TABLE).answer == answer


def test_a_scene_without_objects_has_nothing_of_anything(clevr: Domain) -> None:
    empty = Scene((), dict.fromkeys(clevr.relations, ()))
    assert execute(parse_program("count(scene)"), empty).answer == "0"
    assert execute(parse_program("exists(relate[left](scene))"), empty).answer == "no"
    assert execute(parse_program("exists(same[color](scene))"), empty).answer == "no"


def test_the_results_of_all_steps_are_kept() -> None:
    program = parse_program("exists(and(find[red], relate[above](find[square])))")
    results = execute(program, GRID).results
    # find[red], find[square], relate[above], and, exists
    assert results == (frozenset({0, 4}), frozenset({1, 4}), frozenset({1}), frozenset(), False)


def test_nodes_that_the_root_does_not_depend_on_are_executed_too() -> None:
    nodes = (
        Node("scene"),
        Node("count", None, (0,)),
        Node("find", "red"),
        Node("exists", None, (2,)),
    )
    execution = execute(Program(nodes), GRID)
    assert execution.results == (frozenset({0, 1, 4, 5}), 4, frozenset({0, 4}), True)
    assert execution.answer == "yes"


def test_an_unreachable_failure_and_what_it_feeds_have_no_result_and_raise_nothing() -> None:
    nodes = (
        Node("scene"),
        Node("unique", None, (0,)),  # of four
        Node("relate", "above", (1,)),
        Node("find", "red"),
        Node("or", None, (3, 2)),
        Node("query", "color", (0,)),  # of four
        Node("exists", None, (3,)),
    )
    everything, red = frozenset({0, 1, 4, 5}), frozenset({0, 4})
    execution = execute(Program(nodes), GRID)
    assert execution.results == (everything, None, None, red, None, None, True)
    assert execution.answer == "yes"


def test_a_reachable_failure_is_raised_after_an_unreachable_one() -> None:
    nodes = (
        Node("scene"),
        Node("unique", None, (0,)),
        Node("find", "red"),
        Node("unique", None, (2,)),
        Node("count", None, (3,)),
    )
    with pytest.raises(ExecutionError) as caught:
        execute(Program(nodes), GRID)
    assert str(caught.value) == "count > unique: unique needs exactly one object, got 2"


def test_a_shared_node_is_one_step() -> None:
    nodes = (Node("find", "red"), Node("and", None, (0, 0)), Node("count", None, (1,)))
    assert execute(Program(nodes), GRID).results == (frozenset({0, 4}), frozenset({0, 4}), 2)


@pytest.mark.parametrize(
    ("text", "operation", "path", "count"),
    [
        ("count(unique(find[red]))", "unique", ("count", "unique"), 2),
        ("count(unique(filter[green](find[red])))", "unique", ("count", "unique"), 0),
        ("query[color](find[red])", "query", ("query[color]",), 2),
        ("query[color](filter[green](find[red]))", "query", ("query[color]",), 0),
        (
            "exists(and(scene, relate[above](unique(scene))))",
            "unique",
            ("exists", "and", "relate[above]", "unique"),
            4,
        ),
        (
            "equal[color](query[color](find[circle]), query[color](find[square]))",
            "query",
            ("equal[color]", "query[color]"),
            2,
        ),
    ],
)
def test_unique_and_query_of_none_or_several_fail_with_the_way_to_the_node(
    text: str, operation: str, path: tuple[str, ...], count: int, shapes: Domain
) -> None:
    with pytest.raises(ExecutionError) as caught:
        execute(parse_program(text, shapes), GRID)
    error = caught.value
    assert (error.operation, error.path) == (operation, path)
    assert str(error) == (f"{' > '.join(path)}: {operation} needs exactly one object, got {count}")


def test_an_empty_cell_has_no_value_to_query(shapes: Domain) -> None:
    program = parse_program("query[color](relate[below](find[circle]))", shapes)
    with pytest.raises(ExecutionError) as caught:
        execute(program, GRID)
    assert caught.value.path == ("query[color]",)


@pytest.mark.parametrize(
    ("value", "answer"), [(True, "yes"), (False, "no"), (0, "0"), (10, "10"), ("red", "red")]
)
def test_values_as_answers(value: Result, answer: str) -> None:
    assert as_answer(value) == answer


@pytest.mark.parametrize("value", [frozenset({1}), None])
def test_a_mask_is_not_an_answer(value: Result | None) -> None:
    with pytest.raises(TypeError, match="a mask is not an answer"):
        as_answer(value)


@given(st.data(), st.sampled_from([SHAPES, CLEVR]))
@settings(deadline=None, max_examples=200)
def test_every_well_typed_program_executes_or_raises_an_execution_error(
    data: st.DataObject, domain: Domain
) -> None:
    program, scene = data.draw(programs(domain, 20)), data.draw(scenes(domain))
    types = typecheck(program, domain)
    execution = attempt(lambda: execute(program, scene), ExecutionError)
    if isinstance(execution, ExecutionError):
        assert execution.operation in {"unique", "query"}
        return
    kinds = {Kind.MASK: frozenset, Kind.BOOL: bool, Kind.NUMBER: int, Kind.VALUE: str}
    for result, kind in zip(execution.results, types, strict=True):
        assert type(result) is kinds[kind.kind]
        if isinstance(result, frozenset):
            assert result <= set(range(len(scene.objects)))
    if types[-1].kind is Kind.VALUE:
        assert execution.answer in domain.values_of(types[-1].attribute or "")


@given(grid_scenes(), st.sampled_from(SHAPES.relations), st.sampled_from(SHAPES.concepts))
@settings(deadline=None, max_examples=50)
def test_relate_of_a_set_is_the_union_over_its_members(
    scene: Scene, relation: str, concept: str
) -> None:
    found = call("find", argument=concept)
    related = execute(call("relate", found, argument=relation), scene).results
    members = related[0]
    assert isinstance(members, frozenset)
    rows = scene.relations[relation]
    assert related[-1] == frozenset(other for member in members for other in rows[member])


@given(st.data(), st.sampled_from([SHAPES, CLEVR]))
@settings(deadline=None, max_examples=100)
def test_same_finds_whoever_shares_a_value_with_another_member(
    data: st.DataObject, domain: Domain
) -> None:
    scene = data.draw(scenes(domain))
    attribute = data.draw(st.sampled_from(domain.attribute_names))
    concept = data.draw(st.sampled_from(domain.concepts))
    program = call("same", call("find", argument=concept), argument=attribute)
    members, result = execute(program, scene).results
    assert isinstance(members, frozenset)
    values = [item.attributes.get(attribute) for item in scene.objects]
    assert result == frozenset(
        index
        for index, value in enumerate(values)
        if value is not None and any(values[m] == value for m in members if m != index)
    )


@given(grid_scenes(), st.sampled_from(["scene", "find", "filter", "same"]))
@settings(deadline=None, max_examples=50)
def test_only_relations_ever_mean_an_empty_cell(scene: Scene, operation: str) -> None:
    everything = call("relate", call("scene"), argument="below")
    argument = {"find": "red", "filter": "red", "same": "color"}.get(operation)
    inputs = (everything,) if operation in ("filter", "same") else ()
    result = execute(call(operation, *inputs, argument=argument), scene).results[-1]
    assert isinstance(result, frozenset)
    assert all(scene.objects[index].present for index in result)


def test_20000_steps_are_executed_without_recursion() -> None:
    nodes = [Node("scene"), *(Node("same", "color", (index,)) for index in range(19_998))]
    program = Program((*nodes, Node("count", None, (19_998,))))
    assert execute(program, GRID).answer == "2"
