import pytest
import torch

from nmn.nn.threads import cpu_threads


def test_the_number_of_threads_is_given_back_even_after_an_error() -> None:
    before = torch.get_num_threads()
    counted: list[int] = []

    def stop() -> None:
        with cpu_threads(before + 1):
            counted.append(torch.get_num_threads())
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        stop()
    assert counted == [before + 1]
    assert torch.get_num_threads() == before
