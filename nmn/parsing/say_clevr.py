"""Programs of `clevr` to English: the sentences of `clevr.lark`.

What can be said: questions about sets of things, and about single objects (`unique`) where CLEVR
speaks of them (after a relation, after "the same ... as", as what is asked about). A set is a chain
of filters over the scene, a relation, a `same`, or an `and` or `or` of sets, nested at most twice.
"""

from collections.abc import Callable, Sequence
from functools import cache
from string import Formatter

from numpy.random import Generator

from nmn.errors import RealisationError
from nmn.parsing.lexicon import Lexicon
from nmn.program.ops import OPERATIONS
from nmn.program.program import Program
from nmn.program.types import Kind

MAX_COORDINATION = 2
"""How deep "both" and "either" may stand inside each other in one noun phrase."""

PHRASINGS = {
    "exists": (
        "are there any {many}?",
        "is there {a thing}?",
        "are any {many} visible?",
        "there is {it}; are there any {many}?",
        "there is {it}; is there {a thing}?",
    ),
    "count": (
        "how many {nouns} are {so}?",
        "what number of {nouns} are {so}?",
        "how many {many} are there?",
        "what number of {many} are there?",
        "there is {it}; how many {nouns} are {so}?",
        "there is {it}; what number of {nouns} are {so}?",
    ),
    "query": (
        "what is the {attribute} of {one}?",
        "what {attribute} is {one}?",
        "{one} is what {attribute}?",
        "{one} has what {attribute}?",
        "there is {it}; what {attribute} is it?",
        "there is {it}; what is its {attribute}?",
        "how {big} is {one}?",
        "there is {it}; how {big} is it?",
        "what is {one} {made of}?",
        "{one} is {made of} what {attribute}?",
        "there is {it}; what is it {made of}?",
    ),
    "equal": (
        "is the {attribute} of {one} the same as {other}?",
        "does {one} have the same {attribute} as {other}?",
        "is {one} the same {attribute} as {other}?",
        "do {one} and {other} have the same {attribute}?",
        "there is {it}; is its {attribute} the same as {other}?",
        "there is {it}; does it have the same {attribute} as {other}?",
        "there is {it}; is it the same {attribute} as {other}?",
    ),
    "equal_number": (
        "is the number of {many} the same as the number of {others}?",
        "are there the same number of {many} and {others}?",
        "are there an equal number of {many} and {others}?",
        "are there as many {many} as {others}?",
    ),
    "less_than": (
        "is the number of {many} less than the number of {others}?",
        "are there fewer {many} than {others}?",
    ),
    "greater_than": (
        "is the number of {many} greater than the number of {others}?",
        "are there more {many} than {others}?",
    ),
}
"""For each operation at the root, the ways to ask; the words in brackets are filled in."""

_BEFORE_NO_OTHER = ("more ", "fewer ", "as many ")
"""What is not said before "other balls": that would be other balls than something else."""


@cache
def _pieces(phrasing: str) -> tuple[tuple[str, str | None], ...]:
    """The words of a phrasing before each pair of brackets, and what stands in the brackets."""
    return tuple((literal, field) for literal, field, _, _ in Formatter().parse(phrasing))


class ClevrSpeaker:
    """Says one program.

    Raises:
        RealisationError: a part that the language has no words for, when it gets there.
    """

    def __init__(self, program: Program, lexicon: Lexicon) -> None:
        self.program = program
        self.lexicon = lexicon
        self._generator: Generator | None = None
        self._it: int | None = None
        self._anchors = 0
        """Inside how many things that others are placed to, or share something with."""

    def phrasings(self) -> tuple[str, ...]:
        """The ways to ask that fit the root of the program."""
        root = self.program.root
        if root.operation not in PHRASINGS:
            raise self._refusal(f"no question asks for {root.label}")
        known = PHRASINGS[root.operation]
        return tuple(pattern for pattern in known if self._fits(pattern))

    def sentence(self, phrasing: str, generator: Generator | None = None) -> str:
        """The question; synonyms and turns of phrase drawn, or the preferred ones."""
        self._generator, self._it, self._anchors = generator, None, 0
        pieces = [
            literal + (self._field(field) if field else "") for literal, field in _pieces(phrasing)
        ]
        text = "".join(pieces)
        return text[0].upper() + text[1:]

    def _fits(self, pattern: str) -> bool:
        if " and {" in pattern and any(node.operation == "and" for node in self.program.nodes):
            return False  # which "and" is which?
        return all(
            field is None or self._can_fill(field, literal) for literal, field in _pieces(pattern)
        )

    def _can_fill(self, field: str, before: str) -> bool:
        attribute = self.program.root.argument or ""
        if field == "many":
            return not (before.endswith(_BEFORE_NO_OTHER) and self._is_other(0))
        if field == "big":
            return ("HOW_BIG", attribute) in self.lexicon.surface
        if field == "made of":
            return ("MADE_OF", attribute) in self.lexicon.surface
        if field == "so":
            return self._split(self._asked(0))[1] is not None
        return field != "it" or self._introduced() is not None

    def _field(self, field: str) -> str:
        """The words for one pair of brackets of a phrasing."""
        attribute = self.program.root.argument or ""
        ways: dict[str, Callable[[], str]] = {
            "many": lambda: self._things(self._asked(0), plural=True),
            "others": lambda: self._things(self._asked(1), plural=True),
            "a thing": self._a_thing,
            "one": lambda: self._one(self._asked(0)),
            "other": lambda: self._one(self._asked(1)),
            "it": self._introduction,
            "nouns": lambda: self._nouns(*self._split(self._asked(0)), plural=True),
            "so": lambda: self._description(self._asked(0), plural=True),
            "attribute": lambda: self._said("ATTRIBUTE", attribute),
            "big": lambda: self._said("HOW_BIG", attribute).removeprefix("how "),
            "made of": lambda: self._said("MADE_OF", attribute),
        }
        return ways[field]()

    def _a_thing(self) -> str:
        things = self._things(self._asked(0), plural=False)
        ways = [_with_article(things)]
        if things.startswith("other ") and not self._split(self._asked(0))[0]:
            ways.append(f"anything else {things.split(maxsplit=2)[2]}")
        return self._choice(ways)

    def _introduction(self) -> str:
        """The thing that is "it" from here on, with its article."""
        found = self._introduced()
        if found is None:
            raise self._refusal("there is nothing to speak of as 'it'")
        text = _with_article(self._things(self.program.nodes[found].inputs[0], plural=False))
        self._it = found
        return text

    def _asked(self, side: int) -> int:
        """The set that is counted, or the `unique` that is asked about, on one side."""
        index = self.program.root.inputs[side]
        if OPERATIONS[self.program.root.operation].inputs[side] is not Kind.MASK:
            (index,) = self.program.nodes[index].inputs
        return index

    def _introduced(self) -> int | None:
        """The `unique` that a sentence before the question can speak of."""
        index = self._asked(0)
        if self.program.root.operation in ("exists", "count"):
            base = self._split(index)[1]
            if base is None or self.program.nodes[base].operation not in ("relate", "same"):
                return None
            (index,) = self.program.nodes[base].inputs
        return index if self.program.nodes[index].operation == "unique" else None

    def _split(self, index: int) -> tuple[list[str], int | None]:
        """The concepts of a chain of filters, and the node below it; None is the whole scene."""
        concepts: list[str] = []
        while True:
            node = self.program.nodes[index]
            if node.operation == "scene":
                return concepts, None
            if node.operation == "find":
                return [*concepts, node.argument or ""], None
            if node.operation != "filter":
                return concepts, index
            concepts.append(node.argument or "")
            (index,) = node.inputs

    def _one(self, index: int) -> str:
        node = self.program.nodes[index]
        if index == self._it:
            return self._said("IT")
        if node.operation != "unique":
            raise self._refusal(f"of {node.label} only a set is known, and unique(...) is needed")
        return f"the {self._things(node.inputs[0], plural=False)}"

    def _things(self, index: int, *, plural: bool, depth: int = 0) -> str:
        """A noun phrase without its article: `red cubes that are left of the big sphere`."""
        concepts, base = self._split(index)
        if base is None:
            return self._noun(concepts, plural=plural)
        node = self.program.nodes[base]
        noun = self._nouns(concepts, base, plural=plural)
        said = self._description(base, plural=plural, depth=depth)
        are = self._form("IS", plural=plural)
        ways = [f"{self._said('THAT')} {are} {said}"]
        if node.operation == "relate":
            ways.insert(0, said)
        elif node.operation == "same":
            named = said.split(maxsplit=1)[1]
            have = self._form("HAVE", plural=plural)
            ways += [f"{self._said('THAT')} {have} the {named}", f"of the {named}"]
            if ("MADE_OF", node.argument) in self.lexicon.surface:
                ways += [f"{self._said('THAT')} {are} made of the {named}", f"made of the {named}"]
        return f"{noun} {self._choice(ways)}"

    def _description(self, index: int, *, plural: bool, depth: int = 0) -> str:
        """What is said after "is" or "are": `left of the cube`, `both ... and ...`."""
        base = self._split(index)[1]
        node = self.program.nodes[index if base is None else base]
        if node.operation == "relate":
            relation = self._said("RELATION", node.argument or "")
            return f"{relation} {self._anchor(node.inputs[0])}"
        if node.operation == "same":
            attribute = self._said("ATTRIBUTE", node.argument or "")
            return f"the same {attribute} as {self._anchor(node.inputs[0])}"
        if node.operation not in ("and", "or"):
            raise self._refusal(f"{node.label} in the place of a set of things")
        if depth == MAX_COORDINATION:
            raise self._refusal(f"'and' and 'or' nested more than {MAX_COORDINATION} deep")
        first, second = (
            self._part(source, plural=plural, depth=depth + 1) for source in node.inputs
        )
        opening, word = ("both", "and") if node.operation == "and" else ("either", "or")
        clear = depth == 0 and self._anchors == 0 and self._is_clear(node.inputs)
        opening = self._choice((f"{opening} ", "")) if clear else f"{opening} "
        return f"{opening}{first} {word} {second}"

    def _is_clear(self, sides: Sequence[int]) -> bool:
        """Whether two sides are told apart without "both" or "either".

        "Right of the ball or cubes" might be right of cubes, "right of the ball behind the cube
        and left of the block" of a ball left of the block; and a comparison has two sides itself.
        """
        if OPERATIONS[self.program.root.operation].inputs[1:]:
            return False
        kinds = set()
        for side in sides:
            concepts, base = self._split(side)
            if base is not None:
                node = self.program.nodes[base]
                deeper = node.operation in ("and", "or") or (
                    node.inputs[0] != self._it
                    and self._split(self.program.nodes[node.inputs[0]].inputs[0])[1] is not None
                )
                if concepts or deeper:
                    return False
            kinds.add(base is None)
        return len(kinds) == 1

    def _anchor(self, index: int) -> str:
        self._anchors += 1
        text = self._one(index)
        self._anchors -= 1
        return text

    def _nouns(self, concepts: Sequence[str], base: int | None, *, plural: bool) -> str:
        """A noun, with "other" where the thing that shares something would else be meant too."""
        noun = self._noun(concepts, plural=plural)
        other = self._leaves_out(concepts, base)
        return f"{self.lexicon.says('OTHER')} {noun}" if other else noun

    def _is_other(self, side: int) -> bool:
        return self._leaves_out(*self._split(self._asked(side)))

    def _leaves_out(self, concepts: Sequence[str], base: int | None) -> bool:
        """Whether a set is of others than a thing that its words may seem to describe as well.

        As in CLEVR nothing is said of a thing that has another value than the set: no cube is one
        of "the balls of the same size as the cube".
        """
        if base is None:
            return False
        node = self.program.nodes[base]
        if node.operation == "and":
            return any(self._leaves_out(concepts, source) for source in node.inputs)
        anchor = self.program.nodes[node.inputs[0]] if node.inputs else node
        if node.operation != "same" or anchor.operation != "unique":
            return node.operation == "same"
        stated = self._split(anchor.inputs[0])[0]
        return not any(
            one != other and one in attribute.values and other in attribute.values
            for one in concepts
            for other in stated
            for attribute in self.lexicon.domain.attributes
        )

    def _part(self, index: int, *, plural: bool, depth: int) -> str:
        """One side of a coordination: a description, or a noun with its article."""
        concepts, base = self._split(index)
        if base is not None and not concepts:
            return self._description(index, plural=plural, depth=depth)
        things = self._things(index, plural=plural, depth=depth)
        return things if plural else _with_article(things)

    def _noun(self, concepts: Sequence[str], *, plural: bool) -> str:
        """Adjectives in the order of the attributes, and a noun: `big red cubes`."""
        order = self.lexicon.domain.concepts
        for concept in concepts:
            if concept not in order:
                raise self._refusal(f"no word for '{concept}'")
        ranked = sorted(concepts, key=order.index)
        noun = next((c for c in ranked if ("NOUN", c) in self.lexicon.surface), None)
        if noun is not None:
            ranked.remove(noun)
        words = [self._said("ADJECTIVE", concept) for concept in ranked]
        terminal, meaning = ("THING", "thing") if noun is None else ("NOUN", noun)
        return " ".join([*words, self._form(terminal, meaning, plural=plural)])

    def _said(self, terminal: str, meaning: str = "") -> str:
        return self._form(terminal, meaning, plural=False)

    def _form(self, terminal: str, meaning: str = "", *, plural: bool) -> str:
        """One of the phrases for a terminal and meaning, singular or plural."""
        known = self.lexicon.surface
        if not meaning:
            meaning = next(name for kind, name in known if kind == terminal)
        if (terminal, meaning) not in known:
            raise self._refusal(f"no word for '{meaning}'")
        singular = [pair[0] for pair in known[terminal, meaning]]
        word = self._choice(singular)
        return known[terminal, meaning][singular.index(word)][plural]

    def _choice(self, ways: Sequence[str]) -> str:
        """One of the ways, or without a generator the first."""
        if self._generator is None or len(ways) == 1:
            return ways[0]
        return ways[int(self._generator.random() * len(ways))]

    def _refusal(self, reason: str) -> RealisationError:
        return RealisationError(str(self.program), reason)


def _with_article(phrase: str) -> str:
    if phrase.startswith("other "):
        return f"an{phrase}"
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"
