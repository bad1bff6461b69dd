"""Programs as a policy says them: the order of tokens that is easiest to learn.

What a question says in one phrase ("small gray cube") is a chain of filters, whose order means
nothing. They are said in the order of the domain's attributes, which English keeps too.
"""

from collections.abc import Sequence
from contextlib import suppress

from nmn.errors import ProgramTypeError, UnknownNameError
from nmn.program.program import Program
from nmn.program.tokens import END, PAD, TokenVocabulary
from nmn.program.typecheck import answers_of, typecheck

_FIND, _FILTER = "find", "filter"


class Spoken:
    """The order in which the tokens of programs are said.

    Args:
        unique: whether `unique` is said; where it is not, programs mean the same wherever they do
            not fail.
    """

    def __init__(self, vocabulary: TokenVocabulary, *, unique: bool = True) -> None:
        self.vocabulary, self.unique = vocabulary, unique
        index = {label: token for token, label in enumerate(vocabulary.tokens)}
        concepts = vocabulary.domain.concepts
        self._place = {index[f"{_FILTER}[{c}]"]: place for place, c in enumerate(concepts)}
        self._expanded = {
            index[f"{_FIND}[{c}]"]: (index[f"{_FILTER}[{c}]"], index["scene"]) for c in concepts
        }
        self._silent = () if unique else (index["unique"],)

    def of(self, program: Program) -> tuple[int, ...]:
        """The tokens of a program, without `END`.

        Raises:
            UnknownNameError: a step that the domain does not have.
        """
        return self.ordered(self.vocabulary.encode(program))

    def ordered(self, tokens: Sequence[int]) -> tuple[int, ...]:
        """The same program with its tokens in order, without `END` and what comes after it."""
        said: list[int] = []
        chain: list[int] = []
        for token in tokens:
            if token in (END, PAD):
                break
            for part in self._expanded.get(token, (token,)):
                if part in self._place:
                    chain.append(part)
                elif part not in self._silent:
                    said += sorted(chain, key=self._place.__getitem__, reverse=True)
                    chain = []
                    said.append(part)
        return (*said, *chain)


def program_said(tokens: Sequence[int], vocabulary: TokenVocabulary) -> Program | None:
    """What is said up to `END`; None if it is not well-typed, or has no answer in the domain."""
    with suppress(ProgramTypeError, UnknownNameError):
        program = vocabulary.decode(tokens)
        answers_of(typecheck(program, vocabulary.domain)[-1], vocabulary.domain)
        return program
    return None
