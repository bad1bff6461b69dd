from nmn.data.example import Example
from nmn.domain import load_domain
from nmn.parsing.base import Parse
from nmn.program.text import parse_program
from nmn.training.evaluate import Answered
from nmn.training.layouts import layout_report

SHAPES = load_domain("shapes")
GIVEN = (
    "exists(and(find[red], find[circle]))",
    "exists(and(find[blue], find[circle]))",
    "exists(and(find[red], relate[above](find[square])))",
    "exists(and(find[square], relate[above](find[blue])))",
)
SAID = (
    "exists(and(find[w], find[x]))",
    "exists(and(find[y], find[x]))",
    "exists(and(find[w], relate[r](find[z])))",
    "exists(and(find[y], relate[r](find[z])))",
)


def answered(said: str, given: str | None, question: str) -> Answered:
    stored = None if given is None else parse_program(given, SHAPES)
    program = parse_program(said)
    parse = Parse(question, program, ((),) * len(program))
    return Answered(Example(question, 0, 0, program=stored), parse, "yes", 0.9)


def test_layouts_are_compared_up_to_names_and_each_question_once() -> None:
    pairs = [*zip(SAID, GIVEN, strict=True)] * 3
    answers = [answered(said, given, f"question {i % 4}") for i, (said, given) in enumerate(pairs)]
    report = layout_report(answers)
    assert report is not None
    assert report["questions"] == 4
    assert report["renaming"]["w"] == "red"
    assert report["renaming"]["relate[r]"] == "above"
    assert {name: kind["count"] for name, kind in report["differences"].items()} == {
        "equal": 3,
        "other arrangement": 1,
    }
    assert report["differences"]["other arrangement"]["examples"][0]["said"] == SAID[3]


def test_without_given_layouts_there_is_nothing_to_tell() -> None:
    assert layout_report([answered(SAID[0], None, "question")]) is None
