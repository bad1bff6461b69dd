"""Careless English: articles that are missing or wrong."""

from numpy.random import Generator

ARTICLES = ("the", "a", "an")
_DROPPED, _WRONG = 0.5, 0.1
"""How often an article is left out, or is any one of them."""


def careless_articles(question: str, rng: Generator) -> str:
    """The question with careless articles; what it means is for a parser to tell."""
    words = question.split()
    for place, word in enumerate(words):
        chance = rng.random() if word.lower() in ARTICLES else 1.0
        if chance < _DROPPED:
            words[place] = ""
        elif chance < _DROPPED + _WRONG:
            words[place] = ARTICLES[rng.integers(len(ARTICLES))]
    return " ".join(filter(None, words))
