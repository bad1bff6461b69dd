"""All short programs, against brute force over the vocabulary."""

import numpy as np
import pytest
import torch

from nmn.domain import Domain
from nmn.policies.enumerate import ShortPrograms, short_programs
from nmn.policies.legal import LegalTokens
from nmn.program.tokens import END, PAD
from nmn.program.typecheck import typecheck
from nmn.scene.scene import grid_scene
from nmn.scene.table import MAX_OBJECTS, SceneTable
from tests.policies.made import VOCABULARIES, answer_of, program_of, some_scenes, tokens_of
from tests.strategies import CLEVR, SHAPES

DOMAINS = pytest.mark.parametrize("domain", [SHAPES, CLEVR], ids=lambda domain: domain.name)


def all_of(most: int, domain: Domain) -> list[tuple[int, ...]]:
    """All programs of up to `most` tokens, but for those with `unique`."""
    legal = LegalTokens(VOCABULARIES[domain.name], without=("unique",))
    state, paths = legal.start(1, most), torch.zeros(1, 0, dtype=torch.long)
    whole: list[tuple[int, ...]] = []
    while len(paths):
        row, token = legal.legal(state).nonzero().unbind(1)
        paths, state = torch.cat([paths[row], token[:, None]], 1), state.rows(row)
        state = legal.advance(state, token)
        whole += [tuple(path[:-1]) for path in paths[token == END].tolist()]
        paths, state = paths[token != END], state.rows((token != END).nonzero().squeeze(1))
    return whole


def answers_on(table: SceneTable, program: tuple[int, ...]) -> tuple[int, ...]:
    said = program_of(program, table.domain)
    return tuple(answer_of(said, scene, table.domain) for scene in table.scenes)


def bodies(programs: ShortPrograms) -> list[tuple[int, ...]]:
    return [tuple(row[: row.index(END)]) for row in programs.tokens.tolist()]


@DOMAINS
def test_of_all_programs_there_is_the_shortest_that_does_the_same(domain: Domain) -> None:
    table = SceneTable.of(some_scenes(domain.name, 10), domain)
    found = short_programs(table, 3)
    known = {
        tuple(answers): len(program)
        for program, answers in zip(bodies(found), found.answers.T.tolist(), strict=True)
    }
    wanted: dict[tuple[int, ...], int] = {}
    for program in all_of(3, domain):
        answers = answers_on(table, program)
        if max(answers) >= 0:
            wanted[answers] = min(wanted.get(answers, 9), len(program))
    assert {answers: known[answers] for answers in wanted} == wanted


@DOMAINS
@pytest.mark.parametrize("most", [2, 3, 4])
def test_each_program_does_what_no_other_one_does(domain: Domain, most: int) -> None:
    table = SceneTable.of(some_scenes(domain.name, 10), domain)
    found = short_programs(table, most)
    assert found.tokens.shape == (len(found), most + 2)
    assert len(np.unique(found.answers, axis=1).T) == len(found)
    lengths, every = [], max(1, len(found) // 400)
    for place, tokens in enumerate(bodies(found)):
        program = program_of(tokens, domain)
        typecheck(program, domain)
        if place % every == 0:
            assert answers_on(table, tokens) == tuple(found.answers[:, place].tolist())
        assert not program.count("unique")
        comparing = len(program.nodes[-1].inputs) == 2
        assert len(tokens) <= most + comparing
        lengths.append(len(tokens))
    assert lengths == sorted(lengths)
    assert ((found.tokens == END).sum(1) == 1).all()
    for tokens, length in zip(found.tokens, lengths, strict=True):
        assert (tokens[length + 1 :] == PAD).all()


def test_comparisons_may_have_a_token_more(clevr: Domain) -> None:
    table = SceneTable.of(some_scenes("clevr", 10), clevr)
    found = short_programs(table, 4)
    known = set(map(tuple, found.answers.T.tolist()))
    leaves = ("scene", *(f"find[{concept}]" for concept in clevr.concepts))
    for first in leaves:
        for second in leaves:
            program = tokens_of(f"less_than(count({first}), count({second}))", clevr)
            assert answers_on(table, program) in known
    roots = {VOCABULARIES["clevr"].step(t[0]).operation for t in bodies(found) if len(t) == 5}
    assert {"less_than", "equal_number"} <= roots
    assert roots <= {"equal", "equal_number", "less_than", "greater_than"}


def test_right_ones_are_those_with_the_answers(clevr: Domain) -> None:
    table = SceneTable.of(some_scenes("clevr", 10), clevr)
    found = short_programs(table, 3)
    wanted = tokens_of("count(find[cube])", clevr)
    scenes = np.array([7, 2, 5, 0])
    answers = np.array(answers_on(table, wanted))[scenes]
    right = found.right(scenes, answers)
    every = found.answers[scenes].T.tolist()
    assert right.tolist() == [p for p, got in enumerate(every) if got == answers.tolist()]
    assert wanted in [bodies(found)[place] for place in right]
    assert found.right(scenes[:0], answers[:0]).tolist() == list(range(len(found)))


def test_a_mask_of_all_the_objects_that_there_may_be_is_no_failure(shapes: Domain) -> None:
    cell = {"color": "red", "shape": "circle"}
    scene = grid_scene((tuple([cell] * 8),) * 8)
    assert len(scene.objects) == MAX_OBJECTS
    found = short_programs(SceneTable.of([scene], shapes), 3)
    answers = [shapes.answers[answer] for answer in found.answers[0]]
    assert sorted(answers) == ["no", "yes"]
