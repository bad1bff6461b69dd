"""English to programs by a grammar: LALR for the preferred reading, Earley for all.

Text to tokens is the lexicon's work, tokens to a tree Lark's, and tree to program that of
`_Meaning`, whose method names are the rule names of every domain's grammar.
"""

from collections.abc import Iterator
from functools import cache, cached_property
from itertools import islice
from typing import Any, Literal

from lark import Lark, Token, Transformer, UnexpectedInput, UnexpectedToken
from lark.lexer import Lexer
from lark.visitors import CollapseAmbiguities

from nmn.domain import Domain
from nmn.errors import QuestionError
from nmn.parsing.base import Parse
from nmn.parsing.lexicon import Lexicon, load_lexicon
from nmn.parsing.mistakes import contradictions, unexpected
from nmn.program.program import Span, Term, flatten
from nmn.resources import grammar_file

_MAX_AMBIGUOUS_WORDS = 40
_MAX_READINGS = 200


class GrammarParser:
    """The parser of a domain that has a grammar and a lexicon.

    Attributes:
        all_readings: give every reading the grammar allows, the preferred one first, in place
            of the preferred one only. Slower, and for questions of up to 40 words.
    """

    def __init__(self, domain: Domain, *, all_readings: bool = False) -> None:
        self.domain = domain
        self.all_readings = all_readings
        self.lexicon = load_lexicon(domain)
        self._meaning = _Meaning()
        self._lalr = _lark(self.lexicon, "lalr", self._meaning)

    def parse(self, question: str) -> list[Parse]:
        """The readings of `question`, the preferred one first.

        Raises:
            QuestionError: an unknown word, or words that do not make a question.
        """
        try:
            preferred = self._lalr.parse(question)
        except UnexpectedInput as error:
            raise self._explained(question, error) from error
        terms = [_as_term(preferred)]
        if self.all_readings and len(self.lexicon.tokens(question)) <= _MAX_AMBIGUOUS_WORDS:
            terms.extend(self._all(question))
        return self._ranked(question, terms)

    @cached_property
    def _earley(self) -> Lark:
        return _lark(self.lexicon, "earley", None)

    def _all(self, question: str) -> Iterator[Term]:
        forest = self._earley.parse(question)
        for tree in islice(CollapseAmbiguities().transform(forest), _MAX_READINGS):
            yield self._meaning.transform(tree)

    def _ranked(self, question: str, terms: list[Term]) -> list[Parse]:
        parses: dict[Any, Parse] = {}
        for term in terms:
            program, spans = flatten(term)
            if program not in parses:
                warnings = contradictions(program, self.domain)
                score = -float(len(parses))
                parses[program] = Parse(question, program, spans, score, warnings)
        return list(parses.values())

    def _explained(self, question: str, error: UnexpectedInput) -> QuestionError:
        if not isinstance(error, UnexpectedToken):
            return unexpected(question, None, (), self.lexicon)
        token = None if error.token.type == "$END" else error.token
        return unexpected(question, token, error.accepts or error.expected, self.lexicon)


@cache
def shared_parser(domain: Domain) -> GrammarParser:
    """The parser of `domain` for its preferred readings, made once."""
    return GrammarParser(domain)


def _lark(lexicon: Lexicon, parser: Literal["lalr", "earley"], meaning: "_Meaning | None") -> Lark:
    class Words(Lexer):
        def __init__(self, _: Any) -> None:
            pass

        def lex(self, text: str) -> Iterator[Token]:  # type: ignore[override]
            return iter(lexicon.tokens(text))

    return Lark.open(
        str(grammar_file(f"{lexicon.domain.name}.lark")),
        parser=parser,
        lexer=Words,
        transformer=meaning,
        ambiguity="explicit" if parser == "earley" else "auto",
        maybe_placeholders=False,
    )


def _span(*tokens: Token) -> tuple[Span, ...]:
    return tuple((t.start_pos or 0, t.end_pos or 0) for t in tokens)


class _Meaning(Transformer[Token, Term]):
    """What each rule of the grammars means. Tokens carry the meaning of a word as their value."""

    def start(self, children: list[Any]) -> Term:
        return _as_term(children[0])

    def exists(self, children: list[Any]) -> Term:
        *tokens, term = children
        return Term("exists", None, (term,), _span(*tokens))

    def exists_described(self, children: list[Any]) -> Term:
        verb, term, *descriptions = children
        for description in descriptions:
            term = Term("and", None, (term, description))
        return Term("exists", None, (term,), _span(verb))

    def exists_concept(self, children: list[Token]) -> Term:
        verb, pronoun, adjective = children
        return self.exists([verb, self.concept_after([pronoun, adjective])])

    def described(self, children: list[Term]) -> Term:
        return Term("and", None, tuple(children))

    def both(self, children: list[Any]) -> Term:
        first, word, second = children
        return Term("and", None, (first, second), _span(word))

    def either(self, children: list[Any]) -> Term:
        first, word, second = children
        return Term("or", None, (first, second), _span(word))

    def either_concept(self, children: list[Any]) -> Term:
        first, word, second = children
        return self.either([first, word, self.concept([second])])

    def concept(self, children: list[Token]) -> Term:
        return Term("find", str(children[0]), (), _span(children[0]))

    def concept_after(self, children: list[Token]) -> Term:
        pronoun, adjective = children
        return Term("find", str(adjective), (), _span(pronoun, adjective))

    def anything(self, children: list[Token]) -> Term:
        return Term("scene", None, (), _span(children[0]))

    def filtered(self, children: list[Term]) -> Term:
        quality, name = children
        spans = (*quality.spans, *name.spans)
        if name.operation == "scene":
            return Term(quality.operation, quality.argument, quality.inputs, spans)
        if quality.operation == "find":
            return Term("filter", quality.argument, (name,), quality.spans)
        return Term("and", None, (quality, name))

    def relate(self, children: list[Any]) -> Term:
        relation, term = children
        return Term("relate", str(relation), (term,), _span(relation))

    def relate_both(self, children: list[Any]) -> Term:
        first, word, second, term = children
        return self.both([self.relate([first, term]), word, self.relate([second, term])])

    def relate_either(self, children: list[Any]) -> Term:
        first, word, second, term = children
        return self.either([self.relate([first, term]), word, self.relate([second, term])])

    def skip_article(self, children: list[Any]) -> Term:
        return _last(children)

    def skip_that(self, children: list[Any]) -> Term:
        return _last(children)


def _last(children: list[Any]) -> Term:
    return _as_term(children[-1])


def _as_term(value: Any) -> Term:
    assert isinstance(value, Term)
    return value
