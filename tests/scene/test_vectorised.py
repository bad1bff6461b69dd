from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from nmn.data.clevr import read_questions, read_scenes
from nmn.domain import Domain
from nmn.errors import DataError, ExecutionError, NMNError
from nmn.program.program import Node, Program
from nmn.program.text import parse_program
from nmn.scene.plan import compile_programs
from nmn.scene.scene import Scene, SceneObject, grid_scene
from nmn.scene.symbolic import Result, execute
from nmn.scene.table import SceneTable
from nmn.scene.vectorised import VectorisedExecution, run
from tests.strategies import CLEVR, SHAPES, attempt, grid_scenes, programs, table_scenes

RED, GREEN = {"color": "red", "shape": "circle"}, {"color": "green", "shape": "square"}

# 0 red circle   1 green square   2 empty
# 3 empty        4 red square     5 nothing but blue
GRID = grid_scene(((RED, GREEN, None), (None, {**GREEN, "color": "red"}, {"color": "blue"})))


def run_all(
    programs: list[Program], scenes: list[Scene], scene: list[int], domain: Domain
) -> VectorisedExecution:
    table = SceneTable.of(scenes, domain)
    return run(compile_programs(programs, domain), table, np.array(scene, dtype=np.intp))


def run_one(program: Program, scene: Scene, domain: Domain = SHAPES) -> VectorisedExecution:
    return run_all([program], [scene], [0], domain)


def result_of(program: Program, node: int, scene: Scene) -> Result | None:
    """What a node alone, with what it depends on, is when executed plainly; None if it fails."""
    part = Program(program.nodes[: node + 1])
    found = attempt(lambda: execute(part, scene).results[-1], ExecutionError)
    return None if isinstance(found, ExecutionError) else found


def assert_as_executed(
    execution: VectorisedExecution, index: int, program: Program, scene: Scene
) -> None:
    """Every result, the answer, and the failure are those of the plain execution."""
    wanted = [result_of(program, node, scene) for node in range(len(program))]
    results = execution.results(index)
    assert [(type(r), r) for r in results] == [(type(r), r) for r in wanted]
    plain = attempt(lambda: execute(program, scene), ExecutionError)
    error = execution.error(index)
    assert execution.failed[index] == isinstance(plain, ExecutionError)
    if isinstance(plain, ExecutionError):
        pairs = zip(program.reachable, wanted, strict=True)
        first = [needed and result is None for needed, result in pairs].index(True)
        assert execution.failed_node[index] == first
        assert error is not None
        assert (error.operation, error.path) == (plain.operation, plain.path)
        assert str(error) == str(plain)
        assert execution.answers[index] == -1
        with pytest.raises(ExecutionError, match=r"needs exactly one|without"):
            execution.answer(index)
        return
    assert error is None
    assert execution.failed_node[index] == -1
    assert results == plain.results
    assert execution.answer(index) == plain.answer
    answers = execution.plan.domain.answers
    listed = answers.index(plain.answer) if plain.answer in answers else -1
    assert execution.answers[index] == listed


@st.composite
def tangles(draw: DrawFn, domain: Domain) -> Program:
    """Programs one after the other, equal nodes shared, so that only the last is reachable."""
    nodes: list[Node] = []
    for program in draw(st.lists(programs(domain, 12), min_size=1, max_size=3)):
        place: list[int] = []
        for node in program.nodes:
            inputs = tuple(place[source] for source in node.inputs)
            moved = Node(node.operation, node.argument, inputs)
            if moved not in nodes or node is program.root:
                nodes.append(moved)
            place.append(nodes.index(moved))
    return Program(tuple(nodes))


def scenes_of(domain: Domain) -> SearchStrategy[Scene]:
    """Scenes with things of which some attributes are not known among them."""
    whole = grid_scenes() if domain == SHAPES else table_scenes(10)
    return st.tuples(whole, st.sampled_from([None, None, *domain.attribute_names])).map(
        lambda drawn: drawn[0] if drawn[1] is None else _without(*drawn)
    )


def _without(scene: Scene, attribute: str | None) -> Scene:
    first, *rest = scene.objects or (SceneObject({}),)
    known = {name: value for name, value in first.attributes.items() if name != attribute}
    objects = (SceneObject(known), *rest) if scene.objects else ()
    return Scene(objects, scene.relations, scene.grid)


@given(st.data(), st.sampled_from([SHAPES, CLEVR]))
@settings(deadline=None, max_examples=200)
def test_any_programs_on_any_scenes_give_what_plain_execution_gives(
    data: st.DataObject, domain: Domain
) -> None:
    batch = data.draw(st.lists(tangles(domain), min_size=1, max_size=4))
    scenes = data.draw(st.lists(scenes_of(domain), min_size=1, max_size=3))
    index = st.integers(0, len(scenes) - 1)
    scene = data.draw(st.lists(index, min_size=len(batch), max_size=len(batch)))
    execution = run_all(batch, scenes, scene, domain)
    for row, program in enumerate(batch):
        assert_as_executed(execution, row, program, scenes[scene[row]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("count(unique(find[red]))", "count > unique: unique needs exactly one object, got 2"),
        ("count(unique(find[triangle]))", "count > unique: unique needs exactly one object, got 0"),
        ("query[color](scene)", "query[color]: query needs exactly one object, got 4"),
        (
            "query[color](relate[below](find[circle]))",
            "query[color]: query of an object without color",
        ),
        ("query[shape](find[blue])", "query[shape]: query of an object without shape"),
        (
            "equal[color](query[color](unique(find[red])), query[color](unique(scene)))",
            "equal[color] > query[color] > unique: unique needs exactly one object, got 2",
        ),
    ],
)
def test_failures_are_told_as_in_plain_execution(text: str, message: str) -> None:
    program = parse_program(text, SHAPES)
    execution = run_one(program, GRID)
    assert str(execution.error(0)) == message
    assert_as_executed(execution, 0, program, GRID)


def test_of_several_failures_the_first_reachable_one_is_told() -> None:
    nodes = (
        Node("scene"),
        Node("unique", None, (0,)),  # fails, unreachable
        Node("same", "color", (1,)),
        Node("find", "red"),
        Node("unique", None, (3,)),  # fails
        Node("query", "color", (4,)),
        Node("query", "color", (0,)),  # fails too
        Node("equal", "color", (5, 6)),
    )
    execution = run_one(Program(nodes), GRID)
    everything, red = frozenset({0, 1, 4, 5}), frozenset({0, 4})
    assert execution.failed_node.tolist() == [4]
    assert execution.results(0) == (everything, None, None, red, None, None, None, None)


def test_an_unreachable_failure_leaves_the_answer_alone() -> None:
    nodes = (Node("scene"), Node("query", "color", (0,)), Node("exists", None, (0,)))
    execution = run_one(Program(nodes), GRID)
    assert not execution.failed.any()
    assert execution.answer(0) == "yes"
    assert execution.results(0)[1:] == (None, True)


def test_failures_of_some_programs_do_not_touch_the_others() -> None:
    texts = ["count(scene)", "count(unique(scene))", "exists(find[red])", "query[color](scene)"]
    batch = [parse_program(text) for text in texts]
    execution = run_all(batch, [GRID], [0] * 4, SHAPES)
    assert execution.failed.tolist() == [False, True, False, True]
    assert execution.failed_node.tolist() == [-1, 1, -1, 1]
    assert [execution.answer(0), execution.answer(2)] == ["4", "yes"]


@pytest.mark.parametrize("count", [0, 1, 10, 11, 64])
def test_scenes_from_no_object_to_64(count: int, clevr: Domain) -> None:
    thing = SceneObject({a.name: a.values[-1] for a in clevr.attributes})
    others = tuple(tuple(j for j in range(count) if j != i) for i in range(count))
    scene = Scene((thing,) * count, dict.fromkeys(clevr.relations, others))
    texts = [
        "count(scene)",
        "count(relate[left](scene))",
        "count(same[color](unique(relate[left](same[size](scene)))))",
        "count(same[shape](scene))",
        "query[color](scene)",
        "greater_than(count(find[metal]), count(find[rubber]))",
    ]
    batch = [parse_program(text, clevr) for text in texts]
    execution = run_all(batch, [scene], [0] * len(batch), clevr)
    for row, program in enumerate(batch):
        assert_as_executed(execution, row, program, scene)


def test_a_count_that_is_no_answer_of_the_domain_is_known_even_so(clevr: Domain) -> None:
    things = (SceneObject({"color": "red"}),) * 11
    scene = Scene(things, dict.fromkeys(clevr.relations, ((),) * 11))
    batch = [parse_program(text, clevr) for text in ("count(scene)", "exists(scene)")]
    execution = run_all(batch, [scene], [0, 0], clevr)
    assert execution.answers.tolist() == [-1, clevr.answers.index("yes")]
    assert not execution.failed.any()
    assert execution.answer(0) == "11"
    assert execution.results(0)[-1] == 11


def test_one_plan_runs_on_any_scenes(shapes: Domain) -> None:
    batch = [parse_program(text) for text in ("count(find[red])", "query[shape](find[green])")]
    plan = compile_programs(batch, shapes)
    scenes = [GRID, grid_scene(((RED,),)), grid_scene(((GREEN, RED),))]
    wide = run(plan, SceneTable.of(scenes, shapes), np.array([0, 2], dtype=np.int32))
    assert [wide.answer(0), wide.answer(1)] == ["2", "square"]
    narrow = run(plan, SceneTable.of(scenes[1:], shapes), np.array([0, 0]))
    assert [narrow.answer(0), narrow.failed.tolist()] == ["1", [False, True]]


def test_an_empty_batch_runs(shapes: Domain) -> None:
    for scenes in ([], [GRID]):
        execution = run_all([], scenes, [], shapes)
        assert len(execution) == execution.answers.size == execution.failed.size == 0


def test_5000_steps_run_beside_a_short_program() -> None:
    nodes = [Node("scene"), *(Node("same", "color", (index,)) for index in range(4998))]
    long = Program((*nodes, Node("count", None, (4998,))))
    short = parse_program("count(scene)")
    execution = run_all([short, long], [GRID], [0, 0], SHAPES)
    assert [execution.answer(0), execution.answer(1)] == ["4", "2"]


@pytest.mark.parametrize(
    ("scene", "message"),
    [
        ([0], "scenes of a plan: wanted 2, one a program, got 1"),
        ([0, 1], "scenes, program 1: no scene 1 among 1"),
        ([-1, 0], "scenes, program 0: no scene -1 among 1"),
    ],
    ids=["too few", "too large", "negative"],
)
def test_scenes_that_there_are_not_are_refused(scene: list[int], message: str) -> None:
    batch = [parse_program("exists(scene)")] * 2
    with pytest.raises(NMNError) as caught:
        run_all(batch, [GRID], scene, SHAPES)
    assert str(caught.value) == message


def test_scenes_of_another_domain_are_refused(clevr: Domain) -> None:
    plan = compile_programs([parse_program("exists(scene)")], clevr)
    with pytest.raises(DataError) as caught:
        run(plan, SceneTable.of([GRID], SHAPES), np.array([0]))
    assert str(caught.value) == "scenes: of domain shapes, but the programs of clevr"


def test_real_questions_have_the_stored_answers_and_intermediate_results(
    real_data: Path, clevr: Domain
) -> None:
    folder = real_data / "clevr"
    scenes = read_scenes(folder / "CLEVR_train_scenes.json.gz", clevr)
    questions = list(read_questions(folder / "CLEVR_train_questions.json.gz", clevr))
    places = {image: place for place, image in enumerate(scenes)}
    batch = [q.example.program for q in questions if q.example.program is not None]
    scene = [places[q.example.image_index] for q in questions]
    execution = run_all(batch, list(scenes.values()), scene, clevr)
    assert len(execution) == len(questions) == 10_000
    assert not execution.failed.any()
    stored = [q.example.answer for q in questions]
    assert [execution.answer(index) for index in range(len(batch))] == stored
    assert [clevr.answers[index] for index in execution.answers] == stored
    compared = 0
    for index, question in enumerate(questions):
        assert question.outputs is not None
        plain = execute(batch[index], scenes[question.example.image_index])
        results = execution.results(index)
        assert results == plain.results
        for output, result in zip(question.outputs, results, strict=True):
            wanted = output
            if isinstance(result, frozenset):  # of `unique`, a single index is stored
                wanted = frozenset(output if isinstance(output, list) else [output])
            assert (type(result), result) == (type(wanted), wanted)
            compared += 1
    assert compared == sum(map(len, batch)) > 100_000
