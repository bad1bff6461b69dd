"""The order in which programs are said."""

import pytest

from nmn.domain import Domain
from nmn.errors import UnknownNameError
from nmn.policies.spoken import Spoken
from nmn.program.program import Node, Program
from nmn.program.tokens import END, PAD
from nmn.program.typecheck import typecheck
from tests.policies.made import VOCABULARIES, answer_of, program_of, some_scenes, tokens_of, walks
from tests.strategies import CLEVR, SHAPES

DOMAINS = pytest.mark.parametrize("domain", [SHAPES, CLEVR], ids=lambda domain: domain.name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("count(find[red])", "count(filter[red](scene))"),
        (
            "count(filter[red](filter[cube](filter[small](scene))))",
            "count(filter[cube](filter[red](filter[small](scene))))",
        ),
        (
            "count(filter[small](unique(filter[cube](find[red]))))",
            "count(filter[small](unique(filter[cube](filter[red](scene)))))",
        ),
        (
            "count(and(filter[red](find[cube]), relate[left](filter[metal](find[sphere]))))",
            "count(and(filter[cube](filter[red](scene)), "
            "relate[left](filter[sphere](filter[metal](scene)))))",
        ),
    ],
)
def test_filters_are_said_in_the_order_of_the_attributes(
    text: str, said: str, clevr: Domain
) -> None:
    spoken = Spoken(VOCABULARIES["clevr"])
    assert spoken.ordered(tokens_of(text, clevr)) == tokens_of(said, clevr)
    assert spoken.of(program_of(tokens_of(text, clevr), clevr)) == tokens_of(said, clevr)


def test_unique_can_be_left_unsaid(clevr: Domain) -> None:
    spoken = Spoken(VOCABULARIES["clevr"], unique=False)
    said = spoken.ordered(
        tokens_of("query[size](unique(filter[small](unique(filter[cube](scene)))))", clevr)
    )
    assert said == tokens_of("query[size](filter[cube](filter[small](scene)))", clevr)


def test_what_comes_after_the_end_is_not_said(clevr: Domain) -> None:
    program = tokens_of("count(scene)", clevr)
    spoken = Spoken(VOCABULARIES["clevr"])
    assert spoken.ordered([*program, END, *program]) == program
    assert spoken.ordered([*program, PAD]) == program


@DOMAINS
@pytest.mark.parametrize("unique", [True, False])
def test_what_is_said_means_the_same_and_is_in_order_already(domain: Domain, unique: bool) -> None:
    spoken, scenes = Spoken(VOCABULARIES[domain.name], unique=unique), some_scenes(domain.name, 8)
    changed = 0
    for program in walks(domain, 150, 3):
        said = spoken.ordered(program)
        assert spoken.ordered(said) == said
        before, after = program_of(program, domain), program_of(said, domain)
        typecheck(after, domain)
        assert not after.count("find")
        assert unique or not after.count("unique")
        for scene in scenes:
            answer = answer_of(before, scene, domain)
            if unique or answer >= 0:
                assert answer_of(after, scene, domain) == answer
        changed += said != program
    assert changed > 50


def test_a_step_of_another_domain_cannot_be_said(shapes: Domain) -> None:
    wrong = Program((Node("find", "cube"), Node("exists", None, (0,))))
    with pytest.raises(UnknownNameError, match=r"unknown token 'find\[cube\]' in domain shapes"):
        Spoken(VOCABULARIES[shapes.name]).of(wrong)
