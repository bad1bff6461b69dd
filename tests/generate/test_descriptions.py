"""More detailed descriptions of things in questions."""

import numpy as np

from nmn.domain import Domain
from nmn.generate.descriptions import Descriptions
from nmn.parsing.base import Parse
from nmn.parsing.grammar_parser import shared_parser

KNOWN = (
    "Is there a big gray metal ball left of the tiny cube?",
    "How many shiny things are red?",
)


def read(question: str, domain: Domain) -> Parse:
    return shared_parser(domain).parse(question)[0]


def learned(domain: Domain) -> Descriptions:
    descriptions = Descriptions(domain)
    for question in KNOWN:
        descriptions.learn(read(question, domain))
    return descriptions


def detailed(question: str, domain: Domain, count: int = 60) -> set[str]:
    """What comes out in so many draws."""
    descriptions, parse = learned(domain), read(question, domain)
    rng = np.random.default_rng(0)
    return {descriptions.detailed(parse, rng) for _ in range(count)}


def test_adjectives_stand_in_the_order_of_the_attributes(clevr: Domain) -> None:
    sizes, colors, materials = ("", "big ", "tiny "), ("", "gray "), ("", "metal ", "shiny ")
    assert detailed("What shape is the cube?", clevr, 400) == {
        f"What shape is the {size}{color}{material}cube?"
        for size in sizes
        for color in colors
        for material in materials
    }


def test_what_is_told_of_a_thing_is_not_told_again(clevr: Domain) -> None:
    for question in detailed("Is the small thing that is left of the cube red?", clevr):
        before, after = question.split(" that is left of the ")
        assert not {"big", "tiny", "gray"} & set(before.split())
        assert after.endswith("cube red?")


def test_what_comes_out_means_the_same_of_fewer_things(clevr: Domain) -> None:
    question = "Are there more things behind the red ball than cubes?"
    operations = [node.operation for node in read(question, clevr).program.nodes]
    found = detailed(question, clevr)
    assert len(found) > 10
    for other in found:
        steps = [node.operation for node in read(other, clevr).program.nodes]
        assert [step for step in steps if step != "filter"] == [
            step for step in operations if step != "filter"
        ]
        assert len(steps) >= len(operations)


def test_without_known_adjectives_nothing_changes(clevr: Domain) -> None:
    parse = read(KNOWN[0], clevr)
    assert Descriptions(clevr).detailed(parse, np.random.default_rng(0)) == KNOWN[0]
