"""Random programs that can be said in the English of `clevr`.

They are sampled from the grammar of what can be said and not from templates, so that every
combination can come up: `same` inside comparisons, coordinations of sets of any kind, long chains.
"""

from typing import TypeVar

from numpy.random import Generator

from nmn.domain import Domain
from nmn.parsing.say_clevr import MAX_COORDINATION, PHRASINGS
from nmn.program.ops import OPERATIONS
from nmn.program.program import Program, Term, flatten
from nmn.program.types import Kind

Choice = TypeVar("Choice")

SMALLEST_DEPTH = 5
"""Steps from the root to the leaf of the smallest comparison: `equal`, `query`, `unique`, a set."""


def random_program(domain: Domain, depth: int, generator: Generator) -> Program:
    """A program whose longest way from root to leaf has at most `depth` steps.

    Args:
        depth: at least `SMALLEST_DEPTH`.

    Raises:
        ValueError: `depth` is too small.
    """
    if depth < SMALLEST_DEPTH:
        raise ValueError(f"wanted a depth of at least {SMALLEST_DEPTH}, got {depth}")
    row = OPERATIONS[_one_of(generator, tuple(PHRASINGS))]
    argument = _one_of(generator, row.arguments(domain))
    inputs: list[Term] = []
    for kind in row.inputs:
        if kind is Kind.VALUE:
            one = Term("unique", None, (_things(domain, depth - 3, generator, 0),))
            inputs.append(Term("query", argument, (one,)))
        elif kind is Kind.NUMBER:
            inputs.append(Term("count", None, (_things(domain, depth - 2, generator, 0),)))
        elif row.output is Kind.VALUE:
            inputs.append(Term("unique", None, (_things(domain, depth - 2, generator, 0),)))
        else:
            inputs.append(_things(domain, depth - 1, generator, 0))
    return flatten(Term(row.name, argument, tuple(inputs)))[0]


def _things(domain: Domain, depth: int, generator: Generator, coordination: int) -> Term:
    """A set of things of at most `depth` steps, within so many coordinations of its phrase."""
    kinds = ["scene", "find"]
    if depth > 1:
        kinds += ["filter", "filter"]
        if coordination < MAX_COORDINATION:
            kinds += ["and", "or"]
    if depth > 2:
        kinds += ["relate", "relate", "same"]
    row = OPERATIONS[_one_of(generator, tuple(kinds))]
    argument = _one_of(generator, row.arguments(domain))
    if row.name in ("relate", "same"):
        one = Term("unique", None, (_things(domain, depth - 2, generator, 0),))
        return Term(row.name, argument, (one,))
    deeper = coordination + (len(row.inputs) == 2)
    inputs = [_things(domain, depth - 1, generator, deeper) for _ in row.inputs]
    return Term(row.name, argument, tuple(inputs))


def _one_of(generator: Generator, choices: tuple[Choice, ...]) -> Choice:
    return choices[int(generator.integers(len(choices)))]
