"""Programs of `shapes` to English: the sentences of `shapes.lark`."""

from numpy.random import Generator

from nmn.errors import RealisationError
from nmn.parsing.lexicon import Lexicon
from nmn.program.program import Program


class ShapesSpeaker:
    """One method for each rule of the grammar; each takes the index of a node.

    Raises:
        RealisationError: a part that the language has no words for, when it gets there.
    """

    def __init__(self, program: Program, lexicon: Lexicon) -> None:
        self.program = program
        self.lexicon = lexicon

    def phrasings(self) -> tuple[str, ...]:
        """The ways to ask that fit the root of the program."""
        if self.program.root.operation != "exists":
            problem = f"no question asks for {self.program.root.operation}"
            raise RealisationError(str(self.program), problem)
        return ("is", "is there")

    def sentence(self, phrasing: str, _: Generator | None = None) -> str:
        """The question in one of the `phrasings`; there is nothing to draw at random."""
        root = self.program.root
        subject = self.program.nodes[root.inputs[0]]
        if phrasing == "is there" or subject.operation != "and":
            return f"is there {self._things(root.inputs[0])}"
        first, second = subject.inputs
        return f"is {self._item(first)} {self._predicate(second)}"

    def _predicate(self, index: int) -> str:
        """What is said of the subject of `is`: a description, an adjective or a thing."""
        if self._is_name(index):
            return self._complement(index)
        return self._description(index)

    def _things(self, index: int) -> str:
        node = self.program.nodes[index]
        if node.operation != "or" or self._qualities(index):
            return self._item(index)
        first, second = node.inputs
        return f"{self._things(first)} {self.lexicon.says('OR')} {self._item(second)}"

    def _item(self, index: int) -> str:
        node = self.program.nodes[index]
        if node.operation != "and" or self._is_name(index):
            return self._thing(index)
        first, second = node.inputs
        return f"{self._thing(first)} {self._description(second)}"

    def _thing(self, index: int) -> str:
        name = self._name(index)
        return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"

    def _name(self, index: int) -> str:
        """Adjectives and a noun."""
        node = self.program.nodes[index]
        anything = self.lexicon.says("THING")
        if node.operation == "scene":
            return anything
        if qualities := self._qualities(index):
            if len(qualities) == 1 and ("NOUN", qualities[0]) in self.lexicon.surface:
                return self.lexicon.says("NOUN", qualities[0])
            return f"{self._alternatives(qualities)} {anything}"
        if node.operation == "filter" and node.argument is not None:
            return f"{self._adjective(node.argument)} {self._name(node.inputs[0])}"
        if node.operation == "and" and self._is_name(index):
            first, second = node.inputs
            return f"{self._alternatives(self._qualities(first))} {self._name(second)}"
        raise RealisationError(str(self.program), f"{node.label} is not a thing with a name")

    def _description(self, index: int) -> str:
        node = self.program.nodes[index]
        if node.operation != "or" or self._qualities(index):
            return self._conjunction(index)
        first, second = node.inputs
        return f"{self._description(first)} {self.lexicon.says('OR')} {self._conjunction(second)}"

    def _conjunction(self, index: int) -> str:
        node = self.program.nodes[index]
        if node.operation != "and" or self._is_name(index):
            return self._clause(index)
        first, second = node.inputs
        return f"{self._conjunction(first)} {self.lexicon.says('AND')} {self._clause(second)}"

    def _clause(self, index: int) -> str:
        if self.program.nodes[index].operation == "relate":
            return self._place(index)
        return f"{self.lexicon.says('THAT')} {self._complement(index)}"

    def _place(self, index: int) -> str:
        node = self.program.nodes[index]
        (source,) = node.inputs
        if ("RELATION", node.argument or "") not in self.lexicon.surface:
            raise RealisationError(str(self.program), f"no word for '{node.argument}'")
        nested = self.program.nodes[source].operation == "relate"
        relation = self.lexicon.says("RELATION", node.argument or "")
        return f"{relation} {self._place(source) if nested else self._things(source)}"

    def _complement(self, index: int) -> str:
        qualities = self._qualities(index)
        if qualities and all(
            ("NOUN", concept) not in self.lexicon.surface for concept in qualities
        ):
            return self._alternatives(qualities)
        return self._thing(index)

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
        return f" {self.lexicon.says('OR')} ".join(self._adjective(concept) for concept in concepts)

    def _adjective(self, concept: str) -> str:
        if ("ADJECTIVE", concept) not in self.lexicon.surface:
            raise RealisationError(str(self.program), f"'{concept}' has no adjective")
        return self.lexicon.says("ADJECTIVE", concept)
