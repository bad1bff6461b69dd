import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lark import Token

from nmn.parsing.lookahead import prepare

TERMINALS = frozenset({"BOTH", "EITHER", "AND", "OR", "COMMA", "SEPARATOR"})
SHORT = {
    "A": "ADJECTIVE",
    "N": "NOUN",
    "T": "THING",
    "R": "RELATION",
    "THE": "ARTICLE",
    ",": "COMMA",
    ";": "SEPARATOR",
    "?": "END",
    "SIZE": "ATTRIBUTE",
}


def prepared(text: str, terminals: frozenset[str] = TERMINALS) -> str:
    """The kinds after `prepare`, in the same short notation."""
    tokens = [Token(SHORT.get(name, name), name) for name in text.split()]
    long = {kind: name for name, kind in SHORT.items()}
    return " ".join(long.get(token.type, token.type) for token in prepare(tokens, terminals))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # nothing to settle
        ("", ""),
        ("IS THERE N R N", "IS THERE N R N"),
        # by what follows: a noun with its adjectives, or a description
        ("N AND N", "N AND N"),
        ("N OR A A N", "N OR A A N"),
        ("N OR THE N", "N OR THE N"),
        ("N OR OTHER T", "N OR OTHER T"),
        ("N OR IT", "N OR IT"),
        ("N OR PRONOUN", "N OR PRONOUN"),
        ("R N AND R N", "R N AND_DESCRIBED R N"),
        ("R N OR R N", "R N OR_DESCRIBED R N"),
        ("THAT R N OR THAT A", "THAT R N OR_DESCRIBED THAT A"),
        ("N AND A A", "N AND_DESCRIBED A A"),
        ("N AND A R N", "N AND_DESCRIBED A R N"),
        ("R AND R N", "R AND_DESCRIBED R N"),
        ("SAME SIZE AND SIZE", "SAME SIZE AND_DESCRIBED SIZE"),
        ("N AND BOTH R N AND R N", "N AND_DESCRIBED BOTH R N AND_BOTH R N"),
        # between adjectives
        ("A OR A N", "A OR_ADJECTIVE A N"),
        ("A OR A", "A OR_ADJECTIVE A"),
        ("A AND A N", "A AND A N"),
        ("N OR A OR A N", "N OR A OR_ADJECTIVE A N"),
        ("N OR A OR A", "N OR_DESCRIBED A OR_ADJECTIVE A"),
        ("A N OR A N", "A N OR A N"),
        # at the very end
        ("N OR", "N OR"),
        ("A OR", "A OR_ADJECTIVE"),
        ("A OR ?", "A OR_ADJECTIVE ?"),
        ("R N OR ;", "R N OR ;"),
        ("N AND", "N AND_DESCRIBED"),
        ("OR", "OR"),
        ("AND", "AND_DESCRIBED"),
    ],
)
def test_and_and_or_by_what_follows(before: str, after: str) -> None:
    assert prepared(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("BOTH R N AND R N", "BOTH R N AND_BOTH R N"),
        ("EITHER N OR N", "EITHER N OR_EITHER N"),
        ("EITHER A OR R N", "EITHER A OR_EITHER R N"),
        (
            "EITHER BOTH R N AND R N OR BOTH R N AND R N",
            "EITHER BOTH R N AND_BOTH R N OR_EITHER BOTH R N AND_BOTH R N",
        ),
        ("BOTH BOTH A AND A AND A", "BOTH BOTH A AND_BOTH A AND_BOTH A"),
        ("EITHER EITHER R N OR R N OR R N", "EITHER EITHER R N OR_EITHER R N OR_EITHER R N"),
        ("BOTH EITHER R N OR R N AND R N", "BOTH EITHER R N OR_EITHER R N AND_BOTH R N"),
        # the first one closes it, later ones are free
        ("BOTH R N AND R N AND R N", "BOTH R N AND_BOTH R N AND_DESCRIBED R N"),
        # another conjunction does not close it
        ("BOTH R N OR R N AND R N", "BOTH R N OR_DESCRIBED R N AND_BOTH R N"),
        # "that is" inside takes an "and" where one is left
        (
            "BOTH R N THAT IS A AND R N AND R N",
            "BOTH R N THAT IS A AND_DESCRIBED R N AND_BOTH R N",
        ),
        ("BOTH R N THAT IS A AND R N", "BOTH R N THAT IS A AND_BOTH R N"),
        ("BOTH N THAT IS A AND N AND R N", "BOTH N THAT IS A AND_BOTH N AND_DESCRIBED R N"),
        # adjectives of one noun need no pair
        ("EITHER A OR A N", "A OR_ADJECTIVE A N"),
        ("EITHER A OR A", "EITHER A OR_EITHER A"),
    ],
)
def test_both_and_either_are_brackets(before: str, after: str) -> None:
    assert prepared(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("BOTH N", "N"),
        ("EITHER N", "N"),
        ("EITHER R N ?", "R N ?"),
        ("BOTH BOTH BOTH", ""),
        ("BOTH A OR A N", "A OR_ADJECTIVE A N"),
        ("EITHER R N AND R N", "R N AND_DESCRIBED R N"),
        ("BOTH EITHER R N AND R N", "R N AND_DESCRIBED R N"),
        ("N AND BOTH", "N AND_DESCRIBED"),
    ],
)
def test_both_and_either_without_an_end_are_dropped(before: str, after: str) -> None:
    assert prepared(before) == after


@pytest.mark.parametrize(
    ("before", "after", "without_separators"),
    [
        ("A , A OR A N", "A OR_ADJECTIVE A OR_ADJECTIVE A N", None),
        ("A , A , OR A N", "A OR_ADJECTIVE A OR_ADJECTIVE A N", None),
        ("N , N , N OR N", "N OR N OR N OR N", None),
        ("THE N , THE N OR THE N", "THE N OR THE N OR THE N", None),
        ("A , A N", "A A N", None),
        (
            "R N , R N OR R N",
            "R N OR_DESCRIBED R N OR_DESCRIBED R N",
            "R N OR_DESCRIBED R N OR_DESCRIBED R N",
        ),
        ("N , R N", "N ; R N", "N R N"),
        ("A , A N R N OR N", "A A N R N OR N", None),
        ("A , N", "A ; N", "A N"),
        (", ,", "; ;", ""),
        ("N ,", "N ;", "N"),
    ],
)
def test_commas(before: str, after: str, without_separators: str | None) -> None:
    assert prepared(before) == after
    assert prepared(before, TERMINALS - {"SEPARATOR"}) == (
        after if without_separators is None else without_separators
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("IS_ANY N A", "IS_ANY N A"),
        ("DO_ANY N HAVE", "DO_ANY N HAVE"),
        ("THERE IS N ; IS_ANY N A", "THERE IS N ; IS_ANY N A"),
        ("THERE IS N , DO_ANY N HAVE", "THERE IS N ; DO_ANY N HAVE"),
        ("THERE IS_ANY N", "THERE IS N"),
        ("WHAT SIZE DO_ANY N HAVE", "WHAT SIZE DO N HAVE"),
    ],
)
def test_any_asks_for_a_set_only_at_the_beginning(before: str, after: str) -> None:
    assert prepared(before) == after


KINDS = st.sampled_from(
    ["AND", "OR", "COMMA", "BOTH", "EITHER", "ADJECTIVE", "NOUN", "RELATION", "THAT", "IS", "END"]
)
LITTLE = frozenset({"AND", "OR", "COMMA", "BOTH", "EITHER"})


@given(st.lists(KINDS, max_size=30))
@settings(deadline=None, max_examples=300)
def test_only_little_words_change_and_brackets_match(kinds: list[str]) -> None:
    tokens = [Token(kind, str(place)) for place, kind in enumerate(kinds)]
    after = [(int(token), token.type) for token in prepare(tokens, TERMINALS)]
    assert [place for place, _ in after] == sorted({place for place, _ in after})
    kept = {place for place, _ in after}
    assert all(place in kept or kinds[place] in LITTLE for place in range(len(kinds)))
    stack: list[str] = []
    for place, kind in after:
        if kinds[place] not in LITTLE:
            assert kind == kinds[place]
        if kind in ("BOTH", "EITHER"):
            stack.append(kind)
        elif kind in ("AND_BOTH", "OR_EITHER"):
            assert kind == {"BOTH": "AND_BOTH", "EITHER": "OR_EITHER"}[stack.pop()]
        assert kind != "COMMA"
    assert not stack


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # after "is" one "the same" right after a noun is asked
        ("IS N OF_SAME SIZE AS N", "IS N OF_SAME SIZE AS N"),
        ("IS N OF_SAME SIZE AS N SAME SIZE AS N", "IS N WITH_SAME SIZE AS N SAME SIZE AS N"),
        ("IS N SAME SIZE AS N OF_SAME SIZE AS N", "IS N SAME SIZE AS N WITH_SAME SIZE AS N"),
        (
            "IS N OF_SAME SIZE AS N MADE_OF_SAME SIZE AS N",
            "IS N WITH_SAME SIZE AS N MADE_OF_SAME SIZE AS N",
        ),
        (
            "IS N MADE_OF_SAME SIZE AS N MADE_OF_SAME SIZE AS N",
            "IS N MADE_OF_SAME SIZE AS N WITH_SAME SIZE AS N",
        ),
        (
            "IS N AND N OF_SAME SIZE AS N OF_SAME SIZE",
            "IS N AND N WITH_SAME SIZE AS N OF_SAME SIZE",
        ),
        (
            "IS N THAT IS OF_SAME SIZE AS N MADE_OF_SAME SIZE AS N",
            "IS N THAT IS OF_SAME SIZE AS N MADE_OF_SAME SIZE AS N",
        ),
        (
            "THERE IS N ; IS IT OF_SAME SIZE AS N OF_SAME SIZE AS N ?",
            "THERE IS N ; IS IT OF_SAME SIZE AS N WITH_SAME SIZE AS N ?",
        ),
        ("WHAT IS N OF_SAME SIZE AS N OF_SAME SIZE AS N", None),
        # "the same" alone at the end
        ("IS SIZE OF N AND N SAME ?", "IS SIZE OF N AND N ALIKE ?"),
        ("IS NUMBER_OF N AND NUMBER_OF N SAME", "IS NUMBER_OF N AND NUMBER_OF N ALIKE"),
        ("IS N AND N SAME", None),
        # "in the picture"
        ("HOW_MANY N IS IN_PICTURE", "HOW_MANY N IS VISIBLE"),
        ("HOW_MANY N IS THERE IN_PICTURE", "HOW_MANY N IS THERE"),
        ("IS THERE N IN_PICTURE R N ?", "IS THERE N R N ?"),
    ],
)
def test_words_that_depend_on_the_question(before: str, after: str | None) -> None:
    assert prepared(before) == (before if after is None else after)
