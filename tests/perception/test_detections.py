import torch

from nmn.perception.detections import detect
from nmn.perception.detector import Views
from tests.perception.made import CLEVR


def views(presence: list[list[float]], ground: list[list[tuple[float, float]]]) -> Views:
    """Cells with these probabilities and places; each is sure of the first values."""
    probabilities = torch.tensor(presence)
    attributes = []
    for attribute in CLEVR.attributes:
        logits = torch.zeros(*probabilities.shape, len(attribute.values))
        logits[..., 0] = 2.0
        attributes.append(logits)
    box = torch.tensor([-0.5, 0.0, 0.5, 1.5]).expand(*probabilities.shape, 4)
    return Views(probabilities.logit(), tuple(attributes), torch.tensor(ground), box)


def test_neighbours_that_stand_apart_are_both_heard() -> None:
    places = [(0.0, 0.0), (0.0, 0.9), (0.1, 0.2), (5.0, 0.0)]
    (found,) = detect(views([[0.8, 0.7, 0.1, 1e-4]], [places]), least=1e-3, apart=0.5)
    torch.testing.assert_close(
        torch.tensor([[seen.probability, *seen.ground] for seen in found]),
        torch.tensor([[0.9, 0.0, 0.0], [0.7, 0.0, 0.9]]),  # the third adds to the first
    )


def test_a_cell_that_is_not_heard_silences_no_other() -> None:
    # the second is close to the first, the third to the second alone
    places = [(0.0, 0.0), (0.4, 0.0), (0.8, 0.0)]
    (found,) = detect(views([[0.5, 0.4, 0.3]], [places]), least=1e-3, apart=0.5)
    assert [round(seen.probability, 6) for seen in found] == [0.9, 0.3]


def test_cells_that_cannot_agree_which_of_them_it_is_are_heard_together() -> None:
    places = [(0.0, 0.0), (0.1, 0.0), (0.2, 0.0)]
    (found,) = detect(views([[0.4, 0.35, 0.3]], [places]), least=1e-3, apart=0.5)
    assert [seen.probability for seen in found] == [1.0]


def test_pictures_are_apart_and_may_be_empty() -> None:
    here = [(0.0, 0.0), (2.0, 0.0)]
    found = detect(views([[0.9, 0.2], [1e-9, 1e-9]], [here, here]), least=0.1, apart=0.5)
    assert [len(seen) for seen in found] == [2, 0]


def test_boxes_are_fractions_within_the_picture() -> None:
    (found,) = detect(views([[0.9]], [[(0.0, 0.0)]]), least=0.1, apart=0.5)
    assert found[0].box == (0.25, 0.5, 0.75, 1.0)
