import torch

from nmn.nn.competition import Competition


def with_ranks(ranks: list[list[float]]) -> tuple[Competition, torch.Tensor, tuple[int, int]]:
    competition = Competition(1)
    with torch.no_grad():
        competition.rank.weight.fill_(1.0)
        competition.rank.bias.zero_()
    grid = (len(ranks), len(ranks[0]))
    return competition, torch.tensor(ranks).view(1, -1, 1), grid


def test_it_is_the_softmax_of_each_neighbourhood() -> None:
    torch.manual_seed(0)
    ranks = torch.randn(3, 4)
    competition, values, grid = with_ranks(ranks.tolist())
    doubt = competition(values, None, grid, soft=True).view(grid)
    middle = ranks[0:3, 0:3].exp()
    torch.testing.assert_close(1 / (1 + doubt[1, 1]), ranks[1, 1].exp() / middle.sum())
    corner = ranks[0:2, 2:4].exp()
    torch.testing.assert_close(1 / (1 + doubt[0, 3]), ranks[0, 3].exp() / corner.sum())


def test_hardened_the_highest_wins_where_it_is_the_only_one() -> None:
    competition, values, grid = with_ranks([[0.0, 1.0, 0.9, 0.0, 2.0], [0.0, 0.5, 0.0, 0.0, 2.0]])
    won = competition(values, None, grid, soft=False).view(grid) < 1
    assert won.nonzero().tolist() == [[0, 1]]  # of two that are as high none does


def test_all_of_a_neighbourhood_learn() -> None:
    competition, values, grid = with_ranks([[0.3, 0.1], [0.0, 0.2]])
    values.requires_grad_()
    competition(values, None, grid, soft=True)[0, 0].backward()
    assert values.grad is not None
    assert (values.grad != 0).all()


def test_cells_of_things_at_other_places_do_not_compete() -> None:
    competition, values, grid = with_ranks([[1.0, 0.9, 0.8]])
    places = torch.tensor([[[0.0, 0.0], [0.0, 0.0], [0.5, 0.0]]])
    won = competition(values, places, grid, soft=False) < 1
    assert won.tolist() == [[True, False, True]]
    doubt = competition(values, places, grid, soft=True)
    torch.testing.assert_close(doubt[0, 0], torch.tensor(0.9 - 1.0).exp())
    assert doubt[0, 1] > 1
    assert doubt[0, 2] < 1e-4


def test_what_stands_for_a_thing_already_seen_elsewhere() -> None:
    competition = Competition(1)
    doubts = torch.tensor([[0.1, 0.2, 0.5, 2.0, 3.0], [0.1, 0.2, 0.3, 5.0, 9.0]])
    places = torch.tensor([0.0, 1.0, 0.2, 0.1, 5.0])[:, None].expand(2, -1, 2)
    # the third is near the first; what does not stand for a thing takes nothing from others
    assert competition.again(doubts, places).tolist() == [[False, False, True, True, False]] * 2
    apart = torch.tensor([[0.0, 0.31], [0.0, 0.29]])[:, :, None] * torch.tensor([0.6, 0.8])
    assert competition.again(doubts[:, :2], apart).tolist() == [[False, False], [False, True]]


def test_the_nearer_the_places_the_more_cells_compete() -> None:
    competition, values, grid = with_ranks([[0.0, 0.0]])
    distances = torch.tensor([0.0, 0.1, 0.2, 0.4])
    places = torch.stack([torch.zeros(4), distances], 1)[:, :, None].expand(-1, -1, 2)
    doubt = competition(values.expand(4, -1, -1), places, grid, soft=True)[:, 0]
    # the square of the distance along both axes, in ranges
    torch.testing.assert_close(doubt, (-((distances / 0.1) ** 2)).exp())
