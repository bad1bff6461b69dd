"""Programs as sequences of CLEVR's function names, in prefix or postfix order.

`exist filter_color[red] scene` and `scene filter_color[red] exist`, as those write them who learn
to say programs: "Inferring and executing programs" (Johnson et al. 2017) and, with its
vocabulary, TbD networks (Mascharka et al. 2018) and NS-VQA (Yi et al. 2018). The sequences are
trees: a shared node is said as often as it is used, an unreachable one never.

The tokens of our own models are another thing, see `tokens.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NoReturn

from nmn.domain import Domain
from nmn.errors import GrammarError, ProgramTypeError, UnknownNameError, listing, nearest, shortened
from nmn.program.clevr import Step, spellings_of, steps_of, unknown_step
from nmn.program.ops import OPERATIONS
from nmn.program.program import Node, Program, node_of
from nmn.program.typecheck import Misfit, check, per_domain

Order = Literal["prefix", "postfix"]
"""Each step before its inputs, or after them; the inputs themselves in order."""
ORDERS: tuple[Order, ...] = ("prefix", "postfix")
FRAME = ("<NULL>", "<START>", "<END>")
"""What may stand around a program: padding, beginning and end."""


def to_token_names(program: Program, domain: Domain, order: Order = "prefix") -> list[str]:
    """The tokens of `program`, without anything around them.

    Raises:
        UnknownNameError: a step that the domain does not have, or an unknown order.
        ProgramTypeError: the tree has more than `MAX_TREE_NODES` nodes.
    """
    _check_order(order)
    names = _names(domain)
    tokens: list[str] = []
    for node in program.preorder() if order == "prefix" else program.postorder():
        step = node.operation, node.argument
        if step not in names:
            raise unknown_step(node, domain)
        spoken = [names[step]]
        if node.operation == "find":
            spoken.insert(1 if order == "prefix" else 0, names["scene", None])
        tokens.extend(spoken)
    return tokens


def from_token_names(
    tokens: str | Sequence[str], domain: Domain, order: Order = "prefix"
) -> Program:
    """The program, a tree in post-order, that `tokens` say; type-checked.

    Args:
        tokens: a list, or a text with blanks between them; `<START>` and `<NULL>` before the
            program, `<END>` and `<NULL>` after it are passed over.

    Raises:
        GrammarError: an unknown token, or not exactly one program; with line 1 and the column in
            the tokens joined by blanks.
        ProgramTypeError: it does not type-check; tokens are numbered from 1, all counted.
        UnknownNameError: an unknown order.
    """
    _check_order(order)
    sequence = _Sequence(tuple(tokens.split() if isinstance(tokens, str) else tokens))
    body = sequence.body()
    steps = {place: _step(sequence, place, domain) for place in body}
    if not steps:
        sequence.fail(len(sequence.words), "no program", "a function such as 'exist'")
    read = _read_prefix if order == "prefix" else _read_postfix
    nodes, places = read(sequence, steps)
    program = Program(tuple(nodes))
    types = check(program, domain)
    if isinstance(types, Misfit):
        place = places[types.node]
        path = (f"token {place + 1}, {sequence.words[place]}",)
        raise ProgramTypeError(path, types.wanted, types.got)
    return program


def token_names(domain: Domain) -> tuple[str, ...]:
    """All tokens of `domain` in alphabetical order, without those of `FRAME`."""
    return tuple(sorted(set(_names(domain).values())))


@per_domain
def _names(domain: Domain) -> Mapping[Step, str]:
    """The token of each step; of `find` without its `scene`."""
    return {
        step: function if value is None else f"{function}[{value}]"
        for step, (function, value) in spellings_of(domain).items()
    }


@per_domain
def _steps(domain: Domain) -> Mapping[str, Step]:
    """The inverse of `_names`; a filter is `filter` and never `find`."""
    return {_names(domain)[step]: step for step in steps_of(domain).values()}


@dataclass(frozen=True)
class _Sequence:
    """The tokens as they were given, for messages that say where."""

    words: tuple[str, ...]

    def body(self) -> range:
        """The places between what is around the program."""
        start, end = 0, len(self.words)
        while start < end and self.words[start] in FRAME:
            start += 1
        while end > start and self.words[end - 1] in FRAME:
            end -= 1
        return range(start, end)

    def fail(self, place: int, problem: str, *expected: str) -> NoReturn:
        """Raises GrammarError at the token of that place, or behind the last one."""
        shown = [str(word) for word in self.words]
        text, before = " ".join(shown), " ".join(shown[:place])
        column = min(len(before) + 1, len(text)) + 1 if before else 1
        raise GrammarError(text, 1, column, problem, expected)


def _check_order(order: str) -> None:
    if order not in ORDERS:
        raise UnknownNameError("order", order, ORDERS)


def _step(sequence: _Sequence, place: int, domain: Domain) -> Step:
    word = sequence.words[place]
    if not isinstance(word, str):
        sequence.fail(place, f"token {place + 1} is not text", "the name of a function")
    step = _steps(domain).get(word)
    if step is None:
        inside = "inside of a program" if word in FRAME else "unknown"
        hint = f"nearest: {listing(nearest(word, _steps(domain)))}"
        name = shortened(word, 40)
        sequence.fail(place, f"token {place + 1}, {name!r}, is {inside}", f"a function ({hint})")
    return step


@dataclass
class _Pending:
    """A step of a prefix sequence whose inputs are still coming."""

    place: int
    step: Step
    inputs: list[int] = field(default_factory=list)


def _read_prefix(
    sequence: _Sequence, steps: Mapping[int, Step]
) -> tuple[list[Node], dict[int, int]]:
    """The nodes in post-order, and of each the place of its token."""
    nodes: list[Node] = []
    places: dict[int, int] = {}
    pending: list[_Pending] = []
    for place, step in steps.items():
        if nodes and not pending:
            problem = f"the program is whole before token {place + 1}, '{sequence.words[place]}'"
            sequence.fail(place, problem, "the end")
        pending.append(_Pending(place, step))
        while pending and len(pending[-1].inputs) == _arity(pending[-1].step):
            last = pending.pop()
            places[len(nodes)] = last.place
            if pending:
                pending[-1].inputs.append(len(nodes))
            nodes.append(node_of(*last.step, tuple(last.inputs)))
    if pending:
        last = pending[-1]
        name, arity = sequence.words[last.place], _arity(last.step)
        problem = f"the tokens end before input {len(last.inputs) + 1} of {arity} of '{name}'"
        sequence.fail(max(steps) + 1, problem, "a function")
    return nodes, places


def _read_postfix(
    sequence: _Sequence, steps: Mapping[int, Step]
) -> tuple[list[Node], dict[int, int]]:
    """The nodes in post-order, and of each the place of its token."""
    nodes: list[Node] = []
    done: list[int] = []
    for place, step in steps.items():
        arity = _arity(step)
        if arity > len(done):
            name = f"token {place + 1}, '{sequence.words[place]}'"
            problem = f"{name}, comes after {len(done)} of its {arity} inputs"
            sequence.fail(place, problem, "its inputs before it")
        inputs = tuple(done[len(done) - arity :])
        del done[len(done) - arity :]
        done.append(len(nodes))
        nodes.append(node_of(*step, inputs))
    if len(done) > 1:
        problem = f"the tokens end with {len(done)} programs side by side"
        sequence.fail(max(steps) + 1, problem, "one program")
    return nodes, dict(enumerate(steps))


def _arity(step: Step) -> int:
    return len(OPERATIONS[step[0]].inputs)
