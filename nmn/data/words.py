"""Questions as words, the way learned models read them."""

import re

_WORD = re.compile(r"[^\s;,?!.]+|[;,]")


def words_of(question: str) -> tuple[str, ...]:
    """The words in lower case; `;` and `,` are words, closing marks are left out."""
    return tuple(map(str.lower, _WORD.findall(question)))


def placed_words(question: str) -> list[tuple[str, tuple[int, int]]]:
    """The same, each with its characters `[start, end)`."""
    return [(found[0].lower(), found.span()) for found in _WORD.finditer(question)]
