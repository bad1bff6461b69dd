"""Programs in the notations of others.

SHAPES s-expressions (Andreas et al. 2016), `(is red (left_of (above circle)))`, both ways; the
layout symbols of N2NMN (Hu et al. 2017), in reverse Polish order and without arguments, out only.
CLEVR's node lists are in `clevr.py`, its token sequences in `sequences.py`.
"""

import re
from dataclasses import dataclass

from nmn.domain import Domain
from nmn.errors import GrammarError, listing, nearest, with_article
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
    stack: list[list[_Part]] = [[]]
    opened: list[int] = []
    position = 0
    while match := _LEXEME.match(text, position):
        word, start, position = match[1], match.start(1), match.end()
        if word == "(":
            stack.append([])
            opened.append(start)
        elif word != ")":
            stack[-1].append(_Part(start, word))
        elif not opened:
            raise _error(text, start, "')' without '('", "nothing more")
        else:
            parts = stack.pop()
            stack[-1].append(_Part(opened.pop(), _applied(text, start, parts, domain)))
    if opened:
        raise _error(text, len(text.rstrip()), "the text ends too early", "')'")
    if not stack[0]:
        raise _error(text, 0, "no expression", "one, as in (is red (above circle))")
    if len(stack[0]) > 1:
        raise _error(text, stack[0][1].start, "more than one expression", "the end")
    program, _ = flatten(_as_term(text, stack[0][0], domain))
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


def _is_exists_of_and(program: Program, node: Node) -> bool:
    return node.operation == "exists" and program.nodes[node.inputs[0]].operation == "and"


def _words(node: Node) -> list[str]:
    """The words that begin the expression of `node`."""
    if node.argument is None:
        return [node.operation]
    if node.operation in ("find", "relate"):
        return [node.argument]
    return [node.operation, node.argument]


@dataclass(frozen=True)
class _Part:
    """A word, or what brackets stand for, with the place where it begins."""

    start: int
    content: Term | str


def _applied(text: str, end: int, parts: list[_Part], domain: Domain) -> Term:
    """`(head ...)` as a term; `end` is the place of the closing bracket."""
    if not parts:
        raise _error(text, end, "empty brackets", "an expression")
    head, *rest = parts
    name = head.content
    if not isinstance(name, str) or name in domain.concepts:
        raise _error(text, head.start, "a mask with inputs", "an operation or relation after '('")
    if name in domain.relations:
        return Term("relate", name, _as_terms(text, rest, domain))
    if name == "is":
        return Term("exists", None, (Term("and", None, _as_terms(text, rest, domain)),))
    if name not in OPERATIONS:
        raise _error(text, head.start, f"unknown word '{name}'", _nearest(name, domain))
    kind = OPERATIONS[name].argument
    if kind is ArgumentKind.NONE:
        return Term(name, None, _as_terms(text, rest, domain))
    if not rest or not isinstance(rest[0].content, str):
        place = rest[0].start if rest else end
        raise _error(text, place, f"'{name}' without its argument", with_article(kind))
    return Term(name, rest[0].content, _as_terms(text, rest[1:], domain))


def _as_terms(text: str, parts: list[_Part], domain: Domain) -> tuple[Term, ...]:
    return tuple(_as_term(text, part, domain) for part in parts)


def _as_term(text: str, part: _Part, domain: Domain) -> Term:
    """A concept stands for `find`, `scene` for itself; any other word needs brackets."""
    word = part.content
    if isinstance(word, Term):
        return word
    if word in domain.concepts:
        return Term("find", word)
    if word == "scene":
        return Term("scene")
    known = word in domain.relations or word in OPERATIONS or word == "is"
    problem = f"'{word}' without its brackets" if known else f"unknown word '{word}'"
    expected = f"({word} ...)" if known else _nearest(word, domain)
    raise _error(text, part.start, problem, expected)


def _nearest(word: str, domain: Domain) -> str:
    known = (*domain.concepts, *domain.relations, "is", *OPERATIONS)
    return listing(nearest(word, known))


def _error(text: str, offset: int, problem: str, *expected: str) -> GrammarError:
    line = text.count("\n", 0, offset) + 1
    column = offset - (text.rfind("\n", 0, offset) + 1) + 1
    return GrammarError(text, line, column, problem, expected)
