"""Random programs and scenes, for properties that hold for all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from nmn.domain import Domain, load_domain
from nmn.errors import NMNError
from nmn.program.ops import OPERATIONS
from nmn.program.program import Node, Program, call
from nmn.program.tokens import TokenVocabulary
from nmn.program.transitions import Transitions
from nmn.scene.scene import Scene, SceneObject, grid_scene

SHAPES = load_domain("shapes")
CLEVR = load_domain("clevr")
TRANSITIONS = {domain.name: Transitions(TokenVocabulary(domain)) for domain in (SHAPES, CLEVR)}

T = TypeVar("T")
E = TypeVar("E", bound=NMNError)


def attempt(action: Callable[[], T], kind: type[E]) -> T | E:
    """What `action` returns, or its error if it is of `kind`; any other error goes through."""
    try:
        return action()
    except kind as error:
        return error


@st.composite
def token_walks(draw: DrawFn, domain: Domain, largest: int = 16) -> tuple[int, list[int]]:
    """A room, and the tokens of a random walk over legal tokens within it, `END` included."""
    transitions = TRANSITIONS[domain.name]
    room = draw(st.integers(2, largest))
    state = transitions.start(room)
    tokens: list[int] = []
    while not state.ended:
        tokens.append(draw(st.sampled_from(transitions.legal(state))))
        state = transitions.advance(state, tokens[-1])
    return room, tokens


def programs(domain: Domain, largest: int = 16) -> SearchStrategy[Program]:
    """Well-typed programs of `domain` of 2 to `largest` nodes, as trees in post-order."""
    decode = TRANSITIONS[domain.name].vocabulary.decode
    return token_walks(domain, largest).map(lambda walk: decode(walk[1]))


def any_programs(largest: int = 16) -> SearchStrategy[tuple[Domain, Program]]:
    """A shipped domain and a well-typed program of it."""
    return st.sampled_from([SHAPES, CLEVR]).flatmap(
        lambda domain: st.tuples(st.just(domain), programs(domain, largest))
    )


@st.composite
def described_things(draw: DrawFn, depth: int = 3) -> Program:
    """A mask of SHAPES of the kind that questions speak of: names, places, `and`, `or`."""
    concept = st.sampled_from(SHAPES.concepts)
    kind = draw(
        st.sampled_from(["name", "name", "place", "described", "or"] if depth else ["name"])
    )
    if kind == "place":
        relation = draw(st.sampled_from(SHAPES.relations))
        return call("relate", draw(described_things(depth - 1)), argument=relation)
    if kind == "described":
        return call("and", draw(described_things(0)), draw(described_things(depth - 1)))
    if kind == "or":
        return call("or", draw(described_things(depth - 1)), draw(described_things(depth - 1)))
    thing = draw(st.one_of(st.just(call("scene")), concept.map(lambda c: call("find", argument=c))))
    if draw(st.booleans()):
        return call("filter", thing, argument=draw(concept))
    return thing


def questions_as_programs() -> SearchStrategy[Program]:
    """`exists` of a described thing: mostly, but not always, there is a sentence for it."""
    return described_things().map(lambda thing: call("exists", thing))


@st.composite
def grid_scenes(draw: DrawFn, largest: int = 3) -> Scene:
    """Grids of SHAPES of 1 x 1 to `largest` x `largest` cells, some of them empty."""
    thing = st.fixed_dictionaries(
        {attribute.name: st.sampled_from(attribute.values) for attribute in SHAPES.attributes}
    )
    rows, columns = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    line = st.tuples(*[st.one_of(st.none(), thing)] * columns)
    return grid_scene(draw(st.tuples(*[line] * rows)))


@st.composite
def table_scenes(draw: DrawFn, largest: int = 5) -> Scene:
    """CLEVR-like scenes of up to `largest` objects; relations follow from two coordinates."""
    count = draw(st.integers(0, largest))
    across, deep = draw(st.permutations(range(count))), draw(st.permutations(range(count)))
    objects = tuple(
        SceneObject(
            {a.name: draw(st.sampled_from(a.values)) for a in CLEVR.attributes},
            position=(float(across[index]), float(deep[index])),
        )
        for index in range(count)
    )

    def where(holds: Callable[[int, int], bool]) -> tuple[tuple[int, ...], ...]:
        everything = range(count)
        return tuple(tuple(i for i in everything if holds(i, j)) for j in everything)

    relations = {
        "left": where(lambda i, j: across[i] < across[j]),
        "right": where(lambda i, j: across[i] > across[j]),
        "front": where(lambda i, j: deep[i] < deep[j]),
        "behind": where(lambda i, j: deep[i] > deep[j]),
    }
    return Scene(objects, relations)


def scenes(domain: Domain) -> SearchStrategy[Scene]:
    """Scenes that programs of `domain` can be executed on."""
    return grid_scenes() if domain == SHAPES else table_scenes()


@dataclass(frozen=True)
class Rewording:
    """A program and another notation of the same one."""

    original: Program
    other: Program


@st.composite
def rewordings(draw: DrawFn, domain: Domain, largest: int = 12) -> Rewording:
    """A program, and it again with all changed that the canonical form does not look at.

    Inputs of commutative operations change places, filters of a chain too, `find` is expanded or
    not, equal nodes are shared, and unreachable nodes stand between.
    """
    original = draw(programs(domain, largest))
    nodes: list[Node] = []
    place: list[int] = []
    chains = _filter_chains(original)
    order = {index: draw(st.permutations(chain)) for index, chain in chains.items()}
    arguments = {
        index: original.nodes[other].argument
        for first, chain in chains.items()
        for index, other in zip(chain, order[first], strict=True)
    }

    def add(node: Node) -> int:
        if node in nodes and draw(st.booleans()):
            return nodes.index(node)
        nodes.append(node)
        return len(nodes) - 1

    for index, node in enumerate(original.nodes):
        if index < len(original) - 1 and draw(st.integers(0, 7)) == 0:
            nodes.append(Node("scene"))
        argument = arguments.get(index, node.argument)
        inputs = tuple(place[source] for source in node.inputs)
        if OPERATIONS[node.operation].commutative and draw(st.booleans()):
            inputs = inputs[::-1]
        if node.operation == "find" and draw(st.booleans()):
            place.append(add(Node("filter", argument, (add(Node("scene")),))))
        else:
            place.append(add(Node(node.operation, argument, inputs)))
    return Rewording(original, Program(tuple(nodes)))


def _filter_chains(program: Program) -> dict[int, list[int]]:
    """The nodes of each chain of filters (a `find` below them included), by its first node."""
    chain_of: dict[int, list[int]] = {}
    for index, node in enumerate(program.nodes):
        if node.operation == "find":
            chain_of[index] = [index]
        elif node.operation == "filter":
            chain = chain_of.setdefault(node.inputs[0], [])
            chain.append(index)
            chain_of[index] = chain
    return {chain[0]: chain for chain in chain_of.values()}
