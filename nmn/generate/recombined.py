"""New questions made of the phrases of known ones, read by the grammar.

A phrase of one question takes the place of a phrase of the same kind in another: "the big thing
that is left of the ball" that of "the red cube", "either behind X or the same size as Y" that of
"left of Z"; and things are described in more detail. What comes out is kept if the grammar can read
it, with the program that it reads. A learned parser that sees such questions learns that phrases
mean the same wherever they stand (Jia and Liang 2016, Data Recombination for Neural Semantic
Parsing; theirs are drawn from a synchronous grammar that was induced for it).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from numpy.random import Generator

from nmn.domain import Domain
from nmn.errors import QuestionError
from nmn.generate.careless import careless_articles
from nmn.generate.descriptions import Descriptions
from nmn.parsing.base import Parse
from nmn.parsing.grammar_parser import shared_parser
from nmn.program.program import Program
from nmn.progress import Stage, silent

_RELATIONS = frozenset(("relate", "same"))
_JOINED = frozenset(("and", "or"))
_ARTICLE = "the "
_OWNED = ("has", "have", "of")
"""Words before a phrase that others do not stand before."""
_TRIES = 8
"""Attempts for each question that is wanted."""
_DETAILED = 0.5
"""How often things are described in more detail."""
_SWAPS = 3
"""Phrases that are exchanged in one question, at most."""


@dataclass(frozen=True)
class _Phrase:
    """Characters `[start, end)` of a question that stand for a thing, or for where it is.

    Attributes:
        kind: phrases of one kind can stand in each other's place.
        operation: what they are in programs.
    """

    kind: str
    operation: str
    start: int
    end: int


class Recombination:
    """Questions made of the phrases of others.

    Args:
        questions: those that the grammar cannot read are passed over.

    Attributes:
        readings: the programs of these questions, as the grammar reads them.
    """

    def __init__(self, questions: Sequence[str], domain: Domain) -> None:
        self._parser = shared_parser(domain)
        self._known: list[tuple[str, list[_Phrase]]] = []
        self._phrases: dict[str, dict[str, list[str]]] = {}
        self._descriptions = Descriptions(domain)
        self.readings: dict[str, Program] = {}
        self._asked = frozenset(questions)
        self._longest = max(map(len, questions), default=0)
        for question in questions:
            parse = self._read(question)
            if parse is None:
                continue
            self.readings[question] = parse.program
            self._descriptions.learn(parse)
            phrases = list(_phrases(parse))
            if phrases:
                self._known.append((question, phrases))
            for phrase in phrases:
                said = question[phrase.start : phrase.end]
                alike = self._phrases.setdefault(phrase.kind, {})
                alike.setdefault(phrase.operation, []).append(said)

    def draw(
        self,
        count: int,
        rng: Generator,
        allowed: Callable[[Program], bool] = lambda program: True,
        untidy: float = 0.0,
        stage: Stage = silent,
    ) -> list[Parse]:
        """Up to so many new questions, no two alike, with their programs.

        Args:
            allowed: which programs may be asked for.
            untidy: the share of questions in which articles are missing or wrong.
        """
        found: dict[str, Parse] = {}
        if not self._known:
            return []
        for _ in range(_TRIES * count):
            if len(found) == count:
                break
            parse = self._drawn(rng)
            if parse is not None and rng.random() < untidy:
                parse = self._untidy(parse, rng)
            new = parse is not None and parse.question not in self._asked
            if parse is not None and new and allowed(parse.program):
                if parse.question not in found and len(found) % 100 == 0:
                    stage("recombining questions", len(found), count)
                found.setdefault(parse.question, parse)
        return list(found.values())

    def _drawn(self, rng: Generator) -> Parse | None:
        question, phrases = self._known[rng.integers(len(self._known))]
        for swap in range(1 + int(rng.integers(_SWAPS))):
            if swap:
                parse = self._read(question)
                phrases = [] if parse is None else list(_phrases(parse))
                if not phrases:
                    return None
            place = phrases[rng.integers(len(phrases))]
            # What is rare in questions ("either ... or ...") comes as often as what is not.
            groups = list(self._phrases.get(place.kind, {}).values())
            if not groups:
                return None
            others = groups[rng.integers(len(groups))]
            said = others[rng.integers(len(others))]
            question = question[: place.start] + said + question[place.end :]
        parse = self._read(question)
        if parse is None or rng.random() >= _DETAILED:
            return parse
        return self._read(self._descriptions.detailed(parse, rng))

    def _untidy(self, parse: Parse, rng: Generator) -> Parse | None:
        """The same question with careless articles, if the grammar still reads the same."""
        careless = self._read(careless_articles(parse.question, rng))
        return careless if careless and careless.program == parse.program else None

    def _read(self, question: str) -> Parse | None:
        if len(question) > self._longest:
            return None
        try:
            return self._parser.parse(question)[0]
        except QuestionError:
            return None


def _phrases(parse: Parse) -> Iterator[_Phrase]:
    """The phrases of a question that can stand elsewhere, too."""
    ends: list[tuple[int, int] | None] = []
    kinds: list[str] = []
    for node, spans in zip(parse.program.nodes, parse.spans, strict=True):
        inputs = [kinds[source] for source in node.inputs]
        parts = [*spans, *(part for source in node.inputs if (part := ends[source]))]
        whole = (min(s for s, _ in parts), max(e for _, e in parts)) if parts else None
        kind = ""
        if node.operation == "unique":
            kind = "thing"
        elif node.operation in _RELATIONS or (
            node.operation in _JOINED and all(kind == "place" for kind in inputs)
        ):
            kind = "place"
        ends.append(whole)
        kinds.append(kind)
        if kind and whole and whole[0]:
            start, end = whole
            definite = parse.question[max(0, start - len(_ARTICLE)) : start].lower() == _ARTICLE
            if definite:
                start -= len(_ARTICLE)
            before = parse.question[:start].rsplit(maxsplit=1)[-1:]
            if kind == "place" and before[0] in _OWNED:
                yield _Phrase(f"place {before[0]}", node.operation, start, end)
            elif kind == "place" or definite:
                yield _Phrase(kind, node.operation, start, end)
