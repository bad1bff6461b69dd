import pytest
import torch

from nmn.nn.augment import AugmentConfig, augment

ALL = AugmentConfig(light=0.3, gamma=0.3, colour=0.2, blur=0.5, chroma_blur=0.5, noise=0.05)
PICTURES = torch.rand(4, 3, 12, 16, generator=torch.Generator().manual_seed(3))


def changed(config: AugmentConfig, seed: int = 0) -> torch.Tensor:
    return augment(PICTURES, config, torch.Generator().manual_seed(seed))


def test_nothing_is_changed_by_default() -> None:
    torch.testing.assert_close(changed(AugmentConfig()), PICTURES, atol=0, rtol=0)


@pytest.mark.parametrize("name", ["light", "gamma", "colour", "blur", "chroma_blur", "noise"])
def test_each_change_changes_each_picture_within_bounds(name: str) -> None:
    made = changed(AugmentConfig(**{name: 0.3}))
    assert (made != PICTURES).flatten(1).any(1).all()
    assert made.min() >= 0
    assert made.max() <= 1


def test_the_generator_decides() -> None:
    torch.testing.assert_close(changed(ALL), changed(ALL), atol=0, rtol=0)
    assert not torch.equal(changed(ALL), changed(ALL, seed=1))


def test_grey_stays_grey_without_changes_of_colour() -> None:
    grey = torch.full((2, 3, 8, 8), 0.4)
    config = AugmentConfig(light=0.3, gamma=0.3, blur=1.0, chroma_blur=1.0)
    made = augment(grey, config, torch.Generator().manual_seed(0))
    torch.testing.assert_close(made, made[:, :1, :1, :1].expand_as(made))


def test_colour_and_light_are_the_steps_they_stand_for() -> None:
    random = torch.Generator().manual_seed(5)
    made = augment(PICTURES, AugmentConfig(light=0.1, colour=0.1), random)
    random = torch.Generator().manual_seed(5)

    def drawn(channels: int) -> torch.Tensor:
        numbers = torch.rand(len(PICTURES), channels, 1, 1, generator=random)
        return 0.9 + 0.2 * numbers

    saturation, gains, contrast, brightness = drawn(1), drawn(3), drawn(1), drawn(1)
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    grey = (PICTURES * weights).sum(1, keepdim=True)
    wanted = (grey + saturation * (PICTURES - grey)) * gains
    mean = wanted.mean((1, 2, 3), keepdim=True)
    wanted = (wanted - mean) * contrast + mean * brightness
    torch.testing.assert_close(made, wanted.clamp(0, 1))


def test_pictures_are_left_as_they_were() -> None:
    before = PICTURES.clone()
    changed(ALL)
    torch.testing.assert_close(PICTURES, before, atol=0, rtol=0)


def test_blurred_colour_leaves_brightness_alone() -> None:
    made = changed(AugmentConfig(chroma_blur=1.0))
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    inside = (made > 0) & (made < 1)  # where nothing was cut off
    before, after = (PICTURES * weights).sum(1), (made * weights).sum(1)
    kept = inside.all(1)
    assert kept.float().mean() > 0.5
    torch.testing.assert_close(after[kept], before[kept])
