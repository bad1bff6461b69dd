import numpy as np
import pytest

from nmn.generate.programs import SMALLEST_DEPTH, random_program
from nmn.parsing.say_clevr import MAX_COORDINATION, PHRASINGS
from nmn.program.ops import OPERATIONS
from nmn.program.program import Program
from nmn.program.typecheck import typecheck
from tests.strategies import CLEVR


def drawn(count: int, depth: int, seed: int = 0) -> list[Program]:
    generator = np.random.default_rng(seed)
    return [random_program(CLEVR, depth, generator) for _ in range(count)]


@pytest.mark.parametrize("depth", [SMALLEST_DEPTH, 6, 8, 16, 32])
def test_programs_are_well_typed_and_of_at_most_the_depth(depth: int) -> None:
    programs = drawn(100, depth)
    for program in programs:
        typecheck(program, CLEVR)
        assert program.depth <= depth
        assert program.root.operation in PHRASINGS
    if depth <= 16:
        assert max(program.depth for program in programs) == depth


def test_every_operation_and_every_argument_comes_up() -> None:
    nodes = {(n.operation, n.argument) for program in drawn(1_000, 8) for n in program.nodes}
    wanted = {(row.name, arg) for row in OPERATIONS.values() for arg in row.arguments(CLEVR)}
    assert nodes == wanted


def test_combinations_that_no_template_has_come_up() -> None:
    programs = drawn(600, 10)
    feeds = {
        (program.nodes[source].operation, node.operation)
        for program in programs
        for node in program.nodes
        for source in node.inputs
    }
    for pair in [
        ("same", "filter"),
        ("same", "count"),
        ("relate", "and"),
        ("and", "or"),
        ("or", "unique"),
        ("scene", "exists"),
        ("same", "or"),
    ]:
        assert pair in feeds
    comparisons = [p for p in programs if p.root.operation in ("less_than", "greater_than")]
    assert any(program.count("same") for program in comparisons)


def test_relations_are_of_one_object_and_sets_are_nested_as_they_can_be_said() -> None:
    for program in drawn(300, 12):
        nesting: list[int] = []
        for node in program.nodes:
            below = max((nesting[source] for source in node.inputs), default=0)
            if node.operation in ("relate", "same", "query"):
                assert program.nodes[node.inputs[0]].operation == "unique"
            if node.operation == "unique":
                below = 0
            nesting.append(below + (node.operation in ("and", "or")))
        assert max(nesting) <= MAX_COORDINATION


def test_the_same_seed_draws_the_same_programs() -> None:
    assert drawn(50, 8, seed=3) == drawn(50, 8, seed=3)
    assert drawn(50, 8, seed=3) != drawn(50, 8, seed=4)


def test_most_programs_are_different() -> None:
    assert len(set(drawn(300, 8))) > 270


def test_a_depth_that_no_comparison_has_is_refused() -> None:
    wanted = f"wanted a depth of at least {SMALLEST_DEPTH}, got {SMALLEST_DEPTH - 1}"
    with pytest.raises(ValueError, match=wanted):
        random_program(CLEVR, SMALLEST_DEPTH - 1, np.random.default_rng(0))
