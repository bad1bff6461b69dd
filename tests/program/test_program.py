import copy

import pytest
from hypothesis import given, settings

from nmn.domain import Domain
from nmn.errors import ProgramTypeError
from nmn.program.program import MAX_TREE_NODES, Node, Program, Term, call, flatten, node_of
from nmn.program.text import parse_program
from tests.strategies import any_programs

RED, BLUE = call("find", argument="red"), call("find", argument="blue")
TREE = call("exists", call("and", RED, call("relate", BLUE, argument="above")))
SHARED = Program(
    (
        Node("find", "red"),
        Node("count", None, (0,)),
        Node("scene"),
        Node("equal_number", None, (1, 1)),
    )
)


def doubling(levels: int) -> Program:
    """A program of `levels + 1` nodes whose tree has 2 ** (levels + 1) - 1."""
    return Program((Node("scene"), *(Node("and", None, (level, level)) for level in range(levels))))


def test_call_puts_inputs_before_their_consumer() -> None:
    assert TREE.nodes == (
        Node("find", "red"),
        Node("find", "blue"),
        Node("relate", "above", (1,)),
        Node("and", None, (0, 2)),
        Node("exists", None, (3,)),
    )


def test_the_root_is_the_last_node() -> None:
    assert TREE.root == Node("exists", None, (3,))
    assert len(TREE) == 5


def test_text_is_the_tree_in_brackets() -> None:
    assert str(TREE) == "exists(and(find[red], relate[above](find[blue])))"
    assert str(RED) == "find[red]"


def test_text_writes_shared_nodes_out_and_leaves_unreachable_ones_out() -> None:
    assert str(SHARED) == "equal_number(count(find[red]), count(find[red]))"


def test_reachable_are_the_nodes_that_the_root_depends_on() -> None:
    assert SHARED.reachable == (True, True, False, True)
    assert all(TREE.reachable)


def test_depth_and_tree_size_are_those_of_the_tree() -> None:
    assert (TREE.depth, TREE.tree_size) == (4, 5)
    assert (SHARED.depth, SHARED.tree_size) == (3, 5)
    assert (RED.depth, RED.tree_size) == (1, 1)


def test_count_is_of_reachable_nodes() -> None:
    assert SHARED.count("count") == 1
    assert SHARED.count("scene") == 0
    assert TREE.count("find") == 2


def test_walk_enters_each_node_before_its_inputs_and_leaves_it_after() -> None:
    assert list(TREE.walk()) == [
        (4, True),
        (3, True),
        (0, True),
        (0, False),
        (2, True),
        (1, True),
        (1, False),
        (2, False),
        (3, False),
        (4, False),
    ]


def test_preorder_and_postorder_of_a_tree() -> None:
    assert [node.label for node in TREE.preorder()] == [
        "exists",
        "and",
        "find[red]",
        "relate[above]",
        "find[blue]",
    ]
    assert tuple(TREE.postorder()) == TREE.nodes


def test_the_path_to_a_node_leads_from_the_root_to_it() -> None:
    assert TREE.path_to(1) == ("exists", "and", "relate[above]", "find[blue]")
    assert TREE.path_to(4) == ("exists",)


def test_the_path_to_an_unreachable_node_is_itself() -> None:
    assert SHARED.path_to(2) == ("scene",)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ((), "program: wanted at least one node, got none"),
        ((Node("exists", None, (0,)),), "node 0 > exists: wanted inputs from earlier nodes, got 0"),
        (
            (Node("exists", None, (1,)), Node("scene")),
            "node 0 > exists: wanted inputs from earlier nodes, got 1",
        ),
        (
            (Node("scene"), Node("exists", None, (-1,))),
            "node 1 > exists: wanted inputs from earlier nodes, got -1",
        ),
    ],
    ids=["no nodes", "its own input", "a later input", "a negative input"],
)
def test_nodes_that_are_not_in_topological_order_are_refused(
    nodes: tuple[Node, ...], message: str
) -> None:
    with pytest.raises(ProgramTypeError) as caught:
        Program(nodes)
    assert str(caught.value) == message


def test_programs_are_values() -> None:
    again = call("exists", call("and", RED, call("relate", BLUE, argument="above")))
    assert again == TREE
    assert hash(again) == hash(TREE)
    assert {TREE: 1}[again] == 1


def test_equal_nodes_can_be_had_as_one_object() -> None:
    node = node_of("find", "red")
    assert node == Node("find", "red")
    assert node_of("find", "red") is node
    assert node_of("and", None, (0, 1)) == Node("and", None, (0, 1))


@given(any_programs())
@settings(deadline=None, max_examples=40)
def test_repr_evaluates_back(given_program: tuple[Domain, Program]) -> None:
    _, program = given_program
    assert eval(repr(program)) == program


def test_flatten_gives_a_tree_in_post_order_with_the_spans_of_each_node() -> None:
    red = Term("find", "red", (), ((3, 6),))
    term = Term("exists", None, (Term("and", None, (red, red)),), ((0, 2), (8, 9)))
    program, spans = flatten(term)
    assert str(program) == "exists(and(find[red], find[red]))"
    assert len(program) == 4
    assert spans == (((3, 6),), ((3, 6),), (), ((0, 2), (8, 9)))


def test_a_tree_that_sharing_makes_too_large_is_refused_at_once() -> None:
    huge = doubling(5000)
    assert huge.tree_size == 2**5001 - 1
    with pytest.raises(ProgramTypeError, match="wanted a tree of at most 100000 nodes"):
        next(huge.walk())


def test_the_largest_tree_is_still_walked() -> None:
    small = doubling(15)
    assert sum(1 for _ in small.preorder()) == 2**16 - 1 <= MAX_TREE_NODES


def test_a_term_that_sharing_makes_too_large_is_refused() -> None:
    term = Term("scene")
    for _ in range(40):
        term = Term("and", None, (term, term))
    with pytest.raises(ProgramTypeError, match="wanted a tree of at most 100000 nodes, got more"):
        flatten(term)


def test_a_program_of_20000_nodes_in_a_row_is_walked_without_recursion() -> None:
    nodes = [Node("scene"), *(Node("unique", None, (index,)) for index in range(19_998))]
    program = Program((*nodes, Node("exists", None, (19_998,))))
    assert program.depth == program.tree_size == 20_000
    assert str(program) == f"exists({'unique(' * 19_998}scene{')' * 19_999}"
    assert len(program.path_to(0)) == 20_000
    assert all(program.reachable)
    assert hash(program) == hash(Program(program.nodes))


def test_equal_programs_have_equal_hashes_which_are_made_once() -> None:
    one, other = doubling(2), doubling(2)
    assert one is not other
    assert hash(one) == hash(other) == hash(one)
    assert one.__dict__["_hash"] == other.__dict__["_hash"]
    assert len({one, other, doubling(3)}) == 2
    assert one == other
    assert repr(one) == repr(doubling(2))


def test_the_hash_of_a_program_is_that_of_its_process() -> None:
    program = parse_program("exists(find[red])")
    assert hash(program) == hash(program)
    kind, arguments = program.__reduce__()
    assert kind(*arguments) == program
    assert copy.copy(program) == program
    assert "_hash" not in vars(copy.copy(program))
