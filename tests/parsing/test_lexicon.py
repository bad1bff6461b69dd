from dataclasses import replace
from pathlib import Path

import pytest

from nmn.domain import Domain
from nmn.errors import ConfigError, QuestionError, UnknownNameError
from nmn.parsing.lexicon import MAX_WORDS, Lexicon, load_lexicon


@pytest.fixture(scope="module")
def lexicon(shapes: Domain) -> Lexicon:
    return load_lexicon(shapes)


def meanings(lexicon: Lexicon, text: str) -> list[tuple[str, str]]:
    return [(token.type, str(token)) for token in lexicon.tokens(text)]


def test_words_become_tokens_of_their_terminal_and_meaning(lexicon: Lexicon) -> None:
    assert meanings(lexicon, "Is there a crimson disc above") == [
        ("IS", "is"),
        ("THERE", "there"),
        ("ARTICLE", "article"),
        ("ADJECTIVE", "red"),
        ("NOUN", "circle"),
        ("RELATION", "above"),
    ]


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("left of", ("RELATION", "left_of")),
        ("on the left side of", ("RELATION", "left_of")),
        ("directly to the right of", ("RELATION", "right_of")),
        ("on top of", ("RELATION", "above")),
        ("right above", ("RELATION", "above")),
        ("just below", ("RELATION", "below")),
        ("can you see", ("SEE", "see")),
        ("that is", ("THAT", "that")),
        ("that's", ("THAT", "that")),
        ("that\u2019s", ("THAT", "that")),
        ("LEFT_OF", ("RELATION", "left_of")),
        ("to  the\n left\tof", ("RELATION", "left_of")),
    ],
)
def test_the_longest_phrase_is_one_token(
    lexicon: Lexicon, text: str, token: tuple[str, str]
) -> None:
    assert meanings(lexicon, text) == [token]


def test_tokens_know_where_they_stand(lexicon: Lexicon) -> None:
    question = "is a\n dot to the\nleft of"
    tokens = lexicon.tokens(question)
    assert [(t.line, t.column) for t in tokens] == [(1, 1), (1, 4), (2, 2), (2, 6)]
    assert [question[t.start_pos : t.end_pos] for t in tokens] == [
        "is",
        "a",
        "dot",
        "to the\nleft of",
    ]


def test_or_before_a_relation_or_that_joins_descriptions(lexicon: Lexicon) -> None:
    def kinds_of_or(text: str) -> list[str]:
        return [t.type for t in lexicon.tokens(text) if t.type.startswith("OR")]

    assert kinds_of_or("a circle or a square") == ["OR"]
    assert kinds_of_or("red or blue") == ["OR"]
    assert kinds_of_or("above or below") == ["OR_DESCRIBED"]
    assert kinds_of_or("or that is red or which are blue or") == ["OR_DESCRIBED"] * 2 + ["OR"]
    assert kinds_of_or("or, please, left of") == ["OR_DESCRIBED"]


def test_words_that_change_nothing_are_left_out(lexicon: Lexicon) -> None:
    assert meanings(lexicon, "Please, both either also") == []
    assert meanings(lexicon, "red, please?") == [("ADJECTIVE", "red"), ("END", "end")]


def test_every_phrase_of_the_lexicon_is_read_as_its_meaning(lexicon: Lexicon) -> None:
    for phrase, (terminal, meaning) in lexicon.phrases.items():
        expected = [] if terminal in ("IGNORED", "COMMA") else [(terminal, meaning)]
        assert meanings(lexicon, " ".join(phrase)) == expected
        assert meanings(lexicon, " ".join(phrase).upper()) == expected


def test_all_that_the_domain_holds_can_be_said(lexicon: Lexicon, shapes: Domain) -> None:
    said = set(lexicon.phrases.values())
    assert {("ADJECTIVE", concept) for concept in shapes.concepts} <= said
    assert {("NOUN", concept) for concept in shapes.values_of("shape")} <= said
    assert {("RELATION", relation) for relation in shapes.relations} <= said


def test_what_the_realiser_says_is_read_as_what_it_means(lexicon: Lexicon) -> None:
    for key, text in lexicon.surface.items():
        assert lexicon.phrases[tuple(text.split())] == key


def test_words_are_sorted_and_hold_no_punctuation(lexicon: Lexicon) -> None:
    assert list(lexicon.words) == sorted(set(lexicon.words))
    assert {"left", "of", "circle", "that's"} <= set(lexicon.words)
    assert not {"?", ","} & set(lexicon.words)


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_no_words_are_an_empty_question(lexicon: Lexicon, text: str) -> None:
    with pytest.raises(QuestionError) as caught:
        lexicon.tokens(text)
    error = caught.value
    assert (error.line, error.column, error.problem) == (1, 1, "the question is empty")
    assert '"is there a red shape left of a circle"' in error.advice


def test_an_unknown_word_is_named_with_its_place_and_the_nearest(lexicon: Lexicon) -> None:
    with pytest.raises(QuestionError) as caught:
        lexicon.tokens("is there\na Smal circle")
    error = caught.value
    assert (error.line, error.column, error.problem) == (2, 3, "unknown word 'Smal'")
    assert len(error.expected) == 3
    assert set(error.expected) <= set(lexicon.words)
    assert error.advice == ""


@pytest.mark.parametrize("text", ["one two circel", "wo ist der rote kreis"])
def test_mostly_unknown_words_get_an_example_of_a_question(lexicon: Lexicon, text: str) -> None:
    with pytest.raises(QuestionError) as caught:
        lexicon.tokens(text)
    assert "questions about shapes are English, such as" in str(caught.value)


def test_a_phrase_that_breaks_off_is_named_with_what_it_could_become(lexicon: Lexicon) -> None:
    with pytest.raises(QuestionError) as caught:
        lexicon.tokens("a dot on the left side")
    assert (caught.value.column, caught.value.problem) == (7, "'on' does not stand alone")
    assert all(phrase.startswith("on ") for phrase in caught.value.expected)


def test_the_most_words_are_read_and_one_more_is_refused(lexicon: Lexicon) -> None:
    assert len(lexicon.tokens("red " * MAX_WORDS)) == MAX_WORDS == 1000
    with pytest.raises(QuestionError) as caught:
        lexicon.tokens("red " * 1001)
    error = caught.value
    assert (error.line, error.column) == (1, 4001)
    assert str(error).endswith("at most 1000 words are read")


def test_a_domain_without_a_grammar_names_those_with_one(shapes: Domain) -> None:
    with pytest.raises(UnknownNameError) as caught:
        load_lexicon(replace(shapes, name="shape"))
    assert "unknown domain with a grammar 'shape'; nearest: 'shapes'" in str(caught.value)


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        ('[NOUN]\nhexagon = ["hexagon"]', "unknown meaning 'hexagon' in [NOUN]; nearest: "),
        ('[RELATION]\nabov = ["above"]', "unknown meaning 'abov' in [RELATION]; nearest: 'above'"),
        (
            '[NOUN]\ncircle = ["dot"]\nsquare = ["dot"]',
            "'dot' stands in two places",
        ),
        (
            '[NOUN]\ncircle = ["dot"]\n[ADJECTIVE]\ncircle = ["dot"]',
            "'dot' stands in two places",
        ),
    ],
    ids=["no such concept", "no such relation", "twice in a section", "in two sections"],
)
def test_a_lexicon_that_does_not_fit_its_domain_is_refused(
    toml: str, problem: str, shapes: Domain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lexicon").mkdir()
    (tmp_path / "lexicon" / "shapes.toml").write_text(toml, encoding="utf-8")
    monkeypatch.setattr("nmn.parsing.lexicon.grammar_file", lambda name: tmp_path / name)
    with pytest.raises(ConfigError) as caught:
        load_lexicon(shapes)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'lexicon' / 'shapes.toml'}: {problem}")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("question", "commas"),
    [
        ("red, green or blue shape", 1),
        ("red, green, or blue shape", 1),
        ("a circle, a square, a dot or a box", 2),
        ("red, round circle", 0),
        ("a red, round circle above a dot or a box", 0),
        ("a circle, please", 0),
    ],
)
def test_commas_are_kept_in_lists_that_end_in_or(
    lexicon: Lexicon, question: str, commas: int
) -> None:
    assert [token.type for token in lexicon.tokens(question)].count("COMMA") == commas
