from nmn.generate.facts import Atom, Description, Facts

VALUES = (0b11, 0b111)
"""Two attributes: a size of two values and a color of three."""
LARGE, RED, BLUE = Atom("is", 0, 1), Atom("is", 1, 0), Atom("is", 1, 1)


def all_of(*atoms: Atom) -> Description:
    return frozenset((frozenset(atoms),))


def test_what_is_said_of_a_thing_is_so() -> None:
    facts = Facts.of((all_of(LARGE, RED),), VALUES)
    assert facts.holds(0, LARGE)
    assert facts.holds(0, RED)
    assert not facts.holds(0, BLUE)
    assert not facts.contradictory


def test_two_values_of_one_attribute_contradict_each_other() -> None:
    assert Facts.of((all_of(RED, BLUE),), VALUES).contradictory


def test_of_alternatives_only_what_is_in_all_of_them_is_so() -> None:
    either = frozenset((frozenset((LARGE, RED)), frozenset((LARGE, BLUE))))
    facts = Facts.of((either,), VALUES)
    assert facts.holds(0, LARGE)
    assert facts.possible[1][0] == 0b111


def test_another_thing_than_the_only_large_one_is_small() -> None:
    facts = Facts.of((all_of(LARGE), all_of(RED, Atom("left", -1, 0))), VALUES)
    assert facts.differ(0, 1)
    assert facts.possible[0] == [0b10, 0b01]


def test_a_thing_like_the_only_one_is_that_one() -> None:
    facts = Facts.of((all_of(RED), all_of(RED, LARGE)), VALUES)
    assert facts.equal == [0b11, 0b11]
    assert facts.holds(0, LARGE)


def test_order_goes_on_from_thing_to_thing_and_has_no_circles() -> None:
    chain = (all_of(RED), all_of(Atom("left", -1, 0)), all_of(Atom("left", -1, 1)))
    facts = Facts.of(chain, VALUES)
    assert facts.holds(2, Atom("left", -1, 0))
    assert facts.holds(0, Atom("right", -1, 2))
    assert not facts.holds(0, Atom("front", -1, 2))
    assert facts.supposing(2, (Atom("right", -1, 0),)).contradictory


def test_all_but_the_only_thing_left_of_one_are_right_of_it() -> None:
    facts = Facts.of((all_of(RED), all_of(Atom("left", -1, 0))), VALUES)
    more = facts.with_one((BLUE, Atom("front", -1, 1)), VALUES)
    assert more.differ(2, 0)
    assert more.holds(2, Atom("right", -1, 0))


def test_values_are_shared_and_kept_apart() -> None:
    facts = Facts.of((all_of(RED), all_of(LARGE, Atom("same", 1, 0))), VALUES)
    assert facts.contradictory  # there is no other red thing
    facts = Facts.of((all_of(LARGE), all_of(Atom("same", 1, 0))), VALUES)
    assert facts.are_alike(1, 0, 1)
    assert facts.are_unlike(0, 0, 1)
    more = facts.with_one((Atom("front", -1, 0), Atom("front", -1, 1)), VALUES)
    assert more.are_unlike(1, 2, 0)
    assert more.supposing(2, (Atom("same", 1, 0),)).contradictory


def test_suppositions_leave_the_facts_alone() -> None:
    facts = Facts.of((all_of(RED), all_of(LARGE)), VALUES)
    assert facts.supposing_equal(0, 1).holds(0, LARGE)
    assert facts.supposing_different(0, 1).possible[0] == [0b01, 0b10]
    assert facts.equal == [0b01, 0b10]
    assert facts.possible == [[0b11, 0b10], [0b001, 0b111]]
