"""Everything that can be the user's doing has a type here, and its fields are data.

The sentence is made late, in `__str__`: what was wanted, what came, where, and the nearest valid
choice, always on one line, because the command line prints just that.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher


def nearest(word: str, known: Iterable[str], count: int = 3) -> tuple[str, ...]:
    """The `count` entries of `known` spelt most like `word`, best first.

    There is no cut-off: for a word that resembles nothing, the least unlike are still a hint
    at what could have been said.
    """
    lowered = word.lower()
    ranked = sorted(
        set(known), key=lambda name: (-SequenceMatcher(None, lowered, name).ratio(), name)
    )
    return tuple(ranked[:count])


def listing(names: Iterable[str], last: str = "or") -> str:
    """`'a', 'b' or 'c'`."""
    quoted = [f"'{name}'" for name in names]
    if len(quoted) < 2:
        return "".join(quoted)
    return f"{', '.join(quoted[:-1])} {last} {quoted[-1]}"


def with_article(noun: str) -> str:
    """`a concept`, `an attribute`."""
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def shortened(text: str, limit: int = 80) -> str:
    """`text` on one line, cut to about `limit` characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else f"{flat[: limit - 3]}..."


class NMNError(Exception):
    """Base of all errors that a user can cause and mend."""


@dataclass(eq=False)
class UnknownNameError(NMNError):
    """A name that a table does not hold."""

    kind: str
    name: str
    known: tuple[str, ...]
    where: str = ""

    def __str__(self) -> str:
        place = f" in {self.where}" if self.where else ""
        choices = listing(nearest(self.name, self.known))
        hint = f"; nearest: {choices}" if choices else ""
        return f"unknown {self.kind} '{shortened(self.name, 40)}'{place}{hint}"


@dataclass(eq=False)
class GrammarError(NMNError):
    """Text that is not in a formal notation (program text, s-expressions).

    Attributes:
        line, column: where, counted from 1.
        expected: what could have stood there, in words.
    """

    text: str
    line: int
    column: int
    problem: str
    expected: tuple[str, ...] = ()

    def __str__(self) -> str:
        wanted = f"; wanted {', '.join(self.expected)}" if self.expected else ""
        where = f"line {self.line}, column {self.column} of '{shortened(self.text)}'"
        return f"{self.problem} at {where}{wanted}"

    def drawing(self) -> str:
        """The line of the text with a caret below the place."""
        return _caret(self.text, self.line, self.column)


@dataclass(eq=False)
class QuestionError(NMNError):
    """An English question that the grammar does not hold.

    Attributes:
        line, column: where, counted from 1.
        expected: words that could have stood there.
        advice: what to do about it, a phrase.
    """

    question: str
    line: int
    column: int
    problem: str
    expected: tuple[str, ...] = ()
    advice: str = ""

    def __str__(self) -> str:
        where = f'line {self.line}, column {self.column} of "{shortened(self.question)}"'
        parts = [f"{self.problem} at {where}"]
        if self.expected:
            parts.append(f"nearest: {listing(self.expected)}")
        if self.advice:
            parts.append(self.advice)
        return "; ".join(parts)

    def drawing(self) -> str:
        """The line of the question with a caret below the place."""
        return _caret(self.question, self.line, self.column)


@dataclass(eq=False)
class RealisationError(NMNError):
    """A program for which the language has no unambiguous sentence."""

    program: str
    reason: str

    def __str__(self) -> str:
        return f"no sentence for {shortened(self.program)}: {self.reason}"


@dataclass(eq=False)
class ProgramTypeError(NMNError):
    """A program whose parts do not fit: wrong type, arity, or argument.

    Attributes:
        path: operations from the root down to the place, `exists > and > relate[above]`.
    """

    path: tuple[str, ...]
    wanted: str
    got: str

    def __str__(self) -> str:
        return f"{_way(self.path)}: wanted {self.wanted}, got {self.got}"


@dataclass(eq=False)
class ExecutionError(NMNError):
    """A well-typed program that means nothing on this scene (`unique` of two objects)."""

    operation: str
    path: tuple[str, ...]
    problem: str

    def __str__(self) -> str:
        return f"{_way(self.path)}: {self.operation} {self.problem}"


@dataclass(eq=False)
class ConfigError(NMNError):
    """A preset, an override or a stored configuration that is not valid."""

    source: str
    problem: str

    def __str__(self) -> str:
        return f"{self.source}: {self.problem}"


@dataclass(eq=False)
class DataError(NMNError):
    """A file that is missing, broken, or not what it should be.

    Attributes:
        record: which record of the file, where one is meant (`picture 12`, `line 3`).
    """

    file: str
    problem: str
    record: str = ""

    def __str__(self) -> str:
        where = f"{self.file}, {self.record}" if self.record else self.file
        return f"{where}: {self.problem}"


@dataclass(eq=False)
class OtherDomainError(DataError):
    """A record that is of another domain than was wanted.

    Attributes:
        domains: those that it can be of.
        advice: what to do about it, a phrase.
    """

    domains: tuple[str, ...] = ()
    advice: str = ""

    def __str__(self) -> str:
        return f"{super().__str__()}; {self.advice}" if self.advice else super().__str__()


@dataclass(eq=False)
class ShapeError(NMNError):
    """Tensors or pictures of another size than the model was built for."""

    what: str
    wanted: str
    got: str

    def __str__(self) -> str:
        return f"{self.what}: wanted {self.wanted}, got {self.got}"


@dataclass(eq=False)
class OutOfMemoryError(NMNError):
    """A batch that does not fit into memory.

    Attributes:
        questions: how many were in memory at once.
        fits: how many probably fit.
        setting: what says how many there are.
        wanted, free: gigabytes, where that was estimated before anything was begun.
    """

    device: str
    questions: int
    fits: int
    setting: str = "model.batched.questions_at_once"
    wanted: float | None = None
    free: float | None = None

    def __str__(self) -> str:
        if self.wanted is not None:
            problem = f"{self.questions} questions at once want about {self.wanted:.1f} GiB on "
            problem += f"{self.device}, and {self.free:.1f} GiB are free"
        elif self.questions == 1:
            return f"out of memory on {self.device} with a single question"
        else:
            problem = f"out of memory on {self.device} with {self.questions} questions at once"
        if self.fits:
            return f"{problem}; nearest: {self.setting}={self.fits}"
        return f"{problem}; one alone is too much: wanted fewer cells, as by model.pool"


@dataclass(eq=False)
class NotFiniteError(NMNError):
    """A training whose numbers are no longer finite.

    Attributes:
        step: counted from 1.
        what: whose value it is (`the loss`).
        got: infinite or not a number.
        parts: the parts of the loss that are not finite, where that is known.
        kept: the last good state, a phrase.
    """

    step: int
    what: str
    got: float
    parts: tuple[str, ...] = ()
    kept: str = ""

    def __str__(self) -> str:
        parts = f", by its part {listing(self.parts, 'and')}" if self.parts else ""
        kept = f"; {self.kept}" if self.kept else ""
        return (
            f"training, step {self.step}: wanted a finite number, {self.what} is {self.got}{parts}"
            f"{kept}; look at training.learning_rate, training.clip and the data"
        )


def _way(path: tuple[str, ...]) -> str:
    """A path in one line; of a long one the beginning and the end."""
    shown = path if len(path) <= 12 else (*path[:5], f"... {len(path) - 10} more ...", *path[-5:])
    return " > ".join(shown)


def _caret(text: str, line: int, column: int) -> str:
    lines = text.split("\n")
    shown = lines[min(line, len(lines)) - 1]
    return f"{shown}\n{' ' * (column - 1)}^"
