from nmn.domain import load_domain
from nmn.program.program import call
from nmn.program.renaming import best_renaming, renamed
from nmn.program.text import parse_program

SHAPES = load_domain("shapes")
GIVEN = [
    parse_program(text, SHAPES)
    for text in (
        "exists(and(find[red], find[circle]))",
        "exists(and(find[red], relate[above](find[square])))",
        "exists(and(find[blue], relate[left_of](find[circle])))",
        "exists(and(find[blue], relate[above](find[circle])))",
        "exists(and(find[square], relate[left_of](find[red])))",
        "exists(and(find[square], find[blue]))",
    )
]
NAMES = {
    "red": "w1",
    "circle": "w2",
    "relate[above]": "w3",
    "square": "w4",
    "blue": "w5",
    "relate[left_of]": "w1",
}
BACK = {
    "w1": "red",
    "w2": "circle",
    "relate[w3]": "above",
    "w4": "square",
    "w5": "blue",
    "relate[w1]": "left_of",
}


def test_names_are_found_that_were_changed() -> None:
    said = [renamed(program, NAMES) for program in GIVEN]
    found = best_renaming(zip(said, GIVEN, strict=True))
    assert found == BACK
    assert [renamed(program, found) for program in said] == GIVEN


def test_a_single_wrong_program_does_not_change_the_names() -> None:
    said = [renamed(program, NAMES) for program in GIVEN]
    said[0] = call("exists", call("and", call("find", argument="w1"), call("find", argument="w4")))
    found = best_renaming(zip(said, GIVEN, strict=True))
    assert found["w1"] == "red"
    assert found["relate[w1]"] == "left_of"
    assert len(set(found.values())) == len(found)


def test_what_has_no_other_name_keeps_its_own() -> None:
    assert renamed(GIVEN[0], {}) == GIVEN[0]


def test_no_programs_have_no_names() -> None:
    assert best_renaming([]) == {}
