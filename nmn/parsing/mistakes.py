"""The mistakes people make in questions, and what to tell them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from lark import Token

from nmn.domain import Domain
from nmn.errors import QuestionError, listing
from nmn.parsing.lexicon import Lexicon, place_of
from nmn.parsing.meaning import IT, THEY
from nmn.program.program import Program, Span

_KINDS = {
    "NOUN": "a noun",
    "THING": "a noun",
    "PRONOUN": "a noun",
    "IT": "a noun",
    "ADJECTIVE": "an adjective",
    "RELATION": "a relation",
    "ARTICLE": "an article",
    "ATTRIBUTE": "a property",
    "$END": "the end",
    "END": "the end",
}
"""Terminals that have a name of their own; of all others the words themselves are shown."""

_MAX_KINDS = 6


@dataclass(frozen=True)
class Hint:
    """What to say where a word of one kind comes after one of another.

    Attributes:
        after: terminals before the place; empty for any.
        came: terminals at the place, `$END` for the end of the question; empty for any.
        advice: `{attributes}`, `{attribute}`, `{noun}`, `{plural}`, `{intro}` are filled in.
        first: terminals that begin such a question; empty for any.
    """

    after: Collection[str]
    came: Collection[str]
    advice: str
    first: Collection[str] = ()


_NAMES = ("ADJECTIVE", "NOUN", "THING", "PRONOUN", "OTHER", "IT")
HINTS = (
    Hint(
        (),
        ("AND", "AND_DESCRIBED"),
        "'and' joins descriptions of one thing (ask for two in two questions)",
    ),
    Hint(
        ("HOW_MANY",),
        ("ATTRIBUTE",),
        "'how many' counts things and a property is not one: ask for 'how many {plural}', "
        "or 'what {attribute} is the {noun}'",
    ),
    Hint((), ("OR",), "say 'either ... or' to join what is said of one thing"),
    Hint(("WHAT", "WHICH"), _NAMES, "say what is asked for: {attributes}"),
    Hint(("SAME",), (*_NAMES, "AS", "RELATION", "$END"), "the same what? {attributes}"),
    Hint((), ("SAME_AS",), "the same what? {attributes}"),
    Hint(("ATTRIBUTE",), ("ADJECTIVE", "NOUN"), "a property is not a thing: 'the red {noun}'"),
    Hint(("ADJECTIVE",), ("$END", "IS", "THAN", "AS", "AND"), "the noun is missing"),
    Hint((), ("$END",), "ask something about it, as in '{intro}'", first=("THERE",)),
    Hint(("SEPARATOR",), ("THERE",), "ask something about it, as in '{intro}'"),
)
"""Looked through in order; the first that fits is given."""


def unexpected(
    question: str, token: Token | None, expected: Collection[str], lexicon: Lexicon
) -> QuestionError:
    """The error for a question that stops fitting the grammar at `token` (None: at its end)."""
    tokens = lexicon.tokens(question)
    before = [t for t in tokens if token is None or (t.start_pos or 0) < (token.start_pos or 0)]
    came = "$END" if token is None else token.type
    advice = f"wanted {_wanted(expected, came, lexicon)}"
    if hint := _hint(before, came, lexicon):
        advice = f"{advice}; {hint}"
    if token is None:
        lines = question.rstrip().split("\n")
        place = len(lines), len(lines[-1]) + 1
        return QuestionError(question, *place, "the question ends too early", advice=advice)
    words = question[token.start_pos : token.end_pos]
    return at(question, token.start_pos or 0, f"'{words}' does not fit", advice)


def at(question: str, offset: int, problem: str, advice: str = "") -> QuestionError:
    """The error at a character of the question."""
    return QuestionError(question, *place_of(question, offset), problem, advice=advice)


def check_pronouns(
    question: str, program: Program, spans: tuple[tuple[Span, ...], ...], lexicon: Lexicon
) -> None:
    """Raises QuestionError where "it" refers to nothing."""
    for node, words in zip(program.nodes, spans, strict=True):
        if node.operation in (IT, THEY):
            start = words[0][0] if words else 0
            advice = f"say first what it is, as in '{_introduction(lexicon)}'"
            raise at(question, start, "'it' refers to nothing", advice)


def warnings_of(
    question: str, program: Program, spans: tuple[tuple[Span, ...], ...], lexicon: Lexicon
) -> tuple[str, ...]:
    """What is odd about a question that can be read, with the place and advice."""
    found = []
    for pair in contradictions(program, lexicon.domain):
        places = [spans[node][0][0] if spans[node] else 0 for node in pair]
        ordered = sorted(zip(places, pair, strict=True))
        said = (
            f"{program.nodes[node].argument} (column {place_of(question, place)[1]})"
            for place, node in ordered
        )
        found.append(f"nothing is both {' and '.join(said)}: leave one out")
    if not any(node.operation in ("same", "relate") for node in program.nodes):
        for token in lexicon.tokens(question):
            if token.type == "OTHER":
                start = token.start_pos or 0
                word = question[start : token.end_pos]
                column = place_of(question, start)[1]
                found.append(
                    f"'{word}' (column {column}) changes nothing: all things are meant; "
                    "say 'the same ... as' or a relation to leave one out"
                )
    return tuple(dict.fromkeys(found))


def contradictions(program: Program, domain: Domain) -> Iterator[tuple[int, int]]:
    """Pairs of filters of one chain that exclude each other, as indices: `a red blue circle`."""
    chains: list[dict[str, int]] = []
    for index, node in enumerate(program.nodes):
        chain: dict[str, int] = {}
        if node.operation in ("find", "filter") and node.argument is not None:
            below = chains[node.inputs[0]] if node.inputs else {}
            attribute = domain.attribute_of(node.argument)
            other = below.get(attribute, index)
            if program.nodes[other].argument != node.argument:
                yield index, other
            chain = {**below, attribute: index}
        chains.append(chain)


def _wanted(expected: Collection[str], came: str, lexicon: Lexicon) -> str:
    """What could have stood there and is not what came, in words; of many kinds the first few."""
    kinds = list(dict.fromkeys(kind for name, kind in _KINDS.items() if name in expected))
    said = {kind for kind, _ in lexicon.surface}
    for name in sorted(expected):
        base = _word_of(name)
        if base not in _KINDS and base in said and base != _word_of(came):
            kinds.append(f"'{lexicon.says(base)}'")
    kinds = list(dict.fromkeys(kinds))
    more = " or something else" if len(kinds) > _MAX_KINDS else ""
    wanted = " or ".join(kinds[:_MAX_KINDS]) + more
    return f"{wanted}, such as {_nouns(lexicon)}" if "NOUN" in expected else wanted


def _word_of(terminal: str) -> str:
    """The terminal that the lexicon has: `OR` for `OR_DESCRIBED`."""
    return terminal.partition("_")[0] if terminal.startswith(("AND_", "OR_")) else terminal


def _hint(before: Sequence[Token], came: str, lexicon: Lexicon) -> str:
    last = before[-1].type if before else ""
    first = before[0].type if before else ""
    for hint in HINTS:
        begins_so = not hint.first or first in hint.first
        if begins_so and (not hint.after or last in hint.after) and came in hint.came:
            noun = next(forms[0] for (kind, _), forms in lexicon.surface.items() if kind == "NOUN")
            attributes = lexicon.domain.attribute_names
            return hint.advice.format(
                attributes=listing(attributes),
                attribute=attributes[0],
                noun=noun[0],
                plural=noun[1],
                intro=_introduction(lexicon),
            )
    return ""


def _nouns(lexicon: Lexicon) -> str:
    nouns = [forms[0][0] for (kind, _), forms in lexicon.surface.items() if kind == "NOUN"]
    return listing(nouns[:3])


def _introduction(lexicon: Lexicon) -> str:
    noun = next(forms[0][0] for (kind, _), forms in lexicon.surface.items() if kind == "NOUN")
    return f"there is a {noun}; what {lexicon.domain.attribute_names[0]} is it"
