"""The words of a domain: surface phrase to terminal and meaning, read from `grammar/lexicon/`."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import dropwhile, pairwise

from lark import Token

from nmn.config import read_toml
from nmn.domain import Domain
from nmn.errors import ConfigError, QuestionError, UnknownNameError, nearest
from nmn.resources import grammar_file

MAX_WORDS = 1_000
"""Longer questions are refused."""

_WORD = re.compile(r"[^\W_]+(?:['\u2019_-][^\W_]+)*|[^\w\s]|_")
_BEFORE_DESCRIPTION = ("RELATION", "THAT")
IGNORED = "IGNORED"


@dataclass(frozen=True)
class Lexicon:
    """The phrases of one domain.

    Attributes:
        phrases: from the words of a phrase to its terminal and meaning.
        surface: from terminal and meaning to the phrase that the realiser says.
    """

    domain: Domain
    phrases: Mapping[tuple[str, ...], tuple[str, str]]
    surface: Mapping[tuple[str, str], str]

    @cached_property
    def words(self) -> tuple[str, ...]:
        """All single words that occur in phrases, sorted."""
        return tuple(sorted({w for phrase in self.phrases for w in phrase if w[0].isalpha()}))

    @cached_property
    def _longest(self) -> dict[str, int]:
        """For each first word, the number of words in the longest phrase it begins."""
        longest: dict[str, int] = {}
        for phrase in self.phrases:
            longest[phrase[0]] = max(len(phrase), longest.get(phrase[0], 0))
        return longest

    def tokens(self, question: str) -> list[Token]:
        """The tokens of a question: type is the terminal, value the meaning, with positions.

        An `OR` before a relation or "that is" has the type `OR_DESCRIBED` (see the grammar). A
        comma is kept where it separates a list that ends in "or".

        Raises:
            QuestionError: an empty question, too many words, or a word that is not known.
        """
        words = list(_WORD.finditer(question))
        if not words:
            raise QuestionError(question, 1, 1, "the question is empty", advice=self.advice)
        if len(words) > MAX_WORDS:
            line, column = _place(question, words[MAX_WORDS].start())
            problem = f"a question of {len(words)} words"
            advice = f"at most {MAX_WORDS} words are read"
            raise QuestionError(question, line, column, problem, advice=advice)
        tokens = [token for token in self._matched(question, words) if token.type != IGNORED]
        tokens = [
            token
            for place, token in enumerate(tokens)
            if token.type != "COMMA" or _separates(tokens[place + 1 :])
        ]
        for token, following in pairwise(tokens):
            if token.type == "OR" and following.type in _BEFORE_DESCRIPTION:
                token.type = "OR_DESCRIBED"
        return tokens

    @property
    def advice(self) -> str:
        """What can be asked at all, for those who are far off."""
        relation = self.surface["RELATION", self.domain.relations[0]]
        values = [attribute.values[0] for attribute in self.domain.attributes]
        return (
            f"questions about {self.domain.name} are English, such as "
            f'"is there a {values[0]} shape {relation} a {values[-1]}"'
        )

    def _matched(self, question: str, words: list[re.Match[str]]) -> Iterator[Token]:
        lowered = [word[0].lower().replace("\u2019", "'") for word in words]
        index = 0
        while index < len(words):
            for length in range(self._longest.get(lowered[index], 0), 0, -1):
                found = self.phrases.get(tuple(lowered[index : index + length]))
                if found is not None and index + length <= len(words):
                    break
            else:
                raise self._unknown(question, words, index)
            start, end = words[index].start(), words[index + length - 1].end()
            line, column = _place(question, start)
            yield Token(*found, start_pos=start, line=line, column=column, end_pos=end)
            index += length

    def _unknown(self, question: str, words: list[re.Match[str]], index: int) -> QuestionError:
        word = words[index][0]
        line, column = _place(question, words[index].start())
        begun = [" ".join(phrase) for phrase in self.phrases if phrase[0] == word.lower()]
        if begun:
            problem = f"'{word}' does not stand alone"
            return QuestionError(question, line, column, problem, nearest(word, begun))
        known = nearest(word, [other for other in self.words if other != word.lower()])
        strange = sum(other[0].lower() not in self.words for other in words)
        advice = self.advice if strange * 2 > len(words) else ""
        return QuestionError(question, line, column, f"unknown word '{word}'", known, advice)


def _separates(following: list[Token]) -> bool:
    """Whether a comma before these is one of a list that ends in "or"."""
    if following and following[0].type == "OR":
        return False
    kinds = (token.type for token in following)
    ahead = (kind for kind in kinds if kind not in ("ADJECTIVE", "ARTICLE", "COMMA"))
    nouns_skipped = dropwhile(("NOUN", "THING", "PRONOUN").__contains__, ahead)
    return next(nouns_skipped, "") == "OR"


def load_lexicon(domain: Domain) -> Lexicon:
    """The lexicon of a shipped domain.

    Raises:
        UnknownNameError: the domain has no grammar.
        ConfigError: a phrase in two places, or a meaning that the domain does not have.
    """
    folder = grammar_file("lexicon")
    if not (folder / f"{domain.name}.toml").is_file():
        parsed = tuple(sorted(path.stem for path in folder.glob("*.toml")))
        raise UnknownNameError("domain with a grammar", domain.name, parsed)
    path = grammar_file(f"lexicon/{domain.name}.toml")
    phrases: dict[tuple[str, ...], tuple[str, str]] = {}
    surface: dict[tuple[str, str], str] = {}
    known = {"ADJECTIVE": domain.concepts, "NOUN": domain.concepts, "RELATION": domain.relations}
    for terminal, entries in read_toml(path).items():
        for meaning, texts in entries.items():
            if terminal in known and meaning not in known[terminal]:
                problem = UnknownNameError("meaning", meaning, known[terminal], f"[{terminal}]")
                raise ConfigError(str(path), str(problem))
            surface[terminal, meaning] = texts[0]
            for text in texts:
                words = tuple(match[0] for match in _WORD.finditer(text))
                if words in phrases:
                    raise ConfigError(str(path), f"'{text}' stands in two places")
                phrases[words] = (terminal, meaning)
    return Lexicon(domain, phrases, surface)


def _place(text: str, offset: int) -> tuple[int, int]:
    """Line and column, from 1, of a character."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
