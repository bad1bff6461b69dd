"""Changes of programs."""

from collections.abc import Sequence

import numpy as np
import pytest

from nmn.domain import Domain
from nmn.policies.edits import Edits
from nmn.program.tokens import Tokens
from nmn.program.typecheck import answers_of, typecheck
from tests.policies.made import answer_of, program_of, some_scenes, tokens_of, walks
from tests.strategies import CLEVR, SHAPES

DOMAINS = pytest.mark.parametrize("domain", [SHAPES, CLEVR], ids=lambda domain: domain.name)


def check(program: Tokens, domain: Domain) -> None:
    """That it is well-typed, and the domain has its answers."""
    assert answers_of(typecheck(program_of(program, domain), domain)[-1], domain)


def texts(programs: Sequence[Tokens], domain: Domain) -> set[str]:
    return {str(program_of(program, domain)) for program in programs}


@DOMAINS
def test_every_change_is_a_well_typed_program_that_is_new(domain: Domain) -> None:
    edits, rng = Edits(domain), np.random.default_rng(0)
    for seed in range(30):
        programs = walks(domain, 3, seed)
        drawn = edits.draw(programs, 60, rng)
        assert len(set(drawn)) == len(drawn) > 0
        assert not set(drawn) & set(programs)
        for program in drawn:
            check(program, domain)


def test_the_same_generator_draws_the_same(shapes: Domain) -> None:
    programs = walks(shapes, 4, 0)
    first, again, other = (
        Edits(shapes).draw(programs, 50, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_all_kinds_of_changes_are_drawn(shapes: Domain) -> None:
    one = tokens_of("exists(filter[red](scene))", shapes)
    other = tokens_of("exists(relate[above](find[blue]))", shapes)
    drawn = texts(Edits(shapes).draw([one, other], 4000, np.random.default_rng(0)), shapes)
    assert drawn >= {
        "exists(filter[blue](scene))",  # replaced
        "exists(filter[red](find[circle]))",
        "exists(filter[square](filter[red](scene)))",  # put in
        "exists(unique(relate[above](find[blue])))",
        "exists(scene)",  # left out
        "exists(find[blue])",
        "exists(filter[red](relate[above](find[blue])))",  # grafted
        "exists(and(filter[red](scene), find[blue]))",  # joined
        "exists(or(find[blue], filter[red](scene)))",
    }


def test_two_answers_are_joined_by_what_compares_them(clevr: Domain) -> None:
    one, other = (tokens_of(f"count(find[{name}])", clevr) for name in ("red", "cube"))
    drawn = texts(Edits(clevr).draw([one, other], 3000, np.random.default_rng(0)), clevr)
    assert "less_than(count(find[red]), count(find[cube]))" in drawn
    assert "equal_number(count(find[cube]), count(find[red]))" in drawn


def test_shorter_ones_lack_a_step_and_all_of_its_inputs_but_one(clevr: Domain) -> None:
    program = tokens_of("less_than(count(and(find[red], same[color](scene))), count(scene))", clevr)
    assert texts(Edits(clevr).shorter(program), clevr) == {
        "count(and(find[red], same[color](scene)))",
        "count(scene)",
        "less_than(count(find[red]), count(scene))",
        "less_than(count(same[color](scene)), count(scene))",
        "less_than(count(and(find[red], scene)), count(scene))",
    }


def test_what_is_no_answer_of_the_domain_is_not_shorter(shapes: Domain) -> None:
    program = tokens_of("equal_number(count(scene), count(find[red]))", shapes)
    assert Edits(shapes).shorter(program) == []


@DOMAINS
def test_shorter_ones_are_well_typed_and_shorter(domain: Domain) -> None:
    edits, count = Edits(domain), 0
    for program in walks(domain, 150, 1):
        shorter = edits.shorter(program)
        assert len(set(shorter)) == len(shorter)
        for part in shorter:
            check(part, domain)
            assert len(part) < len(program)
        count += len(shorter)
    assert count > 150


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        ("exists(scene)", 2),
        ("exists(and(find[red], find[red]))", 4),  # a token alone may come twice
        ("exists(and(filter[red](scene), filter[red](scene)))", 6 + 2),
        ("exists(and(filter[red](scene), filter[blue](scene)))", 6),
        ("exists(and(filter[red](scene), or(filter[red](scene), filter[red](scene))))", 9 + 4),
        (
            "exists(or(relate[above](filter[red](scene)), relate[above](filter[red](scene))))",
            8 + 3,
        ),
        ("exists(or(relate[above](filter[red](scene)), filter[red](scene)))", 7 + 2),
    ],
)
def test_what_is_said_again_costs_twice(text: str, cost: int, shapes: Domain) -> None:
    assert Edits(shapes).cost(tokens_of(text, shapes)) == cost


@pytest.mark.parametrize(
    ("text", "turned"),
    [
        ("count(find[red])", None),
        ("count(or(find[red], scene))", "count(or(scene, find[red]))"),
        (
            "less_than(count(and(scene, find[red])), count(scene))",
            "greater_than(count(scene), count(and(scene, find[red])))",
        ),
        (
            "equal[color](query[color](scene), query[color](find[cube]))",
            "equal[color](query[color](find[cube]), query[color](scene))",
        ),
    ],
)
def test_turned(text: str, turned: str | None, clevr: Domain) -> None:
    wanted = None if turned is None else tokens_of(turned, clevr)
    assert Edits(clevr).turned(tokens_of(text, clevr)) == wanted


@DOMAINS
def test_turned_round_programs_mean_the_same_and_turned_twice_are_themselves(
    domain: Domain,
) -> None:
    edits, scenes, count = Edits(domain), some_scenes(domain.name, 8), 0
    for program in walks(domain, 150, 2):
        turned = edits.turned(program)
        if turned is None:
            assert all(len(node.inputs) < 2 for node in program_of(program, domain).nodes)
            continue
        assert edits.turned(turned) == program
        before, after = program_of(program, domain), program_of(turned, domain)
        for scene in scenes:
            assert answer_of(before, scene, domain) == answer_of(after, scene, domain)
        count += 1
    assert count > 30
