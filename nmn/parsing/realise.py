"""Programs to English, the inverse of the grammar parser on what can be said.

Every sentence is parsed again before it is given out, so that no caller ever sees one that means
something else than its program.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from numpy.random import Generator

from nmn.domain import Domain
from nmn.errors import QuestionError, RealisationError, UnknownNameError
from nmn.parsing.grammar_parser import GrammarParser, shared_parser
from nmn.parsing.lexicon import Lexicon
from nmn.parsing.say_clevr import ClevrSpeaker
from nmn.parsing.say_shapes import ShapesSpeaker
from nmn.program.canonical import canonical
from nmn.program.program import Program

_MAX_STEPS = 200
_TRIES = 4


@runtime_checkable
class Speaker(Protocol):
    """Says one program in the language of one domain."""

    def __init__(self, program: Program, lexicon: Lexicon) -> None: ...

    def phrasings(self) -> tuple[str, ...]:
        """The ways to ask that fit the program, the preferred one first."""
        ...

    def sentence(self, phrasing: str, generator: Generator | None = None, /) -> str:
        """A question; synonyms and turns of phrase are drawn, or the preferred ones."""
        ...


SPEAKERS: Mapping[str, type[Speaker]] = {"shapes": ShapesSpeaker, "clevr": ClevrSpeaker}
"""For each domain that has a grammar, who says its programs."""


def phrasings(program: Program, domain: Domain) -> tuple[str, ...]:
    """The ways to ask for `program`, by name, the preferred one first.

    Raises:
        RealisationError: no question asks for it.
        UnknownNameError: the domain has no grammar.
    """
    return _speaker(program, shared_parser(domain)).phrasings()


def realise(
    program: Program,
    domain: Domain,
    phrasing: str | None = None,
    generator: Generator | None = None,
) -> str:
    """A question that means `program` (up to its canonical form).

    Args:
        phrasing: one of `phrasings(program, domain)`; without, the preferred one that can be
            said, or with a generator any.
        generator: draws synonyms and turns of phrase; without, the preferred ones are said.

    Raises:
        RealisationError: the language of the domain has no sentence for it that the parser
            would read this way.
        UnknownNameError: there is no such phrasing, or the domain has no grammar.
    """
    parser = shared_parser(domain)
    speaker = _speaker(program, parser)
    known = speaker.phrasings()
    if phrasing is not None and phrasing not in known:
        raise UnknownNameError("phrasing", phrasing, known, f"questions for {program.root.label}")
    choices = list(known if phrasing is None else (phrasing,))
    if generator is not None:
        first = int(generator.random() * len(choices))
        choices = choices[first:] + choices[:first]
        for choice in choices:
            for _ in range(_TRIES):
                sentence = speaker.sentence(choice, generator)
                if _misread(sentence, program, parser) is None:
                    return sentence
    reason = ""
    for choice in choices:
        sentence = speaker.sentence(choice)
        problem = _misread(sentence, program, parser)
        if problem is None:
            return sentence
        reason = reason or problem
    raise RealisationError(str(program), reason)


def _speaker(program: Program, parser: GrammarParser) -> Speaker:
    if program.tree_size > _MAX_STEPS:
        raise RealisationError(program.root.label, f"more than {_MAX_STEPS} steps")
    return SPEAKERS[parser.domain.name](program, parser.lexicon)


def _misread(sentence: str, program: Program, parser: GrammarParser) -> str | None:
    """Why `sentence` does not mean `program`; None where it does."""
    try:
        reading = parser.parse(sentence)[0].program
    except QuestionError as error:
        return f'"{sentence}" is not read: {error}'
    if reading == program or canonical(reading) == canonical(program):
        return None
    return f'"{sentence}" is read as {reading}'
