from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given, settings

from nmn.domain import Attribute, Domain
from nmn.errors import ProgramTypeError
from nmn.program.text import parse_program
from nmn.program.tokens import END, PAD, SPECIAL, START, TokenVocabulary
from nmn.program.transitions import State, Transitions
from nmn.program.typecheck import typecheck
from nmn.program.types import BOOL, MASK, NUMBER, value_of
from tests.strategies import CLEVR, SHAPES, TRANSITIONS, any_programs, token_walks

TINY = Domain("tiny", "", (Attribute("color", ("red",)),), ("above",), ("yes", "no"))


def names(transitions: Transitions, state: State) -> set[str]:
    return {transitions.vocabulary.tokens[token] for token in transitions.legal(state)}


def after(transitions: Transitions, room: int, text: str) -> State:
    state = transitions.start(room)
    for token in text.split():
        state = transitions.advance(state, transitions.vocabulary.tokens.index(token))
    return state


def accepted(transitions: Transitions, state: State) -> Iterator[tuple[int, ...]]:
    """All sequences that the transitions let through from `state` on, without `END`."""
    for token in transitions.legal(state):
        if token == END:
            yield ()
        else:
            rests = accepted(transitions, transitions.advance(state, token))
            yield from ((token, *rest) for rest in rests)


@pytest.mark.parametrize("domain", [SHAPES, CLEVR], ids=lambda domain: domain.name)
def test_the_smallest_completion_of_each_type(domain: Domain) -> None:
    values = {value_of(name): 2 for name in domain.attribute_names}
    assert TRANSITIONS[domain.name].smallest == {MASK: 1, BOOL: 2, NUMBER: 2, **values}


def test_with_room_for_three_the_first_token_takes_one_mask() -> None:
    shapes = TRANSITIONS["shapes"]
    assert names(shapes, shapes.start(3)) == {"exists", "count", "query[color]", "query[shape]"}
    assert names(shapes, shapes.start(4)) == names(shapes, shapes.start(3))


def test_with_room_for_five_comparisons_come_in() -> None:
    shapes = TRANSITIONS["shapes"]
    assert names(shapes, shapes.start(5)) - names(shapes, shapes.start(4)) == {
        "equal[color]",
        "equal[shape]",
        "equal_number",
        "less_than",
        "greater_than",
    }


def test_the_last_place_is_for_a_leaf() -> None:
    shapes = TRANSITIONS["shapes"]
    leaves = {"scene", *(f"find[{concept}]" for concept in SHAPES.concepts)}
    assert names(shapes, after(shapes, 2, "exists")) == leaves
    unary = names(shapes, after(shapes, 3, "exists"))
    assert leaves < unary
    assert not {"and", "or"} & unary
    assert names(shapes, after(shapes, 4, "exists")) - unary == {"and", "or"}
    assert names(shapes, after(shapes, 4, "exists and")) == leaves


def test_what_is_expected_later_keeps_its_room() -> None:
    shapes = TRANSITIONS["shapes"]
    assert names(shapes, after(shapes, 5, "less_than")) == {"count"}
    assert names(shapes, after(shapes, 6, "less_than count")) >= {"scene", "unique", "filter[red]"}
    assert "unique" not in names(shapes, after(shapes, 5, "less_than count"))
    assert names(shapes, after(shapes, 9, "equal[color]")) == {"query[color]"}


def test_a_whole_program_may_only_end_and_then_nothing_may_follow() -> None:
    shapes = TRANSITIONS["shapes"]
    state = after(shapes, 10, "exists scene")
    assert shapes.legal(state) == (END,)
    ended = shapes.advance(state, END)
    assert ended.ended
    assert shapes.legal(ended) == ()


@pytest.mark.parametrize("room", [1, 0, -1])
def test_no_program_fits_into_less_than_two_tokens(room: int) -> None:
    with pytest.raises(ProgramTypeError, match=f"room for at least 2 tokens, got {room}"):
        TRANSITIONS["shapes"].start(room)


@pytest.mark.parametrize(
    ("so_far", "token", "got"),
    [
        ("", "scene", "scene"),
        ("", "<end>", "<end>"),
        ("", "<pad>", "<pad>"),
        ("", "<start>", "<start>"),
        ("exists", "count", "count"),
        ("exists", "and", "and"),
        ("exists", "<end>", "<end>"),
        ("exists scene", "scene", "scene"),
        ("exists scene <end>", "<end>", "<end>"),
    ],
)
def test_an_illegal_token_is_refused(so_far: str, token: str, got: str) -> None:
    shapes = TRANSITIONS["shapes"]
    state = after(shapes, 3, so_far)
    with pytest.raises(ProgramTypeError) as caught:
        shapes.advance(state, shapes.vocabulary.tokens.index(token))
    assert str(caught.value) == f"tokens: wanted a legal token, got {got}"


@pytest.mark.parametrize("token", [-1, 10_000])
def test_a_number_that_is_no_token_is_refused(token: int) -> None:
    shapes = TRANSITIONS["shapes"]
    with pytest.raises(ProgramTypeError, match=f"wanted a legal token, got {token}"):
        shapes.advance(shapes.start(5), token)


@pytest.mark.parametrize("domain", [SHAPES, CLEVR], ids=lambda domain: domain.name)
def test_every_walk_over_legal_tokens_ends_within_its_room_in_a_well_typed_program(
    domain: Domain,
) -> None:
    @given(token_walks(domain, 24))
    @settings(deadline=None, max_examples=100)
    def holds(walk: tuple[int, list[int]]) -> None:
        room, tokens = walk
        assert tokens[-1] == END
        assert len(tokens) - 1 <= room
        program = TRANSITIONS[domain.name].vocabulary.decode(tokens)
        assert len(program) == len(tokens) - 1
        typecheck(program, domain)

    holds()


@given(any_programs(20))
@settings(deadline=None, max_examples=100)
def test_every_well_typed_program_is_accepted_in_exactly_its_room(
    given_program: tuple[Domain, object],
) -> None:
    domain, program = given_program
    transitions = TRANSITIONS[domain.name]
    again = parse_program(str(program), domain)
    state = transitions.start(len(again))
    for token in transitions.vocabulary.encode(again):
        assert token in transitions.legal(state)
        state = transitions.advance(state, token)
    assert state.ended
    assert state.room == 0


def test_accepted_are_all_sequences_up_to_three_tokens_that_decode_and_type_check() -> None:
    shapes = TRANSITIONS["shapes"]
    vocabulary = shapes.vocabulary
    steps = range(len(SPECIAL), len(vocabulary))
    well_typed = set()
    for length in (1, 2, 3):
        for tokens in product(steps, repeat=length):
            try:
                typecheck(vocabulary.decode(tokens), SHAPES)
            except ProgramTypeError:
                continue
            well_typed.add(tokens)
    # exists, count or query of a leaf; or of one operation between them
    assert len(well_typed) == 4 * 7 + 4 * 13 * 7
    sequences = list(accepted(shapes, shapes.start(3)))
    assert len(sequences) == len(set(sequences))
    assert set(sequences) == well_typed


def tiny_programs(largest: int) -> set[str]:
    """All programs of the domain `tiny` of up to `largest` steps, from a table by hand."""
    masks: dict[int, list[str]] = {1: ["scene", "find[red]"]}
    for size in range(2, largest):
        ones = ("filter[red]", "relate[above]", "same[color]", "unique")
        masks[size] = [f"{one}({mask})" for one in ones for mask in masks[size - 1]]
        masks[size] += [
            f"{two}({first}, {second})"
            for two in ("and", "or")
            for left in range(1, size - 1)
            for first in masks[left]
            for second in masks[size - 1 - left]
        ]
    over_masks = {
        one: {size + 1: [f"{one}({m})" for m in made] for size, made in masks.items()}
        for one in ("exists", "count", "query[color]")
    }
    whole = {text for made in over_masks.values() for texts in made.values() for text in texts}
    for two, of in (
        ("equal[color]", "query[color]"),
        ("equal_number", "count"),
        ("less_than", "count"),
        ("greater_than", "count"),
    ):
        whole |= {
            f"{two}({first}, {second})"
            for left, firsts in over_masks[of].items()
            for right, seconds in over_masks[of].items()
            if 1 + left + right <= largest
            for first in firsts
            for second in seconds
        }
    return whole


@pytest.mark.parametrize("room", [2, 3, 4, 5, 6])
def test_accepted_are_exactly_all_well_typed_programs_of_that_size(room: int) -> None:
    tiny = Transitions(TokenVocabulary(TINY))
    sequences = list(accepted(tiny, tiny.start(room)))
    assert len(sequences) == len(set(sequences))
    assert {str(tiny.vocabulary.decode(tokens)) for tokens in sequences} == tiny_programs(room)


def test_special_tokens_are_never_legal_before_the_end() -> None:
    shapes = TRANSITIONS["shapes"]
    for text in ("", "exists", "exists and", "equal[color] query[color]"):
        assert not {PAD, START, END} & set(shapes.legal(after(shapes, 9, text)))
