import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmn.domain import Domain
from nmn.errors import QuestionError, UnknownNameError
from nmn.parsing.grammar_parser import GrammarParser, shared_parser
from nmn.program.text import parse_program
from nmn.program.typecheck import typecheck
from tests.strategies import SHAPES, attempt

ALL_READINGS = GrammarParser(SHAPES, all_readings=True)


def test_all_readings_are_ranked_and_each_is_given_once() -> None:
    readings = ALL_READINGS.parse("is there a circle above a square left of a dot and below a box")
    assert [str(reading.program) for reading in readings[1:]] == [
        "exists(and(find[circle], and(relate[above](and(find[square], relate[left_of]("
        "find[circle]))), relate[below](find[square]))))"
    ]
    assert readings[0].score > readings[1].score


@pytest.mark.parametrize(("clauses", "count"), [(1, 2), (2, 5), (3, 14), (4, 42)])
def test_all_readings_of_a_chain_are_the_catalan_numbers(clauses: int, count: int) -> None:
    question = f"is there dot {'above dot left_of dot and ' * clauses}below dot"
    readings = ALL_READINGS.parse(question)
    assert len({reading.program for reading in readings}) == len(readings) == count
    for reading in readings:
        typecheck(reading.program, SHAPES)
        assert len(reading.spans) == len(reading.program)
    scores = [reading.score for reading in readings]
    assert scores == sorted(set(scores), reverse=True)


def test_a_question_of_more_than_60_words_gets_its_preferred_reading_only(
    parser: GrammarParser,
) -> None:
    question = f"is there dot {'above dot left_of dot and ' * 12}below dot"
    assert ALL_READINGS.parse(question) == parser.parse(question)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (
            "Is there a RED dot to the left of a box?",
            {
                "find[circle]": ["dot"],
                "filter[red]": ["RED"],
                "find[square]": ["box"],
                "relate[left_of]": ["to the left of"],
                "and": [],
                "exists": ["Is", "there"],
            },
        ),
        (
            "is a red shape above a circle",
            {
                "find[red]": ["red", "shape"],
                "find[circle]": ["circle"],
                "relate[above]": ["above"],
                "and": [],
                "exists": ["is"],
            },
        ),
        (
            "do you see\na red or blue item",
            {
                "find[red]": ["red"],
                "find[blue]": ["blue"],
                "or": ["or", "item"],
                "exists": ["do you see"],
            },
        ),
        (
            "is there a thing that is red",
            {
                "scene": ["thing"],
                "find[red]": ["red"],
                "and": [],
                "exists": ["is", "there"],
            },
        ),
    ],
)
def test_spans_point_at_the_words_of_each_node(
    question: str, words: dict[str, list[str]], parser: GrammarParser
) -> None:
    (parse,) = parser.parse(question)
    said = {
        node.label: [question[start:end] for start, end in spans]
        for node, spans in zip(parse.program.nodes, parse.spans, strict=True)
    }
    assert said == words


def test_the_word_and_is_the_span_of_its_node(parser: GrammarParser) -> None:
    question = "is there a dot above a box and below a triangle"
    (parse,) = parser.parse(question)
    joined = [
        [question[start:end] for start, end in spans]
        for node, spans in zip(parse.program.nodes, parse.spans, strict=True)
        if node.operation == "and"
    ]
    assert joined == [["and"], []]


def test_the_longest_question_nests_332_relations(parser: GrammarParser) -> None:
    question = f"is there {'a circle above ' * 332}a circle"
    assert len(question.split()) == 1000
    (parse,) = parser.parse(question)
    assert parse.program.count("relate") == 332
    assert parse.program.depth == 2 + 2 * 332
    typecheck(parse.program, SHAPES)


def test_relations_may_follow_each_other_to_any_depth(parser: GrammarParser) -> None:
    question = f"is there a circle {'left of ' * 490}a square"
    (parse,) = parser.parse(question)
    assert parse.program.count("relate") == 490
    assert parse.program.depth == 2 + 490 + 1


def test_a_parser_without_a_grammar_names_the_domains_that_have_one() -> None:
    with pytest.raises(UnknownNameError, match="unknown domain with a grammar 'nowhere'"):
        GrammarParser(Domain("nowhere", "", (), (), ()))


def test_the_shared_parser_is_made_once(shapes: Domain) -> None:
    assert shared_parser(shapes) is shared_parser(shapes)


VOCABULARY = [" ".join(phrase) for phrase in ALL_READINGS.lexicon.phrases]


@given(st.lists(st.sampled_from(VOCABULARY), max_size=10).map(" ".join))
@settings(deadline=None, max_examples=200)
def test_words_of_the_lexicon_in_any_order_parse_or_are_a_question_error(question: str) -> None:
    parses = attempt(lambda: shared_parser(SHAPES).parse(question), QuestionError)
    if isinstance(parses, QuestionError):
        assert "\n" not in str(parses)
        return
    (parse,) = parses
    typecheck(parse.program, SHAPES)
    assert parse_program(str(parse.program), SHAPES) == parse.program
    assert all(0 <= a < b <= len(question) for spans in parse.spans for a, b in spans)
