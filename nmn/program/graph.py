"""Programs as graphs: networkx for those who compute, DOT and Mermaid for those who draw."""

from typing import TYPE_CHECKING

from nmn.program.program import Program

if TYPE_CHECKING:
    import networkx as nx


def to_networkx(program: Program) -> "nx.DiGraph[int]":
    """The nodes and, from each input to its consumer, the edges.

    Nodes have `label`, `operation` and `argument`; edges have `position`, the number of the
    input from 0 (a list, as one node may feed both inputs of another).
    """
    import networkx as nx  # noqa: PLC0415 - slow to load, and few need it

    graph: nx.DiGraph[int] = nx.DiGraph()
    for index, node in enumerate(program.nodes):
        graph.add_node(index, label=node.label, operation=node.operation, argument=node.argument)
        for position, source in enumerate(node.inputs):
            if graph.has_edge(source, index):
                graph.edges[source, index]["position"].append(position)
            else:
                graph.add_edge(source, index, position=[position])
    return graph


def to_dot(program: Program) -> str:
    """Graphviz text, the root on top."""
    lines = ["digraph program {", "  rankdir=BT;", "  node [shape=box, fontname=monospace];"]
    for index, node in enumerate(program.nodes):
        label = node.label.replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'  n{index} [label="{label}"];')
    for index, node in enumerate(program.nodes):
        lines.extend(f"  n{source} -> n{index};" for source in node.inputs)
    return "\n".join([*lines, "}"]) + "\n"


def to_mermaid(program: Program) -> str:
    """Mermaid flowchart text, the root on top."""
    lines = ["flowchart BT"]
    for index, node in enumerate(program.nodes):
        label = node.label.replace('"', "#quot;")
        lines.append(f'  n{index}["{label}"]')
    for index, node in enumerate(program.nodes):
        lines.extend(f"  n{source} --> n{index}" for source in node.inputs)
    return "\n".join(lines) + "\n"
