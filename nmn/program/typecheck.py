"""The type checker."""

from collections.abc import Callable

from nmn.domain import Domain
from nmn.errors import ProgramTypeError, listing, nearest, with_article
from nmn.program.ops import arguments_of, operation
from nmn.program.program import Program
from nmn.program.types import ArgumentKind, Kind, Type

ROOT_KINDS = (Kind.BOOL, Kind.NUMBER, Kind.VALUE)
"""What a whole program may yield."""


def typecheck(program: Program, domain: Domain, *, whole: bool = True) -> tuple[Type, ...]:
    """The type of every node.

    Args:
        whole: the root must be an answer (`Bool`, `Number` or `Value`); a part may be a mask.

    Raises:
        ProgramTypeError: the first node, in order, that does not fit, with the way to it.
        UnknownNameError: an operation that is not in the table.
    """
    types: list[Type] = []
    for index, node in enumerate(program.nodes):
        row = operation(node.operation)
        problem = _argument_problem(row.argument, node.argument, domain)
        if problem is not None:
            raise ProgramTypeError(program.path_to(index), *problem)
        wanted = row.input_types(node.argument)
        got = tuple(types[source] for source in node.inputs)
        if len(got) != len(wanted):
            raise ProgramTypeError(program.path_to(index), _inputs(wanted), _inputs(got))
        for position, (want, have) in enumerate(zip(wanted, got, strict=True), start=1):
            if want != have:
                place = f" as input {position}" if len(wanted) > 1 else ""
                child = program.nodes[node.inputs[position - 1]].label
                raise ProgramTypeError(
                    program.path_to(index), f"{want}{place}", f"{have} from {child}"
                )
        types.append(row.output_type(node.argument))
    if whole and types[-1].kind not in ROOT_KINDS:
        answers = f"{listing(ROOT_KINDS)} at the root, as in exists(...)"
        raise ProgramTypeError((program.root.label,), answers, str(types[-1]))
    return tuple(types)


def answers_of(output: Type, domain: Domain) -> tuple[int, ...]:
    """Indices of the answers of `domain` that a result of type `output` can be.

    Raises:
        ProgramTypeError: the domain has none, so no such question can be answered in it.
    """
    wanted: Callable[[str], bool]
    if output.kind is Kind.BOOL:
        wanted = ("yes", "no").__contains__
    elif output.kind is Kind.NUMBER:
        wanted = str.isdecimal
    else:
        wanted = domain.values_of(output.attribute or "").__contains__
    found = tuple(index for index, answer in enumerate(domain.answers) if wanted(answer))
    if not found:
        answers = f"an answer of domain {domain.name} ({listing(domain.answers)})"
        raise ProgramTypeError(("root",), answers, str(output))
    return found


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
