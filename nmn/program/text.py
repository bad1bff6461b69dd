"""Program text to program: `exists(and(find[red], relate[above](find[circle])))`."""

from functools import cache
from typing import cast

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from nmn.domain import Domain
from nmn.errors import GrammarError, listing, nearest
from nmn.program.ops import OPERATIONS
from nmn.program.program import Program, Term, flatten
from nmn.program.typecheck import typecheck
from nmn.resources import grammar_file

_MAX_CHARACTERS = 1_000_000
_WORDS = {
    "NAME": "a name",
    "LPAR": "'('",
    "RPAR": "')'",
    "LSQB": "'['",
    "RSQB": "']'",
    "COMMA": "','",
    "$END": "the end",
}


def parse_program(text: str, domain: Domain | None = None) -> Program:
    """The program that `text` says; with a `domain`, type-checked.

    Raises:
        GrammarError: not program text, or an operation that is not in the language.
        ProgramTypeError: it does not type-check in `domain`.
    """
    if len(text) > _MAX_CHARACTERS:
        raise GrammarError(text, 1, 1, f"program text of more than {_MAX_CHARACTERS} characters")
    try:
        term = _parser().parse(text)
    except UnexpectedInput as error:
        raise _syntax_error(text, error) from error
    except _UnknownOperationError as error:
        raise _unknown_operation(text, error.token, domain) from error
    program, _ = flatten(cast(Term, term))
    if domain is not None:
        typecheck(program, domain)
    return program


class _UnknownOperationError(Exception):
    def __init__(self, token: Token) -> None:
        super().__init__(str(token))
        self.token = token


class _Builder(Transformer[Token, Term]):
    """Called by the LALR parser at each reduction, so nothing recurses."""

    def start(self, children: list[Term]) -> Term:
        return children[0]

    def argument(self, children: list[Token]) -> str:
        return str(children[0])

    def inputs(self, children: list[Term | None]) -> tuple[Term, ...]:
        return tuple(child for child in children if child is not None)

    def step(self, children: list[Token | str | tuple[Term, ...]]) -> Term:
        name, *rest = children
        assert isinstance(name, Token)
        if name not in OPERATIONS:
            raise _UnknownOperationError(name)
        argument = next((part for part in rest if isinstance(part, str)), None)
        inputs = next((part for part in rest if isinstance(part, tuple)), ())
        return Term(str(name), argument, inputs)


@cache
def _parser() -> Lark:
    return Lark.open(
        str(grammar_file("program.lark")),
        parser="lalr",
        transformer=_Builder(),
        propagate_positions=False,
        maybe_placeholders=True,
    )


def _syntax_error(text: str, error: UnexpectedInput) -> GrammarError:
    if isinstance(error, UnexpectedCharacters):
        whole = _is_whole(text[: error.pos_in_stream])
        expected = {"$END"} if whole else set(error.allowed or ())
        problem, line, column = f"unexpected '{error.char}'", error.line, error.column
    elif isinstance(error, UnexpectedToken):
        ended = error.token.type == "$END"
        problem = "the text ends too early" if ended else f"unexpected '{error.token}'"
        expected = set(error.accepts or error.expected)
        line, column = _end_of(text) if ended else (error.line, error.column)
    else:
        problem, expected, (line, column) = "not program text", set(), _end_of(text)
    words = tuple(_WORDS[name] for name in _WORDS if name in expected)
    return GrammarError(text, line, column, problem, words)


def _is_whole(text: str) -> bool:
    try:
        _parser().parse(text)
    except (UnexpectedInput, _UnknownOperationError):
        return False
    return True


def _end_of(text: str) -> tuple[int, int]:
    lines = text.split("\n")
    return len(lines), len(lines[-1]) + 1


def _unknown_operation(text: str, token: Token, domain: Domain | None) -> GrammarError:
    problem = f"unknown operation '{token}'"
    if domain is not None and str(token) in domain.concepts:
        expected: tuple[str, ...] = (f"find[{token}]",)
    elif domain is not None and str(token) in domain.relations:
        expected = (f"relate[{token}](...)",)
    else:
        expected = (listing(nearest(str(token), OPERATIONS)),)
    return GrammarError(text, token.line or 1, token.column or 1, problem, expected)
