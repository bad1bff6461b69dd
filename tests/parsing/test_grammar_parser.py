import json
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmn.domain import Domain
from nmn.errors import QuestionError, UnknownNameError
from nmn.parsing.grammar_parser import GrammarParser, shared_parser
from nmn.parsing.realise import realise
from nmn.program.codecs import from_sexpression, to_layout_symbols, to_sexpression
from nmn.program.text import parse_program
from nmn.program.typecheck import typecheck
from tests.strategies import SHAPES, attempt

ALL_READINGS = GrammarParser(SHAPES, all_readings=True)

QUESTIONS = [
    ("is a red shape above a circle", "exists(and(find[red], relate[above](find[circle])))"),
    ("is a square blue", "exists(and(find[square], find[blue]))"),
    ("is a red shape red", "exists(and(find[red], find[red]))"),
    ("is a circle a square", "exists(and(find[circle], find[square]))"),
    ("is a circle red or blue", "exists(and(find[circle], or(find[red], find[blue])))"),
    ("is there a red circle", "exists(filter[red](find[circle]))"),
    ("is there a shape", "exists(scene)"),
    ("is there a red shape", "exists(find[red])"),
    ("is there a round thing", "exists(find[circle])"),
    (
        "is there a red shape above a circle",
        "exists(and(find[red], relate[above](find[circle])))",
    ),
    (
        "is there a circle above left of a square",
        "exists(and(find[circle], relate[above](relate[left_of](find[square]))))",
    ),
    ("is there a red quadratic shape", "exists(filter[red](find[square]))"),
    ("is there a red or blue circle", "exists(and(or(find[red], find[blue]), find[circle]))"),
    ("is there a red or blue shape", "exists(or(find[red], find[blue]))"),
    ("is there a circle or a square", "exists(or(find[circle], find[square]))"),
    ("is there a circle that is red", "exists(and(find[circle], find[red]))"),
    ("is there a shape that is a circle", "exists(and(scene, find[circle]))"),
    (
        "is there a circle that is above a square",
        "exists(and(find[circle], relate[above](find[square])))",
    ),
    (
        "is there a circle that is red and above a square",
        "exists(and(find[circle], and(find[red], relate[above](find[square]))))",
    ),
    (
        "is there a circle above and left of a square",
        "exists(and(find[circle], and(relate[above](find[square]), "
        "relate[left_of](find[square]))))",
    ),
    (
        "is there a circle above or left of a square",
        "exists(and(find[circle], or(relate[above](find[square]), relate[left_of](find[square]))))",
    ),
]


@pytest.mark.parametrize(("question", "program"), QUESTIONS)
def test_what_questions_mean(question: str, program: str, parser: GrammarParser) -> None:
    (parse,) = parser.parse(question)
    assert str(parse.program) == program
    assert parse.question == question
    assert parse.warnings == ()


# the rules of grammar/shapes.lark: question, the preferred reading, whether there are others
RULES = [
    (
        "1 a relation belongs to the nearest noun before it",
        "is there a circle above a square left of a triangle",
        "exists(and(find[circle], relate[above](and(find[square], relate[left_of]("
        "find[triangle])))))",
        1,
    ),
    (
        "1 so does 'that is'",
        "is there a circle above a square that is red",
        "exists(and(find[circle], relate[above](and(find[square], find[red]))))",
        1,
    ),
    (
        "2 'and' joins the nearest descriptions",
        "is there a circle above a square left of a dot and below a box",
        "exists(and(find[circle], relate[above](and(find[square], and(relate[left_of]("
        "find[circle]), relate[below](find[square]))))))",
        2,
    ),
    (
        "2 within the noun they describe",
        "is there a circle above a square and below a box",
        "exists(and(find[circle], and(relate[above](find[square]), relate[below](find[square]))))",
        1,
    ),
    (
        "3 'or' before a relation joins descriptions",
        "is there a circle above a square or below a box",
        "exists(and(find[circle], or(relate[above](find[square]), relate[below](find[square]))))",
        1,
    ),
    (
        "3 so it does before 'that is'",
        "is there a circle above a square or that is red",
        "exists(and(find[circle], or(relate[above](find[square]), find[red])))",
        1,
    ),
    (
        "3 it joins the nearest descriptions",
        "is there a circle above a square left of a dot or below a box",
        "exists(and(find[circle], relate[above](and(find[square], or(relate[left_of]("
        "find[circle]), relate[below](find[square]))))))",
        2,
    ),
    (
        "3 it binds less than a later 'and'",
        "is there a circle left of a square or below a box and above a triangle",
        "exists(and(find[circle], or(relate[left_of](find[square]), and(relate[below]("
        "find[square]), relate[above](find[triangle])))))",
        1,
    ),
    (
        "3 it binds less than an earlier 'and'",
        "is there a circle left of a square and below a box or above a triangle",
        "exists(and(find[circle], or(and(relate[left_of](find[square]), relate[below]("
        "find[square])), relate[above](find[triangle]))))",
        1,
    ),
    (
        "3 any other 'or' joins nouns",
        "is there a circle above a square or a triangle",
        "exists(and(find[circle], relate[above](or(find[square], find[triangle]))))",
        2,
    ),
    (
        "3 also where the second noun is described",
        "is there a circle or a square above a triangle",
        "exists(or(find[circle], and(find[square], relate[above](find[triangle]))))",
        1,
    ),
    (
        "4 a colour at the end of 'is a' is said of the first noun",
        "is a circle above a square red",
        "exists(and(and(find[circle], relate[above](find[square])), find[red]))",
        1,
    ),
    (
        "4 so is a second noun",
        "is a circle above a square a triangle",
        "exists(and(and(find[circle], relate[above](find[square])), find[triangle]))",
        1,
    ),
]


@pytest.mark.parametrize(
    ("question", "program", "count"), [pytest.param(*row, id=label) for label, *row in RULES]
)
def test_rules_that_decide_between_readings(
    question: str, program: str, count: int, parser: GrammarParser
) -> None:
    assert str(parser.parse(question)[0].program) == program
    readings = ALL_READINGS.parse(question)
    assert str(readings[0].program) == program
    assert len(readings) == count


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


def test_a_question_of_more_than_40_words_gets_its_preferred_reading_only(
    parser: GrammarParser,
) -> None:
    question = f"is there dot {'above dot left_of dot and ' * 8}below dot"
    assert ALL_READINGS.parse(question) == parser.parse(question)


@pytest.mark.parametrize(
    "question",
    [
        "is there a red circle above a square",
        "Is there a RED Circle above a Square?",
        "are there any red circles above some squares?",
        "is there a scarlet dot over the box",
        "do you see a crimson disc on top of a square",
        "can you see red discs, please, directly above boxes!",
        "does the picture show a red disk atop a square .",
        "  is\tthere\na   red\r\ncircle just above a square ?!",
        "are there red circles right above squares",
    ],
)
def test_synonyms_plurals_case_and_punctuation_change_nothing(
    question: str, parser: GrammarParser
) -> None:
    (parse,) = parser.parse(question)
    assert str(parse.program) == (
        "exists(and(filter[red](find[circle]), relate[above](find[square])))"
    )


@pytest.mark.parametrize(
    ("question", "plain"),
    [
        ("is the circle red", "is a circle red"),
        ("are any circles red", "is a circle red"),
        ("are circles red?", "is a circle red"),
        ("is there something", "is there a shape"),
        ("is there any thing", "is there a shape"),
        ("is there a circle that\u2019s red", "is there a circle that is red"),
        ("is there a circle which is red", "is there a circle that is red"),
        ("are there circles that lie above squares", "is there a circle that is above a square"),
        ("is there either a circle or a square", "is there a circle or a square"),
        (
            "is there a circle both above and left of a square",
            "is there a circle above and left of a square",
        ),
        ("is there a red one below a dot", "is there a red shape below a circle"),
    ],
)
def test_other_words_for_the_same_question(
    question: str, plain: str, parser: GrammarParser
) -> None:
    assert parser.parse(question)[0].program == parser.parse(plain)[0].program


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


def published(folder: Path, split: str) -> list[tuple[str, str, list[str]]]:
    """Query, English and layout symbols of each line of a published split."""
    queries = (folder / f"{split}.query").read_text(encoding="utf-8").splitlines()
    english = (folder / f"{split}.query_str.txt").read_text(encoding="utf-8").splitlines()
    layouts = json.loads(
        (folder / f"{split}.query_layout_symbols.json").read_text(encoding="utf-8")
    )
    return [
        (query.strip(), text.strip(), layout)
        for query, text, layout in zip(queries, english, layouts, strict=True)
    ]


@cache
def ours(english: str) -> tuple[str, str, tuple[str, ...]]:
    """What we make of a published question: its expression, its English again, its layout."""
    (parse,) = shared_parser(SHAPES).parse(english)
    program = parse.program
    assert from_sexpression(to_sexpression(program), SHAPES) == program
    return to_sexpression(program), realise(program, SHAPES), tuple(to_layout_symbols(program))


@pytest.mark.parametrize(
    ("split", "lines"),
    [
        ("train.tiny", 64),
        ("train.small", 640),
        ("train.med", 6400),
        ("train.large", 13568),
        ("val", 1024),
    ],
)
def test_every_line_of_a_published_split_comes_out_as_published(
    split: str, lines: int, real_data: Path
) -> None:
    rows = published(real_data / "shapes", split)
    assert len(rows) == lines
    for query, english, layout in rows:
        assert ours(english) == (query, english, tuple(layout))


def test_there_are_228_published_queries_and_each_means_its_english(real_data: Path) -> None:
    pairs = {
        (query, english)
        for split in ("train.large", "val")
        for query, english, _ in published(real_data / "shapes", split)
    }
    assert len(pairs) == len({query for query, _ in pairs}) == 228
    for query, english in pairs:
        (parse,) = shared_parser(SHAPES).parse(english)
        assert from_sexpression(query, SHAPES) == parse.program


@pytest.mark.parametrize(
    ("question", "program"),
    [
        (
            "is there a red, green or blue shape",
            "exists(or(or(find[red], find[green]), find[blue]))",
        ),
        (
            "is a dot above a circle, a square or a triangle",
            "exists(and(find[circle], relate[above](or(or(find[circle], find[square]), "
            "find[triangle]))))",
        ),
        ("is there a red, round dot", "exists(filter[red](filter[circle](find[circle])))"),
    ],
)
def test_lists_with_commas(parser: GrammarParser, question: str, program: str) -> None:
    assert str(parser.parse(question)[0].program) == program


def test_a_colour_after_something_belongs_to_it(parser: GrammarParser) -> None:
    for question, program in (
        ("is there something red", "exists(find[red])"),
        ("is a dot above something red", "exists(and(find[circle], relate[above](find[red])))"),
        ("is a dot above something", "exists(and(find[circle], relate[above](scene)))"),
        (
            "is a dot above a box red",
            "exists(and(and(find[circle], relate[above](find[square])), find[red]))",
        ),
    ):
        assert str(parser.parse(question)[0].program) == program
