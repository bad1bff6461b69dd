import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmn.domain import Attribute, Domain
from nmn.errors import ConfigError, NMNError, ProgramTypeError, UnknownNameError
from nmn.program.canonical import canonical
from nmn.program.clevr import (
    GENERATOR,
    SIDE_INPUTS,
    V1,
    Dialect,
    decode_clevr,
    from_clevr,
    json_word,
    spellings_of,
    steps_of,
    to_clevr,
)
from nmn.program.ops import OPERATIONS
from nmn.program.program import Node, Program
from nmn.program.text import parse_program
from nmn.program.typecheck import typecheck
from tests.strategies import CLEVR, attempt, programs, rewordings

DIALECTS = [V1, GENERATOR, SIDE_INPUTS, Dialect("function", "side_inputs")]


def clevr_node(function: str, inputs: list[int], *values: str) -> dict[str, Any]:
    return {"function": function, "inputs": inputs, "value_inputs": list(values)}


def test_a_program_as_the_node_list_of_a_clevr_file(clevr: Domain) -> None:
    program = parse_program(
        "equal[color]("
        "query[color](unique(filter[large](find[cube]))), "
        "query[color](unique(relate[left](same[material](find[metal])))))",
        clevr,
    )
    assert to_clevr(program, clevr) == [
        clevr_node("scene", []),
        clevr_node("filter_shape", [0], "cube"),
        clevr_node("filter_size", [1], "large"),
        clevr_node("unique", [2]),
        clevr_node("query_color", [3]),
        clevr_node("scene", []),
        clevr_node("filter_material", [5], "metal"),
        clevr_node("same_material", [6]),
        clevr_node("relate", [7], "left"),
        clevr_node("unique", [8]),
        clevr_node("query_color", [9]),
        clevr_node("equal_color", [4, 10]),
    ]


@pytest.mark.parametrize(
    ("text", "functions"),
    [
        ("exists(and(scene, scene))", "scene scene intersect exist"),
        ("exists(or(scene, scene))", "scene scene union exist"),
        ("less_than(count(scene), count(scene))", "scene count scene count less_than"),
        ("greater_than(count(scene), count(scene))", "scene count scene count greater_than"),
        ("equal_number(count(scene), count(scene))", "scene count scene count equal_integer"),
    ],
)
def test_functions_of_clevr(text: str, functions: str, clevr: Domain) -> None:
    nodes = to_clevr(parse_program(text, clevr), clevr)
    assert [node["function"] for node in nodes] == functions.split()


def test_a_concept_that_the_domain_does_not_have_is_unknown(clevr: Domain) -> None:
    with pytest.raises(UnknownNameError, match="unknown concept 'circle' in domain clevr"):
        to_clevr(parse_program("exists(find[circle])"), clevr)


RED_CUBES: list[dict[str, Any]] = [
    clevr_node("scene", []),
    clevr_node("filter_color", [0], "red"),
    clevr_node("filter_shape", [1], "cube"),
    clevr_node("count", [2]),
]


def test_each_node_of_a_file_becomes_one_node(clevr: Domain) -> None:
    program, places = decode_clevr(RED_CUBES, clevr)
    assert str(program) == "count(filter[cube](filter[red](scene)))"
    assert places == (0, 1, 2, 3)
    assert to_clevr(program, clevr) == RED_CUBES


@given(programs(CLEVR, 20), st.sampled_from(DIALECTS))
@settings(deadline=None, max_examples=150)
def test_written_and_read_again_it_is_the_same(program: Program, dialect: Dialect) -> None:
    nodes = to_clevr(program, CLEVR, dialect)
    again = from_clevr(json.loads(json.dumps(nodes)), CLEVR)
    assert canonical(again) == canonical(program)
    assert to_clevr(again, CLEVR, dialect) == nodes
    assert all({dialect.function, dialect.values, "inputs"} == set(node) for node in nodes)


@given(rewordings(CLEVR))
@settings(deadline=None, max_examples=60)
def test_shared_and_unreachable_nodes_stay(rewording: Any) -> None:
    program = rewording.other
    again = from_clevr(to_clevr(program, CLEVR), CLEVR)
    found = sum(node.operation == "find" for node in program.nodes)
    assert len(again) == len(program) + found
    assert canonical(again) == canonical(program)


@pytest.mark.parametrize(
    "node",
    [
        {"type": "count", "inputs": [0]},
        {"type": "count", "inputs": [0], "side_inputs": []},
        {"function": "count", "inputs": [0], "value_inputs": None},
        {"function": None, "type": "count", "inputs": [0], "_output": 3, "more": {"a": []}},
    ],
)
def test_what_may_be_left_out_and_what_is_passed_over(node: dict[str, Any], clevr: Domain) -> None:
    assert str(from_clevr([{"type": "scene", "inputs": []}, node], clevr)) == "count(scene)"


@given(programs(CLEVR, 14), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=100)
def test_nodes_in_any_order_are_sorted(program: Program, chance: random.Random) -> None:
    nodes = to_clevr(program, CLEVR)
    order = list(range(len(nodes)))
    chance.shuffle(order)
    place = {index: position for position, index in enumerate(order)}
    shuffled = [
        {**nodes[index], "inputs": [place[source] for source in nodes[index]["inputs"]]}
        for index in order
    ]
    again, places = decode_clevr(shuffled, CLEVR)
    assert canonical(again) == canonical(program)
    assert sorted(places) == list(range(len(nodes)))
    written = to_clevr(again, CLEVR)
    for node, position in zip(shuffled, places, strict=True):
        assert written[position]["function"] == node["function"]
        assert written[position]["inputs"] == [places[source] for source in node["inputs"]]


def test_a_file_with_the_root_first_is_read(clevr: Domain) -> None:
    nodes = [
        clevr_node("less_than", [1, 3]),
        clevr_node("count", [2]),
        clevr_node("scene", []),
        clevr_node("count", [4]),
        clevr_node("filter_color", [2], "red"),
        clevr_node("scene", []),
    ]
    program, places = decode_clevr(nodes, clevr)
    assert str(program) == "less_than(count(scene), count(filter[red](scene)))"
    assert places == (5, 1, 0, 3, 2, 4)


def test_the_last_node_is_the_root_even_of_several_ends(clevr: Domain) -> None:
    nodes = [*RED_CUBES, clevr_node("exist", [0])]
    assert str(from_clevr(nodes, clevr)) == "exists(scene)"


def scene_then(*nodes: Any) -> list[Any]:
    return [clevr_node("scene", []), *nodes]


FAULTS: list[tuple[str, Any, str]] = [
    ("nothing", [], "nodes: wanted a list of at least one node, got none"),
    ("null", None, "nodes: wanted a list of at least one node, got null"),
    ("text", "scene", "nodes: wanted a list of at least one node, got 'scene'"),
    ("an object", {"0": {}}, "nodes: wanted a list of at least one node, got an object"),
    ("a number for a node", [3], "node 0: wanted an object with 'function' and 'inputs', got 3"),
    ("a list for a node", [[]], "node 0: wanted an object with 'function' and 'inputs', got a"),
    ("no function", [{"inputs": []}], "node 0: wanted the name of a function as 'function' or"),
    ("a function 7", [{"type": 7, "inputs": []}], "of a function as 'function' or 'type', got 7"),
    ("no inputs", [{"type": "scene"}], "node 0, scene: wanted a list of node numbers as 'inputs'"),
    (
        "inputs of text",
        scene_then({"type": "count", "inputs": "0"}),
        "node 1, count: wanted a list of node numbers as 'inputs', got '0'",
    ),
    (
        "an unknown function",
        scene_then(clevr_node("filter_colr", [0], "red")),
        "node 1, filter_colr: wanted a function of CLEVR "
        "(nearest: 'filter_color', 'filter_size' or 'query_color'), got",
    ),
    (
        "our own name",
        scene_then(clevr_node("exists", [0])),
        "node 1, exists: wanted a function of CLEVR (nearest: 'exist', ",
    ),
    (
        "an unknown value",
        scene_then(clevr_node("filter_color", [0], "rad")),
        "node 1, filter_color: wanted a value of it ('red', 'gray' or 'cyan'), got 'rad'",
    ),
    (
        "a value of another attribute",
        scene_then(clevr_node("filter_color", [0], "cube")),
        "got 'cube', which is of 'filter_shape'",
    ),
    (
        "a missing value",
        scene_then({"type": "relate", "inputs": [0]}),
        "node 1, relate: wanted a value of it ('left', 'right' or 'front'), got none",
    ),
    (
        "a value too many",
        scene_then(clevr_node("unique", [0], "red")),
        "node 1, unique: wanted no value, got 'red'",
    ),
    (
        "two values",
        scene_then(clevr_node("filter_color", [0], "red", "blue")),
        "wanted a list of at most one name as 'value_inputs', got 2 values",
    ),
    (
        "a value that is text",
        scene_then({"type": "filter_color", "inputs": [0], "value_inputs": "red"}),
        "wanted a list of at most one name as 'value_inputs', got 'red'",
    ),
    (
        "a value of null",
        scene_then({"type": "unique", "inputs": [0], "value_inputs": [None]}),
        "wanted a list of at most one name as 'value_inputs', got null",
    ),
    (
        "nested values",
        scene_then({"type": "unique", "inputs": [0], "value_inputs": [["red"]]}),
        "got a list",
    ),
    (
        "values of an object",
        scene_then({"type": "unique", "inputs": [0], "value_inputs": {}}),
        "got an object",
    ),
    (
        "too few inputs",
        scene_then(clevr_node("intersect", [0]), clevr_node("exist", [1])),
        "node 1, intersect: wanted 2 inputs (Mask, Mask), got 1 input (Mask)",
    ),
    (
        "too many inputs",
        scene_then(clevr_node("exist", [0, 0])),
        "node 1, exist: wanted 1 input (Mask), got 2 inputs (Mask, Mask)",
    ),
    (
        "a number where a mask belongs",
        [*RED_CUBES, clevr_node("exist", [3])],
        "node 4, exist: wanted Mask, got Number from count",
    ),
    (
        "a mask at the root",
        scene_then(clevr_node("unique", [0])),
        "node 1, unique: wanted 'Bool', 'Number' or 'Value' at the root",
    ),
    ("its own input", scene_then(clevr_node("count", [1])), "not depend on it, got itself"),
    (
        "a cycle",
        [clevr_node("unique", [1]), clevr_node("unique", [0]), clevr_node("count", [1])],
        "node 0, unique: wanted inputs that do not depend on it, got a cycle of 2 nodes",
    ),
    (
        "a type error out of order",
        [clevr_node("exist", [1]), clevr_node("count", [2]), clevr_node("scene", [])],
        "node 0, exist: wanted Mask, got Number from count",
    ),
]
BAD_INDICES: list[tuple[Any, str]] = [
    (2, "2"),
    (-1, "-1"),
    (True, "true"),
    (False, "false"),
    (0.0, "0.0"),
    (None, "null"),
    ("0", "'0'"),
    ([0], "a list"),
    (10**30, "a number of more than 18 digits"),
    (10**5000, "a number of more than 18 digits"),
]


@pytest.mark.parametrize(
    ("nodes", "said"), [pytest.param(nodes, said, id=label) for label, nodes, said in FAULTS]
)
def test_faults_are_one_line_with_the_node(nodes: Any, said: str, clevr: Domain) -> None:
    with pytest.raises(ProgramTypeError) as caught:
        from_clevr(nodes, clevr)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("source", "got"), BAD_INDICES, ids=[got for _, got in BAD_INDICES])
def test_inputs_are_numbers_of_nodes(source: Any, got: str, clevr: Domain) -> None:
    with pytest.raises(ProgramTypeError) as caught:
        from_clevr(scene_then(clevr_node("count", [source])), clevr)
    wanted = f"node 1, count: wanted numbers from 0 to 1 as 'inputs', got {got}"
    assert str(caught.value) == wanted


GARBAGE = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-2, 4),
        st.floats(),
        st.sampled_from(["scene", "exist", "filter_color", "red", "relate", "\ud800\n"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["type", "function", "inputs", "value_inputs", "side_inputs"]), inner
        ),
    ),
    max_leaves=12,
)


@given(st.one_of(GARBAGE, st.lists(GARBAGE, max_size=4)))
@settings(deadline=None, max_examples=300)
def test_whatever_is_read_only_errors_of_ours_come_out(nodes: Any) -> None:
    program = attempt(lambda: from_clevr(nodes, CLEVR), NMNError)
    if isinstance(program, NMNError):
        assert str(program).isprintable()
    else:
        typecheck(program, CLEVR)


def test_long_chains_do_not_reach_the_recursion_limit(clevr: Domain) -> None:
    chain = [clevr_node("unique", [index + 1]) for index in range(20_000)]
    nodes = [clevr_node("count", [1]), *chain[1:], clevr_node("scene", [])]
    assert from_clevr(nodes, clevr).depth == 20_001
    nodes[-1] = clevr_node("unique", [1])
    with pytest.raises(ProgramTypeError, match="got a cycle of 20000 nodes"):
        from_clevr(nodes, clevr)


def test_the_tables_are_inverse_but_for_find(clevr: Domain) -> None:
    spellings, steps = spellings_of(clevr), steps_of(clevr)
    assert {operation for operation, _ in spellings} == set(OPERATIONS)
    assert all(spellings[step] == spelling for spelling, step in steps.items())
    assert {step for step in spellings if step[0] != "find"} == set(steps.values())


def test_a_domain_in_which_a_function_would_mean_two_things_is_refused() -> None:
    attribute = Attribute("integer", ("one",))
    domain = Domain("odd", "", (attribute,), (), ("yes", "no"))
    with pytest.raises(ConfigError, match="'equal_integer' of CLEVR would have two meanings"):
        from_clevr(RED_CUBES, domain)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (Node("relate", "above", (0,)), "unknown relation 'above' in domain clevr; nearest: "),
        (Node("same", "colour", (0,)), "unknown attribute 'colour' in domain clevr; nearest: "),
        (Node("unique", "red", (0,)), "unknown argument of unique 'red' in domain clevr"),
        (Node("uniqe", None, (0,)), "unknown operation 'uniqe'; nearest: 'unique'"),
    ],
)
def test_what_clevr_cannot_say_is_named(node: Node, message: str, clevr: Domain) -> None:
    with pytest.raises(UnknownNameError) as caught:
        to_clevr(Program((Node("scene"), node)), clevr)
    assert str(caught.value).startswith(message)


def test_values_out_of_json_in_words() -> None:
    values: list[Any] = [None, True, 3, -0.5, "a\nb", [1], {}, 10**18]
    assert [json_word(value) for value in values] == [
        *("null", "true", "3", "-0.5", "'a b'", "a list", "an object"),
        "a number of more than 18 digits",
    ]
