"""The words of a domain: surface phrase to terminal and meaning, read from `grammar/lexicon/`."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lark import Token

from nmn.config import read_toml
from nmn.domain import Domain, load_domain
from nmn.errors import ConfigError, QuestionError, UnknownNameError, nearest, shortened
from nmn.parsing.lookahead import prepare
from nmn.resources import grammar_file

MAX_WORDS = 1_000
"""Longer questions are refused."""

_LONGEST_SHOWN = 40
"""Characters of a word in messages; what is longer resembles no word, and takes long to compare."""

_WORD = re.compile(r"[^\W_]+(?:['\u2019_-][^\W_]+)*|[^\w\s]|_")
_VALUE = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*")
IGNORED, DROPPED, SPLIT = "IGNORED", "DROPPED", "SPLIT"
"""Sections of words that make no token; the dropped ones are not seen inside phrases either, and
the split ones are read as several words."""


@dataclass(frozen=True)
class Lexicon:
    """The phrases of one domain.

    Attributes:
        phrases: from the words of a phrase to its terminal and meaning.
        written: the same phrases with the words that are not seen.
        splits: words that are read as several.
        surface: from terminal and meaning to the phrases that say it, each as singular and
            plural, the preferred one first.
    """

    domain: Domain
    phrases: Mapping[tuple[str, ...], tuple[str, str]]
    written: Mapping[tuple[str, ...], str]
    splits: Mapping[str, tuple[str, ...]]
    surface: Mapping[tuple[str, str], tuple[tuple[str, str], ...]]

    @cached_property
    def words(self) -> tuple[str, ...]:
        """All single words that occur in phrases, sorted."""
        words = {w for phrase in self.phrases for w in phrase if w[0].isalpha()}
        return tuple(sorted(words.union(self.splits)))

    @cached_property
    def terminals(self) -> frozenset[str]:
        """The kinds of tokens that its phrases make."""
        return frozenset(terminal for terminal, _ in self.phrases.values())

    @cached_property
    def _dropped(self) -> frozenset[str]:
        return frozenset(phrase[0] for phrase, (kind, _) in self.phrases.items() if kind == DROPPED)

    @cached_property
    def _lengths(self) -> dict[str, tuple[int, ...]]:
        """For each first word, the numbers of words of the phrases it begins, longest first."""
        lengths: dict[str, set[int]] = {}
        for phrase in self.phrases:
            lengths.setdefault(phrase[0], set()).add(len(phrase))
        return {word: tuple(sorted(found, reverse=True)) for word, found in lengths.items()}

    def says(self, terminal: str, meaning: str = "") -> str:
        """The preferred phrase for a terminal and meaning; without meaning, for its first one."""
        if meaning:
            return self.surface[terminal, meaning][0][0]
        return next(texts[0][0] for (name, _), texts in self.surface.items() if name == terminal)

    def tokens(self, question: str) -> list[Token]:
        """The tokens of a question: type is the terminal, value the meaning, with positions.

        See `nmn.parsing.lookahead` for the types of "and", "or" and commas.

        Raises:
            QuestionError: an empty question, too many words, or a word that is not known.
        """
        words = [(match[0], match.start(), match.end()) for match in _WORD.finditer(question)]
        if not words:
            raise QuestionError(question, 1, 1, "the question is empty", advice=self.advice)
        if len(words) > MAX_WORDS:
            line, column = place_of(question, words[MAX_WORDS][1])
            problem = f"a question of {len(words)} words"
            advice = f"at most {MAX_WORDS} words are read"
            raise QuestionError(question, line, column, problem, advice=advice)
        return prepare(self._matched(question, words), self.terminals)

    @property
    def advice(self) -> str:
        """What can be asked at all, for those who are far off."""
        relation = self.says("RELATION", self.domain.relations[0])
        first, last = (self.domain.attributes[place] for place in (0, -1))
        thing = self.says("THING")
        return (
            f"questions about {self.domain.name} are English, such as "
            f'"is there a {first.values[0]} {thing} {relation} a {last.values[-1]}"'
        )

    def _matched(self, question: str, words: list[tuple[str, int, int]]) -> list[Token]:
        lowered = [word[0].lower().replace("\u2019", "'") for word in words]
        if not self.splits.keys().isdisjoint(lowered):
            parts = [self.splits.get(word, (word,)) for word in lowered]
            words = [word for word, split in zip(words, parts, strict=True) for _ in split]
            lowered = [word for split in parts for word in split]
        if self._dropped:
            kept = [place for place, word in enumerate(lowered) if word not in self._dropped]
            lowered, words = [lowered[place] for place in kept], [words[place] for place in kept]
        tokens: list[Token] = []
        index = 0
        while index < len(words):
            for length in self._lengths.get(lowered[index], ()):
                found = self.phrases.get(tuple(lowered[index : index + length]))
                if found is not None and index + length <= len(words):
                    break
            else:
                raise self._unknown(question, words, index)
            if found[0] != IGNORED:
                end = words[index + length - 1][2]
                tokens.append(Token(*found, start_pos=words[index][1], end_pos=end))
            index += length
        return tokens

    def _unknown(
        self, question: str, words: list[tuple[str, int, int]], index: int
    ) -> QuestionError:
        word = shortened(words[index][0], _LONGEST_SHOWN)
        start = words[index][1]
        line, column = place_of(question, start)
        begun = [self.written[phrase] for phrase in self.phrases if phrase[0] == word.lower()]
        if begun:
            problem = f"'{word}' does not stand alone"
            said = " ".join(other[0] for other in words[index : index + 3])
            near = nearest(shortened(said, _LONGEST_SHOWN), begun)
            return QuestionError(question, line, column, problem, near)
        known = nearest(word, [other for other in self.words if other != word.lower()])
        strange = sum(other[0].lower() not in self.words for other in words)
        advice = self.advice if strange * 2 > len(words) else ""
        return QuestionError(question, line, column, f"unknown word '{word}'", known, advice)


def parsed_domains() -> tuple[str, ...]:
    """The domains that have a lexicon and a grammar."""
    return tuple(sorted(path.stem for path in grammar_file("lexicon").glob("*.toml")))


def load_lexicon(domain: Domain) -> Lexicon:
    """The lexicon of a shipped domain, or of one of its name with other values.

    A value that the shipped domain does not have is said by its name: those of an attribute whose
    values are nouns with a plural in "s", others as adjectives.

    Raises:
        UnknownNameError: the domain has no grammar.
        ConfigError: a phrase in two places, a meaning that the shipped domain does not have, or a
            value of `domain` that is not a word or has another meaning.
    """
    if domain.name not in parsed_domains():
        raise UnknownNameError("domain with a grammar", domain.name, parsed_domains())
    path = grammar_file(f"lexicon/{domain.name}.toml")
    sections = read_toml(path)
    splits = {
        word: tuple(*map(str.split, parts)) for word, parts in sections.pop(SPLIT, {}).items()
    }
    dropped = {text for texts in sections.get(DROPPED, {}).values() for text in texts}
    phrases: dict[tuple[str, ...], tuple[str, str]] = {}
    written: dict[tuple[str, ...], str] = {}
    surface: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {}
    for terminal, meaning, texts in _entries(sections, domain, str(path)):
        forms = [(text.split("|")[0], text.split("|")[-1]) for text in texts]
        if said := tuple(pair for pair in forms if not pair[0].startswith("~")):
            surface[terminal, meaning] = said
        for text in dict.fromkeys(form.removeprefix("~") for pair in forms for form in pair):
            found = tuple(match[0] for match in _WORD.finditer(text))
            words = tuple(w for w in found if terminal == DROPPED or w not in dropped)
            if words in phrases:
                raise ConfigError(str(path), f"'{text}' stands in two places")
            phrases[words] = (terminal, meaning)
            written[words] = text
    used = {word for phrase in phrases for word in phrase}.union(splits)
    for terminal, value in _own_values(sections, domain):
        forms = [(value, f"{value}s" if terminal == "NOUN" else value)]
        surface[terminal, value] = tuple(forms)
        for text in dict.fromkeys(forms[0]):
            if not _VALUE.fullmatch(text):
                problem = f"'{shortened(value, _LONGEST_SHOWN)}' cannot be said: wanted one word"
                raise ConfigError(f"domain {domain.name}", f"{problem} in lower case")
            if text in used:
                problem = f"'{text}' has another meaning in its language: wanted another name"
                raise ConfigError(f"domain {domain.name}", problem)
            phrases[text,] = (terminal, value)
            written[text,] = text
            used.add(text)
    return Lexicon(domain, phrases, written, splits, surface)


def _entries(
    sections: Mapping[str, Any], domain: Domain, source: str
) -> Iterator[tuple[str, str, list[str]]]:
    """Terminal, meaning and phrases of the lexicon, as far as `domain` has the meaning.

    Raises:
        ConfigError: a meaning that the shipped domain of that name does not have.
    """
    shipped = load_domain(domain.name)
    known, kept = _meanings(shipped), _meanings(domain)
    for terminal, entries in sections.items():
        for meaning, texts in entries.items():
            if terminal in known and meaning not in known[terminal]:
                problem = UnknownNameError("meaning", meaning, known[terminal], f"[{terminal}]")
                raise ConfigError(source, str(problem))
            if terminal not in kept or meaning in kept[terminal]:
                yield terminal, meaning, texts


def _meanings(domain: Domain) -> Mapping[str, tuple[str, ...]]:
    """What the terminals that speak of a domain's own names may mean."""
    concepts = dict.fromkeys(("ADJECTIVE", "NOUN"), domain.concepts)
    return {**concepts, "RELATION": domain.relations, "ATTRIBUTE": domain.attribute_names}


def _own_values(sections: Mapping[str, Any], domain: Domain) -> Iterator[tuple[str, str]]:
    """The values that the shipped domain of that name does not have, and what they are said as."""
    shipped = load_domain(domain.name)
    named = {shipped.attribute_of(meaning) for meaning in sections.get("NOUN", {})}
    for attribute in domain.attributes:
        for value in attribute.values:
            if value not in shipped.concepts:
                yield ("NOUN" if attribute.name in named else "ADJECTIVE"), value


def place_of(text: str, offset: int) -> tuple[int, int]:
    """Line and column, from 1, of a character."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
