from itertools import product

import pytest
from hypothesis import given, settings

from nmn.domain import Domain
from nmn.errors import NMNError, ProgramTypeError, UnknownNameError
from nmn.execution.compiled import CompiledProgram, Compiler
from nmn.program.program import Node, Program, call
from nmn.program.steps import step_table
from nmn.program.text import parse_program
from nmn.program.typecheck import typecheck
from tests.execution.engines import sample_programs, tangles
from tests.strategies import CLEVR

RED = parse_program("exists(find[red])")
DEAD = Program(
    (
        Node("find", "blue"),
        Node("scene"),
        Node("unique", None, (1,)),
        Node("count", None, (0,)),
        Node("relate", "left", (2,)),
        Node("exists", None, (4,)),
    )
)


def labels(compiled: CompiledProgram, domain: Domain = CLEVR) -> list[tuple[str, int, int]]:
    """The rows with the names of their steps."""
    steps = step_table(domain).steps
    rows = (*compiled.needed, *compiled.unneeded)
    return [(steps[step].label, first, second) for step, first, second in rows]


def small(number: int) -> Program:
    """One of 8 programs."""
    return parse_program(f"exists(find[{CLEVR.concepts[number]}])")


def test_find_is_written_as_a_filter_of_the_scene(clevr: Domain) -> None:
    compiled = Compiler(clevr).compile(RED)
    assert labels(compiled) == [("scene", 0, 0), ("filter[red]", 1, 0), ("exists", 2, 0)]
    assert compiled.row_of == (1, 2)
    assert compiled.program is RED
    assert compiled.types == typecheck(RED, clevr)


def test_what_the_answer_does_not_depend_on_comes_last(clevr: Domain) -> None:
    compiled = Compiler(clevr).compile(DEAD)
    assert len(compiled.needed) == 4
    assert labels(compiled) == [
        ("scene", 0, 0),
        ("unique", 1, 0),
        ("relate[left]", 2, 0),
        ("exists", 3, 0),
        ("scene", 0, 0),
        ("filter[blue]", 5, 0),
        ("count", 6, 0),
    ]
    assert compiled.row_of == (5, 0, 1, 6, 2, 3)


def test_operations_that_hand_on_their_input_are_left_out(clevr: Domain) -> None:
    compiled = Compiler(clevr, frozenset({"unique"})).compile(DEAD)
    assert [label for label, *_ in labels(compiled)] == [
        *("scene", "relate[left]", "exists"),
        *("scene", "filter[blue]", "count"),
    ]
    assert compiled.row_of == (4, 0, 0, 5, 1, 2)


@settings(max_examples=100, deadline=None)
@given(tangles(CLEVR))
def test_rows_come_after_their_inputs_and_stand_for_their_nodes(program: Program) -> None:
    for transparent in (frozenset[str](), frozenset({"unique"})):
        compiled = Compiler(CLEVR, transparent).compile(program)
        rows = labels(compiled)
        assert len(compiled.row_of) == len(program)
        for place, (_, first, second) in enumerate(rows):
            assert 0 <= first <= place
            assert 0 <= second <= place
            assert place >= len(compiled.needed) or max(first, second) <= len(compiled.needed)
        for node, row, needed in zip(
            program.nodes, compiled.row_of, program.reachable, strict=True
        ):
            label, *inputs = rows[row]
            if node.operation in transparent:
                assert row == compiled.row_of[node.inputs[0]]
            elif node.operation == "find":
                assert label == f"filter[{node.argument}]"
                assert rows[inputs[0] - 1] == ("scene", 0, 0)
            else:
                assert label == node.label
                wanted = [1 + compiled.row_of[source] for source in node.inputs]
                assert inputs == [*wanted, 0, 0][:2]
            assert needed is (row < len(compiled.needed)) or node.operation in transparent


def test_a_program_is_remembered_from_its_second_time_on(clevr: Domain) -> None:
    compiler = Compiler(clevr)
    first = compiler.compile(RED)
    assert len(compiler) == 0
    second = compiler.compile(parse_program("exists(find[red])"))
    assert len(compiler) == 1
    assert second is not first
    assert second == first
    assert compiler.compile(RED) is second


def test_programs_that_come_once_leave_nothing(clevr: Domain) -> None:
    compiler = Compiler(clevr)
    names = clevr.concepts
    for first, second, third, relation in product(names, names, names, clevr.relations[:3]):
        nodes = (
            Node("find", first),
            Node("filter", second, (0,)),
            Node("relate", relation, (1,)),
            Node("filter", third, (2,)),
            Node("exists", None, (3,)),
        )
        compiler.compile(Program(nodes))
    assert len(names) ** 3 * 3 > 10_000
    assert len(compiler) == 0


def test_what_was_not_used_for_longest_is_forgotten(clevr: Domain) -> None:
    compiler = Compiler(clevr, most=2)
    made = {}
    for number in (0, 1):
        compiler.compile(small(number))
        made[number] = compiler.compile(small(number))
    assert compiler.compile(small(0)) is made[0]
    for _ in range(2):
        compiler.compile(small(2))
    assert len(compiler) == 2
    assert compiler.compile(small(0)) is made[0]
    again = compiler.compile(small(1))
    assert again is not made[1]
    assert again == made[1]


def test_what_a_compiler_holds_is_bounded(clevr: Domain) -> None:
    compiler = Compiler(clevr, most=3)
    for _ in range(3):
        for program in sample_programs(clevr, 200, seed=6):
            compiler.compile(program)
            compiler.compile(program)
    assert len(compiler) <= 3
    assert len(compiler._seen) <= 4 * 3


@pytest.mark.parametrize(
    ("program", "kind", "text"),
    [
        (Program((Node("scene"), Node("exsits", None, (0,)))), UnknownNameError, "'exsits'"),
        (call("scene"), ProgramTypeError, "scene: wanted 'Bool', 'Number' or 'Value' at"),
        (call("count", RED), ProgramTypeError, "count: wanted Mask, got Bool from exists"),
        (call("exists"), ProgramTypeError, "exists: wanted 1 input"),
        (call("exists", call("find", argument="mauve")), ProgramTypeError, "'mauve'"),
    ],
)
def test_programs_that_do_not_fit_are_refused(
    program: Program, kind: type[NMNError], text: str, clevr: Domain
) -> None:
    compiler = Compiler(clevr)
    for _ in range(3):
        with pytest.raises(kind) as caught:
            compiler.compile(program)
        assert text in str(caught.value)
        assert "\n" not in str(caught.value)
    assert len(compiler) == 0


def test_a_dead_node_that_does_not_fit_is_refused_too(clevr: Domain) -> None:
    nodes = Node("scene"), Node("count", None, (0,)), Node("unique", None, (1,))
    with pytest.raises(ProgramTypeError, match="unique: wanted Mask, got Number"):
        Compiler(clevr).compile(Program((*nodes, Node("exists", None, (0,)))))


def test_an_answer_that_the_domain_lacks_is_refused(shapes: Domain) -> None:
    with pytest.raises(ProgramTypeError, match="wanted an answer of domain shapes"):
        Compiler(shapes).compile(parse_program("count(find[red])"))
