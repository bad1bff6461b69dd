"""The search for right programs."""

from dataclasses import replace

import numpy as np
import torch

from nmn.data.question_set import NOWHERE, QuestionSet
from nmn.domain import Domain
from nmn.policies.decode import Decoding, DecodingConfig
from nmn.policies.search import ProgramSearch, SearchConfig, body
from nmn.program.tokens import END, PAD, Tokens
from tests.policies.made import (
    TAUGHT,
    VOCABULARIES,
    Table,
    answer_of,
    program_of,
    question_set,
    tokens_of,
    words_in,
)

RED_CIRCLE, JOINED, ABOVE = 0, 2, 4
ROOM = 8


def search_of(data: QuestionSet, room: int = ROOM, **config: int) -> ProgramSearch:
    decoding = Decoding.of(DecodingConfig(room=room), VOCABULARIES["shapes"])
    return ProgramSearch(SearchConfig(**config), decoding, data)


def found_by(
    search: ProgramSearch, text: str, row: int, by: float = 8.0, seed: int = 0
) -> dict[int, list[Tokens]]:
    """What is found for a question by a policy that holds a program for most probable."""
    data, shapes = search.data, search.data.domain
    words = words_in(data)
    policy = Table.saying(tokens_of(text, shapes), words, VOCABULARIES["shapes"], by)
    memory = policy.encode(words.encode([data.words(row)]))
    generator = torch.Generator().manual_seed(seed)
    return search.found(policy, memory, torch.tensor([row]), generator)


def is_right(program: Tokens, data: QuestionSet, row: int) -> bool:
    said = program_of(program, data.domain)
    return all(
        answer_of(said, data.scenes.scenes[scene], data.domain) == answer
        for scene, answer in zip(data.asked[row], data.answers[row], strict=True)
        if scene != NOWHERE
    )


def test_short_programs_are_right_and_the_simplest(shapes: Domain) -> None:
    data = question_set(count=30)
    search = search_of(data, short=4)
    found = search.short()
    assert set(found) == set(range(5))
    for row, programs in found.items():
        assert len(set(programs)) == len(programs) > 0
        assert all(is_right(program, data, row) for program in programs)
        assert len({search.edits.cost(program) for program in programs}) == 1
        given = tokens_of(list(TAUGHT.values())[row], shapes)
        assert search.edits.cost(programs[0]) <= search.edits.cost(given)


def test_short_programs_are_for_short_questions_that_are_asked_often() -> None:
    data = question_set(count=30)
    assert set(search_of(data, short=4, short_words=4).short()) == {JOINED, ABOVE}
    seldom = replace(data, asked=data.asked.copy())
    seldom.asked[3, 7:] = NOWHERE
    assert set(search_of(seldom, short=4).short()) == {0, 1, 2, 4}
    assert search_of(data).short() == {}


def test_short_programs_are_no_longer_than_may_be_said() -> None:
    data = question_set(count=30)
    found = search_of(data, room=2, short=4).short()
    assert all(len(program) <= 2 for programs in found.values() for program in programs)


def test_what_is_one_change_away_is_found(shapes: Domain) -> None:
    data, near = question_set(count=30), "exists(relate[below](filter[square](scene)))"
    search = search_of(data, beam=1, samples=0, edits=400)
    found = found_by(search, near, ABOVE)[ABOVE]
    assert found
    assert all(is_right(program, data, ABOVE) for program in found)
    wanted = tokens_of(TAUGHT["is a square above"], shapes)
    assert wanted in found or min(map(search.edits.cost, found)) < search.edits.cost(wanted)
    assert found_by(search_of(data, beam=1, samples=0, edits=0), near, ABOVE) == {ABOVE: []}


def test_what_is_sampled_is_found(shapes: Domain) -> None:
    data, near = question_set(count=30), "exists(relate[below](filter[square](scene)))"
    search = search_of(data, beam=1, samples=1000, edits=0)
    found = found_by(search, near, ABOVE, by=4.0)[ABOVE]
    assert all(is_right(program, data, ABOVE) for program in found)
    assert tokens_of(TAUGHT["is a square above"], shapes) in found


def test_steps_that_change_nothing_are_left_out(shapes: Domain) -> None:
    data = question_set(count=30)
    said = "exists(filter[red](filter[circle](filter[red](scene))))"
    found = found_by(search_of(data, beam=1, samples=0, edits=0), said, RED_CIRCLE)[RED_CIRCLE]
    assert sorted(found) == sorted(
        tokens_of(text, shapes)
        for text in (
            "exists(filter[red](filter[circle](scene)))",
            "exists(filter[circle](filter[red](scene)))",
        )
    )


def test_inputs_are_found_both_ways_round(shapes: Domain) -> None:
    data, said = question_set(count=30), TAUGHT["is a circle red"]
    found = found_by(search_of(data, beam=1, samples=0, edits=0), said, JOINED)[JOINED]
    turned = "exists(and(filter[red](scene), filter[circle](scene)))"
    assert found == [tokens_of(said, shapes), tokens_of(turned, shapes)]


def test_the_same_generator_finds_the_same() -> None:
    near = "exists(relate[below](filter[circle](scene)))"
    search = search_of(question_set(count=4), beam=2, samples=8, edits=60)
    first, again = (found_by(search, near, ABOVE, by=3.0, seed=3) for _ in range(2))
    assert first == again
    others = [found_by(search, near, ABOVE, by=3.0, seed=seed) for seed in range(4, 8)]
    assert any(other != first for other in others)


def test_probable_ones_are_the_right_ones_of_a_beam_as_they_are(shapes: Domain) -> None:
    data = question_set(count=30)
    said = "exists(filter[red](filter[circle](filter[red](scene))))"
    words = words_in(data)
    policy = Table.saying(tokens_of(said, shapes), words, VOCABULARIES["shapes"])
    rows = torch.tensor([RED_CIRCLE, ABOVE])
    memory = policy.encode(words.encode([data.words(row) for row in rows.tolist()]))
    search = search_of(data, beam=40)
    found = search.probable(policy, memory, rows)
    beam = search.decoding.beam(policy, memory, 40).tokens.tolist()
    for row, tried in zip(rows.tolist(), beam, strict=True):
        programs = [body(tokens) for tokens in tried if END in tokens]
        assert found[row] == [program for program in programs if is_right(program, data, row)]
    assert found[RED_CIRCLE][0] == tokens_of(said, shapes)


def test_questions_that_are_asked_seldom_are_not_trusted() -> None:
    data = question_set(count=6)
    data.asked[1, 3:] = NOWHERE
    assert search_of(data, scenes=4).trusted.tolist() == [True, False, True, True, True]
    assert search_of(data, scenes=3).trusted.all()


def test_the_body_is_what_comes_before_the_end() -> None:
    assert body([5, 6, END, PAD]) == (5, 6)
    assert body(np.array([END, 5]).tolist()) == ()


def test_many_steps_that_change_nothing_go_in_good_time(shapes: Domain) -> None:
    """Of n of them any 2^n may be left, which come about in n! orders."""
    data = question_set({"is red green": "exists(filter[red](filter[green](scene)))"})
    search = search_of(data, room=40, samples=0, edits=0, beam=1)
    colors = ("red", "green", "blue") * 5
    said = "exists(" + "".join(f"filter[{color}](" for color in colors) + "scene" + ")" * 16
    found = found_by(search, said, 0)[0]
    assert found
    assert all(is_right(program, data, 0) for program in found)
    given = tokens_of("exists(filter[red](filter[green](scene)))", shapes)
    assert {search.edits.cost(program) for program in found} == {search.edits.cost(given)}
