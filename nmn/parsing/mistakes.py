"""The mistakes people make in questions, and what to tell them."""

from collections.abc import Collection

from lark import Token

from nmn.domain import Domain
from nmn.errors import QuestionError, listing
from nmn.parsing.lexicon import Lexicon
from nmn.program.program import Program

_KINDS = {
    "NOUN": "a noun",
    "THING": "a noun",
    "PRONOUN": "a noun",
    "ADJECTIVE": "an adjective",
    "RELATION": "a relation",
    "ARTICLE": "an article",
    "IS": "'is'",
    "THERE": "'there'",
    "SEE": "'do you see'",
    "THAT": "'that is'",
    "AND": "'and'",
    "OR": "'or'",
    "OR_DESCRIBED": "'or'",
    "COMMA": "','",
    "END": "the end",
    "$END": "the end",
}


def unexpected(
    question: str, token: Token | None, expected: Collection[str], lexicon: Lexicon
) -> QuestionError:
    """The error for a question that stops fitting the grammar at `token` (None: at its end)."""
    kinds = list(dict.fromkeys(kind for name, kind in _KINDS.items() if name in expected))
    wanted = f"wanted {' or '.join(kinds)}"
    if "NOUN" in expected:
        examples = [
            lexicon.surface["NOUN", c]
            for c in lexicon.domain.concepts
            if ("NOUN", c) in lexicon.surface
        ]
        wanted += f", such as {listing(examples[:3])}"
    if token is None:
        lines = question.rstrip().split("\n")
        place = len(lines), len(lines[-1]) + 1
        return QuestionError(question, *place, "the question ends too early", advice=wanted)
    words = question[token.start_pos : token.end_pos]
    if token.type == "AND":
        wanted += "; 'and' joins descriptions of one thing (ask for two things in two questions)"
    place = token.line or 1, token.column or 1
    return QuestionError(question, *place, f"'{words}' does not fit", advice=wanted)


def contradictions(program: Program, domain: Domain) -> tuple[str, ...]:
    """A warning for each chain of filters that nothing can pass: `a red blue circle`."""
    warnings = []
    chains: list[dict[str, str]] = []
    for node in program.nodes:
        chain: dict[str, str] = {}
        if node.operation in ("find", "filter") and node.argument is not None:
            below = chains[node.inputs[0]] if node.inputs else {}
            attribute = domain.attribute_of(node.argument)
            other = below.get(attribute, node.argument)
            if other != node.argument:
                warnings.append(f"nothing is both {node.argument} and {other}")
            chain = {**below, attribute: node.argument}
        chains.append(chain)
    return tuple(dict.fromkeys(warnings))
