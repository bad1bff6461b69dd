"""What the rules of the grammars mean: method names are the rule names of the `.lark` files.

A method gets what the parts of its rule mean: tokens, whose value is the meaning of the words, and
terms or things. `MEANINGS` has a class for each domain.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from lark import Token, Transformer

from nmn.program.program import Span, Term

IT, THEY = "it", "they"
"""Operations of terms that stand for what was introduced before, as one object and as a set; never
in a program."""


class ClashError(Exception):
    """Words that fit the grammar and yet mean nothing together; the text says why."""

    def __init__(self, token: Token, problem: str) -> None:
        super().__init__(problem)
        self.token = token


def spans_of(*tokens: Token) -> tuple[Span, ...]:
    """Where the tokens stand in the question."""
    return tuple((t.start_pos or 0, t.end_pos or 0) for t in tokens)


class _Meaning(Transformer[Token, Any]):
    """Rules that mean the same in every domain."""

    def start(self, children: list[Any]) -> Term:
        return as_term(children[0])

    def exists(self, children: list[Any]) -> Term:
        return Term("exists", None, (_last_term(children),), _spans(children))

    def both(self, children: list[Any]) -> Term:
        return _joined("and", children)

    def either(self, children: list[Any]) -> Term:
        return _joined("or", children)

    def skip_to_last(self, children: list[Any]) -> Any:
        return children[-1]


class _ShapesMeaning(_Meaning):
    """The rules of `shapes.lark`."""

    def exists_described(self, children: list[Any]) -> Term:
        verb, term, *descriptions = children
        for description in descriptions:
            term = Term("and", None, (term, description))
        return Term("exists", None, (term,), spans_of(verb))

    def exists_concept(self, children: list[Token]) -> Term:
        verb, pronoun, adjective = children
        return self.exists([verb, self.concept_after([pronoun, adjective])])

    def described(self, children: list[Term]) -> Term:
        return Term("and", None, tuple(children))

    def either_concept(self, children: list[Any]) -> Term:
        first, word, second = children
        return self.either([first, word, self.concept([second])])

    def concept(self, children: list[Token]) -> Term:
        return Term("find", str(children[0]), (), spans_of(children[0]))

    def concept_after(self, children: list[Token]) -> Term:
        pronoun, adjective = children
        return Term("find", str(adjective), (), spans_of(pronoun, adjective))

    def anything(self, children: list[Token]) -> Term:
        return Term("scene", None, (), spans_of(children[0]))

    def filtered(self, children: list[Term]) -> Term:
        quality, name = children
        spans = (*quality.spans, *name.spans)
        if name.operation == "scene":
            return Term(quality.operation, quality.argument, quality.inputs, spans)
        if quality.operation == "find":
            return Term("filter", quality.argument, (name,), quality.spans)
        return Term("and", None, (quality, name))

    def relate(self, children: list[Any]) -> Term:
        relation, term = children
        return Term("relate", str(relation), (term,), spans_of(relation))

    def relate_both(self, children: list[Any]) -> Term:
        first, word, second, term = children
        return self.both([self.relate([first, term]), word, self.relate([second, term])])

    def relate_either(self, children: list[Any]) -> Term:
        first, word, second, term = children
        return self.either([self.relate([first, term]), word, self.relate([second, term])])


@dataclass(frozen=True, slots=True)
class _Things:
    """A noun phrase in the making: filters over what its modifiers leave.

    Attributes:
        filters: concepts, the last one applied first; or alternatives, any one of them.
        base: what is filtered; None is all of the scene.
        words: of the noun, where it says nothing but that there is a thing.
    """

    filters: tuple[Token | tuple[Token, ...], ...] = ()
    base: Term | None = None
    words: tuple[Span, ...] = ()

    def term(self) -> Term:
        """The mask that is meant."""
        term = self.base or Term("scene", None, (), self.words)
        for concept in self.filters:
            if isinstance(concept, Token):
                term = Term("filter", str(concept), (term,), spans_of(concept))
            elif term.operation == "scene":
                term = _any_of(concept)
            else:
                term = Term("and", None, (_any_of(concept), term))
        return term

    def one(self) -> Term:
        """The one object that is meant."""
        if self.base is not None and self.base.operation == THEY and not self.filters:
            return replace(self.base, operation=IT)
        return Term("unique", None, (self.term(),))

    def and_so(self, description: "Term | _Things") -> "_Things":
        """The same things, described further."""
        if isinstance(description, _Things) and description.base is None and not description.words:
            return replace(self, filters=(*self.filters, *description.filters))
        term = as_term(description)
        base = term if self.base is None else Term("and", None, (self.base, term))
        return replace(self, base=base)

    def or_so(self, description: "Term | _Things", words: tuple[Span, ...]) -> "_Things":
        """The same things with another description in place of theirs."""
        base = self.base or Term("scene")
        return replace(self, base=Term("or", None, (base, as_term(description)), words))


class _ClevrMeaning(_Meaning):
    """The rules of `clevr.lark`."""

    def about_it(self, children: list[Any]) -> Term:
        things = _values(children)
        return replaced(as_term(things[1]), _as_things(things[0]).term())

    def exists_so(self, children: list[Any]) -> Term:
        return Term("exists", None, (_described(children),), _spans(children))

    def count(self, children: list[Any]) -> Term:
        return Term("count", None, (_last_term(children),), _spans(children))

    def count_so(self, children: list[Any]) -> Term:
        return Term("count", None, (_described(children),), _spans(children))

    def query(self, children: list[Any]) -> Term:
        (things,) = _values(children)
        return Term("query", _attribute(children), (things.one(),), _spans(children))

    def query_its(self, children: list[Any]) -> Term:
        pronoun = next(t for t in children if t.type == "ITS")
        one = Term(IT, None, (), spans_of(pronoun))
        return Term("query", _attribute(children), (one,), _spans(children))

    def equal(self, children: list[Any]) -> Term:
        attribute, spans = _attribute(children), _spans(children)
        sides = [_one_of(side, attribute) for side in _values(children)]
        values = tuple(Term("query", attribute, (one,)) for one in sides)
        return Term("equal", attribute, values, spans)

    def equal_its(self, children: list[Any]) -> Term:
        return self.equal([*children[:-1], self.it([children[1]]), children[-1]])

    def of_attribute(self, children: list[Any]) -> tuple[Token, Any]:
        attribute, _, things = children
        return attribute, things

    def its(self, children: list[Token]) -> tuple[Token, Any]:
        pronoun, attribute = children
        return attribute, self.it([pronoun])

    def compare(self, children: list[Any]) -> Term:
        word = next(t for t in children if isinstance(t, Token) and t.type in _COMPARISONS)
        sides = tuple(Term("count", None, (as_term(side),)) for side in _values(children))
        return Term(str(word), None, sides, _spans(children))

    def union(self, children: list[Any]) -> "_Things":
        return _Things(base=_joined("or", children))

    def modified(self, children: list[Any]) -> "_Things":
        return _as_things(children[0]).and_so(children[-1])

    def modified_or(self, children: list[Any]) -> "_Things":
        things, word, description = children
        return _as_things(things).or_so(description, spans_of(word))

    def relate_one(self, children: list[Any]) -> Term:
        relation, things = children
        return Term("relate", str(relation), (things.one(),), spans_of(relation))

    def relate_one_both(self, children: list[Any]) -> Term:
        first, word, second, things = children[-4:]
        return self.both(
            [self.relate_one([first, things]), word, self.relate_one([second, things])]
        )

    def relate_one_either(self, children: list[Any]) -> Term:
        first, word, second, things = children[-4:]
        sides = self.relate_one([first, things]), self.relate_one([second, things])
        return self.either([sides[0], word, sides[1]])

    def same(self, children: list[Any]) -> Term:
        *words, things = children
        shared = next((child for child in words if isinstance(child, tuple)), None)
        attributes = shared or tuple(t for t in words if t.type == "ATTRIBUTE")
        others = [t for t in words if isinstance(t, Token) and t.type != "ATTRIBUTE"]
        terms = [
            Term("same", str(attribute), (things.one(),), spans_of(*others, attribute))
            for attribute in attributes
        ]
        return reduce(lambda first, second: Term("and", None, (first, second)), terms)

    def shared(self, children: list[Any]) -> tuple[Token, ...]:
        first, last = children[0], children[-1]
        return (*(first if isinstance(first, tuple) else (first,)), last)

    def paired(self, children: list[Any]) -> Any:
        opening, first, word, second = children
        joined = _joined("and" if opening.type == "BOTH" else "or", [first, word, second])
        return replace(joined, spans=(*spans_of(opening), *joined.spans))

    def so(self, children: list[Any]) -> Term:
        return as_term(children[-1])

    def it(self, children: list[Token]) -> "_Things":
        return _Things(base=Term(THEY, None, (), spans_of(children[0])))

    def named(self, children: list[Token]) -> "_Things":
        return _Things((children[0],))

    def things(self, children: list[Token]) -> "_Things":
        return _Things(words=spans_of(children[0]))

    def adjective(self, children: list[Any]) -> "_Things":
        adjective, things = children[0], _as_things(children[1])
        return replace(things, filters=(adjective, *things.filters))

    def alternative(self, children: list[Any]) -> "_Things":
        first, things = children[0], _as_things(children[2])
        (others, *rest) = things.filters
        group = (first, *(others if isinstance(others, tuple) else (others,)))
        return replace(things, filters=(group, *rest))

    def so_adjective(self, children: list[Token]) -> "_Things":
        return _Things((children[0],))


_COMPARISONS = frozenset(
    {"MORE", "FEWER", "SAME_NUMBER", "AS_MANY", "GREATER", "LESS", "SAME_AS", "ALIKE"}
)
_ATTRIBUTES = frozenset({"ATTRIBUTE", "HOW_BIG", "MADE_OF"})

MEANINGS: Mapping[str, type[_Meaning]] = {"shapes": _ShapesMeaning, "clevr": _ClevrMeaning}
"""For each domain that has a grammar, what its rules mean."""


def as_term(value: Any) -> Term:
    """The term of what a rule gave."""
    if isinstance(value, _Things):
        return value.term()
    assert isinstance(value, Term)
    return value


def replaced(term: Term, they: Term) -> Term:
    """`term` with `they`, or the only one of them, in the places of "it"; nothing recurses."""
    done: dict[Term, Term] = {}
    it = Term("unique", None, (they,))
    stack = [term]
    while stack:
        current = stack[-1]
        waiting = [child for child in current.inputs if child not in done]
        if waiting:
            stack.extend(waiting)
            continue
        stack.pop()
        if current.operation in (IT, THEY):
            done[current] = it if current.operation == IT else they
        else:
            done[current] = replace(current, inputs=tuple(done[c] for c in current.inputs))
    return done[term]


def _values(children: list[Any]) -> list[Any]:
    return [child for child in children if not isinstance(child, Token)]


def _spans(children: list[Any]) -> tuple[Span, ...]:
    return spans_of(*(child for child in children if isinstance(child, Token)))


def _last_term(children: list[Any]) -> Term:
    return as_term(_values(children)[-1])


def _as_things(value: Any) -> _Things:
    return value if isinstance(value, _Things) else _Things(base=as_term(value))


def _described(children: list[Any]) -> Term:
    things, description = _values(children)
    return _as_things(things).and_so(description).term()


def _attribute(children: list[Any]) -> str:
    """The property that is asked for; "what size is it made of" asks for none."""
    tokens = [t for t in children if isinstance(t, Token) and t.type in _ATTRIBUTES]
    asked = next((token for token in tokens if token.type != "MADE_OF"), tokens[0])
    made_of = next((token for token in tokens if token.type == "MADE_OF"), asked)
    if made_of != asked:
        raise ClashError(asked, f"nothing is made of a {asked}")
    return str(asked)


def _one_of(side: Any, attribute: str) -> Term:
    """The object of one side of a comparison; "the size of" there must be what is compared."""
    if isinstance(side, tuple):
        other, side = side
        if other != attribute:
            raise ClashError(other, f"{attribute} cannot be the same as {other}")
    return _as_things(side).one()


def _joined(operation: str, children: list[Any]) -> Term:
    """Two descriptions as one; adjectives without a noun filter what the other one means."""
    first, second = _values(children)
    if operation == "and":
        for things, other in ((first, second), (second, first)):
            if isinstance(things, _Things) and things.base is None and not things.words:
                return _as_things(other).and_so(things).term()
    return Term(operation, None, (as_term(first), as_term(second)), _spans(children))


def _any_of(concepts: tuple[Token, ...]) -> Term:
    term = Term("find", str(concepts[0]), (), spans_of(concepts[0]))
    for concept in concepts[1:]:
        other = Term("find", str(concept), (), spans_of(concept))
        term = Term("or", None, (term, other))
    return term
