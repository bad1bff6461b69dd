"""Programs laid out to run together: which operations, in which order, on whose results."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from operator import attrgetter

import numpy as np
from jaxtyping import Bool, Int

from nmn.domain import Domain
from nmn.program.ops import OPERATIONS
from nmn.program.program import Program
from nmn.program.steps import MOST_INPUTS, NO_TYPE, step_table
from nmn.program.tokens import END, SPECIAL
from nmn.program.typecheck import typecheck
from nmn.scene.table import Indices

NEEDS_ONE = ("unique", "query")
"""The operations that fail, and do so unless their input is a single object."""

_FALLIBLE = [list(OPERATIONS).index(name) for name in NEEDS_ONE]


@dataclass(frozen=True, eq=False)
class Group:
    """Nodes of one operation whose inputs are all known by then.

    Attributes:
        places: where the results go.
        inputs: for each input, the places where it is.
    """

    operation: str
    places: slice
    inputs: tuple[Int[np.ndarray, " group"], ...]


@dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """Programs of a domain, ready to run on any scenes of it.

    Nodes are counted through all programs. Results are kept in the order in which they are
    computed: each node has a place there.

    Attributes:
        programs: empty where they were given as tokens.
        begins: the first node of each program, and last the number of all nodes.
        inputs: the inputs of each node; the number of all nodes stands for none, and has a row
            itself.
        place: the place of each node.
        groups: what to compute, in order.
        steps: at each place, the index of operation and argument in `TokenVocabulary.steps`.
        owners: at each place, the program.
        fallible: the nodes that may fail, in order.
    """

    domain: Domain
    programs: tuple[Program, ...]
    begins: Int[np.ndarray, " bound"]
    inputs: Int[np.ndarray, "node_or_none input"]
    place: Int[np.ndarray, " node"]
    groups: tuple[Group, ...]
    steps: Int[np.ndarray, " node"]
    owners: Int[np.ndarray, " node"]
    fallible: Int[np.ndarray, " fallible"]

    def __len__(self) -> int:
        return len(self.begins) - 1

    @property
    def roots(self) -> Int[np.ndarray, " program"]:
        """The last node of each program."""
        return self.begins[1:] - 1

    @cached_property
    def reachable(self) -> Bool[np.ndarray, " node"]:
        """For each node, whether the root of its program depends on it."""
        needed = np.zeros(len(self.inputs), dtype=bool)
        needed[self.roots] = True
        for nodes in reversed(list(_by_position(self.begins))):
            needed[self.inputs[nodes[needed[nodes]]]] = True
        return needed[:-1]


def compile_programs(programs: Sequence[Program], domain: Domain) -> Plan:
    """The plan of `programs`, which are type-checked on the way.

    Raises:
        ProgramTypeError, UnknownNameError: what `typecheck` raises for the first program that
            does not fit.
    """
    lengths = np.fromiter(map(len, programs), np.intp, len(programs))
    begins = np.concatenate([[0], np.cumsum(lengths)])
    owners = np.repeat(np.arange(len(programs)), lengths)
    nodes = list(chain.from_iterable(map(attrgetter("nodes"), programs)))
    sources = list(map(attrgetter("inputs"), nodes))
    arities = np.fromiter(map(len, sources), np.intp, len(nodes))
    inputs = _inputs(list(chain.from_iterable(sources)), arities, begins[owners])

    table = step_table(domain)
    try:
        labels = map(attrgetter("operation", "argument"), nodes)
        steps = np.fromiter(map(table.index.__getitem__, labels), np.intp, len(nodes))
    except KeyError:
        _typecheck(programs, domain)
        raise
    types = np.append(table.outputs[steps], NO_TYPE)
    fits = (types[inputs[:-1]] == table.inputs[steps]).all(axis=1) & (arities <= MOST_INPUTS)
    if not (fits.all() and table.answers[steps[begins[1:] - 1]].all()):
        _typecheck(programs, domain)

    return _plan(domain, tuple(programs), begins, inputs, steps)


def compile_tokens(
    tokens: Int[np.ndarray, "program token"], domain: Domain
) -> tuple[Plan, Indices]:
    """The plan of what are well-typed programs among sequences of tokens, and which these are.

    Many times as fast as programs one by one. The plan does not know them as `Program`.

    Args:
        tokens: as `TokenVocabulary.encode` gives them; what follows `END` is passed over.
    """
    table = step_table(domain)
    lengths = np.where((tokens == END).any(axis=1), (tokens == END).argmax(axis=1), 0)
    inside = np.arange(tokens.shape[1]) < lengths[:, None]
    every = tokens - len(SPECIAL)
    known = (every >= 0) & (every < len(table.steps))
    every = np.where(known & inside, every, 0)
    sources, whole = _sources(every, inside, table.inputs != NO_TYPE)
    kinds = np.append(table.outputs[every], np.full((len(every), 1), NO_TYPE), axis=1)
    given = np.take_along_axis(
        kinds, sources.reshape(len(every), tokens.shape[1] * MOST_INPUTS), axis=1
    )
    fits = (given.reshape(sources.shape) == table.inputs[every]).all(axis=2) & known
    whole &= (fits | ~inside).all(axis=1) & table.answers[every[:, 0]]

    rows = np.flatnonzero(whole)
    lengths = lengths[rows]
    begins = np.concatenate([[0], np.cumsum(lengths)])
    # Nodes come in the reverse order of their tokens, so the root is the last one.
    owners = np.repeat(np.arange(len(rows)), lengths)
    token = begins[owners + 1] - 1 - np.arange(begins[-1])
    below = sources[rows[owners], token]
    none = below == tokens.shape[1]
    inputs = np.full((begins[-1] + 1, MOST_INPUTS), begins[-1])
    inputs[:-1] = np.where(none, begins[-1], (begins[owners + 1] - 1)[:, None] - below)
    return _plan(domain, (), begins, inputs, every[rows[owners], token]), rows


def _sources(
    steps: Int[np.ndarray, "program token"],
    inside: Bool[np.ndarray, "program token"],
    inputs: Bool[np.ndarray, "step input"],
) -> tuple[Int[np.ndarray, "program token input"], Bool[np.ndarray, " program"]]:
    """The tokens that each token takes as inputs, and which programs are whole.

    Args:
        steps: what each token stands for.
        inside: which tokens are part of the program.
        inputs: which inputs a step has.

    Returns:
        Places of tokens; the number of all tokens of a program stands for none.
    """
    count, length = steps.shape
    # How many tokens the part has that begins at each token; more than there are if it never ends.
    sizes = np.full((length + 1, count), length + 1)
    sources = np.full((MOST_INPUTS, length, count), length)
    takes = np.ascontiguousarray(inputs[steps].transpose(2, 1, 0))
    programs = np.arange(count)
    for token in reversed(range(length)):
        end = np.full(count, token + 1)
        for position in range(MOST_INPUTS):
            here = takes[position, token]
            sources[position, token, here] = end[here]
            end += np.where(here, sizes[np.minimum(end, length), programs], 0)
        sizes[token] = np.where(inside[:, token], np.minimum(end - token, length + 1), length + 1)
    whole = sizes[0] == inside.sum(axis=1)
    return np.minimum(sources, length).transpose(2, 1, 0), whole


def _plan(
    domain: Domain,
    programs: tuple[Program, ...],
    begins: Int[np.ndarray, " bound"],
    inputs: Int[np.ndarray, "node_or_none input"],
    steps: Int[np.ndarray, " node"],
) -> Plan:
    """In which order to compute nodes of which the inputs and the steps are known."""
    table = step_table(domain)
    owners = np.repeat(np.arange(len(begins) - 1), np.diff(begins))
    keys = _levels(inputs, begins) * len(OPERATIONS) + table.operations[steps]
    order = np.argsort(keys, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    fallible = np.flatnonzero(np.isin(table.operations[steps], _FALLIBLE))
    groups = tuple(_groups(keys[order], order, place, inputs))
    return Plan(
        domain,
        programs,
        begins,
        inputs,
        place,
        groups,
        steps[order],
        owners[order],
        fallible,
    )


def _typecheck(programs: Sequence[Program], domain: Domain) -> None:
    for program in programs:
        typecheck(program, domain)


def _inputs(
    flat: list[int], arities: Int[np.ndarray, " node"], begins: Int[np.ndarray, " node"]
) -> Int[np.ndarray, "node_or_none input"]:
    """See `Plan`.

    Args:
        flat: the inputs of all nodes, one after the other, counted within each program.
        begins: for each node, the first one of its program.
    """
    none = len(arities)
    inputs = np.full((none + 1, MOST_INPUTS), none)
    padded = np.array([*flat, *[0] * MOST_INPUTS], dtype=np.intp)
    taken = np.cumsum(arities) - arities
    for position in range(MOST_INPUTS):
        inputs[:-1, position] = np.where(
            arities > position, padded[taken + position] + begins, none
        )
    return inputs


def _by_position(begins: Int[np.ndarray, " bound"]) -> Iterator[Indices]:
    """The first nodes of all programs, then their second nodes, and so on."""
    lengths = np.diff(begins)
    longest_first = np.argsort(-lengths, kind="stable")
    ascending = -lengths[longest_first]
    for position in range(int(lengths.max(initial=0))):
        longer = np.searchsorted(ascending, -position)
        yield begins[longest_first[:longer]] + position


def _levels(
    inputs: Int[np.ndarray, "node_or_none input"], begins: Int[np.ndarray, " bound"]
) -> Int[np.ndarray, " node"]:
    """How many nodes lie below each one, on the longest way down."""
    levels = np.full(len(inputs), -1)
    for nodes in _by_position(begins):
        levels[nodes] = levels[inputs[nodes]].max(axis=1) + 1
    return levels[:-1]


def _groups(
    keys: Int[np.ndarray, " node"],
    order: Int[np.ndarray, " node"],
    place: Int[np.ndarray, " node"],
    inputs: Int[np.ndarray, "node_or_none input"],
) -> Iterator[Group]:
    """A group for each run of equal `keys` (level and operation); `order` are the nodes."""
    operations = list(OPERATIONS.values())
    begin = 0
    for end in (np.flatnonzero(np.diff(keys, append=-1)) + 1).tolist():
        row = operations[keys[begin] % len(operations)]
        sources = inputs[order[begin:end]]
        used = tuple(place[sources[:, position]] for position in range(len(row.inputs)))
        yield Group(row.name, slice(begin, end), used)
        begin = end
