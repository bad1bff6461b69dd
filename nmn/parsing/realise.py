"""Programs to English, the inverse of the grammar parser on what can be said.

Every sentence is parsed again before it is given out, so that no caller ever sees one that means
something else than its program.
"""

from typing import Literal

from nmn.domain import Domain
from nmn.errors import QuestionError, RealisationError
from nmn.parsing.grammar_parser import GrammarParser, shared_parser
from nmn.program.canonical import exact_match
from nmn.program.program import Program

Phrasing = Literal["is", "is there"]
"""`is a red shape above a circle` (as published) or `is there a red shape above a circle`."""

_MAX_STEPS = 200


def realise(program: Program, domain: Domain, phrasing: Phrasing = "is") -> str:
    """A question that means `program` (up to its canonical form).

    Without a description to make a sentence of, `is` falls back on `is there`.

    Raises:
        RealisationError: the language of the domain has no sentence for it that the parser
            would read this way.
    """
    parser = shared_parser(domain)
    if program.tree_size > _MAX_STEPS:
        raise RealisationError(program.root.label, f"more than {_MAX_STEPS} steps")
    sentence = _Realiser(program, parser).sentence(phrasing)
    try:
        reading = parser.parse(sentence)[0].program
    except QuestionError as error:
        raise RealisationError(str(program), f'"{sentence}" is not read: {error}') from error
    if not exact_match(reading, program):
        raise RealisationError(str(program), f'"{sentence}" is read as {reading}')
    return sentence


class _Realiser:
    """One method for each rule of the grammar; each takes the index of a node."""

    def __init__(self, program: Program, parser: GrammarParser) -> None:
        self.program = program
        self.surface = parser.lexicon.surface

    def sentence(self, phrasing: Phrasing) -> str:
        root = self.program.root
        if root.operation != "exists":
            raise RealisationError(str(self.program), f"no question asks for {root.operation}")
        subject = self.program.nodes[root.inputs[0]]
        if phrasing == "is there" or subject.operation != "and":
            return f"is there {self.things(root.inputs[0])}"
        first, second = subject.inputs
        return f"is {self.item(first)} {self.predicate(second)}"

    def predicate(self, index: int) -> str:
        """What is said of the subject of `is`: a description, an adjective or a thing."""
        if self._is_name(index):
            return self.complement(index)
        return self.description(index)

    def things(self, index: int) -> str:
        node = self.program.nodes[index]
        if node.operation != "or" or self._qualities(index):
            return self.item(index)
        first, second = node.inputs
        return f"{self.things(first)} {self._word('OR')} {self.item(second)}"

    def item(self, index: int) -> str:
        node = self.program.nodes[index]
        if node.operation != "and" or self._is_name(index):
            return self.thing(index)
        first, second = node.inputs
        return f"{self.thing(first)} {self.description(second)}"

    def thing(self, index: int) -> str:
        name = self.name(index)
        return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"

    def name(self, index: int) -> str:
        """Adjectives and a noun."""
        node = self.program.nodes[index]
        anything = self.surface["THING", "thing"]
        if node.operation == "scene":
            return anything
        if qualities := self._qualities(index):
            noun = self.surface.get(("NOUN", qualities[0]))
            if len(qualities) == 1 and noun is not None:
                return noun
            return f"{self._alternatives(qualities)} {anything}"
        if node.operation == "filter" and node.argument is not None:
            return f"{self._adjective(node.argument)} {self.name(node.inputs[0])}"
        if node.operation == "and" and self._is_name(index):
            first, second = node.inputs
            return f"{self._alternatives(self._qualities(first))} {self.name(second)}"
        raise RealisationError(str(self.program), f"{node.label} is not a thing with a name")

    def description(self, index: int) -> str:
        node = self.program.nodes[index]
        if node.operation != "or" or self._qualities(index):
            return self.conjunction(index)
        first, second = node.inputs
        return f"{self.description(first)} {self._word('OR')} {self.conjunction(second)}"

    def conjunction(self, index: int) -> str:
        node = self.program.nodes[index]
        if node.operation != "and" or self._is_name(index):
            return self.clause(index)
        first, second = node.inputs
        return f"{self.conjunction(first)} {self._word('AND')} {self.clause(second)}"

    def clause(self, index: int) -> str:
        if self.program.nodes[index].operation == "relate":
            return self.place(index)
        return f"{self._word('THAT')} {self.complement(index)}"

    def place(self, index: int) -> str:
        node = self.program.nodes[index]
        (source,) = node.inputs
        relation = self.surface.get(("RELATION", node.argument or ""))
        if relation is None:
            raise RealisationError(str(self.program), f"no word for '{node.argument}'")
        nested = self.program.nodes[source].operation == "relate"
        return f"{relation} {self.place(source) if nested else self.things(source)}"

    def complement(self, index: int) -> str:
        qualities = self._qualities(index)
        if qualities and all(("NOUN", concept) not in self.surface for concept in qualities):
            return self._alternatives(qualities)
        return self.thing(index)

    def _qualities(self, index: int) -> list[str]:
        """The concepts of `find[a]` or `or(find[a], find[b])`; none for anything else."""
        node = self.program.nodes[index]
        if node.operation == "find" and node.argument is not None:
            return [node.argument]
        if node.operation == "or":
            first, second = (self._qualities(source) for source in node.inputs)
            second_is_one = self.program.nodes[node.inputs[1]].operation == "find"
            return [*first, *second] if first and second and second_is_one else []
        return []

    def _is_name(self, index: int) -> bool:
        """Whether it is all said by adjectives and a noun: `a red or blue circle`."""
        while True:
            node = self.program.nodes[index]
            if node.operation == "filter":
                index = node.inputs[0]
            elif node.operation == "and" and len(self._qualities(node.inputs[0])) > 1:
                index = node.inputs[1]
            else:
                return node.operation == "scene" or bool(self._qualities(index))

    def _alternatives(self, concepts: list[str]) -> str:
        return f" {self._word('OR')} ".join(self._adjective(concept) for concept in concepts)

    def _adjective(self, concept: str) -> str:
        if ("ADJECTIVE", concept) not in self.surface:
            raise RealisationError(str(self.program), f"'{concept}' has no adjective")
        return self.surface["ADJECTIVE", concept]

    def _word(self, terminal: str) -> str:
        return next(text for (name, _), text in self.surface.items() if name == terminal)
