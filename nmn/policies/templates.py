"""Layouts over the words of a question: every word that says something is said once.

Which words say something is read off the questions alone: a word of at least half of them says
nothing of what tells them apart, nor does one that the word before it always brings along ("left
of"). A template is a program over the places of the words that are left, in which each occurs once,
as a concept or as a relation; questions with as many such words share their templates.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from nmn.domain import Attribute, Domain
from nmn.program.ops import OPERATIONS
from nmn.program.program import Node, Program
from nmn.program.typecheck import is_answer
from nmn.program.types import ArgumentKind, Kind

_BEGIN = "<begin>"
_ATTRIBUTE = "word"


@dataclass(frozen=True)
class Template:
    """A program with the places of words for arguments.

    Attributes:
        operation: `find` and `relate` stand for the word at `place`, others for none.
    """

    operation: str
    inputs: tuple["Template", ...] = ()
    place: int | None = None

    def program(self, words: Sequence[str]) -> tuple[Program, tuple[int | None, ...]]:
        """The program for some words, and for each node the place of its word."""
        nodes: list[Node] = []
        places: list[int | None] = []
        self._add(words, nodes, places)
        return Program(tuple(nodes)), tuple(places)

    def _add(self, words: Sequence[str], nodes: list[Node], places: list[int | None]) -> int:
        inputs = tuple(part._add(words, nodes, places) for part in self.inputs)
        argument = None if self.place is None else words[self.place]
        nodes.append(Node(self.operation, argument, inputs))
        places.append(self.place)
        return len(nodes) - 1


def content_words(questions: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """The words that say something, sorted.

    Args:
        questions: words of each; those that are equal count once.
    """
    different = {tuple(question) for question in questions}
    among = Counter(word for question in different for word in set(question))
    often: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for question in different:
        for before, word in zip([_BEGIN, *question], question, strict=False):
            pairs[before, word] += 1
        often.update([_BEGIN, *question])
    told = {
        word
        for word in among
        if all(count == often[before] for (before, after), count in pairs.items() if after == word)
    }
    return tuple(sorted(w for w, n in among.items() if 2 * n < len(different) and w not in told))


def domain_of_words(domain: Domain, words: Sequence[str]) -> Domain:
    """A domain with the answers of another, whose concepts and relations are words.

    Which of the two a word is, and what it means, is to be learned.
    """
    description = f"Words of questions about {domain.name}, of which nobody says what they mean."
    return Domain(
        domain.name,
        description,
        (Attribute(_ATTRIBUTE, tuple(words)),),
        tuple(words),
        domain.answers,
    )


def templates(count: int, domain: Domain) -> tuple[Template, ...]:
    """All templates of so many words, the simplest first.

    Args:
        domain: which answers there are.
    """
    roots = [
        row.name
        for row in OPERATIONS.values()
        if row.argument is ArgumentKind.NONE
        and row.inputs == (Kind.MASK,)
        and is_answer(row.output_type(None), domain)
    ]
    masks = _masks(tuple(range(count)))
    return tuple(Template(root, (mask,)) for root in roots for mask in masks)


@cache
def _masks(places: tuple[int, ...]) -> tuple[Template, ...]:
    """All that say each of some words once; of `and` and its like one order of inputs alone."""
    if len(places) == 1:
        return (Template("find", (), places[0]),)
    found = []
    first, *others = places
    for chosen in range(2 ** len(others) - 1):
        one = (first, *(p for bit, p in enumerate(others) if chosen >> bit & 1))
        two = tuple(p for bit, p in enumerate(others) if not chosen >> bit & 1)
        found += [Template("and", (a, b)) for a in _masks(one) for b in _masks(two)]
    for place in places:
        rest = tuple(other for other in places if other != place)
        found += [Template("relate", (mask,), place) for mask in _masks(rest)]
    return tuple(found)
