"""What questions of `grammar/clevr.lark` mean; most of them are in `clevr_questions.txt`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nmn.parsing.grammar_parser import GrammarParser, shared_parser
from nmn.program.canonical import canonical
from nmn.program.typecheck import typecheck
from tests.strategies import CLEVR

PARSER = shared_parser(CLEVR)
CUBE, BALL = "filter[cube](scene)", "filter[sphere](scene)"


def table() -> list[tuple[str, str]]:
    """Question and program of each entry of the file."""
    path = Path(__file__).with_name("clevr_questions.txt")
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line]
    rows = [line for line in lines if not line.startswith("#")]
    assert all(line.startswith("    ") for line in rows[1::2])
    return [(question, text.strip()) for question, text in zip(rows[::2], rows[1::2], strict=True)]


def meaning(question: str) -> str:
    """The program of a question, in the tree text of its canonical form."""
    return str(canonical(PARSER.parse(question)[0].program))


@pytest.mark.parametrize(("question", "program"), table())
def test_what_a_question_means(question: str, program: str) -> None:
    (parse,) = PARSER.parse(question)
    assert str(parse.program) == program
    assert parse.question == question
    typecheck(parse.program, CLEVR)
    assert len(parse.spans) == len(parse.program)
    assert all(0 <= a < b <= len(question) for spans in parse.spans for a, b in spans)


OTHER_READINGS = [
    "<set : united modifier>",
    "<united : set OR phrase>",
]
"""Alternatives that LALR, which reads on, never takes: Earley gives them as further readings."""


def test_every_alternative_of_every_rule_is_used() -> None:
    parser = GrammarParser(CLEVR)
    callbacks: dict[Any, Callable[[list[Any]], Any]] = parser._lalr.parser.parser.parser.callbacks
    unused = set(callbacks)

    def noting(rule: Any, callback: Callable[[list[Any]], Any]) -> Callable[[list[Any]], Any]:
        def noted(children: list[Any]) -> Any:
            unused.discard(rule)
            return callback(children)

        return noted

    for rule, callback in list(callbacks.items()):
        callbacks[rule] = noting(rule, callback)
    assert len(unused) > 150
    for question, _ in table():
        parser.parse(question)
    assert sorted(map(str, unused)) == OTHER_READINGS


@pytest.mark.parametrize(("question", "_program"), table())
def test_case_spaces_and_the_final_mark_change_nothing(question: str, _program: str) -> None:
    program = PARSER.parse(question)[0].program
    for other in (
        question.upper(),
        question.title(),
        f"  {question.replace(' ', '  ')} ?",
        question,
    ):
        assert PARSER.parse(other)[0].program == program


@pytest.mark.parametrize(
    ("question", "others"),
    [
        (
            "is there a cube left of the ball",
            ["is there cube left of ball", "is there an cube to left of a ball"],
        ),
        (
            "what color is the cube",
            ["what color is cube", "what color is a cube", "what color is the the a an cube"],
        ),
        (
            "are there the same number of cubes and balls",
            ["are there same number of cubes and balls", "are there a same the number of the cubes "
             "and a balls"],
        ),
        (
            "is the cube made of the same material as the ball",
            ["is cube made of same material as ball", "is a cube made of a same material as ball"],
        ),
        (
            "how many things are on the left side of the cube",
            ["how many things are on left side of cube", "how many things are left of cube"],
        ),
        ("how many cubes are in the picture", ["how many cubes are in picture"]),
    ],
)  # fmt: skip
def test_articles_may_be_missing_wrong_or_doubled(question: str, others: list[str]) -> None:
    for other in others:
        assert PARSER.parse(other)[0].program == PARSER.parse(question)[0].program


FRAMES = {
    "ADJECTIVE": ("is there a {} thing", "exists(filter[{}](scene))"),
    "NOUN": ("is there a {}", "exists(filter[{}](scene))"),
    "THING": ("how many red {} are there", "count(filter[red](scene))"),
    "OTHER": ("how many {} red things are there", "count(filter[red](scene))"),
    "RELATION": ("how many things are {} the cube", f"count(relate[{{}}](unique({CUBE})))"),
    "ATTRIBUTE": ("what {} is the cube", f"query[{{}}](unique({CUBE}))"),
    "HAVE": ("how many things {} the same size as the cube", f"count(same[size](unique({CUBE})))"),
    "DO": ("what color {} the cube have", f"query[color](unique({CUBE}))"),
    "DO_ANY": ("{} things have the same size as the cube", f"exists(same[size](unique({CUBE})))"),
    "IS": ("{} there a cube", f"exists({CUBE})"),
    "IS_ANY": ("{} cubes red", "exists(filter[red](filter[cube](scene)))"),
    "WHAT": ("{} color is the cube", f"query[color](unique({CUBE}))"),
    "WHICH": ("{} color is the cube", f"query[color](unique({CUBE}))"),
    "WHAT_IS": ("{} the color of the cube", f"query[color](unique({CUBE}))"),
    "HOW_MANY": ("{} cubes", f"count({CUBE})"),
    "HOW_BIG": ("{} is the cube", f"query[size](unique({CUBE}))"),
    "NUMBER_OF": (
        "is the {} cubes less than the {} balls",
        f"less_than(count({CUBE}), count({BALL}))",
    ),
    "SAME_AS": (
        "is the number of cubes {} the number of balls",
        f"equal_number(count({BALL}), count({CUBE}))",
    ),
    "MADE_OF": ("what is the cube {}", f"query[material](unique({CUBE}))"),
    "MADE_OF_SAME": (
        "how many things are {} material as the cube",
        f"count(same[material](unique({CUBE})))",
    ),
    "WITH_SAME": ("how many things {} size as the cube", f"count(same[size](unique({CUBE})))"),
    "MORE": ("are there {} cubes than balls", f"greater_than(count({CUBE}), count({BALL}))"),
    "FEWER": ("are there {} cubes than balls", f"less_than(count({CUBE}), count({BALL}))"),
    "GREATER": (
        "is the number of cubes {} the number of balls",
        f"greater_than(count({CUBE}), count({BALL}))",
    ),
    "LESS": (
        "is the number of cubes {} the number of balls",
        f"less_than(count({CUBE}), count({BALL}))",
    ),
    "SAME_NUMBER": ("are there {} cubes and balls", f"equal_number(count({BALL}), count({CUBE}))"),
    "THAT": ("what color is the thing {} is a cube", f"query[color](unique({CUBE}))"),
    "IT": ("there is a cube; what color is {}", f"query[color](unique({CUBE}))"),
    "ITS": ("there is a cube; what is {} color", f"query[color](unique({CUBE}))"),
    "VISIBLE": ("how many cubes are {}", f"count({CUBE})"),
    "IN_PICTURE": ("how many cubes are {}", f"count({CUBE})"),
    "SEPARATOR": ("there is a cube {} what color is it", f"query[color](unique({CUBE}))"),
    "COMMA": ("there is a cube {} what color is it", f"query[color](unique({CUBE}))"),
    "END": ("how many cubes {}", f"count({CUBE})"),
    "DROPPED": ("is there {} cube", f"exists({CUBE})"),
    "IGNORED": ("are there {} cubes", f"exists({CUBE})"),
}
"""For each terminal a question with room for its words, and what it means with each of them."""


@pytest.mark.parametrize("terminal", FRAMES)
def test_all_words_of_a_terminal_are_understood(terminal: str) -> None:
    question, program = FRAMES[terminal]
    phrases = [
        (" ".join(w), m) for w, (kind, m) in PARSER.lexicon.phrases.items() if kind == terminal
    ]
    assert phrases
    for phrase, argument in phrases:
        assert meaning(question.replace("{}", phrase)) == program.replace("{}", argument)


def test_every_terminal_with_synonyms_has_such_a_question() -> None:
    words: dict[str, list[str]] = {}
    for phrase, (terminal, _) in PARSER.lexicon.phrases.items():
        words.setdefault(terminal, []).append(" ".join(phrase))
    assert {terminal for terminal, phrases in words.items() if len(phrases) > 1} <= set(FRAMES)


@pytest.mark.parametrize("depth", [1, 10, 100, 140])
def test_relations_nest_to_any_depth(depth: int) -> None:
    question = f"what color is the cube {'left of the ball behind the block ' * depth}"
    (parse,) = PARSER.parse(question)
    assert parse.program.count("relate") == 2 * depth
    assert parse.program.depth == 4 + 6 * depth
    typecheck(parse.program, CLEVR)


@pytest.mark.parametrize("word", ["and", "or"])
@pytest.mark.parametrize("count", [2, 50, 160])
def test_lists_of_descriptions_may_be_long(word: str, count: int) -> None:
    question = f"how many things are {f' {word} '.join(['left of the ball'] * count)}"
    (parse,) = PARSER.parse(question)
    assert parse.program.count("relate") == count
    assert parse.program.count(word) == count - 1


@pytest.mark.parametrize("depth", [1, 5, 60])
def test_brackets_nest_to_any_depth(depth: int) -> None:
    inside = "left of the ball"
    for level in range(depth):
        pair = ("both", "and") if level % 2 else ("either", "or")
        inside = f"{pair[0]} {inside} {pair[1]} behind the block"
    (parse,) = PARSER.parse(f"how many things are {inside}")
    assert parse.program.count("and") + parse.program.count("or") == depth
    assert parse.program.depth == 5 + depth
