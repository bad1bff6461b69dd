"""What the answers of a domain mean, as columns of numbers."""

import torch
from torch import Tensor, nn

from nmn.domain import Domain


class AnswerColumns(nn.Module):
    """For each answer of a domain: whether it is yes, its number, and the index of its concept.

    What does not apply is 0.
    """

    def __init__(self, domain: Domain) -> None:
        super().__init__()
        yes = [float(name == "yes") for name in domain.answers]
        number = [float(name) if name.isdecimal() else 0.0 for name in domain.answers]
        concepts = {name: index for index, name in enumerate(domain.concepts)}
        concept = [concepts.get(name, 0) for name in domain.answers]
        self.register_buffer("yes", torch.tensor(yes), persistent=False)
        self.register_buffer("number", torch.tensor(number), persistent=False)
        self.register_buffer("concept", torch.tensor(concept), persistent=False)
        self.yes: Tensor
        self.number: Tensor
        self.concept: Tensor
