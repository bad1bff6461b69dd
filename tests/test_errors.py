import math
from collections.abc import Iterator

import pytest

from nmn.errors import (
    ConfigError,
    DataError,
    ExecutionError,
    GrammarError,
    NMNError,
    NotFiniteError,
    OtherDomainError,
    OutOfMemoryError,
    ProgramTypeError,
    QuestionError,
    RealisationError,
    ShapeError,
    UnknownNameError,
    listing,
    nearest,
    shortened,
)

COLORS = ("red", "green", "blue")

ERRORS: list[tuple[NMNError, str]] = [
    (
        UnknownNameError("colour", "reed", COLORS),
        "unknown colour 'reed'; nearest: 'red', 'green' or 'blue'",
    ),
    (
        UnknownNameError("colour", "reed", COLORS[:1], "the lexicon"),
        "unknown colour 'reed' in the lexicon; nearest: 'red'",
    ),
    (UnknownNameError("colour", "reed", ()), "unknown colour 'reed'"),
    (
        GrammarError("exists(", 1, 8, "the text ends too early", ("a name", "')'")),
        "the text ends too early at line 1, column 8 of 'exists('; wanted a name, ')'",
    ),
    (GrammarError("a\nb", 2, 1, "unexpected 'b'"), "unexpected 'b' at line 2, column 1 of 'a b'"),
    (
        QuestionError("is it\nsmall", 2, 1, "unknown word 'small'", ("a", "the"), "say more"),
        "unknown word 'small' at line 2, column 1 of \"is it small\"; "
        "nearest: 'a' or 'the'; say more",
    ),
    (QuestionError("", 1, 1, "empty"), 'empty at line 1, column 1 of ""'),
    (RealisationError("count(scene)", "no"), "no sentence for count(scene): no"),
    (
        ProgramTypeError(("exists", "and"), "2 inputs", "1 input"),
        "exists > and: wanted 2 inputs, got 1 input",
    ),
    (
        ExecutionError("unique", ("query[color]", "unique"), "needs exactly one object, got 2"),
        "query[color] > unique: unique needs exactly one object, got 2",
    ),
    (ConfigError("a.toml", "unknown key 'x'"), "a.toml: unknown key 'x'"),
    (DataError("a.npy", "truncated"), "a.npy: truncated"),
    (DataError("a.npy", "truncated", "picture 3"), "a.npy, picture 3: truncated"),
    (
        OutOfMemoryError("cpu", 64, 16),
        "out of memory on cpu with 64 questions at once; nearest: "
        "model.batched.questions_at_once=16",
    ),
    (OutOfMemoryError("cuda", 1, 1), "out of memory on cuda with a single question"),
    (
        OtherDomainError("q.json", "wanted a program", "question 3", ("shapes",)),
        "q.json, question 3: wanted a program",
    ),
    (
        OtherDomainError("q.json", "wanted a program", "", ("shapes",), "nearest: --domain shapes"),
        "q.json: wanted a program; nearest: --domain shapes",
    ),
    (
        NotFiniteError(5, "the loss", math.nan),
        "training, step 5: wanted a finite number, the loss is nan; look at "
        "training.learning_rate, training.clip and the data",
    ),
    (
        NotFiniteError(
            5, "the loss", math.inf, ("masks", "answers"), "the state after step 3 is kept"
        ),
        "training, step 5: wanted a finite number, the loss is inf, by its part 'masks' and "
        "'answers'; the state after step 3 is kept; look at training.learning_rate, training.clip "
        "and the data",
    ),
    (ShapeError("picture", "30 x 30", "3 x 3"), "picture: wanted 30 x 30, got 3 x 3"),
]


@pytest.mark.parametrize(
    ("error", "text"), ERRORS, ids=[f"{type(e).__name__}-{i}" for i, (e, _) in enumerate(ERRORS)]
)
def test_each_error_is_one_line_and_an_nmn_error(error: NMNError, text: str) -> None:
    assert str(error) == text
    assert "\n" not in text
    with pytest.raises(NMNError) as caught:
        raise error
    assert caught.value is error


def kinds_of(error: type[NMNError]) -> Iterator[type[NMNError]]:
    for kind in error.__subclasses__():
        yield kind
        yield from kinds_of(kind)


def test_every_error_class_has_its_line_in_the_table() -> None:
    assert {type(error) for error, _ in ERRORS} == set(kinds_of(NMNError))


def test_long_texts_are_cut_in_messages_and_whole_in_fields() -> None:
    text = "exists(" * 1000
    for error in (
        GrammarError(text, 1, 7001, "the text ends too early"),
        QuestionError(text, 1, 1, "unknown word"),
        RealisationError(text, "none"),
        UnknownNameError("operation", text, ("exists",)),
    ):
        assert len(str(error)) < 160
        assert text in vars(error).values()


@pytest.mark.parametrize("kind", [GrammarError, QuestionError])
def test_the_drawing_puts_a_caret_below_the_place(
    kind: type[GrammarError] | type[QuestionError],
) -> None:
    error = kind("is there\na smal box", 2, 3, "unknown word 'smal'")
    assert error.drawing() == "a smal box\n  ^"


def test_the_drawing_of_nothing_is_a_caret_alone() -> None:
    assert GrammarError("", 1, 1, "the text ends too early").drawing() == "\n^"


def test_the_drawing_of_a_place_counts_lines_as_positions_do() -> None:
    assert GrammarError("exists(\n", 2, 1, "the text ends too early").drawing() == "\n^"
    assert GrammarError("a\u2028b\nred", 2, 1, "?").drawing() == "red\n^"


def test_long_paths_are_shortened() -> None:
    error = ProgramTypeError(("exists", *["relate[above]"] * 5000), "Mask", "Bool")
    assert "4991 more" in str(error)
    assert len(str(error)) < 300


@pytest.mark.parametrize(
    ("word", "first"), [("gren", "green"), ("BLUE", "blue"), ("blu", "blue"), ("rod", "red")]
)
def test_nearest_begins_with_the_name_spelt_most_alike(word: str, first: str) -> None:
    assert nearest(word, COLORS)[0] == first


def test_nearest_gives_as_many_as_asked_for_without_repeats() -> None:
    assert len(nearest("x", ["a", "a", "b", "c", "d"])) == 3
    assert nearest("d", ["a", "a", "b", "c", "d"], count=1) == ("d",)
    assert nearest("d", []) == ()


def test_nearest_breaks_ties_by_the_alphabet() -> None:
    assert nearest("xyz", ["c", "a", "b"]) == ("a", "b", "c")


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ((), ""),
        (("a",), "'a'"),
        (("a", "b"), "'a' or 'b'"),
        (("a", "b", "c"), "'a', 'b' or 'c'"),
    ],
)
def test_listing_is_read_as_english(names: tuple[str, ...], text: str) -> None:
    assert listing(names) == text


def test_listing_takes_another_last_word() -> None:
    assert listing(("a", "b"), "and") == "'a' and 'b'"


def test_shortened_is_one_line_of_at_most_the_limit() -> None:
    assert shortened("a \n\t b") == "a b"
    assert shortened("x" * 80) == "x" * 80
    assert shortened("x" * 81) == "x" * 77 + "..."
    assert shortened("abcdefgh", 6) == "abc..."
