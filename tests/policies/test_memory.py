"""The memory of right programs."""

import torch

from nmn.policies.memory import NEVER, ProgramMemory
from nmn.program.tokens import END, PAD


def said(*tokens: int) -> torch.Tensor:
    """A program as a row for a room of 4."""
    return torch.tensor([*tokens, END, *[PAD] * (4 - len(tokens))])


def known(memory: ProgramMemory, row: int) -> list[tuple[int, ...]]:
    """The programs of a question, in order."""
    rows = memory.of(torch.tensor([row]))[0].tolist()
    return [tuple(tokens[: tokens.index(END)]) for tokens in rows if tokens[0] != PAD]


def test_nothing_is_known_at_first() -> None:
    memory = ProgramMemory(3, 2, 4)
    assert memory.known.tolist() == [False] * 3
    assert memory.of(torch.tensor([2, 0])).tolist() == [[[PAD] * 5] * 2] * 2
    assert (memory.scores == NEVER).all()


def test_different_programs_of_one_cost_are_kept_up_to_the_slots() -> None:
    memory = ProgramMemory(2, 2, 4)
    memory.add(1, said(5), 2)
    memory.add(1, said(5), 2)
    memory.add(1, said(6, 7), 2)
    assert known(memory, 1) == [(5,), (6, 7)]
    assert memory.known.tolist() == [False, True]
    memory.score(torch.tensor([1]), torch.tensor([[-3.0, -1.0]]))
    assert known(memory, 1) == [(6, 7), (5,)]  # the best first
    torch.testing.assert_close(memory.scores[1], torch.tensor([-1.0, -3.0]))
    memory.add(1, said(8), 2)
    assert known(memory, 1) == [(6, 7), (8,)]  # in place of the least probable
    assert known(memory, 0) == []


def test_what_costs_less_takes_the_place_of_all_and_what_costs_more_is_not_kept() -> None:
    memory = ProgramMemory(1, 3, 4)
    memory.add(0, said(5, 6), 4)
    memory.add(0, said(6, 6), 4)
    memory.add(0, said(7, 7, 7), 5)
    assert known(memory, 0) == [(5, 6), (6, 6)]
    memory.add(0, said(8), 3)
    assert known(memory, 0) == [(8,)]
    torch.testing.assert_close(memory.scores[0], torch.tensor([0.0, NEVER, NEVER]))
    memory.add(0, said(5, 6), 4)
    assert known(memory, 0) == [(8,)]
    assert memory.costs.tolist() == [3]


def test_without_costs_all_are_kept() -> None:
    memory = ProgramMemory(1, 3, 4)
    memory.add(0, said(5, 6), 4)
    memory.add(0, said(7, 7, 7))
    memory.add(0, said(8))
    assert known(memory, 0) == [(5, 6), (7, 7, 7), (8,)]
    memory.add(0, said(9, 9, 9), 9)  # dearer than the simplest one
    assert (9, 9, 9) not in known(memory, 0)


def test_empty_slots_stay_behind_whatever_their_score() -> None:
    memory = ProgramMemory(2, 3, 4)
    memory.add(0, said(5), 1)
    memory.add(1, said(6), 1)
    memory.add(1, said(7), 1)
    memory.score(torch.tensor([1, 0]), torch.tensor([[-2.0, -1.0, 0.0], [-4.0, 0.0, 0.0]]))
    assert (known(memory, 0), known(memory, 1)) == ([(5,)], [(7,), (6,)])
    torch.testing.assert_close(
        memory.scores, torch.tensor([[-4.0, NEVER, NEVER], [-1.0, -2.0, NEVER]])
    )


def test_a_checkpoint_holds_it() -> None:
    memory, again = ProgramMemory(2, 2, 4), ProgramMemory(2, 2, 4)
    memory.add(0, said(5, 6), 4)
    memory.add(0, said(6, 6), 4)
    memory.score(torch.tensor([0]), torch.tensor([[-2.0, -1.0]]))
    again.load_state_dict(memory.state_dict())
    assert known(again, 0) == [(6, 6), (5, 6)]
    for both in (memory, again):
        both.add(0, said(7, 7), 4)
        both.add(0, said(1, 1, 1), 5)
    assert known(again, 0) == known(memory, 0) == [(6, 6), (7, 7)]
