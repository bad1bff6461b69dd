"""Careless English."""

from itertools import pairwise

from nmn.generate.careless import ARTICLES, careless_articles
from nmn.seeding import generator

QUESTION = "Is the big thing the same color as a cube that is left of the sphere?"


def test_articles_alone_are_careless() -> None:
    kept = [word for word in QUESTION.split() if word not in ARTICLES]
    for draw in range(50):
        said = careless_articles(QUESTION, generator(draw, "test")).split()
        assert [word for word in said if word not in ARTICLES] == kept
        assert not any(one in ARTICLES and other in ARTICLES for one, other in pairwise(said))


def test_about_half_of_the_articles_are_left_out() -> None:
    rng = generator(0, "test")
    counts = [
        sum(word in ARTICLES for word in careless_articles(QUESTION, rng).split())
        for _ in range(1000)
    ]
    assert 1.8 < sum(counts) / len(counts) < 2.2  # of four
    assert set(counts) == {0, 1, 2, 3, 4}


def test_without_articles_nothing_changes() -> None:
    assert careless_articles("Are there cubes?", generator(0, "test")) == "Are there cubes?"
