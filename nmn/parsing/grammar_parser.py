"""English to programs by a grammar: LALR for the preferred reading, Earley for all.

Text to tokens is the lexicon's work, tokens to a tree Lark's, and tree to program that of
`nmn.parsing.meaning`.
"""

from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from itertools import chain, islice, product
from typing import Any, Literal

from lark import Lark, Token, Transformer, Tree, UnexpectedToken
from lark.lexer import Lexer

from nmn.domain import Domain
from nmn.errors import ProgramTypeError
from nmn.parsing.base import Parse
from nmn.parsing.lexicon import Lexicon, load_lexicon
from nmn.parsing.meaning import MEANINGS, ClashError, as_term
from nmn.parsing.mistakes import at, check_pronouns, unexpected, warnings_of
from nmn.program.program import Term, flatten
from nmn.resources import grammar_file

MAX_AMBIGUOUS_WORDS = 60
"""Of longer questions only the preferred reading is given."""
_MAX_READINGS = 200
_MAX_STEPS = 10_000


class GrammarParser:
    """The parser of a domain that has a grammar and a lexicon.

    Attributes:
        all_readings: give every reading the grammar allows, the preferred one first, in place
            of the preferred one only. Slower, and for questions of up to 60 words.
    """

    def __init__(self, domain: Domain, *, all_readings: bool = False) -> None:
        self.domain = domain
        self.all_readings = all_readings
        self.lexicon = load_lexicon(domain)
        self._meaning = MEANINGS[domain.name]()
        self._lalr = _lark(self.lexicon, "lalr", self._meaning)

    def parse(self, question: str) -> list[Parse]:
        """The readings of `question`, the preferred one first.

        Time is linear in the words, whatever they are: LALR looks at each once, there are at most
        `MAX_WORDS` of them and `_MAX_STEPS` steps in a program. That is about 10 microseconds a
        word, and 0.1 seconds for the longest question; tests hold it to 2 milliseconds a word on
        busy machines. All readings of a question take up to a second, as only those of up to 60
        words are looked at, and of each part the first `_MAX_READINGS`.

        Raises:
            QuestionError: an unknown word, or words that do not make a question.
        """
        terms = [self._preferred(question)]
        if self.all_readings and len(question.split()) <= MAX_AMBIGUOUS_WORDS:
            terms.extend(self._all(question))
        return self._ranked(question, terms)

    @cached_property
    def _earley(self) -> Lark:
        return _lark(self.lexicon, "earley", None)

    def _preferred(self, question: str) -> Term:
        try:
            return as_term(self._lalr.parse(question))
        except UnexpectedToken as error:
            token = None if error.token.type == "$END" else error.token
            expected = error.accepts or error.expected
            raise unexpected(question, token, expected, self.lexicon) from error
        except ClashError as error:
            raise at(question, error.token.start_pos or 0, str(error)) from error

    def _all(self, question: str) -> Iterator[Term]:
        for tree in _unfolded(self._earley.parse(question), {}):
            yield self._meaning.transform(tree)

    def _ranked(self, question: str, terms: list[Term]) -> list[Parse]:
        parses: dict[Any, Parse] = {}
        for term in terms:
            try:
                program, spans = flatten(term, _MAX_STEPS)
            except ProgramTypeError as error:
                problem = f"its program would have more than {_MAX_STEPS} steps"
                raise at(question, 0, problem, "ask for less at once") from error
            if program not in parses:
                check_pronouns(question, program, spans, self.lexicon)
                warnings = warnings_of(question, program, spans, self.lexicon)
                score = 0.0 - len(parses)
                parses[program] = Parse(question, program, spans, score, warnings)
        return list(parses.values())


def _unfolded(tree: Tree[Token], known: dict[int, list[Tree[Token]]]) -> list[Tree[Token]]:
    """The trees that an ambiguous one stands for, the first `_MAX_READINGS` of them.

    There can be exponentially many; every part is unfolded once and never to more than the limit.
    """
    if id(tree) not in known:
        parts: list[list[Any]] = [
            _unfolded(child, known) if isinstance(child, Tree) else [child]
            for child in tree.children
        ]
        ways: Iterable[Any] = chain.from_iterable(parts)
        if tree.data != "_ambig":
            ways = (Tree(tree.data, list(way)) for way in product(*parts))
        known[id(tree)] = list(islice(ways, _MAX_READINGS))
    return known[id(tree)]


@cache
def shared_parser(domain: Domain) -> GrammarParser:
    """The parser of `domain` for its preferred readings, made once."""
    return GrammarParser(domain)


def _lark(
    lexicon: Lexicon, parser: Literal["lalr", "earley"], meaning: Transformer[Token, Any] | None
) -> Lark:
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
