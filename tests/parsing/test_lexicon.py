from dataclasses import replace
from pathlib import Path

import pytest

from nmn.domain import Attribute, Domain
from nmn.errors import ConfigError, QuestionError, UnknownNameError
from nmn.parsing.lexicon import MAX_WORDS, Lexicon, load_lexicon, place_of
from tests.strategies import CLEVR, SHAPES


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
    assert [place_of(question, t.start_pos or 0) for t in tokens] == [
        (1, 1),
        (1, 4),
        (2, 2),
        (2, 6),
    ]
    assert [question[t.start_pos : t.end_pos] for t in tokens] == [
        "is",
        "a",
        "dot",
        "to the\nleft of",
    ]


def test_words_that_change_nothing_are_left_out(lexicon: Lexicon) -> None:
    assert meanings(lexicon, "Please, both either also") == []
    assert meanings(lexicon, "red, please?") == [("ADJECTIVE", "red"), ("END", "end")]


@pytest.mark.parametrize("domain", [SHAPES, CLEVR], ids=lambda domain: domain.name)
def test_every_phrase_of_a_lexicon_is_read_as_its_meaning(domain: Domain) -> None:
    lexicon = load_lexicon(domain)
    by_context = {"AND", "OR", "BOTH", "EITHER", "COMMA", "IN_PICTURE"}
    for phrase, (terminal, meaning) in lexicon.phrases.items():
        if terminal in by_context:
            continue
        expected = [] if terminal in ("IGNORED", "DROPPED") else [(terminal, meaning)]
        if expected:
            assert meanings(lexicon, " ".join(phrase)) == expected
            assert meanings(lexicon, " ".join(phrase).upper()) == expected
        with_noun = f"{' '.join(phrase)} {lexicon.says('NOUN')}"
        assert meanings(lexicon, with_noun)[:-1] == expected


def test_articles_are_not_seen_even_inside_phrases() -> None:
    lexicon = load_lexicon(CLEVR)
    for text in ("to the left of", "to left of", "the to a left an of the", "To The Left Of"):
        assert meanings(lexicon, text) == [("RELATION", "left")]
    assert meanings(lexicon, "in front the") == [("RELATION", "front")]


def test_some_words_are_read_as_several_with_the_same_place() -> None:
    lexicon = load_lexicon(CLEVR)
    assert meanings(lexicon, "Is anything red") == [
        ("IS_ANY", "is_any"),
        ("THING", "thing"),
        ("ADJECTIVE", "red"),
    ]
    what, colour = lexicon.tokens("what's its color")[0], lexicon.tokens("what's its color")[-1]
    assert (what.type, what.start_pos, what.end_pos) == ("WHAT_IS", 0, 6)
    assert (colour.start_pos, colour.end_pos) == (11, 16)


def test_the_preferred_word_is_the_first_of_its_list() -> None:
    lexicon = load_lexicon(CLEVR)
    assert lexicon.says("NOUN", "sphere") == "sphere"
    assert lexicon.says("NOUN") == "cube"
    assert lexicon.says("THING") == "thing"
    assert lexicon.says("RELATION", "left") == "left of"
    assert lexicon.surface["NOUN", "sphere"] == (("sphere", "spheres"), ("ball", "balls"))


def test_words_marked_as_not_said_are_read_and_not_said() -> None:
    lexicon = load_lexicon(CLEVR)
    assert lexicon.phrases["grey",] == ("ADJECTIVE", "gray")
    assert lexicon.surface["ADJECTIVE", "gray"] == (("gray", "gray"),)
    assert not any("~" in "".join(forms) for texts in lexicon.surface.values() for forms in texts)


@pytest.mark.parametrize("domain", [SHAPES, CLEVR], ids=lambda domain: domain.name)
def test_all_that_a_domain_holds_can_be_read(domain: Domain) -> None:
    read = set(load_lexicon(domain).phrases.values())
    spoken = {"red", "green", "blue"} if domain == SHAPES else set(domain.values_of("color"))
    assert {("ADJECTIVE", concept) for concept in spoken} <= read
    assert {("ADJECTIVE", concept) for concept in domain.values_of("shape")} <= read
    assert {("NOUN", concept) for concept in domain.values_of("shape")} <= read
    assert {("RELATION", relation) for relation in domain.relations} <= read


@pytest.mark.parametrize("domain", [SHAPES, CLEVR], ids=lambda domain: domain.name)
def test_what_the_realiser_says_is_read_as_what_it_means(domain: Domain) -> None:
    lexicon = load_lexicon(domain)
    dropped = {"a", "an", "the"} if domain == CLEVR else set()
    for key, texts in lexicon.surface.items():
        if key[0] != "DROPPED":
            for text in (form for forms in texts for form in forms):
                words = tuple(word for word in text.split() if word not in dropped)
                assert lexicon.phrases[words] == key


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
    assert '"is there a red shape left of a triangle"' in error.advice


def test_an_unknown_word_is_named_with_its_place_and_the_nearest(lexicon: Lexicon) -> None:
    with pytest.raises(QuestionError) as caught:
        lexicon.tokens("is there\na Smal circle")
    error = caught.value
    assert (error.line, error.column, error.problem) == (2, 3, "unknown word 'Smal'")
    assert len(error.expected) == 3
    assert set(error.expected) <= set(lexicon.words)
    assert error.advice == ""


def test_a_very_long_unknown_word_is_shown_in_short(lexicon: Lexicon) -> None:
    with pytest.raises(QuestionError) as caught:
        lexicon.tokens(f"is there a {'x' * 1_000_000}")
    assert caught.value.problem == f"unknown word '{'x' * 37}...'"
    assert len(str(caught.value)) < 500


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


def with_values(attribute: str, *values: str) -> Domain:
    """CLEVR with other values of one attribute."""
    attributes = tuple(
        Attribute(attribute, values) if known.name == attribute else known
        for known in CLEVR.attributes
    )
    return replace(CLEVR, attributes=attributes)


def test_values_of_ones_own_are_said_by_their_names() -> None:
    lexicon = load_lexicon(with_values("color", "orange", "red", "dark_green"))
    assert lexicon.surface["ADJECTIVE", "orange"] == (("orange", "orange"),)
    assert meanings(lexicon, "Orange dark_green red") == [
        ("ADJECTIVE", "orange"),
        ("ADJECTIVE", "dark_green"),
        ("ADJECTIVE", "red"),
    ]
    lexicon = load_lexicon(with_values("shape", "cone", "cube"))
    assert lexicon.surface["NOUN", "cone"] == (("cone", "cones"),)
    assert ("ADJECTIVE", "cone") not in lexicon.surface
    assert meanings(lexicon, "cones cone") == [("NOUN", "cone"), ("NOUN", "cone")]


def test_values_that_a_domain_does_not_have_are_not_words() -> None:
    lexicon = load_lexicon(with_values("color", "orange", "red"))
    assert ("ADJECTIVE", "gray") not in lexicon.surface
    assert "grey" not in lexicon.words
    with pytest.raises(QuestionError, match="unknown word 'gray'"):
        lexicon.tokens("is there a gray cube")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("left", "'left' has another meaning in its language: wanted another name"),
        ("shiny", "'shiny' has another meaning"),
        ("anything", "'anything' has another meaning"),
        ("many", "'many' has another meaning"),
        ("the", "'the' has another meaning"),
        ("dark green", "'dark green' cannot be said: wanted one word in lower case"),
        ("Orange", "'Orange' cannot be said: wanted one word in lower case"),
        ("", "'' cannot be said"),
    ],
)
def test_a_value_that_is_no_word_or_has_another_meaning_is_refused(
    value: str, problem: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_lexicon(with_values("color", "red", value))
    assert str(caught.value).startswith(f"domain clevr: {problem}")


def test_a_plural_that_is_another_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="'cones' has another meaning"):
        load_lexicon(with_values("shape", "cones", "cone"))
