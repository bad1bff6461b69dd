import pytest
import torch

from nmn.errors import ShapeError
from nmn.nn.features import Features, grid_features, grid_positions


def test_cells_are_in_row_major_order() -> None:
    values = torch.arange(12.0).reshape(1, 2, 2, 3)
    features = grid_features(values)
    assert features.grid == (2, 3)
    assert features.values[0, :, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert features.values[0, :, 1].tolist() == [6, 7, 8, 9, 10, 11]
    assert features.present.all()


def test_positions_are_centres_of_cells() -> None:
    positions = grid_positions(2, 4)
    assert positions[0].tolist() == [-0.75, -0.5]
    assert positions[1].tolist() == [-0.25, -0.5]
    assert positions[4].tolist() == [-0.75, 0.5]


@pytest.mark.parametrize(
    ("positions", "present", "grid", "field"),
    [
        (torch.zeros(1, 5, 2), torch.ones(1, 4, dtype=torch.bool), (2, 2), "positions"),
        (torch.zeros(1, 4, 2), torch.ones(1, 5, dtype=torch.bool), (2, 2), "present"),
        (torch.zeros(1, 4, 2), torch.ones(1, 4, dtype=torch.bool), (2, 3), "grid"),
    ],
)
def test_fields_that_do_not_fit_are_named(
    positions: torch.Tensor, present: torch.Tensor, grid: tuple[int, int], field: str
) -> None:
    with pytest.raises(ShapeError, match=f"features.{field}") as caught:
        _unchecked(torch.zeros(1, 4, 3), positions, present, grid)
    assert caught.value.wanted


def _unchecked(
    values: torch.Tensor, positions: torch.Tensor, present: torch.Tensor, grid: tuple[int, int]
) -> None:
    """Run the check of `Features` itself, which users without jaxtyping rely on."""
    features = object.__new__(Features)
    for name, value in (
        ("values", values),
        ("positions", positions),
        ("present", present),
        ("grid", grid),
    ):
        object.__setattr__(features, name, value)
    features.__post_init__()
