import pytest

from nmn.domain import load_domain
from nmn.program.differences import KINDS, difference, without_unique
from nmn.program.text import parse_program

CLEVR = load_domain("clevr")
RED_LEFT = "count(filter[red](relate[left](unique(find[cube]))))"


@pytest.mark.parametrize(
    ("said", "given", "kind"),
    [
        (RED_LEFT, RED_LEFT, "equal"),
        ("count(filter[red](find[cube]))", "count(filter[cube](find[red]))", "equal"),
        ("count(filter[red](relate[left](find[cube])))", RED_LEFT, "without unique"),
        (
            "less_than(count(find[red]), count(find[cube]))",
            "greater_than(count(find[cube]), count(find[red]))",
            "turned round",
        ),
        ("count(relate[left](filter[red](find[cube])))", RED_LEFT, "other arrangement"),
        ("count(relate[left](find[cube]))", RED_LEFT, "steps left out"),
        ("count(filter[red](filter[small](relate[left](find[cube]))))", RED_LEFT, "steps put in"),
        ("count(filter[red](relate[right](find[cube])))", RED_LEFT, "other arguments"),
        ("exists(filter[red](relate[left](find[cube])))", RED_LEFT, "other operations"),
    ],
)
def test_the_first_kind_that_applies_is_told(said: str, given: str, kind: str) -> None:
    assert kind in KINDS
    assert difference(parse_program(said, CLEVR), parse_program(given, CLEVR)) == kind


def test_turned_round_is_not_the_same_numbers_the_same_way() -> None:
    said = parse_program("less_than(count(find[red]), count(find[cube]))", CLEVR)
    given = parse_program("greater_than(count(find[red]), count(find[cube]))", CLEVR)
    assert difference(said, given) == "other operations"


def test_without_unique_nothing_else_is_lost() -> None:
    program = parse_program("query[color](unique(same[size](unique(find[cube]))))", CLEVR)
    plain = parse_program("query[color](same[size](find[cube]))", CLEVR)
    assert without_unique(program) == plain
    assert without_unique(plain) == plain
