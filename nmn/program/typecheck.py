"""The type checker."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from nmn.domain import Domain
from nmn.errors import ProgramTypeError, listing, nearest, with_article
from nmn.program.ops import OPERATIONS, arguments_of, operation
from nmn.program.program import Program
from nmn.program.types import ArgumentKind, Kind, Type

ROOT_KINDS = (Kind.BOOL, Kind.NUMBER, Kind.VALUE)
"""What a whole program may yield."""

_MOST_DOMAINS = 64
T = TypeVar("T")


class Misfit(NamedTuple):
    """A node of a program that does not fit.

    Attributes:
        node: its index.
        at_root: whether it would fit if it were not the root.
    """

    node: int
    wanted: str
    got: str
    at_root: bool = False


def typecheck(program: Program, domain: Domain, *, whole: bool = True) -> tuple[Type, ...]:
    """The type of every node.

    Args:
        whole: the root must be an answer (`Bool`, `Number` or `Value`); a part may be a mask.

    Raises:
        ProgramTypeError: the first node, in order, that does not fit, with the way to it.
        UnknownNameError: an operation that is not in the table.
    """
    types = check(program, domain, whole=whole)
    if isinstance(types, Misfit):
        path = (program.root.label,) if types.at_root else program.path_to(types.node)
        raise ProgramTypeError(path, types.wanted, types.got)
    return types


def check(program: Program, domain: Domain, *, whole: bool = True) -> tuple[Type, ...] | Misfit:
    """`typecheck` for callers that have their own way to name a node.

    Raises:
        UnknownNameError: an operation that is not in the table.
    """
    table = _signatures(domain)
    types: list[Type] = []
    for index, node in enumerate(program.nodes):
        signature = table.get((node.operation, node.argument))
        if signature is None or [types[source] for source in node.inputs] != signature[0]:
            return _misfit(program, index, types, domain)
        types.append(signature[1])
    if whole and types[-1].kind not in ROOT_KINDS:
        answers = f"{listing(ROOT_KINDS)} at the root, as in exists(...)"
        return Misfit(len(types) - 1, answers, str(types[-1]), at_root=True)
    return tuple(types)


def per_domain(make: Callable[[Domain], T]) -> Callable[[Domain], T]:
    """`make`, which is called once a domain; what it made is looked up by identity.

    Hashing a whole domain at each look-up would take longer than most uses of a table.
    """
    made: dict[int, tuple[Domain, T]] = {}

    def table(domain: Domain) -> T:
        entry = made.get(id(domain))
        if entry is None:
            if len(made) >= _MOST_DOMAINS:
                made.clear()
            entry = made[id(domain)] = domain, make(domain)
        return entry[1]

    return table


@per_domain
def _signatures(domain: Domain) -> dict[tuple[str, str | None], tuple[list[Type], Type]]:
    """Input types and output type of every operation with every argument it may have.

    Equal types are one object, so that comparing them takes no call.
    """
    types: dict[Type, Type] = {}
    return {
        (row.name, argument): (
            [types.setdefault(kind, kind) for kind in row.input_types(argument)],
            types.setdefault(row.output_type(argument), row.output_type(argument)),
        )
        for row in OPERATIONS.values()
        for argument in row.arguments(domain)
    }


def _misfit(program: Program, index: int, types: list[Type], domain: Domain) -> Misfit:
    """Why node `index` does not fit, where `types` are those of the nodes before it."""
    node = program.nodes[index]
    row = operation(node.operation)
    problem = _argument_problem(row.argument, node.argument, domain)
    if problem is not None:
        return Misfit(index, *problem)
    wanted = row.input_types(node.argument)
    got = tuple(types[source] for source in node.inputs)
    if len(got) != len(wanted):
        return Misfit(index, _inputs(wanted), _inputs(got))
    position = next(place for place, want in enumerate(wanted) if want != got[place])
    place = f" as input {position + 1}" if len(wanted) > 1 else ""
    child = program.nodes[node.inputs[position]].label
    return Misfit(index, f"{wanted[position]}{place}", f"{got[position]} from {child}")


def answers_of(output: Type, domain: Domain) -> tuple[int, ...]:
    """Indices of the answers of `domain` that a result of type `output` can be.

    Raises:
        ProgramTypeError: the domain has none, so no such question can be answered in it.
    """
    found = _answers(output, domain)
    if not found:
        answers = f"an answer of domain {domain.name} ({listing(domain.answers)})"
        raise ProgramTypeError(("root",), answers, str(output))
    return found


def is_answer(output: Type, domain: Domain) -> bool:
    """Whether results of type `output` are answers that `domain` has."""
    return output.kind in ROOT_KINDS and bool(_answers(output, domain))


def _answers(output: Type, domain: Domain) -> tuple[int, ...]:
    wanted: Callable[[str], bool]
    if output.kind is Kind.BOOL:
        wanted = ("yes", "no").__contains__
    elif output.kind is Kind.NUMBER:
        wanted = str.isdecimal
    else:
        wanted = domain.values_of(output.attribute or "").__contains__
    return tuple(index for index, answer in enumerate(domain.answers) if wanted(answer))


def _argument_problem(
    kind: ArgumentKind, argument: str | None, domain: Domain
) -> tuple[str, str] | None:
    """`(wanted, got)` where the argument does not fit, else None."""
    known = [name for name in arguments_of(kind, domain) if name is not None]
    if kind is ArgumentKind.NONE:
        return None if argument is None else ("no argument in brackets", f"[{argument}]")
    if argument is None:
        example = f", as in [{known[0]}]" if known else ""
        return f"{with_article(kind)} in brackets{example}", "none"
    if argument in known:
        return None
    choices = listing(nearest(argument, known)) or "which has none"
    return f"{with_article(kind)} of domain {domain.name} ({choices})", f"'{argument}'"


def _inputs(types: tuple[Type, ...]) -> str:
    if not types:
        return "no inputs"
    count = "1 input" if len(types) == 1 else f"{len(types)} inputs"
    return f"{count} ({', '.join(map(str, types))})"
