import re

from hypothesis import given, settings

from nmn.domain import Domain
from nmn.program.graph import to_dot, to_mermaid, to_networkx
from nmn.program.program import Node, Program
from nmn.program.text import parse_program
from tests.strategies import any_programs

PROGRAM = parse_program("less_than(count(find[red]), count(relate[above](find[blue])))")
SHARED = Program(
    (
        Node("find", "red"),
        Node("scene"),
        Node("and", None, (0, 0)),
        Node("exists", None, (2,)),
    )
)


def test_nodes_of_the_graph_say_what_they_do() -> None:
    graph = to_networkx(PROGRAM)
    assert dict(graph.nodes(data=True)) == {
        0: {"label": "find[red]", "operation": "find", "argument": "red"},
        1: {"label": "count", "operation": "count", "argument": None},
        2: {"label": "find[blue]", "operation": "find", "argument": "blue"},
        3: {"label": "relate[above]", "operation": "relate", "argument": "above"},
        4: {"label": "count", "operation": "count", "argument": None},
        5: {"label": "less_than", "operation": "less_than", "argument": None},
    }


def test_edges_lead_from_input_to_consumer_and_say_which_input() -> None:
    edges = {(a, b): position for a, b, position in to_networkx(PROGRAM).edges(data="position")}
    assert edges == {(0, 1): [0], (2, 3): [0], (3, 4): [0], (1, 5): [0], (4, 5): [1]}


def test_a_node_that_feeds_both_inputs_has_one_edge_with_both_positions() -> None:
    edges = {(a, b): position for a, b, position in to_networkx(SHARED).edges(data="position")}
    assert edges == {(0, 2): [0, 1], (2, 3): [0]}


@given(any_programs())
@settings(deadline=None, max_examples=50)
def test_the_graph_holds_the_whole_program(given_program: tuple[Domain, Program]) -> None:
    _, program = given_program
    graph = to_networkx(program)
    nodes = []
    for index in range(len(program)):
        sources = {
            position: source
            for source, _, positions in graph.in_edges(index, data="position")
            for position in positions
        }
        inputs = tuple(sources[position] for position in range(len(sources)))
        data = graph.nodes[index]
        nodes.append(Node(data["operation"], data["argument"], inputs))
    assert Program(tuple(nodes)) == program


def test_dot_text() -> None:
    assert to_dot(parse_program("exists(find[red])")) == (
        "digraph program {\n"
        "  rankdir=BT;\n"
        "  node [shape=box, fontname=monospace];\n"
        '  n0 [label="find[red]"];\n'
        '  n1 [label="exists"];\n'
        "  n0 -> n1;\n"
        "}\n"
    )


def test_mermaid_text() -> None:
    assert to_mermaid(parse_program("exists(find[red])")) == (
        'flowchart BT\n  n0["find[red]"]\n  n1["exists"]\n  n0 --> n1\n'
    )


def test_dot_and_mermaid_draw_an_edge_for_each_input() -> None:
    edges = [("0", "2"), ("0", "2"), ("2", "3")]
    assert re.findall(r"n(\d+) -> n(\d+);", to_dot(SHARED)) == edges
    assert re.findall(r"n(\d+) --> n(\d+)", to_mermaid(SHARED)) == edges


def test_quotes_and_backslashes_in_names_are_escaped() -> None:
    program = Program((Node("find", 'a"b\\c'),))
    assert '[label="find[a\\"b\\\\c]"];' in to_dot(program)
    assert 'n0["find[a#quot;b\\c]"]' in to_mermaid(program)
