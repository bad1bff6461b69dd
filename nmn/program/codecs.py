"""Programs in the notations of others.

SHAPES s-expressions (Andreas et al. 2016), `(is red (left_of (above circle)))`, both ways; the
layout symbols of N2NMN (Hu et al. 2017), in reverse Polish order and without arguments, out only;
and the node lists of CLEVR's question files (Johnson et al. 2017), out only.
"""

import re
from typing import Any

from nmn.domain import Domain
from nmn.errors import GrammarError, listing, nearest
from nmn.program.ops import OPERATIONS, covering
from nmn.program.program import Node, Program, Term, flatten
from nmn.program.typecheck import typecheck
from nmn.program.types import ArgumentKind

_LEXEME = re.compile(r"\s*([()]|[^\s()]+)")


def to_sexpression(program: Program) -> str:
    """`(is red (above circle))` for `exists(and(find[red], relate[above](find[circle])))`.

    Published queries are of that form only. Beyond it, any other operation is written by its
    name, its argument first: `(is red (filter green circle))`, `(exists circle)`, `scene`.
    """
    pieces: list[str] = []
    joined = False
    for index, entering in program.walk():
        node = program.nodes[index]
        if _is_exists_of_and(program, node):
            joined = entering
        elif not entering:
            pieces.append(")" if node.inputs else "")
        else:
            words = ["is"] if joined else _words(node)
            joined = False
            opening = "(" if node.inputs else ""
            pieces.append(f"{' ' if pieces else ''}{opening}{' '.join(words)}")
    return "".join(pieces)


def from_sexpression(text: str, domain: Domain) -> Program:
    """The inverse of `to_sexpression`, type-checked.

    Raises:
        GrammarError: brackets that do not match, an unknown word, trailing text.
        ProgramTypeError: it does not type-check.
    """
    stack: list[list[Term | str]] = [[]]
    position = 0
    try:
        while match := _LEXEME.match(text, position):
            word, position = match[1], match.end()
            if word == "(":
                stack.append([])
            elif word != ")":
                stack[-1].append(_atom(word, domain))
            elif len(stack) == 1:
                raise _NotAnExpressionError("')' without '('", "nothing more")
            else:
                parts = stack.pop()
                stack[-1].append(_applied(parts, domain))
        if len(stack) > 1:
            raise _NotAnExpressionError("the text ends too early", "')'")
        if len(stack[0]) != 1:
            problem = "more than one expression" if stack[0] else "no expression"
            raise _NotAnExpressionError(problem, "one, as in (is red (above circle))")
        root, *_ = _terms(stack[0], domain)
    except _NotAnExpressionError as error:
        where = max(position - 1, 0)
        raise _error(text, where, error.problem, error.expected) from error
    program, _ = flatten(root)
    typecheck(program, domain)
    return program


def to_layout_symbols(program: Program) -> list[str]:
    """N2NMN's layout of `program` in reverse Polish order, `_Answer` last.

    `exists(and(find[red], find[circle]))` gives `_Find _Find _And _Answer`. N2NMN has no `unique`;
    it is left out, as there.
    """
    symbols = (_LAYOUT_SYMBOLS[node.operation] for node in program.postorder())
    return [symbol for symbol in symbols if symbol is not None]


_LAYOUT_SYMBOLS = covering(
    {
        "scene": "_Scene",
        "find": "_Find",
        "filter": "_Filter",
        "relate": "_Transform",
        "same": "_FindSameProperty",
        "unique": None,
        "and": "_And",
        "or": "_Or",
        "exists": "_Answer",
        "count": "_Count",
        "query": "_Describe",
        "equal": "_SameProperty",
        "equal_number": "_EqualNum",
        "less_than": "_LessNum",
        "greater_than": "_MoreNum",
    },
    "N2NMN layout symbols",
)


def to_clevr(program: Program, domain: Domain) -> list[dict[str, Any]]:
    """The node list of `program` in a CLEVR question file, nodes under `function`.

    `find[red]` becomes `scene` and `filter_color`. Programs of other domains are written with
    the same rules.

    Raises:
        UnknownNameError: a concept that the domain does not have.
    """
    nodes: list[dict[str, Any]] = []
    place: list[int] = []

    def add(function: str, inputs: list[int], values: list[str]) -> int:
        nodes.append({"inputs": inputs, "function": function, "value_inputs": values})
        return len(nodes) - 1

    for node in program.nodes:
        inputs = [place[source] for source in node.inputs]
        argument = node.argument or ""
        if node.operation == "find":
            inputs = [add("scene", [], [])]
        name = _CLEVR_NAMES[node.operation]
        if node.operation in ("find", "filter"):
            index = add(f"{name}_{domain.attribute_of(argument)}", inputs, [argument])
        elif node.operation == "relate":
            index = add(name, inputs, [argument])
        else:
            index = add(f"{name}_{argument}" if argument else name, inputs, [])
        place.append(index)
    return nodes


_CLEVR_NAMES = covering(
    {
        "scene": "scene",
        "find": "filter",
        "filter": "filter",
        "relate": "relate",
        "same": "same",
        "unique": "unique",
        "and": "intersect",
        "or": "union",
        "exists": "exist",
        "count": "count",
        "query": "query",
        "equal": "equal",
        "equal_number": "equal_integer",
        "less_than": "less_than",
        "greater_than": "greater_than",
    },
    "names in CLEVR",
)


def _is_exists_of_and(program: Program, node: Node) -> bool:
    return node.operation == "exists" and program.nodes[node.inputs[0]].operation == "and"


def _words(node: Node) -> list[str]:
    """The words that begin the expression of `node`."""
    if node.argument is None:
        return [node.operation]
    if node.operation in ("find", "relate"):
        return [node.argument]
    return [node.operation, node.argument]


def _atom(word: str, domain: Domain) -> Term | str:
    """A concept or `scene` is whole; any other word waits for its brackets."""
    if word in domain.concepts:
        return Term("find", word)
    return Term("scene") if word == "scene" else word


def _applied(parts: list[Term | str], domain: Domain) -> Term:
    """`(word ...)` as a term.

    Raises:
        _NotAnExpressionError: what was wrong and what could have stood there.
    """
    if not parts:
        raise _NotAnExpressionError("empty brackets", "an expression")
    head, *rest = parts
    if not isinstance(head, str):
        raise _NotAnExpressionError("a concept with inputs", "an operation or relation after '('")
    if head in domain.relations:
        return Term("relate", head, _terms(rest, domain))
    if head == "is":
        return Term("exists", None, (Term("and", None, _terms(rest, domain)),))
    if head not in OPERATIONS:
        raise _NotAnExpressionError(f"unknown word '{head}'", _nearest(head, domain))
    if OPERATIONS[head].argument is ArgumentKind.NONE:
        return Term(head, None, _terms(rest, domain))
    if not rest:
        raise _NotAnExpressionError(
            f"'{head}' without its argument", f"a {OPERATIONS[head].argument}"
        )
    argument = rest[0].argument if isinstance(rest[0], Term) else rest[0]
    return Term(head, argument, _terms(rest[1:], domain))


def _terms(parts: list[Term | str], domain: Domain) -> tuple[Term, ...]:
    for part in parts:
        if isinstance(part, str):
            raise _NotAnExpressionError(f"unknown word '{part}'", _nearest(part, domain))
    return tuple(part for part in parts if isinstance(part, Term))


def _nearest(word: str, domain: Domain) -> str:
    known = (*domain.concepts, *domain.relations, "is", *OPERATIONS)
    return listing(nearest(word, known))


class _NotAnExpressionError(Exception):
    def __init__(self, problem: str, expected: str) -> None:
        super().__init__(problem)
        self.problem, self.expected = problem, expected


def _error(text: str, offset: int, problem: str, *expected: str) -> GrammarError:
    line = text.count("\n", 0, offset) + 1
    column = offset - (text.rfind("\n", 0, offset) + 1) + 1
    return GrammarError(text, line, column, problem, expected)
