"""Questions about a picture: programs sampled from families, said by the realiser.

What is asked is valid and not trivial: `sampling` sees to the scene, `always` and `witness` to the
language, `balance` to the answers of many pictures. Each sentence was parsed back to its program.
"""

from collections.abc import Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from numpy.random import Generator
from pydantic import Field

from nmn.config import Config
from nmn.domain import Domain
from nmn.errors import ConfigError, RealisationError
from nmn.generate.always import always
from nmn.generate.balance import Balance
from nmn.generate.families import ORIGINAL, Family, families_of
from nmn.generate.patterns import ANY, Pattern
from nmn.generate.sampling import Filler
from nmn.generate.scene_masks import Draws, SceneMasks
from nmn.generate.witness import Possible, witness
from nmn.parsing.realise import realise
from nmn.program.canonical import canonical
from nmn.program.clevr import to_clevr
from nmn.program.ops import OPERATIONS
from nmn.program.program import Node, Program
from nmn.program.types import Kind
from nmn.scene.scene import Scene
from nmn.seeding import fraction

_TRIES = 12


class QuestionConfig(Config):
    """Which questions are asked.

    A composition that is held out is never asked in a split whose name begins with `train`.

    Attributes:
        per_picture: questions on each picture, fewer where it does not give as many.
        families: groups of `families.toml`, `original` (CLEVR's own) or `free` (all others).
        synonyms: draw phrasings and synonyms; else the preferred ones are said.
        held_out: patterns of compositions to hold out, `relate[any](unique(same[any](scene[any])))`
            (see `nmn.generate.patterns`); a program is one where any part of it is.
        held_out_share: the part of all structures (programs without their concepts) that is held
            out besides, the same ones whatever the seed.
        held_out_only: whether splits other than train are asked nothing else.
    """

    per_picture: int = Field(10, ge=1)
    families: tuple[str, ...] = Field((ORIGINAL,), min_length=1)
    synonyms: bool = True
    held_out: tuple[str, ...] = ()
    held_out_share: float = Field(0.0, ge=0, lt=1)
    held_out_only: bool = False


@dataclass(frozen=True)
class Made:
    """A question on a picture.

    Attributes:
        template: group of its family, e.g. `one_hop`.
        family_index: its place in the group.
    """

    program: Program
    question: str
    answer: str
    template: str
    family_index: int

    def to_record(self, domain: Domain) -> dict[str, Any]:
        """The record of a CLEVR v1.0 question file, without its number and picture."""
        return {
            "question": self.question,
            "program": to_clevr(self.program, domain),
            "answer": self.answer,
            "question_family_index": self.family_index,
            "template_filename": f"{self.template}.json",
        }


class QuestionMaker:
    """Asks questions of one picture after the other, and keeps their answers in balance.

    Args:
        split: decides whether held-out compositions are asked.
        random: what all is drawn from; the same stream and pictures give the same questions.
        possible: which scenes there can be; without, those of CLEVR.

    Raises:
        UnknownNameError: no such family.
        ConfigError: a held-out pattern that cannot be read, or with which nothing is held out
            and nothing else asked.
    """

    def __init__(
        self,
        config: QuestionConfig,
        domain: Domain,
        split: str,
        random: Generator,
        possible: Possible | None = None,
    ) -> None:
        self.config, self.domain = config, domain
        self._possible = possible or Possible()
        self._random, self._draws = random, Draws(random)
        self._training = split.startswith("train")
        self._held_out = tuple(Pattern(text, domain, "held_out") for text in config.held_out)
        self._holds_out = bool(self._held_out) or config.held_out_share > 0
        if config.held_out_only and not self._holds_out:
            raise ConfigError(
                "held_out_only", "nothing is held out: set held_out or held_out_share"
            )
        self._asked = dict.fromkeys(families_of(config.families, domain), 0)
        self._fillers = {family: _fillers(family) for family in self._asked}
        self._balance = Balance()

    def questions(self, scene: Scene) -> list[Made]:
        """The questions of the next picture, no two that ask the same or in the same words.

        The families that were asked least come first, and as in CLEVR none comes again before
        all others were tried.
        """
        masks = SceneMasks(scene, self.domain)
        made = _Picture()
        found = True
        while found and len(made.questions) < self.config.per_picture:
            found = False
            ties = self._random.random(len(self._asked)).tolist()
            order = sorted(zip(self._asked.values(), ties, self._asked, strict=True))
            for _, _, family in order:
                if self._ask(family, masks, made):
                    found = True
                    if len(made.questions) == self.config.per_picture:
                        break
        return made.questions

    def _ask(self, family: Family, masks: SceneMasks, made: "_Picture") -> bool:
        """Ask one question of a family, if after some tries there is one."""
        fillers = self._fillers[family]
        for _ in range(_TRIES):
            filler = fillers[self._draws.below(len(fillers))]
            kind = (family, filler.attribute)
            filled = filler.fill(masks, self._draws, empty=self._shall_be_empty(kind, filler))
            if filled is None or not self._balance.allows(kind, filled.answer, filler.answers):
                continue
            program = filled.program
            if not self._is_for_split(program):
                if self._training:
                    return False  # most often all of the family is held out
                continue
            if made.has(program) or always(program, self.domain):
                continue
            if witness(program, masks, self.domain, self._draws, self._possible) is None:
                continue
            text = self._text(program)
            if text is None or text.casefold() in made.texts:
                continue
            self._asked[family] += 1
            self._balance.add(kind, filled.answer)
            made.add(Made(program, text, filled.answer, family.template, family.index))
            return True
        return False

    def _shall_be_empty(self, kind: Hashable, filler: Filler) -> bool:
        """Whether to look for a set without things: half the time, where both answers are open."""
        if not filler.may_be_empty:
            return False
        nothing = "no" if "no" in filler.answers else "0"
        others = [answer for answer in filler.answers if answer != nothing]
        if not self._balance.allows(kind, nothing, filler.answers):
            return False
        some = any(self._balance.allows(kind, other, filler.answers) for other in others)
        return not some or not self._draws.below(2)

    def _is_for_split(self, program: Program) -> bool:
        if not self._holds_out:
            return True
        held_out = is_held_out(program, self._held_out, self.config.held_out_share, self.domain)
        return not held_out if self._training else held_out or not self.config.held_out_only

    def _text(self, program: Program) -> str | None:
        with suppress(RealisationError):
            return realise(
                program, self.domain, generator=self._random if self.config.synonyms else None
            )
        return None


class _Picture:
    """The questions asked of one picture."""

    def __init__(self) -> None:
        self.questions: list[Made] = []
        self.texts: set[str] = set()
        self._steps: dict[frozenset[tuple[str, str | None]], list[Program]] = {}

    def has(self, program: Program) -> bool:
        """Whether the same was asked: the same canonical form, its sides in any order."""
        alike = self._steps.get(_steps_of(program))
        return alike is not None and asked_form(program) in map(asked_form, alike)

    def add(self, question: Made) -> None:
        self.questions.append(question)
        self.texts.add(question.question.casefold())
        self._steps.setdefault(_steps_of(question.program), []).append(question.program)


def _steps_of(program: Program) -> frozenset[tuple[str, str | None]]:
    """Equal for programs of one `asked_form`, and quick to find."""
    nodes = program.nodes
    root = nodes[-1]
    operation = "less_than" if root.operation == "greater_than" else root.operation
    return frozenset([(n.operation, n.argument) for n in nodes[:-1]] + [(operation, root.argument)])


def asked_form(program: Program) -> str:
    """Equal for questions that ask the same.

    "More balls than cubes" is "fewer cubes than balls", and "as many" holds both ways: the
    canonical form is of the first of both, as text.
    """
    if program.root.operation == "greater_than":
        program = mirrored(program)
    form = str(canonical(program))
    if len(program.root.inputs) < 2 or program.root.operation == "less_than":
        return form
    return min(form, str(canonical(mirrored(program))))


def mirrored(program: Program) -> Program:
    """The same comparison, its sides in the other order; all else as it is."""
    root = program.root
    if len(root.inputs) < 2 or OPERATIONS[root.operation].output is not Kind.BOOL:
        return program
    operation = {"less_than": "greater_than", "greater_than": "less_than"}.get(root.operation)
    swapped = Node(operation or root.operation, root.argument, root.inputs[::-1])
    return Program((*program.nodes[:-1], swapped))


def is_held_out(
    program: Program, patterns: Sequence[Pattern], share: float, domain: Domain
) -> bool:
    """Whether a program is a composition that is held out (see `QuestionConfig`)."""
    ways = (program, mirrored(program))
    if any(pattern.is_in(way) for pattern in patterns for way in ways):
        return True
    return share > 0 and fraction(structure_of(program, domain)) < share


def structure_of(program: Program, domain: Domain) -> str:
    """The canonical form, with attributes in the place of concepts.

    The sides of a comparison are in any order, and "more" is "fewer": one that is held out would
    else be asked in train the other way round.
    """
    filters = ("find", "filter")
    nodes = [
        Node(node.operation, domain.attribute_of(node.argument), node.inputs)
        if node.operation in filters and node.argument
        else node
        for node in program.nodes
    ]
    root = nodes[-1]
    if root.operation == "greater_than":
        nodes[-1] = Node("less_than", None, root.inputs)
    turned = [*nodes[:-1], Node(nodes[-1].operation, root.argument, root.inputs[::-1])]
    return min(str(canonical(Program(tuple(way)))) for way in (nodes, turned))


def _fillers(family: Family) -> tuple[Filler, ...]:
    """One for each attribute that may be asked for."""
    nodes = family.pattern.program.nodes
    drawn = any(node.argument == ANY and node.operation in ("query", "equal") for node in nodes)
    attributes = family.pattern.domain.attribute_names if drawn else (None,)
    return tuple(Filler(family.pattern, attribute) for attribute in attributes)
