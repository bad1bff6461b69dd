import torch

from nmn.nn.relations import Plane, RelativePositions


def test_a_table_of_positions_is_interpolated() -> None:
    positions = RelativePositions(1, 5)
    with torch.no_grad():
        positions.table.zero_()
        positions.table[2, 3, 0] = 1.0
    at = positions(torch.tensor([[1.0, 0.0], [0.5, 0.0], [1.0, -0.25], [-1.0, 0.0]]))
    torch.testing.assert_close(at[:, 0] / at[0, 0], torch.tensor([1.0, 0.5, 0.75, 0.0]))


def test_on_a_plane_a_relation_is_a_direction() -> None:
    plane = Plane(4, 2)
    with torch.no_grad():
        plane.directions.weight.copy_(torch.tensor([[-1.0, 0.0], [0.0, 1.0]]))
    positions = torch.tensor([[[-0.5, 0.5], [0.0, 0.0], [0.5, -0.5]]])
    logits = plane(plane.places(torch.zeros(1, 3, 4), positions), torch.tensor([[1, 2]]))
    assert logits.shape == (1, 2, 3, 2)
    # left of the middle one: the first cell is, the last one is not, and it is not left of itself
    assert logits[0, 0, :, 0].sign().tolist() == [1.0, -1.0, -1.0]
    assert logits[0, 1, :, 0].sign().tolist() == [1.0, -1.0, -1.0]
    assert logits[0, 0, :, 1].sign().tolist() == [1.0, 1.0, -1.0]
    assert logits[0, :, [1, 2], [0, 1]].max() <= -30


def test_what_is_seen_moves_a_thing_on_its_plane() -> None:
    plane = Plane(3, 4)
    values = torch.randn(2, 5, 3, requires_grad=True)
    starts = torch.tensor([[0, 1], [3, 4]])
    with torch.no_grad():
        plane.place.weight.normal_()
    plane(plane.places(values, torch.zeros(2, 5, 2)), starts).square().sum().backward()
    assert values.grad is not None
    assert (values.grad.abs().sum(2) > 0).all()
    # At first things are where their cells are.
    positions = torch.rand(2, 5, 2)
    assert torch.equal(Plane(3, 4).places(values, positions), positions)
