"""Questions as words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmn.data.words import placed_words, words_of


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("Is there a Red circle?", "is there a red circle"),
        ("there is a cube; what color is it?", "there is a cube ; what color is it"),
        ("a cube,a ball ...", "a cube , a ball"),
        ("  left-of\tit's\n x ", "left-of it's x"),
        ("?!.", ""),
        ("", ""),
    ],
)
def test_words_are_lower_case_and_closing_marks_are_none(question: str, words: str) -> None:
    assert words_of(question) == tuple(words.split())


@given(st.text("aB1 \t\n;,?!.'-éß"))
def test_words_stand_where_they_are_said_to(question: str) -> None:
    placed = placed_words(question)
    assert tuple(word for word, _ in placed) == words_of(question)
    end = 0
    for word, (begin, after) in placed:
        assert end <= begin < after <= len(question)
        assert question[begin:after].lower() == word
        assert not set(question[end:begin]) - set(" \t\n?!.")
        end = after
    assert not set(question[end:]) - set(" \t\n?!.")
